"""What the page sends to the server, checked, and how markers are written for the page."""

from collections.abc import Iterable
from typing import Annotated, Any

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from preprocess.errors import MarkerFileError
from preprocess.markers import PERSON, STYLES, Marker, Quad, as_quad, enclosing_quad, quad_box, quad_sides

MOST_MARKERS = 500  # of one film

LARGEST_PX = 1e6  # coordinate

SMALLEST_PX = 1.0  # side of a marker

LEAST_INSIDE = 0.5  # part of the width and of the height of a marker on the film, as in COCO files

Coordinate = Annotated[float, Field(ge=-LARGEST_PX, le=LARGEST_PX)]

Corner = tuple[Coordinate, Coordinate]


class Message(BaseModel):
    """A body of a request; anything unknown in it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DrawnMarker(Message):
    """A marker as the page sends it."""

    quad: tuple[Corner, Corner, Corner, Corner]
    text: str = Field("", max_length=300)
    style: str = ""

    @field_validator("style")
    @classmethod
    def _is_known(cls, style: str) -> str:
        if style and style not in STYLES:
            raise ValueError(f"is none of {', '.join(STYLES)}")
        return style


class Verdict(Message):
    """All markers of one film, as a person left them.

    Args:
        version: version of the film that the person saw.
    """

    markers: tuple[DrawnMarker, ...] = Field(max_length=MOST_MARKERS)
    version: int


def to_markers(
    drawn: tuple[DrawnMarker, ...], width: int, height: int, before: Iterable[Marker] = ()
) -> tuple[Marker, ...]:
    """Return the markers of a person on a film of this size.

    Args:
        before: markers that the film had. An annotation keeps the strokes of its lines while its quad stays the same.
    Raises:
        MarkerFileError: a marker is smaller than a pixel, or for the most part outside the film.
    """
    strokes = {marker.quad: marker.strokes for marker in before if marker.style == "annotation"}
    markers = []
    for marker in drawn:
        quad = _checked_quad(marker.quad, width, height)
        lines = strokes.get(quad, ()) if marker.style == "annotation" else ()
        markers.append(Marker(quad, marker.text, 1.0, marker.style, PERSON, lines))
    return tuple(markers)


def to_json(marker: Marker) -> dict[str, Any]:
    """Return a marker for the page."""
    return {
        "quad": [list(point) for point in marker.quad],
        "text": marker.text,
        "confidence": marker.confidence,
        "style": marker.style,
        "source": marker.source,
        "strokes": [[list(point) for point in quad] for quad in marker.strokes],
    }


def _checked_quad(corners: tuple[Corner, ...], width: int, height: int) -> Quad:
    quad = as_quad(corners)
    points = np.array(quad, np.float32)
    if not cv2.isContourConvex(points):  # a corner was dragged across a side
        quad = enclosing_quad(points)
    x0, y0, x1, y1 = quad_box(quad)
    if min(*quad_sides(quad), x1 - x0, y1 - y0) < SMALLEST_PX:
        raise MarkerFileError(f"a marker is {x1 - x0:.3g} x {y1 - y0:.3g} px; draw it at least one pixel wide and high")
    inside = (min(x1, width) - max(x0, 0)) / (x1 - x0), (min(y1, height) - max(y0, 0)) / (y1 - y0)
    if min(inside) < LEAST_INSIDE:
        raise MarkerFileError("a marker lies for the most part outside the film; move or delete it")
    return quad
