import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from preprocess.detectors.views import View, views


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 3), st.booleans(), st.integers(0, 10_000))
def test_a_box_in_a_view_converts_back_to_its_pixels(
    height: int, width: int, turns: int, mirrored: bool, seed: int
) -> None:
    rng, view = np.random.default_rng(seed), View(turns, mirrored)
    image = np.arange(height * width).reshape(height, width)
    seen = view.show(image)
    x0, x1 = sorted(rng.integers(0, seen.shape[1] + 1, 2))
    y0, y1 = sorted(rng.integers(0, seen.shape[0] + 1, 2))
    back = view.back([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], image.shape)
    (left, top), (right, bottom) = back.min(axis=0).astype(int), back.max(axis=0).astype(int)
    assert sorted(image[top:bottom, left:right].ravel()) == sorted(seen[y0:y1, x0:x1].ravel())


@given(st.integers(0, 3), st.booleans(), st.floats(0, 1), st.floats(0, 1))
def test_corners_keep_their_reading_order(turns: int, mirrored: bool, x: float, y: float) -> None:
    """A point at relative position (x, y) of the view keeps this position between the converted corners."""
    view, shape = View(turns, mirrored), (20, 30)
    high, wide = view.show(np.zeros(shape)).shape
    corners = view.back([(0, 0), (wide, 0), (0, high)], shape)
    point = view.back([(x * wide, y * high)], shape)[0]
    assert np.allclose(point, corners[0] + x * (corners[1] - corners[0]) + y * (corners[2] - corners[0]))


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 3), st.booleans())
def test_undo_restores_the_image_that_show_turned(height: int, width: int, turns: int, mirrored: bool) -> None:
    view, image = View(turns, mirrored), np.arange(height * width).reshape(height, width)
    assert np.array_equal(view.undo(view.show(image)), image)
    assert np.array_equal(view.undo(np.stack([view.show(image)] * 2)), np.stack([image] * 2))


def test_views_lists_turns_and_mirrored_turns() -> None:
    assert views(2, True) == (View(0), View(1), View(0, True), View(1, True))
    assert len(views(4, False)) == 4
