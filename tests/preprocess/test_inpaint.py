import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.inpaint import inpaint


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 24),
    st.integers(1, 24),
    st.sampled_from([np.uint8, np.uint16]),
    st.booleans(),
    st.floats(0, 1),
    st.integers(0, 10_000),
)
def test_pixels_outside_the_mask_are_identical(
    height: int, width: int, kind: type, colour: bool, share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    shape = (height, width, 3) if colour else (height, width)
    image = rng.integers(0, np.iinfo(kind).max + 1, shape, dtype=kind)
    before, mask = image.copy(), rng.random((height, width)) < share
    filled = inpaint(image, mask)
    assert filled.dtype == kind
    assert filled.shape == shape
    assert np.array_equal(filled[~mask], before[~mask])
    assert np.array_equal(image, before)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_marker_on_an_even_ground_vanishes(kind: type) -> None:
    image = np.full((60, 60), 100, kind)
    mask = np.zeros((60, 60), bool)
    mask[20:35, 0:30] = True  # reaches the border
    image[mask] = 255
    assert (np.abs(inpaint(image, mask).astype(int) - 100) <= 3).all()  # OpenCV rounds on its way


def test_a_slope_goes_on_under_the_mask() -> None:
    slope = np.tile(np.arange(0, 20000, 200, dtype=np.uint16), (100, 1))
    mask = np.zeros((100, 100), bool)
    mask[40:60, 45:55] = True
    marked = np.where(mask, 65535, slope).astype(np.uint16)
    assert np.abs(inpaint(marked, mask).astype(int) - slope).max() < 1500


def test_a_film_masked_all_over_becomes_flat() -> None:
    filled = inpaint(np.arange(9, dtype=np.uint8).reshape(3, 3), np.ones((3, 3), bool))
    assert (filled == 4).all()


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"the mask is \(3, 3\), the image \(4, 4\)"):
        inpaint(np.zeros((4, 4), np.uint8), np.zeros((3, 3), bool))
