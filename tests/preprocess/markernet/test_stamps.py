from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.markernet import stamps
from preprocess.markernet.stamps import Area, Stamp, Stand, corners, draw_stamp, lay, matrix_to
from preprocess.markers import as_quad, is_mirrored

KINDS = ("label_with_letter", "burned", "block", "label_box", "lead", "tag", "circled", "icon", "watermark")
PATCH = (10, 20)  # height and width
MIDDLE = np.array([50.0, 30.0])


def ground(side: int = 256) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0.3, 0.01, (side, side))
    return noise.astype(np.float32)


def reach(areas: tuple[Area, ...], kind: str) -> float:
    """Pixels by which soft edges, and the fields of icons, go beyond the areas."""
    height = max(float(np.linalg.norm(area.quad[3] - area.quad[0])) for area in areas)
    return 4 + (0.75 if kind == "icon" else 0.2) * height


def filled(areas: tuple[Area, ...], shape: tuple[int, ...], margin: float = 0) -> np.ndarray:
    canvas = np.zeros(shape, np.uint8)
    for area in areas:
        points = np.round(np.clip(area.quad, -4000, 4000)).astype(np.int32)
        cv2.fillPoly(canvas, [points], 1)
        if margin:
            cv2.polylines(canvas, [points], True, 1, round(2 * margin))
    return canvas > 0


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), angle=st.floats(0, 360), mirrored=st.booleans())
def test_a_marker_changes_the_film_in_its_areas_and_nowhere_else(
    kind: str, seed: int, angle: float, mirrored: bool
) -> None:
    draw: Callable[..., Stamp] = getattr(stamps, kind)
    stamp = draw(np.random.default_rng(seed), np.array([128.0, 128.0]), Stand(angle, mirrored))
    film, before = ground(), ground()
    stamp.draw(film)
    assert film.dtype == np.float32
    assert np.isfinite(film).all()
    assert film.min() >= 0
    assert film.max() <= 1
    changed = np.abs(film - before) > 0.01
    assert changed[filled(stamp.areas, film.shape, 1)].any()
    assert not changed[~filled(stamp.areas, film.shape, reach(stamp.areas, kind))].any()


def test_every_style_is_drawn_and_all_but_icons_and_plates_say_something() -> None:
    seen = [draw_stamp(np.random.default_rng(seed), MIDDLE, Stand()) for seed in range(150)]
    areas = [area for stamp in seen for area in stamp.areas]
    assert {area.style for area in areas} == {"burned", "label", "lead", "symbol", "plate"}
    assert all(bool(area.text) is (area.style not in ("symbol", "plate")) for area in areas)


@pytest.mark.parametrize(
    ("angle", "mirrored", "expected"),
    [
        (0, False, [(40, 25), (60, 25), (60, 35), (40, 35)]),
        (90, False, [(55, 20), (55, 40), (45, 40), (45, 20)]),  # clockwise: what ran to the right runs down
        (180, False, [(60, 35), (40, 35), (40, 25), (60, 25)]),
        (0, True, [(60, 25), (40, 25), (40, 35), (60, 35)]),
        (90, True, [(55, 40), (55, 20), (45, 20), (45, 40)]),
    ],
)
def test_a_patch_lies_where_it_should(angle: float, mirrored: bool, expected: list) -> None:
    quad = corners(PATCH, matrix_to(PATCH, 10, angle, mirrored, MIDDLE))
    assert quad == pytest.approx(np.array(expected))
    assert is_mirrored(as_quad(quad)) is mirrored


def test_a_margin_counts_in_pixels_of_the_patch() -> None:
    quad = corners(PATCH, matrix_to(PATCH, 30, 0, False, MIDDLE), margin=2)
    assert quad == pytest.approx(np.array([(14, 9), (86, 9), (86, 51), (14, 51)]))


@pytest.mark.parametrize(("angle", "rows"), [(0, slice(25, 35)), (90, slice(20, 30))])
def test_ink_lies_exactly_on_its_pixels(angle: float, rows: slice) -> None:
    """The left half of the patch has ink; turned clockwise, it is the upper half."""
    ink = np.zeros(PATCH, np.uint8)
    ink[:, :10] = 255
    laid = lay(ink, matrix_to(PATCH, 10, angle, False, MIDDLE), (60, 100))
    columns = slice(40, 50) if angle == 0 else slice(45, 55)
    assert laid[rows, columns] == pytest.approx(np.ones((10, 10)), abs=1e-3)
    assert laid.sum() == pytest.approx(100, abs=0.1)


@settings(max_examples=40, deadline=None)
@given(angle=st.floats(0, 360), height=st.floats(8, 60), mirrored=st.booleans())
def test_ink_keeps_its_place_and_area_at_any_angle_and_size(angle: float, height: float, mirrored: bool) -> None:
    laid = lay(np.full((40, 60), 255, np.uint8), matrix_to((40, 60), height, angle, mirrored, (80, 64)), (128, 160))
    y, x = np.indices(laid.shape) + 0.5
    assert laid.sum() == pytest.approx(1.5 * height**2, rel=0.12)
    assert (laid * x).sum() / laid.sum() == pytest.approx(80, abs=0.3)
    assert (laid * y).sum() / laid.sum() == pytest.approx(64, abs=0.3)


def test_typed_text_stands_as_the_film_does() -> None:
    """All but a few are mirrored on a mirrored film."""
    seen = [stamps.burned(np.random.default_rng(seed), MIDDLE, Stand(0, True)).areas[0] for seed in range(60)]
    assert sum(is_mirrored(as_quad(area.quad)) for area in seen) > 45


def test_markers_of_a_reduced_copy_are_as_much_smaller_but_still_readable() -> None:
    whole, copy = (
        [stamps.burned(np.random.default_rng(seed), MIDDLE, Stand(size=size)).areas[0] for seed in range(80)]
        for size in (1.0, 0.25)
    )
    heights = [[np.linalg.norm(area.quad[0] - area.quad[3]) for area in areas] for areas in (whole, copy)]
    assert min(heights[1]) >= stamps.SMALLEST_PX - 0.01
    for large, small in zip(*heights, strict=True):
        assert small == pytest.approx(max(large / 4, stamps.SMALLEST_PX), abs=0.01)


def test_some_lead_is_faint_and_most_is_white() -> None:
    densities = [stamps._density(np.random.default_rng(seed)) for seed in range(400)]
    assert 0.08 < np.mean(np.array(densities) < 1) < 0.25


def test_a_watermark_is_laid_once_or_all_over() -> None:
    counts = {len(stamps.watermark(np.random.default_rng(seed), MIDDLE, Stand()).areas) for seed in range(40)}
    assert counts == {1, 9}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), angle=st.floats(0, 360), mirrored=st.booleans())
def test_a_letter_beside_a_box_stands_as_its_text_does(seed: int, angle: float, mirrored: bool) -> None:
    box, letter = stamps.label_with_letter(np.random.default_rng(seed), MIDDLE, Stand(angle, mirrored)).areas
    assert (box.style, letter.style) == ("label", "burned")
    assert letter.text in "LR"
    sides = [(area.quad[0] - area.quad[3]) / np.linalg.norm(area.quad[0] - area.quad[3]) for area in (box, letter)]
    assert sides[0] == pytest.approx(sides[1], abs=1e-6)
    assert is_mirrored(as_quad(box.quad)) is is_mirrored(as_quad(letter.quad))
    apart = abs((letter.quad.mean(0) - box.quad.mean(0)) @ sides[0])
    heights = [np.linalg.norm(area.quad[0] - area.quad[3]) for area in (box, letter)]
    assert apart > 0.98 * sum(heights) / 2
