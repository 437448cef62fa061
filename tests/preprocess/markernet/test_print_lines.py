import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.markernet.marker_parts import FilmPose
from preprocess.markernet.print_lines import (
    choose_long_text,
    choose_setting,
    draw_border_line,
    draw_data_block,
    draw_dotted_text,
    draw_sticker,
)
from preprocess.markers import as_quad, is_mirrored

CENTRE = np.array([160.0, 160.0])


def ground() -> np.ndarray:
    return np.full((320, 320), 0.4, np.float32)


def test_long_lines_are_long_and_reach_beyond_the_picture() -> None:
    assert min(len(choose_long_text(np.random.default_rng(seed))) for seed in range(40)) >= 10
    quads = [draw_border_line(np.random.default_rng(seed), CENTRE, FilmPose()).areas[0].quad for seed in range(30)]
    lengths = [float(np.linalg.norm(quad[1] - quad[0])) for quad in quads]
    heights = [float(np.linalg.norm(quad[3] - quad[0])) for quad in quads]
    assert np.mean(np.array(lengths) > 320) > 0.2
    assert max(heights) < 20


def test_settings_of_an_exposure_hold_a_number() -> None:
    texts = [choose_setting(np.random.default_rng(seed)) for seed in range(60)]
    assert all(any(letter.isdigit() for letter in text) for text in texts)
    assert len(set(texts)) > 40


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), angle=st.floats(0, 360), mirrored=st.booleans())
def test_the_lines_of_a_block_do_not_overlap_and_are_mirrored_alike(seed: int, angle: float, mirrored: bool) -> None:
    marker = draw_data_block(np.random.default_rng(seed), CENTRE, FilmPose(angle, mirrored))
    assert marker.areas
    assert len({is_mirrored(as_quad(area.quad)) for area in marker.areas}) == 1
    film = ground()
    marker.draw(film)
    assert (film != np.float32(0.4)).any()


def test_a_sticker_is_one_label_of_bright_paper_with_dark_ink() -> None:
    for seed in range(12):
        marker = draw_sticker(np.random.default_rng(seed), CENTRE, FilmPose())
        (area,) = marker.areas
        assert (area.style, bool(area.text)) == ("label", True)
        film = ground()
        marker.draw(film)
        assert film.max() >= 0.69
        assert film.min() <= 0.35


def test_dotted_letters_have_gaps_between_their_dots() -> None:
    marker = draw_dotted_text(np.random.default_rng(3), CENTRE, FilmPose())
    film = ground()
    marker.draw(film)
    assert marker.areas[0].style == "burned"
    assert (film != np.float32(0.4)).any()
