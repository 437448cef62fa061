"""Fill masked pixels as if nothing had been there: anatomy goes on, and so does its grain."""

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.images import Array
from preprocess.inpainting.field import field_of, sides
from preprocess.inpainting.jpeg_blocks import mend_blocks
from preprocess.inpainting.seam import Values, join
from preprocess.inpainting.source import POOR, Plane, Shift, Source, find_source
from preprocess.mask import Mask, Window, mask_parts, window_around

REACH = 3  # content is looked for within so many lengths of the hole

LEAST_REACH_PX = 64

PARTS = 8  # a hole whose source is poor is split down to one part of so many: each takes as long as the whole

GAIN = 0.7  # ... and only if the misfit falls to such a share

SEAM_PX = (14, 40)  # how much of the surroundings, least and most, tells of the seam and the grain

GLOW = 0.1  # of the grey range: smaller differences at the seam are carried into the hole in any case

OUTLIER = 6  # times the median difference from the median: larger ones are not

EVEN_CHANGE = 0.02  # of the grey range: ground that was to be changed by more is none, but in the place of anatomy

EVEN_PX = 9  # a square of one value, this large, is ground without content

SMALLEST = 64  # pixels: smaller holes are not split again


Part = tuple[Mask, Source | None]  # of a hole


def inpaint(image: Array, mask: Mask) -> Array:
    """Fill the masked pixels without a trace; return all others unchanged.

    Each separate part of the mask gets real content of the same film, from the place whose surroundings are most
    like its own, levelled and joined at the seam; JPEG's blocks that the seam cuts are mended. Nothing is drawn at
    random: a film always gives the same. A film that is masked all over becomes flat, at its median.

    Args:
        image: (H, W) or (H, W, 3), uint8 or uint16; not modified.
        mask: (H, W) bool, True on marker pixels.
    Raises:
        ValueError: mask and image differ in height or width.
    """
    if mask.shape != image.shape[:2]:
        raise ValueError(f"the mask is {mask.shape}, the image {image.shape[:2]} (height, width)")
    if image.ndim == 3 and (image == image[..., :1]).all():  # grey in three channels stays so, in a third of the time
        return np.repeat(inpaint(image[..., 0], mask)[..., None], image.shape[2], axis=2)
    filled: Array = image.copy()
    if mask.all():
        filled[:] = np.median(image, axis=(0, 1)).astype(image.dtype)
        return filled
    field, dark = field_of(grey_of(image), mask)
    for window, part in mask_parts(mask, lambda *lengths: max(REACH * max(lengths), LEAST_REACH_PX)):
        for side in sides(part, field[window], dark[window]):
            _fill_hole(filled[window], mask[window] | ~side, part & side)
        if filled.dtype == np.uint8:
            mend_blocks(filled[window], mask[window], part)
    return filled


def _fill_hole(film: Array, unknown: Mask, hole: Mask) -> None:
    """Fill a hole in place; `unknown` holds it and all other holes."""
    grey, least = grey_of(film), int(hole.sum()) // PARTS
    for part, source in _parted(grey, unknown, (hole, find_source(grey, unknown, hole)), least):
        _write(film, unknown, part, None if source is None else source.shift)
        unknown = unknown & ~part


def _parted(grey: Plane, unknown: Mask, whole: Part, least: int) -> list[Part]:
    """A hole with its source; where that is unlike it, both halves with theirs if these are much more like them."""
    hole, source = whole
    enough = SMALLEST if source is None else max(SMALLEST, least)
    if hole.sum() <= enough or (source and source.misfit <= POOR):
        return [whole]
    halves = [(half, find_source(grey, unknown, half, part=True)) for half in _halves(hole)]
    if source and _misfit(halves) > GAIN * source.misfit:
        return [whole]
    return [part for half in halves for part in _parted(grey, unknown, half, least)]


def _misfit(parts: list[Part]) -> float:
    """Mean over their area; infinite where one has no source."""
    misfits = [np.inf if source is None else source.misfit for _, source in parts]
    return float(np.average(misfits, weights=[part.sum() for part, _ in parts]))


def _write(film: Array, unknown: Mask, hole: Mask, shift: Shift | None) -> None:
    """Put what lies a shift away into the hole, joined at the seam."""
    margin = max(SEAM_PX[0], min(SEAM_PX[1], round(float(np.sqrt(hole.sum())) / 3)))
    near, known = window_around(hole, margin), ~unknown
    copied = _copied(film, shift, near)
    usable = known[near] & ((shift is None) | (_copied(known, shift, near)[..., 0] > 0))
    if not usable.any():
        film[hole] = np.median(film[known], axis=0).astype(film.dtype) if known.any() else 0
        return
    grey = _channels(film[near]).mean(axis=2)
    differences = _channels(film[near]) - copied
    usable = _without_outliers(differences, usable, hole[near], GLOW * np.iinfo(film.dtype).max)
    values = copied + join(differences, usable, grey, known[near])
    even = _even(copied) & np.isin(copied, film[near][_even(film[near]) & known[near]]).all(axis=2)
    even &= (np.abs(values - copied) <= EVEN_CHANGE * np.iinfo(film.dtype).max).all(axis=2)
    values = np.where(even[..., None], copied, values)
    levels = np.clip(np.rint(values), 0, np.iinfo(film.dtype).max).astype(film.dtype)
    film[near][hole[near]] = levels.reshape(film[near].shape)[hole[near]]


def _without_outliers(differences: Values, usable: Mask, hole: Mask, least: float) -> Mask:
    """Leave out the pixels at the seam whose differences are far from most: they would glow into the hole."""
    seam = usable & (cv2.dilate(hole.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
    if not seam.any():
        return usable
    grey = differences.mean(axis=2)
    away = np.abs(grey - np.median(grey[seam]))
    most = max(least, OUTLIER * float(np.median(away[seam])))
    return np.asarray(usable & (away <= most))


def _even(film: NDArray[np.generic]) -> Mask:
    """Where all of a pixel's surroundings have its value, as outside the collimated field."""
    square = np.ones((EVEN_PX, EVEN_PX), np.uint8)
    planes = _channels(film)
    same = cv2.dilate(planes, square) == cv2.erode(planes, square)
    return np.asarray(same.reshape(planes.shape).all(axis=2))


def grey_of(film: Array) -> Plane:
    """Return (H, W) grey levels from 0 to 1."""
    values = film.mean(axis=2, dtype=np.float32) if film.ndim == 3 else film
    return np.asarray(np.divide(values, np.iinfo(film.dtype).max, dtype=np.float32))


def _channels(values: NDArray[np.generic]) -> Values:
    return np.atleast_3d(values).astype(np.float32)


def _halves(hole: Mask) -> tuple[Mask, Mask]:
    """The hole cut across its longer side; neither half is empty, even if most of it lies on its far side."""
    rows, columns = np.nonzero(hole)
    axis = 0 if np.ptp(rows) >= np.ptp(columns) else 1
    first = hole.copy()
    places = (rows, columns)[axis]
    middle = min(int(np.median(places)) + 1, int(places.max()))
    first[(slice(None),) * axis + (slice(middle, None),)] = False
    return first, hole & ~first


def _copied(values: NDArray[np.generic], shift: Shift | None, near: Window) -> Values:
    """What lies a shift away from each pixel near a hole, as (H, W, C); 0 beyond the border, or without a shift."""
    here = [side.indices(n)[:2] for side, n in zip(near, values.shape, strict=False)]
    moved = np.zeros((*(stop - start for start, stop in here), *np.atleast_3d(values).shape[2:]), np.float32)
    if shift is not None:
        (to_y, from_y), (to_x, from_x) = (
            _overlap(*side, s, n) for side, s, n in zip(here, shift, values.shape, strict=False)
        )
        moved[to_y, to_x] = np.atleast_3d(values[from_y, from_x])
    return moved


def _overlap(start: int, stop: int, shift: int, length: int) -> tuple[slice, slice]:
    """Of the pixels from start to stop, those that something lies a shift away from, and that."""
    first = max(start, -shift)
    last = max(min(stop, length - shift), first)
    return slice(first - start, last - start), slice(first + shift, last + shift)
