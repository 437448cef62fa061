import numpy as np
import pytest

from preprocess.inpainting.plain_fills import box_fill, flat_fill, noise_fill

from ..conftest import film

MASK = np.zeros((120, 90), bool)
MASK[40:60, 50:80] = True


@pytest.mark.parametrize("shape", [(120, 90), (120, 90, 3)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("fill", [flat_fill, noise_fill, box_fill])
def test_only_masked_pixels_change(fill: object, shape: tuple[int, ...], dtype: str) -> None:
    image = film(shape=shape, dtype=dtype)
    before = image.copy()
    filled = fill(image, MASK)
    assert filled.dtype == image.dtype
    assert np.array_equal(image, before)
    assert np.array_equal(filled[~MASK], before[~MASK])
    assert not np.array_equal(filled[MASK], before[MASK])


def test_a_flat_fill_is_the_median_around_it_and_a_box_is_black() -> None:
    image = film()
    filled = flat_fill(image, MASK)[MASK]
    assert len(np.unique(filled)) == 1
    assert abs(int(filled[0]) - 60) <= 1
    assert (box_fill(image, MASK)[MASK] == 0).all()


def test_noise_has_the_mean_and_variance_around_it_and_is_reproducible() -> None:
    image = film()
    filled = noise_fill(image, MASK)[MASK].astype(float)
    assert filled.mean() == pytest.approx(60, abs=1)
    assert filled.std() == pytest.approx(4, abs=0.5)
    assert np.array_equal(noise_fill(image, MASK), noise_fill(image, MASK))


def test_noise_in_three_equal_channels_is_equal() -> None:
    filled = noise_fill(np.dstack([film()] * 3), MASK)
    assert (filled == filled[..., :1]).all()


def test_each_marker_is_filled_from_its_own_surroundings() -> None:
    image = np.full((60, 100), 40, np.uint8)
    image[:, 50:] = 200
    mask = np.zeros((60, 100), bool)
    mask[20:30, 10:20] = mask[20:30, 80:90] = True
    filled = flat_fill(image, mask)
    assert (filled[20:30, 10:20] == 40).all()
    assert (filled[20:30, 80:90] == 200).all()


@pytest.mark.parametrize("fill", [flat_fill, noise_fill])
def test_a_marker_that_covers_the_film_leaves_no_trace_of_itself(fill: object) -> None:
    image = np.full((8, 8), 7, np.uint8)
    assert (fill(image, np.ones((8, 8), bool)) == 7).all()
