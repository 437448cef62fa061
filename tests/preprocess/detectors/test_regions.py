import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.detectors.regions import find_regions, split_region
from preprocess.markers import as_quad, box_quad, quad_area

from ..conftest import logits_with, turned_box

CORE, EDGE = 0.0, -1.5
LABEL = [(10.0, 20.0), (50.0, 20.0), (50.0, 30.0), (10.0, 30.0)]
LETTER = [(10.0, 32.0), (22.0, 32.0), (22.0, 48.0), (10.0, 48.0)]
BRIDGE = [(10.0, 30.0), (22.0, 30.0), (22.0, 32.0), (10.0, 32.0)]


@settings(max_examples=30, deadline=None)
@given(angle=st.floats(0, 180))
def test_the_quad_of_a_turned_rectangle_is_right_to_a_pixel(angle: float) -> None:
    box = turned_box(angle)
    (region,) = find_regions(logits_with((0, box.tolist(), 5.0))[0], CORE, EDGE)
    quad = np.array(region.quad(np.array([2.0, 2.0]))) / 2
    for corner in box:
        assert np.linalg.norm(quad - corner, axis=1).min() < 1.8  # a little more than the diagonal of a pixel
    assert quad_area(as_quad(quad)) == pytest.approx(36 * 14, rel=0.15)


def test_the_quad_of_an_upright_box_is_exact() -> None:
    (region,) = find_regions(logits_with((0, [(10, 20), (30, 20), (30, 27), (10, 27)], 5.0))[0], CORE, EDGE)
    assert sorted(region.quad(np.array([2.0, 3.0]))) == sorted(box_quad(20, 60, 60, 81))
    assert region.values(np.arange(9 * 60 * 80, dtype=np.float32).reshape(9, 60, 80)).shape == (9, 20 * 7)


def test_specks_and_low_logits_are_not_regions() -> None:
    box = [(10, 20), (30, 20), (30, 27), (10, 27)]
    assert find_regions(logits_with((0, [(5, 5), (10, 5), (10, 6), (5, 6)], 5.0))[0], CORE, EDGE) == []
    assert find_regions(logits_with((0, box, CORE - 0.01))[0], CORE, EDGE) == []
    assert len(find_regions(logits_with((0, box, CORE))[0], CORE, EDGE)) == 1


def test_pixels_that_adjoin_a_core_belong_to_its_region() -> None:
    logits = logits_with(
        (0, [(10, 20), (50, 20), (50, 27), (10, 27)], EDGE), (0, [(10, 20), (20, 20), (20, 27), (10, 27)], 5.0)
    )
    (region,) = find_regions(logits[0], CORE, EDGE)
    assert region.corner == (10, 20)
    assert region.shape.shape == (7, 40)


def quads(logits: np.ndarray) -> list[list[tuple[float, float]]]:
    (region,) = find_regions(logits[0], CORE, EDGE)
    return sorted(sorted(part.quad(np.ones(2))) for part in split_region(logits, region))


def test_a_label_and_the_letter_below_it_are_split_by_style() -> None:
    shapes = ((LABEL, 2), (LETTER, 1))
    logits = logits_with(*((0, shape, 5.0) for shape, _ in shapes), *((style, shape, 3.0) for shape, style in shapes))
    logits[0] = np.maximum(logits[0], logits_with((0, BRIDGE, 5.0))[0])
    logits[1] = np.maximum(logits[1], logits_with((1, BRIDGE, 3.0))[1])
    assert quads(logits) == sorted([sorted(box_quad(10, 20, 50, 30)), sorted(box_quad(10, 30, 22, 48))])


@pytest.mark.parametrize("between", [-1.0, 1.0, 3.0])
def test_markers_of_one_style_are_split_at_lower_logits(between: float) -> None:
    logits = logits_with((0, LABEL, 5.0), (0, LETTER, 5.0), (0, BRIDGE, between))
    parts = quads(logits)
    assert len(parts) == 2
    assert sum(quad_area(as_quad(cv2.boxPoints(cv2.minAreaRect(np.array(quad, np.float32))))) for quad in parts) < 700


@pytest.mark.parametrize("angle", [0.0, 33.0])
def test_a_single_marker_is_not_split(angle: float) -> None:
    logits = logits_with((0, turned_box(angle).tolist(), 1.0), (0, turned_box(angle, 10, 10).tolist(), 5.0))
    assert len(quads(logits)) == 1


def test_every_pixel_of_a_region_belongs_to_one_part() -> None:
    logits = logits_with((0, LABEL, 5.0), (0, LETTER, 5.0), (0, BRIDGE, -1.0))
    (region,) = find_regions(logits[0], CORE, EDGE)
    counts = np.zeros(logits.shape[1:], int)
    for part in split_region(logits, region):
        part.window(counts[None])[0] += part.shape
    assert (counts == (logits[0] >= EDGE)).all()
