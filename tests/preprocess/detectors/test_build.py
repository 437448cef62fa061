import numpy as np

from preprocess.detectors.build import UnionDetector
from preprocess.markers import Marker, box_quad


class Fixed:
    """A detector that always finds the same."""

    def __init__(self, *markers: Marker) -> None:
        self.markers = list(markers)

    def detect(self, image: np.ndarray) -> list[Marker]:
        return self.markers


def union(*found: tuple[Marker, ...]) -> list[Marker]:
    return UnionDetector([Fixed(*markers) for markers in found]).detect(np.zeros((100, 100), np.uint8))


SURE, ALSO = Marker(box_quad(10, 10, 40, 20), "L", 0.9, "lead"), Marker(box_quad(12, 11, 42, 21), "1", 0.5)
OTHER = Marker(box_quad(60, 60, 90, 70), "R", 0.6)


def test_where_two_agree_the_first_ones_marker_counts() -> None:
    assert union((SURE,), (ALSO,)) == [SURE]
    assert union((ALSO,), (SURE,)) == [ALSO]


def test_what_only_the_other_finds_is_added() -> None:
    assert union((SURE,), (ALSO, OTHER)) == [SURE, OTHER]
    assert union((), (OTHER,), (OTHER, SURE)) == [OTHER, SURE]


def test_what_hardly_overlaps_stays() -> None:
    beside = Marker(box_quad(35, 10, 65, 20))
    assert union((SURE,), (beside,)) == [SURE, beside]


def test_a_plate_does_not_stand_for_the_letters_on_it() -> None:
    plate = Marker(box_quad(0, 0, 50, 30), style="plate")
    assert union((plate,), (SURE,)) == [plate, SURE]
    assert union((SURE,), (plate,)) == [SURE, plate]
