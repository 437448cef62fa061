"""Fill masked pixels plainly, so that the erased places stay visible: flat, with noise, or black."""

from collections.abc import Callable
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from preprocess.images import Array
from preprocess.mask import Mask, mask_parts

Values = NDArray[Any]


def flat_fill(image: Array, mask: Mask) -> Array:
    """Fill each connected part of the mask with the median of the pixels around it.

    Args:
        image: (H, W) or (H, W, 3), uint8 or uint16; not modified.
        mask: (H, W) bool, True on the pixels to fill.
    """
    return _fill_parts(image, mask, lambda around, _: np.median(around, axis=0))


def noise_fill(image: Array, mask: Mask) -> Array:
    """Fill each connected part of the mask with normal noise that has the mean and variance of the pixels around it.

    The random seed is computed from these pixels, so that a film always gets the same noise. See `flat_fill` for the
    arguments.
    """

    def noise(around: Values, count: int) -> Values:
        draws = np.random.default_rng(crc32(around.tobytes())).standard_normal(count)
        return np.asarray(around.mean(axis=0) + np.multiply.outer(draws, around.std(axis=0)))

    return _fill_parts(image, mask, noise)


def box_fill(image: Array, mask: Mask) -> Array:
    """Set the masked pixels to 0; see `flat_fill` for the arguments."""
    filled: Array = image.copy()
    filled[mask] = 0
    return filled


def _fill_parts(image: Array, mask: Mask, values: Callable[[Values, int], Values]) -> Array:
    """Fill each connected part with `values(pixels around it, number of its pixels)`.

    If the whole film is masked, its own pixels are used instead.
    """
    filled: Array = image.copy()
    for window, part in mask_parts(mask, lambda *sides: max(4, min(sides) // 2)):
        around = image[window][~mask[window]]
        around = image[~mask] if not len(around) else around
        around = image[mask] if not len(around) else around
        levels = values(around, int(part.sum()))
        filled[window][part] = np.clip(np.round(levels), 0, np.iinfo(image.dtype).max).astype(image.dtype)
    return filled
