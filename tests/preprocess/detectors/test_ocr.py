import math

import numpy as np
import pytest

from preprocess.detectors.ocr import Detection, TurnedDetector, merge_detections, overlap, scale_to_fit
from preprocess.detectors.rapid import RapidReader
from preprocess.markers import as_quad, box_quad, quad_area, quad_box

from ..conftest import film, write_text


class BrightBoxReader:
    """A reader that finds the box around all bright pixels, and always reads the same text."""

    def __init__(self, text: str = "") -> None:
        self.text = text

    def find(self, image: np.ndarray) -> list:
        rows, columns = np.nonzero(image >= 250)
        if not len(rows):
            return []
        box = box_quad(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        return [(box, 0.8 if columns.mean() > image.shape[1] / 2 else 0.6)]

    def read(self, image: np.ndarray) -> tuple[str, float]:
        return self.text, 0.9 if self.text else 0.0


def test_detections_in_all_views_become_one_marker() -> None:
    image = np.full((100, 140), 30, np.uint8)
    image[20:30, 100:120] = 255
    detector = TurnedDetector(BrightBoxReader(), side_px=140, find_mirrored=True, label_boxes=False)
    (marker,) = detector.detect(image)
    assert quad_box(marker.quad) == (100, 20, 120, 30)
    assert 0.6 < marker.confidence < 0.8  # the mean over eight views


def test_small_films_are_enlarged_and_large_ones_reduced() -> None:
    assert scale_to_fit(np.zeros((100, 50), np.uint8), 640, 2.0).shape == (200, 100)
    assert scale_to_fit(np.zeros((3000, 1500), np.uint8), 640, 2.0).shape == (640, 320)
    assert scale_to_fit(np.zeros((5000, 1), np.uint8), 640, 2.0).shape == (640, 1)


def test_a_detection_that_covers_much_of_the_film_is_ignored() -> None:
    image = np.full((100, 100), 255, np.uint8)
    assert TurnedDetector(BrightBoxReader(), side_px=100).detect(image) == []


def test_merging_does_not_depend_on_order() -> None:
    corners = [(x, y) for x in (0, 8, 16, 60) for y in (0, 40)]
    detections = [Detection(box_quad(x, y, x + 20, y + 10), (0.1 * x / 10, 0.5)) for x, y in corners]
    assert merge_detections(detections) == merge_detections(detections[::-1])
    assert len(merge_detections(detections)) == 4


def test_a_quad_that_holds_another_is_not_enlarged() -> None:
    large, small = box_quad(0, 0, 40, 20), as_quad([(12, 4), (20, 8), (18, 12), (10, 8)])
    assert merge_detections([Detection(small, (0.9, 0.0)), Detection(large, (0.0, 0.5))]) == [
        Detection(large, (0.9, 0.5))
    ]


def test_illegible_detections_are_markers_without_text() -> None:
    image = film()
    image[10:25, 50:80] = 255
    (marker,) = TurnedDetector(BrightBoxReader("?!"), side_px=120, turns=1, label_boxes=False).detect(image)
    assert (marker.text, marker.confidence) == ("", 0.8)


def test_a_good_reading_raises_the_confidence() -> None:
    image = film()
    image[10:25, 50:80] = 255
    (marker,) = TurnedDetector(BrightBoxReader("R7"), side_px=120, turns=1, label_boxes=False).detect(image)
    assert (marker.text, marker.confidence) == ("R7", round(1 - 0.2 * (1 - 0.9 * 0.8), 4))


def test_overlap_is_a_fraction_of_the_smaller_quad() -> None:
    large = box_quad(0, 0, 40, 20)
    assert overlap(large, box_quad(35, 0, 45, 10)) == pytest.approx(0.5)
    assert overlap(box_quad(10, 5, 20, 10), large) == pytest.approx(1)
    assert overlap(large, box_quad(50, 0, 60, 10)) == 0
    assert overlap(large, box_quad(5, 5, 5, 9)) == 0  # the quad has no area


@pytest.fixture(scope="module")
def detector() -> TurnedDetector:
    return TurnedDetector(RapidReader(threads=2), side_px=448)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True], ids=["plain", "mirrored"])
def test_text_is_found_and_read_in_every_view(detector: TurnedDetector, turns: int, mirrored: bool) -> None:
    image = write_text(film(shape=(448, 400)), "RB07", (200, 240), 1.8)
    turned = np.ascontiguousarray(np.rot90(image[:, ::-1] if mirrored else image, turns))
    (marker,) = detector.detect(turned)
    ink = turned == 245
    x0, y0, x1, y1 = quad_box(marker.quad)
    rows, columns = np.nonzero(ink)
    inside = (rows >= y0 - 2) & (rows <= y1 + 2) & (columns >= x0 - 2) & (columns <= x1 + 2)
    assert inside.mean() > 0.97
    assert quad_area(marker.quad) < 3 * np.ptp(rows) * np.ptp(columns)
    assert marker.confidence > 0.6
    assert sum(a == b for a, b in zip(marker.text, "RB07", strict=False)) >= 3
    assert clockwise(marker.quad) is not mirrored


def clockwise(quad: tuple) -> bool:
    """Return whether a quad runs clockwise on the screen, where y points down."""
    (ax, ay), (bx, by), (cx, cy), _ = quad
    return math.copysign(1, (bx - ax) * (cy - by) - (by - ay) * (cx - bx)) > 0


def test_a_film_without_text_has_no_marker(detector: TurnedDetector) -> None:
    assert [m for m in detector.detect(film(shape=(400, 300))) if m.confidence > 0.4] == []


def test_a_marker_on_a_real_film_is_found(detector: TurnedDetector, shared_data) -> None:
    from preprocess.images import read_image, to_grey8

    film = read_image(shared_data / "forearm" / "testing" / "fractured" / "2.jpg")
    (marker,) = detector.detect(to_grey8(film))
    assert marker.text == "R29"
    assert quad_area(marker.quad) > 0.9 * 210 * 117
