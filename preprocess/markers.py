"""Markers and their quads.

A quad lists its corners in reading order of the text: top left, top right, bottom right, bottom left. Rotated text has
a rotated quad. The quad of mirrored text runs counter-clockwise. Coordinates (x, y) are in pixels, and (0, 0) is the
outer top left corner of the image. So a marker that covers an (H, W) image ends at (W, H).
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]

Quad = tuple[Point, Point, Point, Point]


STYLES = ("burned", "label", "lead", "symbol", "plate", "annotation")

PERSON = "person"  # source of a marker that a person drew or confirmed

SQUARE_RATIO = 1.2  # an upright box whose sides differ by no more than this factor counts as square

UPRIGHT_AREA_RATIO = 1.05  # an upright box is preferred to a rotated rectangle up to this many times its area


@dataclass(frozen=True)
class Marker:
    """A text or symbol on a film: burned in, printed on a label, or made of lead.

    Args:
        quad: corners (x, y) in pixels, in reading order.
        text: text that was read; empty if it was not read or is not legible.
        confidence: confidence from 0 to 1 that this is a marker.
        style: one of STYLES, or empty if unknown.
        source: PERSON if a person drew or confirmed it; else empty.
        strokes: quads of the lines of an annotation, such as an arrow or a circle; only these are erased, not what the
            lines enclose. Empty: the whole quad is erased.
    """

    quad: Quad
    text: str = ""
    confidence: float = 1.0
    style: str = ""
    source: str = ""
    strokes: tuple[Quad, ...] = ()


@dataclass(frozen=True)
class MarkedImage:
    """The size of one image in pixels, and its markers."""

    width: int
    height: int
    markers: tuple[Marker, ...] = ()


def as_quad(points: Any) -> Quad:
    """Return four (x, y) points as a Quad, rounded to a hundredth of a pixel."""
    a, b, c, d = ((round(float(x), 2) + 0.0, round(float(y), 2) + 0.0) for x, y in points)
    return (a, b, c, d)


def box_quad(x0: float, y0: float, x1: float, y1: float) -> Quad:
    """Return the quad of an upright box."""
    return as_quad(((x0, y0), (x1, y0), (x1, y1), (x0, y1)))


def quad_box(quad: Quad) -> tuple[float, float, float, float]:
    """Return the upright box (x0, y0, x1, y1) around a quad."""
    xs, ys = zip(*quad, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def quad_area(quad: Quad) -> float:
    """Return the area of a quad in square pixels."""
    return abs(_signed_area(quad))


def _signed_area(quad: Quad) -> float:
    """Return the area; negative if the corners run counter-clockwise on the screen, where y points down."""
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(quad, (*quad[1:], quad[0]), strict=True)) / 2


def is_mirrored(quad: Quad) -> bool:
    """Return whether a quad runs counter-clockwise on the screen, so that its text is mirrored."""
    return _signed_area(quad) < 0


def describe_style(marker: Marker) -> str:
    """Return a marker's style in words, such as "lead", "mirrored lead" or "unknown style"."""
    return f"{'mirrored ' if is_mirrored(marker.quad) else ''}{marker.style or 'unknown style'}"


def describe_position(marker: Marker, width: int, height: int) -> str:
    """Return where a marker lies: "centre" (the middle half of both sides), or a quarter such as "top left"."""
    x0, y0, x1, y1 = quad_box(marker.quad)
    x, y = (x0 + x1) / 2 / max(width, 1), (y0 + y1) / 2 / max(height, 1)
    if abs(x - 0.5) < 0.25 and abs(y - 0.5) < 0.25:
        return "centre"
    return f"{'top' if y < 0.5 else 'bottom'} {'left' if x < 0.5 else 'right'}"


def quad_sides(quad: Quad) -> tuple[float, float]:
    """Return the length of a quad along its text, and its height, in pixels."""
    return math.dist(quad[0], quad[1]), math.dist(quad[1], quad[2])


def lies_on(marker: Marker, plate: Marker) -> bool:
    """Return whether the centre of a marker lies on a plate."""
    x, y = (sum(values) / 4 for values in zip(*marker.quad, strict=True))
    return float(cv2.pointPolygonTest(np.array(plate.quad, np.float32), (x, y), False)) >= 0


def with_strokes(marker: Marker, strokes: tuple[Quad, ...]) -> Marker:
    """Return the annotation with quads of its lines as strokes. Its own quad becomes the rectangle around them."""
    return replace(marker, quad=enclosing_quad(np.array(strokes, np.float32).reshape(-1, 2)), strokes=strokes)


def enclosing_quad(points: NDArray[np.float32]) -> Quad:
    """Return the smallest rotated rectangle around (N, 2) points, starting at the corner nearest to the top left.

    Round shapes such as emblems have no direction and get an upright square.
    """
    corners = cv2.boxPoints(cv2.minAreaRect(points.astype(np.float32)))
    quad = as_quad(np.roll(corners, -int(corners.sum(axis=1).argmin()), axis=0))
    low, high = points.min(axis=0), points.max(axis=0)
    across, down = (high - low).tolist()
    if max(across, down) > SQUARE_RATIO * min(across, down) or across * down > UPRIGHT_AREA_RATIO * quad_area(quad):
        return quad
    return as_quad(np.array([low, (high[0], low[1]), high, (low[0], high[1])]))
