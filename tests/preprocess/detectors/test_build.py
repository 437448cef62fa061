import numpy as np

from preprocess.detectors.build import UnionDetector
from preprocess.markers import Marker, box_quad


class FixedDetector:
    """A detector that always returns the same markers."""

    def __init__(self, *markers: Marker) -> None:
        self.markers = list(markers)

    def detect(self, image: np.ndarray) -> list[Marker]:
        return self.markers


def union(*detected: tuple[Marker, ...]) -> list[Marker]:
    return UnionDetector([FixedDetector(*markers) for markers in detected]).detect(np.zeros((100, 100), np.uint8))


LETTER, SAME_LETTER = Marker(box_quad(10, 10, 40, 20), "L", 0.9, "lead"), Marker(box_quad(12, 11, 42, 21), "1", 0.5)
ELSEWHERE = Marker(box_quad(60, 60, 90, 70), "R", 0.6)


def test_if_two_detectors_agree_the_first_ones_marker_is_returned() -> None:
    assert union((LETTER,), (SAME_LETTER,)) == [LETTER]
    assert union((SAME_LETTER,), (LETTER,)) == [SAME_LETTER]


def test_markers_that_only_the_second_finds_are_added() -> None:
    assert union((LETTER,), (SAME_LETTER, ELSEWHERE)) == [LETTER, ELSEWHERE]
    assert union((), (ELSEWHERE,), (ELSEWHERE, LETTER)) == [ELSEWHERE, LETTER]


def test_markers_that_hardly_overlap_are_both_returned() -> None:
    beside = Marker(box_quad(35, 10, 65, 20))
    assert union((LETTER,), (beside,)) == [LETTER, beside]


def test_a_plate_does_not_replace_the_letters_on_it() -> None:
    plate = Marker(box_quad(0, 0, 50, 30), style="plate")
    assert union((plate,), (LETTER,)) == [plate, LETTER]
    assert union((LETTER,), (plate,)) == [LETTER, plate]
