"""Find markers at any quarter turn, mirrored or not.

Readers of text (rapidocr, easyocr) expect it upright. `TurnedDetector` shows them the film turned, brings
their finds back, joins those that overlap, and reads each from every side, keeping the text that reads best.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np

from preprocess.detectors.reading import Grey, TextReader, read_from_all_sides
from preprocess.detectors.tight_quads import label_box, tighten
from preprocess.detectors.views import views
from preprocess.markers import Marker, Quad, as_quad, enclosing_quad, quad_area

OVERLAP = 0.5  # share of the smaller quad from which two finds are taken for one marker

MAX_AREA_FRACTION = (
    0.07  # share of a film that one marker takes up at most: a hand's bones can look like a line of text
)


@dataclass(frozen=True)
class Find:
    """A place where text may stand, and for each view how sure (0 to 1) it was seen there."""

    quad: Quad
    scores: tuple[float, ...]


class Detector(Protocol):
    """Finds the markers of one film, however they stand."""

    def detect(self, image: Grey) -> list[Marker]:
        """Return the markers of an (H, W) uint8 image, quads in its pixels."""


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
        return [self._read(image, find) for find in finds]

    def _read(self, image: Grey, find: Find) -> Marker:
        """The confidence is the mean score over the views, since text is seen in most of them and anatomy in one or
        two; a good reading adds to it in proportion. Readers are often sure of a single letter where there is none.
        """
        seen = sum(find.scores) / len(find.scores)
        read = read_from_all_sides(image, find.quad, self.reader)
        return Marker(read.quad, read.text, confidence=round(1 - (1 - seen) * (1 - read.worth * seen), 4))

    def _find(self, image: Grey) -> list[Find]:
        small = scale_to_fit(image, self.side_px, self.enlarge)
        scale = np.divide(image.shape[::-1], small.shape[::-1])
        shown = views(self.turns, self.find_mirrored)
        finds = []
        for number, view in enumerate(shown):
            for quad, score in self.reader.find(view.show(small)):
                if quad_area(quad) <= MAX_AREA_FRACTION * small.size:
                    there = as_quad(view.back(quad, small.shape) * scale)
                    finds.append(Find(there, tuple(score * (number == other) for other in range(len(shown)))))
        return finds


def scale_to_fit(image: Grey, side_px: int, enlarge: float) -> Grey:
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
        while near := next((other for other in groups if overlap(find.quad, other.quad) >= OVERLAP), None):
            groups.remove(near)
            find = _joined(near, find)
        groups.append(find)
    return sorted(groups, key=lambda find: find.quad)


def _joined(a: Find, b: Find) -> Find:
    """A quad that holds the other stays as it is: drawing it anew could only loosen it."""
    scores = tuple(map(max, a.scores, b.scores))
    large, small = sorted((a.quad, b.quad), key=quad_area, reverse=True)
    if overlap(large, small) > 0.99:
        return Find(large, scores)
    return Find(enclosing_quad(np.array([*a.quad, *b.quad], np.float32)), scores)


def overlap(a: Quad, b: Quad) -> float:
    """Return the area that two quads share over the smaller one's."""
    shared, _ = cv2.intersectConvexConvex(np.array(a, np.float32), np.array(b, np.float32))
    return float(shared) / max(min(quad_area(a), quad_area(b)), 1e-6)
