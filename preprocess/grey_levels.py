"""Decide which value of a film with more than 8 bits is white, and convert its grey levels.

A 16-bit file does not say how many of its bits the film uses, so the values have to. What is no film must not decide:
letters that a program burned in, white borders, hot pixels.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

DEPTHS = (8, 10, 12, 14, 16)  # bits that a film may use

FULL = 65535  # white of a film that uses all 16 bits

THIN_PX = 5  # bright lines and spots narrower than this do not count

SMALL_PX = 40  # images with a shorter side may consist of thin lines, which then count

PLATEAU = 0.0002  # share of the pixels from which the brightest value is a plateau: burned-in letters, a white border

HALO_PX = 6  # pixels this near to a plateau do not count: smoothed edges of letters

IGNORED = 0.005  # share of the pixels that may be brighter than white

INK = 0.05  # this share may be, if it is ink: letters with blurred edges, which have no plateau

INK_TIMES, INK_CORE = 3, 0.15  # ink: this share of these pixels is more than so many times as bright as white

FEW = 0.05  # if fewer pixels than this share are left to decide, all of them decide


class DeepImage(np.ndarray[Any, np.dtype[np.uint16]]):
    """A uint16 image, (H, W) or (H, W, 3), that knows its `white`: the value that becomes 255 in 8 bits.

    Copies, slices and other views keep `white`. The result of a calculation is an ordinary array, because its values
    mean something else.
    """

    white: int | None

    def __array_finalize__(self, source: Any) -> None:
        self.white = getattr(source, "white", None)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else np.asarray(array)

    def __reduce__(self) -> Any:
        return with_white, (np.asarray(self), self.white)


def with_white(values: NDArray[Any], white: int | None) -> DeepImage:
    """Return a view of a uint16 image that knows its white."""
    image = values.view(DeepImage)
    image.white = white
    return image


def white_of(image: NDArray[Any]) -> int:
    """Return the value of a uint8 or uint16 image that is white: the known one, else the one that its values show."""
    if image.dtype == np.uint8:
        return 255
    known = getattr(image, "white", None)
    return find_white(image) if known is None else int(known)


def find_white(image: NDArray[Any]) -> int:
    """Return the white of a uint16 image, (H, W) or (H, W, 3): 255, 1023, 4095, 16383 or 65535.

    It belongs to the smallest depth of `DEPTHS` that holds the film. These pixels do not count: lines and spots
    narrower than THIN_PX; the brightest value, if it covers at least the share PLATEAU, and the pixels up to HALO_PX
    beside it; the share IGNORED of the others; up to the share INK, if many of these pixels are so much brighter than
    white that they are no film.
    """
    grey = np.asarray(image if image.ndim == 2 else cv2.cvtColor(np.asarray(image), cv2.COLOR_RGB2GRAY))
    if grey.max() <= 255:
        return 255
    calm, counted = _without_thin_lines(grey), _away_from_plateau(grey)
    film = calm[counted] if counted.mean() >= FEW else calm.ravel()
    whites = ((1 << bits) - 1 for bits in DEPTHS)
    return next(white for white in whites if _holds(white, film))


def _holds(white: int, film: NDArray[Any]) -> bool:
    """Return whether a depth holds the film: whether so few pixels are brighter than its white, or they are ink."""
    brighter = film[film > white]
    if len(brighter) <= INK * film.size and (brighter > INK_TIMES * white).sum() >= INK_CORE * len(brighter):
        return True
    return len(brighter) <= IGNORED * film.size


def _without_thin_lines(grey: NDArray[Any]) -> NDArray[Any]:
    if min(grey.shape) < SMALL_PX:
        return grey
    return np.asarray(cv2.morphologyEx(grey, cv2.MORPH_OPEN, np.ones((THIN_PX, THIN_PX), np.uint8)))


def _away_from_plateau(grey: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which pixels lie neither on a plateau of the brightest value nor near it."""
    brightest = (grey == grey.max()).astype(np.uint8)
    if brightest.mean() < PLATEAU:
        return np.ones(grey.shape, bool)
    side = 2 * HALO_PX + 1
    return np.asarray(cv2.dilate(brightest, np.ones((side, side), np.uint8)) == 0)


def to_8_bits(values: NDArray[Any], white: int) -> NDArray[np.uint8]:
    """Return uint16 values as uint8: 0 stays 0, white and everything above it become 255."""
    levels = np.round(np.minimum(np.arange(FULL + 1), white) * (255.0 / white)).astype(np.uint8)
    return np.asarray(levels[np.asarray(values)])


def to_full_scale(values: NDArray[Any], white: int) -> NDArray[np.uint16]:
    """Return uint16 values so that white is 65535. `from_full_scale` returns exactly the values up to white."""
    return np.asarray(np.round(np.minimum(np.asarray(values), white) * (FULL / white)), np.uint16)


def from_full_scale(values: NDArray[Any], white: int) -> NDArray[np.uint16]:
    """Return values of the full 16-bit scale on the scale of a film whose white is given."""
    return np.asarray(np.round(np.asarray(values) * (white / FULL)), np.uint16)
