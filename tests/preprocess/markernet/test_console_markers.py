import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.markernet.console_markers import draw_burned_text, draw_label_with_letter, draw_watermark
from preprocess.markernet.marker_parts import SMALLEST_PX, FilmPose
from preprocess.markers import as_quad, is_mirrored

MIDDLE = np.array([50.0, 30.0])


def test_typed_text_has_the_orientation_of_the_film() -> None:
    """On a mirrored film, all but a few texts are mirrored."""
    areas = [draw_burned_text(np.random.default_rng(seed), MIDDLE, FilmPose(0, True)).areas[0] for seed in range(60)]
    assert sum(is_mirrored(as_quad(area.quad)) for area in areas) > 45


def test_markers_of_a_reduced_copy_are_smaller_but_legible() -> None:
    whole, copy = (
        [
            draw_burned_text(np.random.default_rng(seed), MIDDLE, FilmPose(marker_scale=scale)).areas[0]
            for seed in range(80)
        ]
        for scale in (1.0, 0.25)
    )
    heights = [[np.linalg.norm(area.quad[0] - area.quad[3]) for area in areas] for areas in (whole, copy)]
    assert min(heights[1]) >= SMALLEST_PX - 0.01
    for large, small in zip(*heights, strict=True):
        assert small == pytest.approx(max(large / 4, SMALLEST_PX), abs=0.01)


def test_a_watermark_is_drawn_once_or_nine_times() -> None:
    counts = {len(draw_watermark(np.random.default_rng(seed), MIDDLE, FilmPose()).areas) for seed in range(40)}
    assert counts == {1, 9}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), angle=st.floats(0, 360), mirrored=st.booleans())
def test_a_letter_next_to_a_box_has_the_orientation_of_its_text(seed: int, angle: float, mirrored: bool) -> None:
    box, letter = draw_label_with_letter(np.random.default_rng(seed), MIDDLE, FilmPose(angle, mirrored)).areas
    assert (box.style, letter.style) == ("label", "burned")
    assert letter.text in "LR"
    sides = [(area.quad[0] - area.quad[3]) / np.linalg.norm(area.quad[0] - area.quad[3]) for area in (box, letter)]
    assert sides[0] == pytest.approx(sides[1], abs=1e-6)
    assert is_mirrored(as_quad(box.quad)) is is_mirrored(as_quad(letter.quad))
    distance = abs((letter.quad.mean(0) - box.quad.mean(0)) @ sides[0])
    heights = [np.linalg.norm(area.quad[0] - area.quad[3]) for area in (box, letter)]
    assert distance > 0.98 * sum(heights) / 2
