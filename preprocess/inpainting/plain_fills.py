"""Fills that do not hide that something was erased: flat, noise, black."""

from collections.abc import Callable
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from preprocess.images import Array
from preprocess.mask import Mask, mask_parts

Values = NDArray[Any]


def flat_fill(image: Array, mask: Mask) -> Array:
    """Give each part of the mask the median of what is around it.

    Args:
        image: (H, W) or (H, W, 3), uint8 or uint16; not modified.
        mask: (H, W) bool, True where to erase.
    """
    return _fill_parts(image, mask, lambda around, _: np.median(around, axis=0))


def noise_fill(image: Array, mask: Mask) -> Array:
    """Give each part of the mask normal noise of its surroundings' mean and variance; see `flat_fill`.

    The noise is drawn from the surroundings' own bytes, so that a film always gets the same.
    """

    def noise(around: Values, count: int) -> Values:
        draws = np.random.default_rng(crc32(around.tobytes())).standard_normal(count)
        return np.asarray(around.mean(axis=0) + np.multiply.outer(draws, around.std(axis=0)))

    return _fill_parts(image, mask, noise)


def box_fill(image: Array, mask: Mask) -> Array:
    """Make the masked pixels 0; see `flat_fill`."""
    filled: Array = image.copy()
    filled[mask] = 0
    return filled


def _fill_parts(image: Array, mask: Mask, values: Callable[[Values, int], Values]) -> Array:
    """`values` takes the (N, ...) pixels around a part and the number of its pixels. Films masked whole: themselves."""
    filled: Array = image.copy()
    for window, part in mask_parts(mask, lambda *sides: max(4, min(sides) // 2)):
        around = image[window][~mask[window]]
        around = image[~mask] if not len(around) else around
        around = image[mask] if not len(around) else around
        drawn = values(around, int(part.sum()))
        filled[window][part] = np.clip(np.round(drawn), 0, np.iinfo(image.dtype).max).astype(image.dtype)
    return filled
