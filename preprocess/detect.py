"""Find markers at any quarter turn, mirrored or not.

Readers of text (rapidocr, easyocr) expect it upright. `TurnedDetector` shows them the film turned, brings
their finds back, joins those that overlap, and reads each from every side, keeping the text that reads best.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.labelbox import label_box
from preprocess.markers import Marker, Quad, around, as_quad, quad_area, quad_sides
from preprocess.views import View, views

Grey = NDArray[np.uint8]
Found = tuple[Quad, float]  # a quad and the confidence, 0 to 1, that text stands there

OVERLAP = 0.5  # share of the smaller quad from which two finds are taken for one marker
LONG = 1.6  # from this ratio of sides on, text runs along the longer side
READ_HEIGHT_PX = 48  # what the readers scale lines of text to


class Detector(Protocol):
    """Finds the markers of one film, however they stand."""

    def detect(self, image: Grey) -> list[Marker]:
        """Return the markers of an (H, W) uint8 image, quads in its pixels."""


class TextReader(Protocol):
    """Finds and reads upright text."""

    def find(self, image: Grey) -> list[Found]:
        """Return where text may stand in an (H, W) uint8 image."""

    def read(self, image: Grey) -> tuple[str, float]:
        """Return the one line of text in an (H, W) uint8 image, with a confidence from 0 to 1."""


@dataclass(frozen=True)
class TurnedDetector:
    """A Detector made of a TextReader.

    Args:
        side_px: longest side of the copy in which text is looked for: it bounds the time a film takes.
        enlarge: times by which a small film is enlarged at most on the way to `side_px`.
        turns: quarter turns at which text is looked for, 1 to 4.
        find_mirrored: look for text in mirrored views too (mirrored text is read in any case).
        label_boxes: a filled box around text belongs to its marker.
    """

    reader: TextReader
    side_px: int = 640
    enlarge: float = 3.0
    turns: int = 4
    find_mirrored: bool = False
    label_boxes: bool = True

    def detect(self, image: Grey) -> list[Marker]:
        """Return the markers of an (H, W) uint8 image, quads in its pixels."""
        finds = [find for view in views(self.turns, self.find_mirrored) for find in self._find(image, view)]
        groups = join(finds)
        if self.label_boxes:
            groups = join([(label_box(image, quad) or quad, score) for quad, score in groups])
        return [read_marker(image, quad, score, self.reader.read) for quad, score in groups]

    def _find(self, image: Grey, view: View) -> list[Found]:
        small = fit(image, self.side_px, self.enlarge)
        scale = np.divide(image.shape[::-1], small.shape[::-1])
        finds = self.reader.find(view.show(small))
        return [(as_quad(view.back(quad, small.shape) * scale), score) for quad, score in finds]


def fit(image: Grey, side_px: int, enlarge: float) -> Grey:
    """Return the image scaled so that its longest side is side_px, but enlarged by no more than `enlarge`."""
    scale = min(side_px / max(image.shape), enlarge)
    size = [max(1, round(side * scale)) for side in image.shape[::-1]]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)


def join(finds: Iterable[Found]) -> list[Found]:
    """Join finds that overlap into one each: the smallest turned rectangle around them, the best confidence.

    Goes on until nothing overlaps. The result is sorted, so it does not depend on the order of the views.
    """
    groups: list[Found] = []
    for find in sorted(finds, key=lambda found: (-found[1], found[0])):
        while (
            near := next((other for other in groups if _overlap(find[0], other[0]) >= OVERLAP), None)
        ) is not None:
            groups.remove(near)
            find = _joined(near, find)
        groups.append(find)
    return sorted(groups)


def _joined(a: Found, b: Found) -> Found:
    """A quad that holds the other stays as it is: drawing it anew could only loosen it."""
    score = max(a[1], b[1])
    large, small = sorted((a[0], b[0]), key=quad_area, reverse=True)
    if _overlap(large, small) > 0.99:
        return large, score
    return around(np.array([*a[0], *b[0]], np.float32)), score


def _overlap(a: Quad, b: Quad) -> float:
    """Shared area over the smaller area."""
    shared, _ = cv2.intersectConvexConvex(np.array(a, np.float32), np.array(b, np.float32))
    return float(shared) / max(min(quad_area(a), quad_area(b)), 1e-6)


def read_marker(image: Grey, quad: Quad, score: float, read: Callable[[Grey], tuple[str, float]]) -> Marker:
    """Read a quad from every side, plain and mirrored; its corners then follow the best reading."""
    readings = []
    for view in _reading_views(quad):
        text, confidence = read(view.show(upright(image, quad)))
        readings.append((confidence if any(c.isalnum() for c in text) else 0.0, text, view))
    best, text, view = max(readings, key=lambda reading: reading[0])
    if not best:
        return Marker(quad, confidence=round(score, 4))
    return Marker(_turn(quad, view), text.strip(), confidence=round(1 - (1 - score) * (1 - best), 4))


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
    cut = cv2.warpPerspective(
        image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cut, np.uint8)


def _turn(quad: Quad, view: View) -> Quad:
    """Order the corners as the view shows them."""
    unit = view.back(((0, 0), (1, 0), (1, 1), (0, 1)), (1, 1))
    order = [((0, 0), (1, 0), (1, 1), (0, 1)).index((round(x), round(y))) for x, y in unit]
    a, b, c, d = (quad[index] for index in order)
    return (a, b, c, d)
