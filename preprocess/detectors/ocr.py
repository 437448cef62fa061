"""Find markers in any orientation with a reader that expects upright text.

`TurnedDetector` shows the film to the reader (rapidocr or easyocr) in rotated views and converts the detections back to
the film. It merges detections that overlap, reads each from every side, and keeps the reading with the best score.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np

from preprocess.detectors.reading import Grey, TextReader, read_from_all_sides
from preprocess.detectors.tight_quads import find_label_box, tighten
from preprocess.detectors.views import views
from preprocess.markers import Marker, Quad, as_quad, enclosing_quad, quad_area

OVERLAP = 0.5  # two detections are the same marker if they share this fraction of the smaller quad

MAX_AREA_FRACTION = 0.07  # of the film; larger detections are anatomy, such as the bones of a hand


@dataclass(frozen=True)
class Detection:
    """A quad that may hold text, with the reader's score (0 to 1) in each view; 0 where it was not detected."""

    quad: Quad
    scores: tuple[float, ...]


class Detector(Protocol):
    """Finds the markers of a film in any orientation."""

    def detect(self, image: Grey) -> list[Marker]:
        """Return the markers of an (H, W) uint8 image, with quads in pixels of that image."""


@dataclass(frozen=True)
class TurnedDetector:
    """A Detector that uses a TextReader.

    Args:
        reader: finds and reads upright text.
        side_px: longest side of the scaled copy that is searched. It bounds the time for a film.
        enlarge: largest factor by which a small film is enlarged to reach `side_px`.
        turns: number of quarter turns at which text is searched, 1 to 4.
        find_mirrored: search mirrored views too. Mirrored text is read in any case.
        label_boxes: extend a marker to the filled box around its text.
    """

    reader: TextReader
    side_px: int = 640
    enlarge: float = 3.0
    turns: int = 4
    find_mirrored: bool = False
    label_boxes: bool = True

    def detect(self, image: Grey) -> list[Marker]:
        """Return the markers of an (H, W) uint8 image, with quads in pixels of that image."""
        detections = [replace(d, quad=tighten(image, d.quad)) for d in merge_detections(self._find(image))]
        if self.label_boxes:
            boxes = [replace(d, quad=find_label_box(image, d.quad) or d.quad) for d in detections]
            detections = merge_detections(boxes)
        return [self._read(image, detection) for detection in detections]

    def _read(self, image: Grey, detection: Detection) -> Marker:
        """Read a detection and compute its confidence.

        The confidence starts from the mean score over the views, because text is detected in most views and anatomy
        in one or two. A good reading raises it in proportion to that mean, because readers are often sure of a single
        letter where there is none.
        """
        mean_score = sum(detection.scores) / len(detection.scores)
        reading = read_from_all_sides(image, detection.quad, self.reader)
        confidence = 1 - (1 - mean_score) * (1 - reading.score * mean_score)
        return Marker(reading.quad, reading.text, confidence=round(confidence, 4))

    def _find(self, image: Grey) -> list[Detection]:
        small = scale_to_fit(image, self.side_px, self.enlarge)
        scale = np.divide(image.shape[::-1], small.shape[::-1])
        all_views = views(self.turns, self.find_mirrored)
        detections = []
        for number, view in enumerate(all_views):
            for quad, score in self.reader.find(view.show(small)):
                if quad_area(quad) <= MAX_AREA_FRACTION * small.size:
                    film_quad = as_quad(view.back(quad, small.shape) * scale)
                    scores = tuple(score * (number == other) for other in range(len(all_views)))
                    detections.append(Detection(film_quad, scores))
        return detections


def scale_to_fit(image: Grey, side_px: int, enlarge: float) -> Grey:
    """Return the image scaled so that its longest side is side_px, but enlarged by no more than `enlarge`."""
    scale = min(side_px / max(image.shape), enlarge)
    size = [max(1, round(side * scale)) for side in image.shape[::-1]]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)


def merge_detections(detections: Iterable[Detection]) -> list[Detection]:
    """Merge overlapping detections until none overlap, and return them sorted by quad.

    A merged detection has the smallest rotated rectangle around its parts, and the best score of each view. The result
    does not depend on the order of the views.
    """
    merged: list[Detection] = []
    for detection in sorted(detections, key=lambda d: (-max(d.scores), d.quad)):
        while same := next((other for other in merged if overlap(detection.quad, other.quad) >= OVERLAP), None):
            merged.remove(same)
            detection = _merge(same, detection)
        merged.append(detection)
    return sorted(merged, key=lambda d: d.quad)


def _merge(a: Detection, b: Detection) -> Detection:
    scores = tuple(map(max, a.scores, b.scores))
    large, small = sorted((a.quad, b.quad), key=quad_area, reverse=True)
    if overlap(large, small) > 0.99:  # the larger quad holds the smaller one; a new rectangle could only be looser
        return Detection(large, scores)
    return Detection(enclosing_quad(np.array([*a.quad, *b.quad], np.float32)), scores)


def overlap(a: Quad, b: Quad) -> float:
    """Return the area that two quads share, as a fraction of the smaller one's area."""
    shared, _ = cv2.intersectConvexConvex(np.array(a, np.float32), np.array(b, np.float32))
    return float(shared) / max(min(quad_area(a), quad_area(b)), 1e-6)
