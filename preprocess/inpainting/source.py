"""Find where on a film the surroundings of a hole, and so its content, are found again."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.mask import Mask, Window, sample, window_around

Plane = NDArray[np.float32]  # (H, W), grey levels from 0 to 1

Shift = tuple[int, int]  # rows and columns from a hole to its source


COARSE_SIDE = 20  # a hole is about this wide, in pixels of the reduced film on which it is looked for

COARSE_FILM = 320  # and the film no wider than this

LEVEL = 0.15  # weight of a source's other brightness, beside its other pattern

ENERGY = 0.5  # weight of more, or less, structure inside than around

PRIOR = 0.1  # weight of content's likeness to the level around it, where surroundings do not enclose the hole

CANDIDATES = 3  # places on the reduced film that are looked at in full size

BORDER = 0.01  # of a film's longer side: a hole so near to the border has its source there too

POOR = 2e-3  # (4.5 % of the grey range) squared: a source so unlike is other anatomy, or ground in its place

SEAM = 2  # pixels around the hole in which content must fit

SAMPLES = 800  # pixels around the hole by which they are compared


@dataclass(frozen=True)
class Source:
    """Where content comes from, and how far its surroundings are from the hole's (mean square, reduced film)."""

    shift: Shift
    misfit: float


def find_source(grey: Plane, unknown: Mask, hole: Mask, *, part: bool = False) -> Source | None:
    """Return the shift to the place whose surroundings are most like the hole's; None where there is none.

    Brightness that differs by a constant counts little, since the fill is levelled afterwards.

    Args:
        unknown: pixels that cannot be a source, the hole included.
        part: the hole is part of a larger one, so that its surroundings are not all known.
    """
    factor = max(1, round(float(np.sqrt(hole.sum())) / COARSE_SIDE), -(-max(grey.shape) // COARSE_FILM))
    small = (reduced(grey, factor), _touched(unknown, factor), _touched(hole, factor))
    border, best = _along_border(hole), None
    for fixed in dict.fromkeys((border, None)):
        coarse = _coarse(*small, fixed, PRIOR if part or border is not None else 0.0)
        found = [Source((y * factor, x * factor), misfit) for y, x, misfit in coarse]
        source = _refined(grey, unknown, hole, found, factor, fixed)
        if source and (best is None or source.misfit < best.misfit):
            best = source
        if best and best.misfit <= POOR:
            break
    return best


def _along_border(hole: Mask) -> int | None:
    """The axis along which a source must not be shifted, so that a hole at the border gets what lies at the border."""
    reach = round(BORDER * max(hole.shape))
    sides = window_around(hole, 0)
    near = [side.start <= reach or side.stop >= n - reach for side, n in zip(sides, hole.shape, strict=True)]
    if all(near):
        lengths = [side.stop - side.start for side in sides]
        return 0 if lengths[1] >= lengths[0] else 1
    return near.index(True) if any(near) else None


def reduced(plane: Plane, factor: int) -> Plane:
    """Return the plane shrunk by a whole factor; what is left over at its far sides is cut off."""
    height, width = plane.shape[0] // factor, plane.shape[1] // factor
    even = plane[: height * factor, : width * factor]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def _touched(mask: Mask, factor: int) -> Mask:
    return reduced(mask.astype(np.float32), factor) > 0


def _sums(plane: NDArray[np.generic], weights: NDArray[np.generic]) -> Plane:
    """The weighted sum of a window at each of its places."""
    return np.asarray(cv2.matchTemplate(plane.astype(np.float32), weights.astype(np.float32), cv2.TM_CCORR))


def _coarse(grey: Plane, unknown: Mask, hole: Mask, fixed: int | None, prior: float) -> list[tuple[int, int, float]]:
    """Best shifts on the reduced film, and the misfit of each: of all places, without a loop, by correlation."""
    if not hole.any():
        return []
    window = window_around(hole, max(2, min(side.stop - side.start for side in window_around(hole, 0)) // 3))
    far = cv2.distanceTransform((~hole[window]).astype(np.uint8), cv2.DIST_L2, 3)
    ring = ~unknown[window]
    if not ring.any():
        return []
    weights = np.where(ring, 1 / (0.5 + far), 0)
    weights /= weights.sum()
    level = float((weights * grey[window]).sum())
    here = np.where(ring, grey[window], level)
    weights = (weights + prior * hole[window] / hole.sum()) / (1 + prior)
    means = _sums(grey, weights)
    spread = _sums(grey * grey, weights) - means**2 + float((weights * (here - level) ** 2).sum())
    misfit = spread - 2 * _sums(grey, weights * (here - level)) + LEVEL * (means - level) ** 2
    structure = _structure(grey)
    quiet = ring & (cv2.dilate(unknown.astype(np.uint8), np.ones((3, 3)))[window] == 0)
    around = float(structure[window][quiet].mean()) if quiet.any() else 0.0
    ranked = misfit + ENERGY * np.abs(_sums(structure, hole[window] / hole[window].sum()) - around)
    ranked[_sums(unknown, hole[window] | ring) > 0.5] = np.inf
    if fixed is not None:
        elsewhere = np.arange(ranked.shape[fixed]) != window[fixed].start
        np.moveaxis(ranked, fixed, 0)[elsewhere] = np.inf
    return _lowest(ranked, misfit, (window[0].start, window[1].start), max(2, hole[window].shape[0] // 4))


def _structure(grey: Plane) -> Plane:
    across, down = (cv2.Sobel(grey, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
    return np.asarray(across * across + down * down, np.float32)


def _lowest(ranked: Plane, misfit: Plane, start: Shift, apart: int) -> list[tuple[int, int, float]]:
    found = []
    for _ in range(CANDIDATES):
        y, x = divmod(int(ranked.argmin()), misfit.shape[1])
        if not np.isfinite(ranked[y, x]):
            break
        found.append((y - start[0], x - start[1], max(float(misfit[y, x]), 0.0)))
        ranked[max(y - apart, 0) : y + apart + 1, max(x - apart, 0) : x + apart + 1] = np.inf
    return found


def _refined(
    grey: Plane,
    unknown: Mask,
    hole: Mask,
    sources: list[Source],
    reach: int,
    fixed: int | None,
) -> Source | None:
    """Of all shifts near the given ones the one that fits best in full size; None where no source is whole."""
    window = window_around(hole, SEAM)
    near = cv2.dilate(hole[window].astype(np.uint8), np.ones((2 * SEAM + 1, 2 * SEAM + 1))) > 0
    start = np.array([side.start for side in window])
    ring, inside = start + sample(near & ~unknown[window], SAMPLES), start + sample(hole[window], SAMPLES)
    if not len(ring):
        return None
    width = grey.shape[1]
    span = np.arange(-reach, reach + 1)
    best, chosen = np.inf, None
    for source in sources:
        tries = [value + span * (axis != fixed) for axis, value in enumerate(source.shift)]
        moves = np.stack(np.meshgrid(*tries, indexing="ij"), -1).reshape(-1, 2)
        moves = moves[_within(moves, np.concatenate([ring, inside, _corners(window)]), grey.shape)]
        offsets = moves @ (width, 1)
        usable = ~unknown.ravel()[(ring @ (width, 1))[None] + offsets[:, None]].any(1)
        usable &= ~unknown.ravel()[(inside @ (width, 1))[None] + offsets[:, None]].any(1)
        moves, offsets = moves[usable], offsets[usable]
        if len(moves):
            differ = grey.ravel()[(ring @ (width, 1))[None] + offsets[:, None]] - grey[ring[:, 0], ring[:, 1]]
            misfit = differ.var(axis=1) + LEVEL * differ.mean(axis=1) ** 2
            first = int(misfit.argmin())
            if misfit[first] < best:
                best = float(misfit[first])
                chosen = Source((int(moves[first, 0]), int(moves[first, 1])), source.misfit)
    return chosen


def _corners(window: Window) -> NDArray[np.int64]:
    return np.array([[side.start for side in window], [side.stop - 1 for side in window]])


def _within(moves: NDArray[np.int64], places: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    low, high = moves + places.min(axis=0), moves + places.max(axis=0)
    return np.asarray((low >= 0).all(axis=1) & (high < shape).all(axis=1))
