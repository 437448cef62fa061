"""Detect the JPEG blocks of a film, and continue the blocks that a hole cuts.

A JPEG block is flat or holds a few waves. A step inside a block, which JPEG could not have written, is the clearest
sign of a filled place.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.inpainting.source import Plane, reduce_plane
from preprocess.mask import BLOCK, Mask, mask_parts, sample

SAME = 0.1  # squared grey levels; parts of two blocks that differ by less after levelling are the same

LEVEL_WEIGHT = 0.02  # weight of a squared difference in brightness between two blocks, beside that in pattern

FILL_WEIGHT = 0.02  # weight of the squared difference between a block and the filled content

MIN_KNOWN = 1 / 16  # of a block must be known, so that it can be compared with others

MAX_BLOCKS = 4000  # whole blocks that are searched

MAX_STEP = 2 / 255  # of the grey range; higher steps count as this

LINES = 300  # approximate number of rows, and of columns, in which steps are measured

RISE, MIN_RISE = 3.0, 1 / 255  # ringing has waves this many times as high as blocks nearby, and higher by this

NEARBY = 5  # side of the square of blocks that are nearby


Blocks = NDArray[np.float32]  # (N, BLOCK * BLOCK * C), grey levels

Sums = NDArray[np.float64]

Indices = NDArray[np.int64]


def blockiness(grey: Plane) -> float:
    """Return the ratio of the steps between pixels at multiples of 8 to the steps elsewhere, for an (H, W) film.

    The ratio is about 1 if the film has no JPEG blocks, and exactly 1 if a side is shorter than two blocks. Steps are
    limited to MAX_STEP, so that an anatomical edge along a block border does not count as a block. The ratio is
    computed for rows and columns, and the smaller is returned.
    """
    if min(grey.shape) < 2 * BLOCK:
        return 1.0
    ratios = []
    for lines in (grey, grey.T):
        sampled = lines[:: max(1, len(lines) // LINES)]
        steps = np.minimum(np.abs(np.diff(sampled)), MAX_STEP).mean(axis=0)
        others = np.delete(steps, np.s_[BLOCK - 1 :: BLOCK])
        ratios.append(float(steps[BLOCK - 1 :: BLOCK].mean() / max(others.mean(), 1e-9)))
    return min(ratios)


def whole_blocks(mask: Mask) -> Mask:
    """Extend an (H, W) mask to the whole of each JPEG block that it touches."""
    return _expand(_block_means(mask) > 0, mask.shape)


def find_ringing(grey: Plane, mask: Mask, printed: Mask) -> Mask:
    """Return the (H, W) mask of the JPEG blocks in which ringing of a marker remains.

    JPEG spreads the edge of a letter over its block, so the outline of an erased letter could be read from the waves.
    A block is returned as a whole if the marker touches it and its pixels outside the mask show waves.

    Args:
        grey: (H, W) film with its markers.
        mask: (H, W) pixels that are erased in any case.
        printed: (H, W) pixels of the markers themselves. Blocks that they do not touch cannot hold their ringing.
    """
    ringing_blocks = np.zeros_like(mask)
    for window, _ in mask_parts(printed, lambda *_: NEARBY * BLOCK):
        ringing_blocks[window] |= _ringing(grey[window], mask[window], printed[window])
    return ringing_blocks


def _ringing(grey: Plane, mask: Mask, printed: Mask) -> Mask:
    waves = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    beyond = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    visible, wave_sums, touched = _block_means(beyond), _block_means(waves * beyond), _block_means(printed) > 0
    near_visible, near_waves = (cv2.blur(np.where(touched, 0, part), (NEARBY, NEARBY)) for part in (visible, wave_sums))
    usual = near_waves / np.maximum(near_visible, 1e-6)
    rings = (visible == 0) | (wave_sums > (RISE * usual + MIN_RISE) * visible)
    return _expand(touched & rings, mask.shape)


def _block_means(plane: NDArray[Any]) -> Plane:
    """Return the mean of each block. Pixels beyond the film count as 0."""
    beyond = [(0, -side % BLOCK) for side in plane.shape]
    return reduce_plane(np.pad(plane.astype(np.float32), beyond), BLOCK)


def _expand(blocks: Mask, shape: tuple[int, ...]) -> Mask:
    return blocks.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)[: shape[0], : shape[1]]


def mend_blocks(film: NDArray[np.uint8], unknown: Mask, hole: Mask) -> None:
    """Complete the JPEG blocks that a hole cuts, in place. Only pixels of the hole change.

    If the known part of a cut block equals that of a whole block elsewhere, apart from the level, the rest is copied
    from the whole block. On a film without JPEG blocks, almost no parts are equal.

    Args:
        film: (H, W) or (H, W, C) film in which the hole is already filled. Its first pixel is the first of a block.
        unknown: (H, W), True on pixels that must not be used: this hole and others.
        hole: (H, W), True on the filled pixels.
    """
    if min(film.shape[:2]) < BLOCK:
        return
    known, in_hole = (reduce_plane(part.astype(np.float32), BLOCK) for part in (~unknown, hole))  # fractions of blocks
    cut, whole = np.argwhere((in_hole > 0) & (known >= MIN_KNOWN)), sample(known == 1, MAX_BLOCKS)
    if not len(cut) or not len(whole):
        return
    planes = np.atleast_3d(film)
    visible, filled = (np.broadcast_to(part[..., None], planes.shape) for part in (~unknown, hole))
    cut_pixels, whole_pixels = _pixels(cut), _pixels(whole)
    wanted = _rows(planes[cut_pixels]).astype(np.float32)
    sources = _rows(planes[whole_pixels]).astype(np.float32)
    chosen, level = _choose_blocks(wanted, sources, _rows(visible[cut_pixels]), _rows(filled[cut_pixels]))
    mended = np.clip(sources[chosen] + level[:, None], 0, 255)
    mended = np.where(_rows(filled[cut_pixels]) & (chosen >= 0)[:, None], mended, wanted)
    planes[cut_pixels] = mended.reshape(planes[cut_pixels].shape).astype(np.uint8)


def _pixels(blocks: Indices) -> tuple[Indices, Indices]:
    """Return the row and column indices of the (N, BLOCK, BLOCK) pixels of N blocks."""
    rows, columns = (BLOCK * blocks[:, axis, None] + np.arange(BLOCK) for axis in (0, 1))
    return rows[:, :, None], columns[:, None, :]


def _rows(values: NDArray[Any]) -> NDArray[Any]:
    return values.reshape(len(values), -1)


def _choose_blocks(wanted: Blocks, offered: Blocks, known: Mask, filled: Mask) -> tuple[NDArray[np.int64], Blocks]:
    """Return, for each cut block, the whole block that fits best, or -1 if none does, and the level to add to it."""
    count = known.sum(axis=1)[:, None]
    total, squares = _differences(wanted, offered, known)
    level = np.rint(total / count)
    misfit = squares / count - (total / count) ** 2
    total, squares = _differences(wanted, offered, filled)
    squares_in_hole = squares - 2 * level * total
    fill_misfit = squares_in_hole / filled.sum(axis=1)[:, None] + level**2
    cost = np.where(misfit <= SAME, misfit + LEVEL_WEIGHT * level**2 + FILL_WEIGHT * fill_misfit, np.inf)
    best = cost.argmin(axis=1)
    rows = np.arange(len(wanted))
    return np.where(np.isfinite(cost[rows, best]), best, -1), np.asarray(level[rows, best], np.float32)


def _differences(wanted: Blocks, offered: Blocks, where: Mask) -> tuple[Sums, Sums]:
    """Return the sums of the differences between each cut and each whole block, and of their squares.

    The sums are whole numbers below 2**24, so they are exact in float32, whatever the order of addition.
    """
    weights = where.astype(np.float32)
    seen = wanted * weights
    products = (weights @ offered.T, weights @ (offered * offered).T, seen @ offered.T)
    others, squared, crossed = (product.astype(np.float64) for product in products)
    total = seen.sum(axis=1)[:, None] - others
    return total, (seen * wanted).sum(axis=1)[:, None] + squared - 2 * crossed
