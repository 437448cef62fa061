"""Tell a film's blocks of JPEG, and let those that a hole cuts go on in it as blocks do: flat, or with a few waves.

A step inside a block, which JPEG could not have written, tells of a filled place more surely than anything else.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.inpainting.source import Plane, reduced
from preprocess.mask import BLOCK, Mask, mask_parts, sample

SAME = 0.1  # grey levels, squared: known parts of two blocks that differ by less, but for their level, are the same

OTHER_LEVEL = 0.02  # weight of a block's other brightness, squared, beside its other pattern

AS_FILLED = 0.02  # ... and of how far it is, squared, from what the hole is filled with

LEAST_KNOWN = 1 / 16  # of a block, by which it is likened to others

MOST = 4000  # blocks that are looked through

HIGH_STEP = 2 / 255  # of the grey range: steps are counted up to it

LINES = 300  # rows, and columns, by which a film's steps are told

RISE, LEAST_RISE = 3.0, 1 / 255  # a marker's ringing waves by so many times, and so much, more than blocks nearby

NEARBY = 5  # blocks across


Blocks = NDArray[np.float32]  # (N, BLOCK * BLOCK * C), grey levels

Sums = NDArray[np.float64]

Places = NDArray[np.int64]


def blockiness(grey: Plane) -> float:
    """Return by how many times steps between the pixels of an (H, W) film are higher at multiples of 8 than elsewhere.

    About 1 where no JPEG left its blocks. High steps count no more than low ones: an edge along a border of blocks is
    none of theirs, and of both directions the one in which they show less counts.
    """
    if min(grey.shape) < 2 * BLOCK:
        return 1.0
    shown = []
    for lines in (grey, grey.T):
        some = lines[:: max(1, len(lines) // LINES)]
        steps = np.minimum(np.abs(np.diff(some)), HIGH_STEP).mean(axis=0)
        others = np.delete(steps, np.s_[BLOCK - 1 :: BLOCK])
        shown.append(float(steps[BLOCK - 1 :: BLOCK].mean() / max(others.mean(), 1e-9)))
    return min(shown)


def whole_blocks(mask: Mask) -> Mask:
    """Return the (H, W) mask with all of each block that it touches."""
    return _spread(_by_blocks(mask) > 0, mask.shape)


def ringing(grey: Plane, mask: Mask, printed: Mask) -> Mask:
    """Return where a marker's waves are left, (H, W): all of a block that it touches, if it waves beyond the mask.

    JPEG spreads a letter's edge over its blocks, so that its outline could be read there when it is gone.

    Args:
        grey: (H, W), the film with its markers.
        mask: what is erased in any case.
        printed: the markers themselves; blocks that they do not touch hold nothing of them.
    """
    taken = np.zeros_like(mask)
    for window, _ in mask_parts(printed, lambda *_: NEARBY * BLOCK):
        taken[window] |= _ringing(grey[window], mask[window], printed[window])
    return taken


def _ringing(grey: Plane, mask: Mask, printed: Mask) -> Mask:
    waves = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    beyond = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    seen, waving, touched = _by_blocks(beyond), _by_blocks(waves * beyond), _by_blocks(printed) > 0
    some, others = (cv2.blur(np.where(touched, 0, part), (NEARBY, NEARBY)) for part in (seen, waving))
    usual = others / np.maximum(some, 1e-6)
    rings = (seen == 0) | (waving > (RISE * usual + LEAST_RISE) * seen)
    return _spread(touched & rings, mask.shape)


def _by_blocks(plane: NDArray[Any]) -> Plane:
    """The mean of each block; beyond the film there is nothing."""
    beyond = [(0, -side % BLOCK) for side in plane.shape]
    return reduced(np.pad(plane.astype(np.float32), beyond), BLOCK)


def _spread(blocks: Mask, shape: tuple[int, ...]) -> Mask:
    return blocks.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)[: shape[0], : shape[1]]


def mend_blocks(film: NDArray[np.uint8], unknown: Mask, hole: Mask) -> None:
    """Where a cut block's known part is the same as a whole block's, but for the level, let the rest follow that.

    In place; only pixels of the hole change. Where no JPEG left its blocks, next to nothing is the same.

    Args:
        film: (H, W) or (H, W, C), the hole already filled; its first pixel is a block's.
        unknown: (H, W), pixels that are not to be gone by: the hole, and other holes.
    """
    if min(film.shape[:2]) < BLOCK:
        return
    known, taken = (reduced(part.astype(np.float32), BLOCK) for part in (~unknown, hole))  # shares of the blocks
    cut, whole = np.argwhere((taken > 0) & (known >= LEAST_KNOWN)), sample(known == 1, MOST)
    if not len(cut) or not len(whole):
        return
    planes = np.atleast_3d(film)
    seen, filled = (np.broadcast_to(part[..., None], planes.shape) for part in (~unknown, hole))
    here, there = _pixels(cut), _pixels(whole)
    wanted, sources = _rows(planes[here]).astype(np.float32), _rows(planes[there]).astype(np.float32)
    chosen, level = _chosen(wanted, sources, _rows(seen[here]), _rows(filled[here]))
    mended = np.clip(sources[chosen] + level[:, None], 0, 255)
    mended = np.where(_rows(filled[here]) & (chosen >= 0)[:, None], mended, wanted)
    planes[here] = mended.reshape(planes[here].shape).astype(np.uint8)


def _pixels(blocks: Places) -> tuple[Places, Places]:
    """The index of the (N, BLOCK, BLOCK) pixels of N blocks."""
    rows, columns = (BLOCK * blocks[:, axis, None] + np.arange(BLOCK) for axis in (0, 1))
    return rows[:, :, None], columns[:, None, :]


def _rows(values: NDArray[Any]) -> NDArray[Any]:
    return values.reshape(len(values), -1)


def _chosen(wanted: Blocks, offered: Blocks, known: Mask, filled: Mask) -> tuple[NDArray[np.int64], Blocks]:
    """Of the offered blocks the one for each cut block, -1 where none is the same, and the level to add to it."""
    count = known.sum(axis=1)[:, None]
    total, squares = _differences(wanted, offered, known)
    level = np.rint(total / count)
    misfit = squares / count - (total / count) ** 2
    total, squares = _differences(wanted, offered, filled)
    beyond = squares - 2 * level * total
    as_filled = beyond / filled.sum(axis=1)[:, None] + level**2
    cost = np.where(misfit <= SAME, misfit + OTHER_LEVEL * level**2 + AS_FILLED * as_filled, np.inf)
    best = cost.argmin(axis=1)
    rows = np.arange(len(wanted))
    return np.where(np.isfinite(cost[rows, best]), best, -1), np.asarray(level[rows, best], np.float32)


def _differences(wanted: Blocks, offered: Blocks, where: Mask) -> tuple[Sums, Sums]:
    """The sum of the differences of each wanted block from each offered one, and that of their squares.

    Sums of whole numbers below 2**24, so they are exact however the products are added up.
    """
    weights = where.astype(np.float32)
    seen = wanted * weights
    products = (weights @ offered.T, weights @ (offered * offered).T, seen @ offered.T)
    others, squared, crossed = (product.astype(np.float64) for product in products)
    total = seen.sum(axis=1)[:, None] - others
    return total, (seen * wanted).sum(axis=1)[:, None] + squared - 2 * crossed
