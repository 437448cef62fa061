"""Read the text of a marker with a reader of upright lines, however it stands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.detectors.views import View, views
from preprocess.markers import Marker, Quad, quad_sides

Grey = NDArray[np.uint8]

Found = tuple[Quad, float]  # a quad and how sure, 0 to 1, a reader is that text stands there


LONG = 1.6  # from this ratio of sides on, text runs along the longer side

READ_HEIGHT_PX = 48  # what the readers scale lines of text to

BETTER = 0.02  # what a mirrored reading must be surer by than a plain one

READABLE = 0.5  # confidence from which a text counts as read

SMALLEST_PX = 6  # height of letters that can be read


class TextReader(Protocol):
    """Finds and reads upright text."""

    def find(self, image: Grey) -> list[Found]:
        """Return where text may stand in an (H, W) uint8 image."""

    def read(self, image: Grey) -> tuple[str, float]:
        """Return the one line of text in an (H, W) uint8 image, with a confidence from 0 to 1."""


@dataclass(frozen=True)
class Reading:
    """A text, its quad with corners as it reads, and what it is worth: confidence times share of legible letters."""

    quad: Quad
    text: str = ""
    worth: float = 0.0


def read_from_all_sides(image: Grey, quad: Quad, reader: TextReader) -> Reading:
    """Read a quad from every side, plain and mirrored, and return the best reading."""
    best, chosen = Reading(quad), View()
    for view in _reading_views(quad):
        line, confidence = reader.read(view.show(upright(image, quad)))
        worth = confidence * _legible(line)
        if worth > best.worth + BETTER * (view.mirrored and not chosen.mirrored):
            best, chosen = Reading(quad, line.strip(), worth), view
    return replace(best, quad=_turn(quad, chosen)) if best.text else best


def read_markers(image: Grey, markers: Iterable[Marker], reader: TextReader) -> list[Marker]:
    """Read markers whose quads stand in reading order; symbols, plates and what cannot be read get no text."""
    return [_read_marker(image, marker, reader) for marker in markers]


def _read_marker(image: Grey, marker: Marker, reader: TextReader) -> Marker:
    if marker.style in ("symbol", "plate") or min(quad_sides(marker.quad)) < SMALLEST_PX:
        return marker
    line, confidence = reader.read(upright(image, marker.quad))
    return replace(marker, text=line.strip() if confidence * _legible(line) >= READABLE else "")


def _legible(text: str) -> float:
    """Share of letters and digits as markers bear them."""
    return sum(c.isascii() and c.isalnum() for c in text) / max(len(text), 1)


def _reading_views(quad: Quad) -> Sequence[View]:
    """Text runs along the longer side of a long quad; a square one is read from all four sides."""
    length, height = quad_sides(quad)
    everything = views(4, True)
    if length > LONG * height:
        return [view for view in everything if view.turns % 2 == 0]
    if height > LONG * length:
        return [view for view in everything if view.turns % 2 == 1]
    return everything


def upright(image: Grey, quad: Quad) -> Grey:
    """Cut a quad out of an image and stretch it upright; beyond the film its edge goes on."""
    length, height = quad_sides(quad)
    scale = READ_HEIGHT_PX / max(min(length, height), 1.0)
    width, height = max(1, round(length * scale)), max(1, round(height * scale))
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = cv2.getPerspectiveTransform(np.array(quad, np.float32), corners)
    cut = cv2.warpPerspective(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)


def _turn(quad: Quad, view: View) -> Quad:
    """Order the corners as the view shows them."""
    unit = view.back(((0, 0), (1, 0), (1, 1), (0, 1)), (1, 1))
    order = [((0, 0), (1, 0), (1, 1), (0, 1)).index((round(x), round(y))) for x, y in unit]
    a, b, c, d = (quad[index] for index in order)
    return (a, b, c, d)
