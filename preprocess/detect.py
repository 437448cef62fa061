"""Find markers at any quarter turn, mirrored or not.

Readers of text (rapidocr, easyocr) expect it upright. `TurnedDetector` shows them the film turned, brings
their finds back, joins those that overlap, and reads each from every side, keeping the text that reads best.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.labelbox import label_box
from preprocess.markers import Marker, Quad, around, as_quad, quad_area, quad_sides
from preprocess.tighten import tighten
from preprocess.views import View, views

Grey = NDArray[np.uint8]
Found = tuple[Quad, float]  # a quad and how sure, 0 to 1, a reader is that text stands there

OVERLAP = 0.5  # share of the smaller quad from which two finds are taken for one marker
LARGEST = 0.07  # share of a film that one marker takes up at most: a hand's bones can look like a line of text
LONG = 1.6  # from this ratio of sides on, text runs along the longer side
READ_HEIGHT_PX = 48  # what the readers scale lines of text to
BETTER = 0.02  # what a mirrored reading must be surer by than a plain one


@dataclass(frozen=True)
class Find:
    """A place where text may stand, and for each view how sure (0 to 1) it was seen there."""

    quad: Quad
    scores: tuple[float, ...]


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
        finds = [replace(find, quad=tighten(image, find.quad)) for find in join(self._find(image))]
        if self.label_boxes:
            finds = join([replace(find, quad=label_box(image, find.quad) or find.quad) for find in finds])
        return [read_marker(image, find, self.reader.read) for find in finds]

    def _find(self, image: Grey) -> list[Find]:
        small = fit(image, self.side_px, self.enlarge)
        scale = np.divide(image.shape[::-1], small.shape[::-1])
        shown = views(self.turns, self.find_mirrored)
        finds = []
        for number, view in enumerate(shown):
            for quad, score in self.reader.find(view.show(small)):
                if quad_area(quad) <= LARGEST * small.size:
                    there = as_quad(view.back(quad, small.shape) * scale)
                    finds.append(Find(there, tuple(score * (number == other) for other in range(len(shown)))))
        return finds


def fit(image: Grey, side_px: int, enlarge: float) -> Grey:
    """Return the image scaled so that its longest side is side_px, but enlarged by no more than `enlarge`."""
    scale = min(side_px / max(image.shape), enlarge)
    size = [max(1, round(side * scale)) for side in image.shape[::-1]]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)


def join(finds: Iterable[Find]) -> list[Find]:
    """Join finds that overlap into one each: the smallest turned rectangle around them, the best score a view.

    Goes on until nothing overlaps. The result is sorted, so it does not depend on the order of the views.
    """
    groups: list[Find] = []
    for find in sorted(finds, key=lambda find: (-max(find.scores), find.quad)):
        while near := next((other for other in groups if _overlap(find.quad, other.quad) >= OVERLAP), None):
            groups.remove(near)
            find = _joined(near, find)
        groups.append(find)
    return sorted(groups, key=lambda find: find.quad)


def _joined(a: Find, b: Find) -> Find:
    """A quad that holds the other stays as it is: drawing it anew could only loosen it."""
    scores = tuple(map(max, a.scores, b.scores))
    large, small = sorted((a.quad, b.quad), key=quad_area, reverse=True)
    if _overlap(large, small) > 0.99:
        return Find(large, scores)
    return Find(around(np.array([*a.quad, *b.quad], np.float32)), scores)


def _overlap(a: Quad, b: Quad) -> float:
    """Shared area over the smaller area."""
    shared, _ = cv2.intersectConvexConvex(np.array(a, np.float32), np.array(b, np.float32))
    return float(shared) / max(min(quad_area(a), quad_area(b)), 1e-6)


def read_marker(image: Grey, find: Find, read: Callable[[Grey], tuple[str, float]]) -> Marker:
    """Read a find from every side, plain and mirrored; its corners then follow the best reading.

    The confidence is the mean score over the views, since text is seen in most of them and anatomy in one or two;
    a good reading adds to it in proportion. Readers are often sure of a single letter where there is none.
    """
    seen = sum(find.scores) / len(find.scores)
    best, text, chosen = 0.0, "", View()
    for view in _reading_views(find.quad):
        line, confidence = read(view.show(upright(image, find.quad)))
        worth = confidence * _legible(line)
        if worth > best + BETTER * (view.mirrored and not chosen.mirrored):
            best, text, chosen = worth, line.strip(), view
    quad = _turn(find.quad, chosen) if text else find.quad
    return Marker(quad, text, confidence=round(1 - (1 - seen) * (1 - best * seen), 4))


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
