"""Read the text of a marker in any orientation, with a reader that expects upright lines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.detectors.views import View, views
from preprocess.markers import Marker, Quad, quad_sides

Grey = NDArray[np.uint8]

ScoredQuad = tuple[Quad, float]  # a quad, and the score from 0 to 1 that it holds text


LONG_RATIO = 1.6  # if the sides differ by more than this factor, text runs along the longer side

READ_HEIGHT_PX = 48  # the height to which the readers scale lines of text

MIRRORED_PENALTY = 0.02  # a mirrored reading is chosen only if its score is higher than others by this

MIN_READING_SCORE = 0.5  # text with a lower score is discarded

MIN_LETTER_PX = 6  # smaller letters cannot be read


class TextReader(Protocol):
    """Finds and reads upright text."""

    def find(self, image: Grey) -> list[ScoredQuad]:
        """Return the quads in an (H, W) uint8 image that may hold text, with scores from 0 to 1."""

    def read(self, image: Grey) -> tuple[str, float]:
        """Return the text of an (H, W) uint8 image that holds one line, and the confidence from 0 to 1."""


@dataclass(frozen=True)
class Reading:
    """A text that was read.

    Args:
        quad: corners in reading order of the text.
        text: the text; empty if none was read.
        score: confidence of the reader times the fraction of letters and digits in the text.
    """

    quad: Quad
    text: str = ""
    score: float = 0.0


def read_from_all_sides(image: Grey, quad: Quad, reader: TextReader) -> Reading:
    """Read a quad from every side, unmirrored and mirrored, and return the reading with the best score."""
    best, chosen = Reading(quad), View()
    for view in _reading_views(quad):
        line, confidence = reader.read(view.show(cut_upright(image, quad)))
        score = confidence * _legible_fraction(line)
        if score > best.score + MIRRORED_PENALTY * (view.mirrored and not chosen.mirrored):
            best, chosen = Reading(quad, line.strip(), score), view
    return replace(best, quad=_reorder(quad, chosen)) if best.text else best


def read_markers(image: Grey, markers: Iterable[Marker], reader: TextReader) -> list[Marker]:
    """Read the text of markers whose quads are in reading order. Symbols, plates and annotations get no text."""
    return [_read_marker(image, marker, reader) for marker in markers]


def _read_marker(image: Grey, marker: Marker, reader: TextReader) -> Marker:
    if marker.style in ("symbol", "plate", "annotation") or min(quad_sides(marker.quad)) < MIN_LETTER_PX:
        return marker
    line, confidence = reader.read(cut_upright(image, marker.quad))
    return replace(marker, text=line.strip() if confidence * _legible_fraction(line) >= MIN_READING_SCORE else "")


def _legible_fraction(text: str) -> float:
    """Return the fraction of ASCII letters and digits, the characters that markers consist of."""
    return sum(c.isascii() and c.isalnum() for c in text) / max(len(text), 1)


def _reading_views(quad: Quad) -> Sequence[View]:
    """Return the views in which to read a quad: two turns if it is long, all four if it is nearly square."""
    length, height = quad_sides(quad)
    every_view = views(4, True)
    if length > LONG_RATIO * height:
        return [view for view in every_view if view.turns % 2 == 0]
    if height > LONG_RATIO * length:
        return [view for view in every_view if view.turns % 2 == 1]
    return every_view


def cut_upright(image: Grey, quad: Quad) -> Grey:
    """Cut a quad out of an image and warp it upright. Outside the image, the pixels of its border are repeated."""
    length, height = quad_sides(quad)
    scale = READ_HEIGHT_PX / max(min(length, height), 1.0)
    width, height = max(1, round(length * scale)), max(1, round(height * scale))
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = cv2.getPerspectiveTransform(np.array(quad, np.float32), corners)
    cut = cv2.warpPerspective(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)


def _reorder(quad: Quad, view: View) -> Quad:
    """Return the corners in the order in which the view shows them."""
    unit = view.back(((0, 0), (1, 0), (1, 1), (0, 1)), (1, 1))
    order = [((0, 0), (1, 0), (1, 1), (0, 1)).index((round(x), round(y))) for x, y in unit]
    a, b, c, d = (quad[index] for index in order)
    return (a, b, c, d)
