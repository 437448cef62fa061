from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.detectors.markernet import STYLES
from preprocess.detectors.regions import STRIDE
from preprocess.images import write_image
from preprocess.markernet.ground_truth import LAYERS, write_truth
from preprocess.markernet.marker_parts import Area
from preprocess.markernet.scene import (
    Film,
    Place,
    _cut_corner,
    _show_window,
    _store,
    make_scene,
    read_films,
)
from preprocess.markers import Marker, box_quad

from ..conftest import film

UNMARKED = (Film(film(0, (300, 240))), Film(film(1, (240, 300))))
QUAD = np.array([(40.0, 30), (80, 30), (80, 60), (40, 60)])  # marker on a black film


def black(style: str, text: str = "") -> Film:
    """Return a black film of 100 x 120 px with a white marker."""
    picture = np.zeros((100, 120), np.uint8)
    picture[30:60, 40:80] = 255
    return Film(picture, (Area(QUAD, style, text),))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_same_seed_makes_the_same_picture(seed: int) -> None:
    (first, truth), (second, second_truth) = (make_scene(np.random.default_rng(seed), UNMARKED, 96) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert truth.tobytes() == second_truth.tobytes()
    assert first.tobytes() != make_scene(np.random.default_rng(seed + 1), UNMARKED, 96)[0].tobytes()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), side=st.sampled_from([64, 128]))
def test_the_layers_of_the_ground_truth_are_consistent(seed: int, side: int) -> None:
    picture, truth = make_scene(np.random.default_rng(seed), UNMARKED, side)
    assert (picture.shape, picture.dtype) == ((side, side), np.uint8)
    assert (truth.shape, truth.dtype) == ((len(LAYERS), side // STRIDE, side // STRIDE), np.int8)
    marker, style, plate, *up, mirrored = truth.astype(int)
    assert set(np.unique(marker)) | set(np.unique(plate)) <= {0, 1}
    assert ((style == -1) == (marker == 0)).all()
    assert style.max() < len(STYLES)
    text = mirrored >= 0
    assert not (text & (marker == 0)).any()
    assert not (text & (style == STYLES.index("symbol"))).any()
    length = np.hypot(*up)
    assert (np.abs(length[text] - 100) < 1).all()
    assert (length[~text] == 0).all()


def test_most_pictures_have_markers_and_some_have_none() -> None:
    marked = [make_scene(np.random.default_rng(seed), UNMARKED, 96)[1][0].any() for seed in range(60)]
    assert 0.3 < np.mean(marked) < 0.9


@pytest.mark.parametrize("around", [None, Place(0, 60, 45)], ids=["anywhere", "around"])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_ground_truth_covers_the_markers_of_the_film_itself_in_every_window(
    around: Place | None, seed: int
) -> None:
    picture, _, inside, areas = _show_window(np.random.default_rng(seed), black("lead"), 192, around)
    truth = np.zeros((6, 96, 96), np.int8)
    for area in areas:
        write_truth(truth, area)
    is_marker = np.kron(truth[0], np.ones((STRIDE, STRIDE))) > 0
    drawn = np.where(inside > 0, picture > 127, is_marker)  # outside the film there is nothing to compare
    drawn = drawn.astype(np.uint8)
    near = cv2.dilate(drawn, np.ones((9, 9))) > 0
    core = cv2.erode(drawn, np.ones((5, 5)), borderValue=1) > 0
    assert is_marker[core].all()
    assert not (is_marker & ~near)[4:-4, 4:-4].any()  # a marker cut by the window may leave a dark seam
    if around:
        assert core.any()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_nothing_is_drawn_on_a_given_place(seed: int) -> None:
    even = Film(np.full((1024, 1024), 120, np.uint8))
    picture, truth = make_scene(np.random.default_rng(seed), [even], 128, Place(0, 512, 512))
    assert cv2.blur(picture, (15, 15)).std() < 5  # only grain
    assert not truth[[0, 2, 3, 4]].any()
    assert (truth[[1, 5]] == -1).all()


@pytest.mark.parametrize(("style", "number"), [("", -1), ("lead", 2)])
def test_markers_of_the_film_itself_keep_their_style(style: str, number: int) -> None:
    _, truth = make_scene(np.random.default_rng(0), [black(style)], 192, Place(0, 60, 45))
    is_marker = truth[0] > 0
    assert is_marker.any()
    assert (truth[1][is_marker] == number).all()
    assert (truth[5] == -1).all()  # the text is unknown


def test_films_are_read_at_the_size_of_the_network_and_unreadable_files_are_skipped(tmp_path: Path) -> None:
    write_image(tmp_path / "large.png", np.full((1500, 2048), 9, np.uint8))
    write_image(tmp_path / "deep.png", film(dtype="uint16"))
    (tmp_path / "broken.png").write_bytes(b"x")
    marker = Marker(box_quad(100, 200, 300, 260), style="label")
    large, deep = read_films(tmp_path, {"large.png": [marker], "broken.png": [], "deep.png": [], "none.png": []})
    assert large.picture.shape == (750, 1024)
    assert large.areas[0].style == "label"
    assert large.areas[0].quad == pytest.approx(np.array(marker.quad) / 2)
    assert (deep.picture.shape, deep.picture.dtype, deep.areas) == ((120, 90), np.uint8, ())


def test_a_cut_corner_is_black_and_has_no_marker() -> None:
    for seed in range(20):
        film, truth = np.ones((64, 64), np.float32), np.ones((6, 32, 32), np.int8)
        _cut_corner(np.random.default_rng(seed), film, truth)
        kept = film[STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE] == 1
        assert (truth[:, kept] == 1).all()
        assert (truth[[0, 2, 3, 4]][:, ~kept] == 0).all()
        assert (truth[[1, 5]][:, ~kept] == -1).all()
    assert not kept.all()


def test_a_reduced_copy_has_no_detail_finer_than_its_pixels() -> None:
    grain = np.random.default_rng(0).random((128, 128)).astype(np.float32)
    steps = {
        copy: [np.abs(np.diff(_store(np.random.default_rng(n), grain, copy).astype(int))).mean() for n in range(20)]
        for copy in (False, True)
    }
    assert max(steps[True]) < 30
    assert max(steps[False]) > 60


def test_most_copies_are_also_blurred() -> None:
    grain = np.random.default_rng(0).random((128, 128)).astype(np.float32)
    steps = [np.abs(np.diff(_store(np.random.default_rng(n), grain, True).astype(int))).mean() for n in range(40)]
    assert np.percentile(steps, 25) < 0.8 * np.percentile(steps, 90)
