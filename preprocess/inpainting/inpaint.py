"""Fill masked pixels without visible traces, by continuing the anatomy and the grain around them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.images import Array
from preprocess.inpainting.field import find_field, split_by_field
from preprocess.inpainting.jpeg_blocks import mend_blocks
from preprocess.inpainting.seam import Values, blend_seam
from preprocess.inpainting.source import POOR, Plane, Shift, Source, find_source
from preprocess.mask import Mask, Window, mask_parts, window_around

REACH = 3  # a source is searched within this many lengths of the hole

MIN_REACH_PX = 64

PARTS = 8  # parts below 1/8 of a hole are not split again, because each search takes as long as that for the whole hole

MAX_MISFIT_RATIO = 0.7  # a hole is split only if the misfit falls to this fraction

SEAM_PX = (14, 40)  # smallest and largest margin of surroundings that are used to join the seam and match the grain

GLOW = 0.1  # of the grey range; smaller differences at the seam are never outliers

OUTLIER = 6  # differences that deviate from the median by more than this many median deviations are outliers

# of the grey range; even ground is copied without blending, unless blending would change it by more: then the source
# does not match, and the hole lies over anatomy
EVEN_CHANGE = 0.02

EVEN_PX = 9  # a square of one value with this side is even ground

MIN_PIXELS = 64  # smaller holes are not split


Part = tuple[Mask, Source | None]  # a part of a hole, and its source


def inpaint(image: Array, mask: Mask) -> Array:
    """Fill the masked pixels without visible traces, and return a new image. Other pixels do not change.

    Each connected part of the mask is filled with content of the same film, from the source whose surroundings are most
    similar. The content is adjusted in level and blended at the seam. JPEG blocks that the seam cuts are mended. The
    method uses no random numbers, so the result is reproducible. A film that is masked completely becomes flat, at its
    median.

    Args:
        image: (H, W) or (H, W, 3), uint8 or uint16; not modified.
        mask: (H, W) bool, True on the pixels to fill.
    Raises:
        ValueError: mask and image have different heights or widths.
    """
    if mask.shape != image.shape[:2]:
        raise ValueError(f"the mask is {mask.shape}, the image {image.shape[:2]} (height, width)")
    if image.ndim == 3 and (image == image[..., :1]).all():  # grey: filling one channel takes a third of the time
        return np.repeat(inpaint(image[..., 0], mask)[..., None], image.shape[2], axis=2)
    filled: Array = image.copy()
    if mask.all():
        filled[:] = np.median(image, axis=(0, 1)).astype(image.dtype)
        return filled
    field, dark = find_field(to_grey_levels(image), mask)
    for window, part in mask_parts(mask, lambda *lengths: max(REACH * max(lengths), MIN_REACH_PX)):
        for side in split_by_field(part, field[window], dark[window]):
            _fill_hole(filled[window], mask[window] | ~side, part & side)
        if filled.dtype == np.uint8:
            mend_blocks(filled[window], mask[window], part)
    return filled


def _fill_hole(film: Array, unknown: Mask, hole: Mask) -> None:
    """Fill a hole in place. `unknown` is True on this hole and on all others."""
    grey, min_pixels = to_grey_levels(film), int(hole.sum()) // PARTS
    for part, source in _split_hole(grey, unknown, (hole, find_source(grey, unknown, hole)), min_pixels):
        _copy_source(film, unknown, part, None if source is None else source.shift)
        unknown = unknown & ~part


def _split_hole(grey: Plane, unknown: Mask, whole: Part, min_pixels: int) -> list[Part]:
    """Split a hole into halves, recursively, as long as its source fits poorly and those of the halves fit better."""
    hole, source = whole
    limit = MIN_PIXELS if source is None else max(MIN_PIXELS, min_pixels)
    if hole.sum() <= limit or (source and source.misfit <= POOR):
        return [whole]
    halves = [(half, find_source(grey, unknown, half, part=True)) for half in _halves(hole)]
    if source and _mean_misfit(halves) > MAX_MISFIT_RATIO * source.misfit:
        return [whole]
    return [part for half in halves for part in _split_hole(grey, unknown, half, min_pixels)]


def _mean_misfit(parts: list[Part]) -> float:
    """Return the mean misfit, weighted by area; infinite if a part has no source."""
    misfits = [np.inf if source is None else source.misfit for _, source in parts]
    return float(np.average(misfits, weights=[part.sum() for part, _ in parts]))


def _copy_source(film: Array, unknown: Mask, hole: Mask, shift: Shift | None) -> None:
    """Fill the hole in place with the content at the given shift, and blend it at the seam."""
    margin = max(SEAM_PX[0], min(SEAM_PX[1], round(float(np.sqrt(hole.sum())) / 3)))
    near, known = window_around(hole, margin), ~unknown
    copied = _shifted(film, shift, near)
    usable = known[near] & ((shift is None) | (_shifted(known, shift, near)[..., 0] > 0))
    if not usable.any():
        film[hole] = np.median(film[known], axis=0).astype(film.dtype) if known.any() else 0
        return
    grey = _channels(film[near]).mean(axis=2)
    differences = _channels(film[near]) - copied
    usable = _without_outliers(differences, usable, hole[near], GLOW * np.iinfo(film.dtype).max)
    values = copied + blend_seam(differences, usable, grey, known[near])
    even = _even(copied) & np.isin(copied, film[near][_even(film[near]) & known[near]]).all(axis=2)
    even &= (np.abs(values - copied) <= EVEN_CHANGE * np.iinfo(film.dtype).max).all(axis=2)
    values = np.where(even[..., None], copied, values)
    levels = np.clip(np.rint(values), 0, np.iinfo(film.dtype).max).astype(film.dtype)
    film[near][hole[near]] = levels.reshape(film[near].shape)[hole[near]]


def _without_outliers(differences: Values, usable: Mask, hole: Mask, min_limit: float) -> Mask:
    """Exclude pixels whose differences are outliers at the seam. They would show as a glow inside the hole."""
    seam = usable & (cv2.dilate(hole.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
    if not seam.any():
        return usable
    grey = differences.mean(axis=2)
    deviation = np.abs(grey - np.median(grey[seam]))
    limit = max(min_limit, OUTLIER * float(np.median(deviation[seam])))
    return np.asarray(usable & (deviation <= limit))


def _even(film: NDArray[np.generic]) -> Mask:
    """Return a mask of the pixels in a uniform area, such as the area outside the collimated field."""
    square = np.ones((EVEN_PX, EVEN_PX), np.uint8)
    planes = _channels(film)
    same = cv2.dilate(planes, square) == cv2.erode(planes, square)
    return np.asarray(same.reshape(planes.shape).all(axis=2))


def to_grey_levels(film: Array) -> Plane:
    """Return the (H, W) grey levels of an image, scaled to 0 to 1."""
    values = film.mean(axis=2, dtype=np.float32) if film.ndim == 3 else film
    return np.asarray(np.divide(values, np.iinfo(film.dtype).max, dtype=np.float32))


def _channels(values: NDArray[np.generic]) -> Values:
    return np.atleast_3d(values).astype(np.float32)


def _halves(hole: Mask) -> tuple[Mask, Mask]:
    """Cut a hole in two across its longer side. Neither half is empty, even if most pixels lie at the far end."""
    rows, columns = np.nonzero(hole)
    axis = 0 if np.ptp(rows) >= np.ptp(columns) else 1
    first = hole.copy()
    positions = (rows, columns)[axis]
    middle = min(int(np.median(positions)) + 1, int(positions.max()))
    first[(slice(None),) * axis + (slice(middle, None),)] = False
    return first, hole & ~first


def _shifted(values: NDArray[np.generic], shift: Shift | None, near: Window) -> Values:
    """Return the (H, W, C) values of a window moved by `shift`; 0 beyond the border, or everywhere if it is None."""
    bounds = [side.indices(n)[:2] for side, n in zip(near, values.shape, strict=False)]
    moved = np.zeros((*(stop - start for start, stop in bounds), *np.atleast_3d(values).shape[2:]), np.float32)
    if shift is not None:
        (to_y, from_y), (to_x, from_x) = (
            _overlap(*side, s, n) for side, s, n in zip(bounds, shift, values.shape, strict=False)
        )
        moved[to_y, to_x] = np.atleast_3d(values[from_y, from_x])
    return moved


def _overlap(start: int, stop: int, shift: int, length: int) -> tuple[slice, slice]:
    """Return which pixels from start to stop are still inside the image after the shift, and where they are then."""
    first = max(start, -shift)
    last = max(min(stop, length - shift), first)
    return slice(first - start, last - start), slice(first + shift, last + shift)
