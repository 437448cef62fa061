"""Find the place on a film whose surroundings are most similar to those of a hole, as the source of its content."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.mask import Mask, Window, sample, window_around

Plane = NDArray[np.float32]  # (H, W), grey levels from 0 to 1

Shift = tuple[int, int]  # rows and columns from a hole to its source


COARSE_SIDE = 20  # side of a hole on the reduced film of the coarse search, in pixels, approximately

COARSE_FILM = 320  # largest side of the reduced film, in pixels

LEVEL = 0.15  # weight of a difference in brightness, relative to a difference in pattern

ENERGY = 0.5  # weight of the difference in structure between a source and the surroundings of the hole

PRIOR = 0.1  # weight of the difference in level between a source and the surroundings, if these do not enclose the hole

CANDIDATES = 3  # sources of the coarse search that are refined at full size

BORDER = 0.01  # of the longer side; a hole this near to the border of the film gets a source at the same border

POOR = 2e-3  # (4.5 % of the grey range) squared; sources with a larger misfit show other anatomy, or bare ground

SEAM = 2  # width in pixels of the ring around the hole in which a source must fit

SAMPLES = 800  # pixels of the ring that are compared


@dataclass(frozen=True)
class Source:
    """A source of content.

    Args:
        shift: rows and columns from the hole to the source.
        misfit: mean squared difference between the surroundings of both, measured on the reduced film.
    """

    shift: Shift
    misfit: float


def find_source(grey: Plane, unknown: Mask, hole: Mask, *, part: bool = False) -> Source | None:
    """Return the source whose surroundings are most similar to those of the hole; None if there is none.

    A constant difference in brightness has little weight, because the content is adjusted in level afterwards.

    Args:
        grey: (H, W) film.
        unknown: (H, W), True on pixels that cannot be a source, the hole included.
        hole: (H, W), True on the pixels to fill.
        part: the hole is part of a larger one, so that some of its surroundings are unknown.
    """
    factor = max(1, round(float(np.sqrt(hole.sum())) / COARSE_SIDE), -(-max(grey.shape) // COARSE_FILM))
    small = (reduce_plane(grey, factor), _reduce_mask(unknown, factor), _reduce_mask(hole, factor))
    border, best = _border_axis(hole), None
    for fixed in dict.fromkeys((border, None)):
        coarse = _search_coarse(*small, fixed, PRIOR if part or border is not None else 0.0)
        candidates = [Source((y * factor, x * factor), misfit) for y, x, misfit in coarse]
        source = _refine(grey, unknown, hole, candidates, factor, fixed)
        if source and (best is None or source.misfit < best.misfit):
            best = source
        if best and best.misfit <= POOR:
            break
    return best


def _border_axis(hole: Mask) -> int | None:
    """Return the axis along which the source must not be shifted: a hole at a border is filled from that border."""
    reach = round(BORDER * max(hole.shape))
    sides = window_around(hole, 0)
    near = [side.start <= reach or side.stop >= n - reach for side, n in zip(sides, hole.shape, strict=True)]
    if all(near):
        lengths = [side.stop - side.start for side in sides]
        return 0 if lengths[1] >= lengths[0] else 1
    return near.index(True) if any(near) else None


def reduce_plane(plane: Plane, factor: int) -> Plane:
    """Return the plane reduced by an integer factor. Rows and columns left over at the bottom and right are cut off."""
    height, width = plane.shape[0] // factor, plane.shape[1] // factor
    even = plane[: height * factor, : width * factor]
    return np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def _reduce_mask(mask: Mask, factor: int) -> Mask:
    return reduce_plane(mask.astype(np.float32), factor) > 0


def _correlate(plane: NDArray[np.generic], weights: NDArray[np.generic]) -> Plane:
    """Return the weighted sum of a window at each of its positions."""
    return np.asarray(cv2.matchTemplate(plane.astype(np.float32), weights.astype(np.float32), cv2.TM_CCORR))


def _search_coarse(
    grey: Plane, unknown: Mask, hole: Mask, fixed: int | None, prior: float
) -> list[tuple[int, int, float]]:
    """Return the best shifts on the reduced film with their misfits. Correlation compares all positions at once."""
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
    means = _correlate(grey, weights)
    spread = _correlate(grey * grey, weights) - means**2 + float((weights * (here - level) ** 2).sum())
    misfit = spread - 2 * _correlate(grey, weights * (here - level)) + LEVEL * (means - level) ** 2
    structure = _structure(grey)
    quiet = ring & (cv2.dilate(unknown.astype(np.uint8), np.ones((3, 3)))[window] == 0)
    around = float(structure[window][quiet].mean()) if quiet.any() else 0.0
    ranked = misfit + ENERGY * np.abs(_correlate(structure, hole[window] / hole[window].sum()) - around)
    ranked[_correlate(unknown, hole[window] | ring) > 0.5] = np.inf
    if fixed is not None:
        elsewhere = np.arange(ranked.shape[fixed]) != window[fixed].start
        np.moveaxis(ranked, fixed, 0)[elsewhere] = np.inf
    return _pick_lowest(ranked, misfit, (window[0].start, window[1].start), max(2, hole[window].shape[0] // 4))


def _structure(grey: Plane) -> Plane:
    across, down = (cv2.Sobel(grey, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
    return np.asarray(across * across + down * down, np.float32)


def _pick_lowest(ranked: Plane, misfit: Plane, start: Shift, apart: int) -> list[tuple[int, int, float]]:
    lowest = []
    for _ in range(CANDIDATES):
        y, x = divmod(int(ranked.argmin()), misfit.shape[1])
        if not np.isfinite(ranked[y, x]):
            break
        lowest.append((y - start[0], x - start[1], max(float(misfit[y, x]), 0.0)))
        ranked[max(y - apart, 0) : y + apart + 1, max(x - apart, 0) : x + apart + 1] = np.inf
    return lowest


def _refine(
    grey: Plane,
    unknown: Mask,
    hole: Mask,
    sources: list[Source],
    reach: int,
    fixed: int | None,
) -> Source | None:
    """Return the best shift at full size among those near the candidates; None if no source is known completely."""
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


def _within(moves: NDArray[np.int64], pixels: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    low, high = moves + pixels.min(axis=0), moves + pixels.max(axis=0)
    return np.asarray((low >= 0).all(axis=1) & (high < shape).all(axis=1))
