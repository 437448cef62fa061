import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.detectors.regions import pieces, regions
from preprocess.markers import as_quad, box_quad, quad_area

from ..conftest import logits_with, turned_box

CORE, EDGE = 0.0, -1.5
LABEL = [(10.0, 20.0), (50.0, 20.0), (50.0, 30.0), (10.0, 30.0)]
LETTER = [(10.0, 32.0), (22.0, 32.0), (22.0, 48.0), (10.0, 48.0)]
BRIDGE = [(10.0, 30.0), (22.0, 30.0), (22.0, 32.0), (10.0, 32.0)]


@settings(max_examples=30, deadline=None)
@given(angle=st.floats(0, 180))
def test_a_turned_rectangle_comes_back_within_a_pixel(angle: float) -> None:
    drawn = turned_box(angle)
    (region,) = regions(logits_with((0, drawn.tolist(), 5.0))[0], CORE, EDGE)
    quad = np.array(region.quad(np.array([2.0, 2.0]))) / 2
    for corner in drawn:
        assert np.linalg.norm(quad - corner, axis=1).min() < 1.8  # a corner pixel's own diagonal
    assert quad_area(as_quad(quad)) == pytest.approx(36 * 14, rel=0.15)


def test_an_upright_box_comes_back_exactly() -> None:
    (region,) = regions(logits_with((0, [(10, 20), (30, 20), (30, 27), (10, 27)], 5.0))[0], CORE, EDGE)
    assert sorted(region.quad(np.array([2.0, 3.0]))) == sorted(box_quad(20, 60, 60, 81))
    assert region.of(np.arange(9 * 60 * 80, dtype=np.float32).reshape(9, 60, 80)).shape == (9, 20 * 7)


def test_specks_and_what_is_unlikely_are_no_regions() -> None:
    box = [(10, 20), (30, 20), (30, 27), (10, 27)]
    assert regions(logits_with((0, [(5, 5), (10, 5), (10, 6), (5, 6)], 5.0))[0], CORE, EDGE) == []
    assert regions(logits_with((0, box, CORE - 0.01))[0], CORE, EDGE) == []
    assert len(regions(logits_with((0, box, CORE))[0], CORE, EDGE)) == 1


def test_what_adjoins_a_sure_piece_belongs_to_it_too() -> None:
    said = logits_with(
        (0, [(10, 20), (50, 20), (50, 27), (10, 27)], EDGE), (0, [(10, 20), (20, 20), (20, 27), (10, 27)], 5.0)
    )
    (region,) = regions(said[0], CORE, EDGE)
    assert region.here == (10, 20)
    assert region.shape.shape == (7, 40)


def quads(said: np.ndarray) -> list[list[tuple[float, float]]]:
    (region,) = regions(said[0], CORE, EDGE)
    return sorted(sorted(piece.quad(np.ones(2))) for piece in pieces(said, region))


def test_a_label_and_the_letter_below_it_come_apart_by_style() -> None:
    shapes = ((LABEL, 2), (LETTER, 1))
    said = logits_with(*((0, shape, 5.0) for shape, _ in shapes), *((style, shape, 3.0) for shape, style in shapes))
    said[0] = np.maximum(said[0], logits_with((0, BRIDGE, 5.0))[0])
    said[1] = np.maximum(said[1], logits_with((1, BRIDGE, 3.0))[1])
    assert quads(said) == sorted([sorted(box_quad(10, 20, 50, 30)), sorted(box_quad(10, 30, 22, 48))])


@pytest.mark.parametrize("between", [-1.0, 1.0, 3.0])
def test_markers_of_one_style_come_apart_where_the_network_is_less_sure(between: float) -> None:
    said = logits_with((0, LABEL, 5.0), (0, LETTER, 5.0), (0, BRIDGE, between))
    found = quads(said)
    assert len(found) == 2
    assert sum(quad_area(as_quad(cv2.boxPoints(cv2.minAreaRect(np.array(quad, np.float32))))) for quad in found) < 700


@pytest.mark.parametrize("angle", [0.0, 33.0])
def test_one_marker_stays_whole(angle: float) -> None:
    said = logits_with((0, turned_box(angle).tolist(), 1.0), (0, turned_box(angle, 10, 10).tolist(), 5.0))
    assert len(quads(said)) == 1


def test_every_pixel_of_a_region_belongs_to_one_piece() -> None:
    said = logits_with((0, LABEL, 5.0), (0, LETTER, 5.0), (0, BRIDGE, -1.0))
    (region,) = regions(said[0], CORE, EDGE)
    held = np.zeros(said.shape[1:], int)
    for piece in pieces(said, region):
        piece.window(held[None])[0] += piece.shape
    assert (held == (said[0] >= EDGE)).all()
