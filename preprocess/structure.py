"""Continue edges and shading into a hole, on a reduced film."""

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.mask import Mask
from preprocess.seam import smooth_fill
from preprocess.source import Plane, reduced

SIDE = 7  # of the patches, in pixels of the reduced film
LEVEL = 0.3  # weight of a patch's brightness beside its pattern
PATCHES = 1200  # that are looked through at most
ROUNDS = (5, 4)  # at half the reduced size, then at the reduced size
FEWEST = 50
EXACT = 4000  # longest vector: its products stay below 2**24

Rows = NDArray[np.float32]


def continue_structure(grey: Plane, hole: Mask) -> Plane:
    """Fill the hole of a small (H, W) plane so that each of its patches is found around it; the rest stays.

    Source: Wexler, Shechtman and Irani 2007, "Space-time completion of video".
    """
    if min(grey.shape) < 2 * SIDE:
        return _smooth(grey, hole)
    half, half_hole = reduced(grey, 2), reduced(hole.astype(np.float32), 2) > 0
    smaller = _rounds(_smooth(half, half_hole), half_hole, ROUNDS[0])
    larger = cv2.resize(smaller, (half.shape[1] * 2, half.shape[0] * 2), interpolation=cv2.INTER_CUBIC)
    missing = (grey.shape[0] - larger.shape[0], grey.shape[1] - larger.shape[1])
    larger = cv2.copyMakeBorder(larger, 0, missing[0], 0, missing[1], cv2.BORDER_REPLICATE)
    return _rounds(np.where(hole, larger, grey).astype(np.float32), hole, ROUNDS[1])


def _smooth(grey: Plane, hole: Mask) -> Plane:
    return np.where(hole, smooth_fill(grey[..., None], ~hole)[..., 0], grey)


def _rounds(grey: Plane, hole: Mask, rounds: int) -> Plane:
    """In each round, every patch that touches the hole is likened to its nearest among the whole ones."""
    reach = SIDE // 2
    touching = cv2.dilate(hole.astype(np.uint8), np.ones((SIDE, SIDE)))[reach:-reach, reach:-reach] > 0
    places, sources = np.argwhere(touching), np.argwhere(~touching)
    if len(sources) < FEWEST or not len(places):
        return grey
    sources = sources[np.linspace(0, len(sources) - 1, min(len(sources), PATCHES)).astype(np.int64)]
    known = _patches(grey, sources)
    offered, levels = _described(known)
    content = known - levels * (1 - LEVEL)
    trust = 1.3 ** -cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)[tuple((places + reach).T)]
    for _ in range(rounds):
        grey = np.where(hole, _voted(grey, places, offered, content, trust), grey).astype(np.float32)
    return grey


def _patches(grey: Plane, places: NDArray[np.int64]) -> Rows:
    windows = np.lib.stride_tricks.sliding_window_view(grey, (SIDE, SIDE))
    return np.asarray(windows[tuple(places.T)].reshape(len(places), -1))


def _described(patches: Rows) -> tuple[Rows, Rows]:
    means = patches.mean(axis=1, keepdims=True)
    return np.concatenate([patches - means, means * np.float32(np.sqrt(LEVEL) * SIDE)], axis=1), means


def _nearest(wanted: Rows, offered: Rows) -> NDArray[np.int64]:
    """Return the row of `offered` that is nearest to each of `wanted`.

    Whole numbers, so small that single precision adds their products exactly: the number of threads changes nothing.
    """
    offset = offered.mean(axis=0)
    wanted, offered = wanted - offset, offered - offset
    longest = max(float(np.linalg.norm(rows, axis=1).max()) for rows in (wanted, offered))
    wanted, offered = (np.rint(rows * np.float32(EXACT / max(longest, 1e-9))) for rows in (wanted, offered))
    distance = wanted @ -offered.T
    distance += (offered * offered).sum(axis=1) / 2
    return np.asarray(distance.argmin(axis=1))


def _voted(grey: Plane, places: NDArray[np.int64], offered: Rows, content: Rows, trust: Rows) -> Plane:
    """Each pixel becomes the mean of what the patches over it expect, by their likeness and trust."""
    wanted, level = _described(_patches(grey, places))
    nearest = _nearest(wanted, offered)
    misfit = ((wanted - offered[nearest]) ** 2).sum(axis=1)
    votes = trust * np.exp(-misfit / (2 * np.percentile(misfit, 75) + 1e-9))
    expected = content[nearest] + level * (1 - LEVEL)
    offsets = np.indices((SIDE, SIDE)).reshape(2, -1).T @ (grey.shape[1], 1)
    pixels = ((places @ (grey.shape[1], 1))[:, None] + offsets[None]).ravel()
    total = np.bincount(pixels, (expected * votes[:, None]).ravel(), grey.size)
    weight = np.bincount(pixels, np.repeat(votes, SIDE * SIDE), grey.size)
    return np.asarray((total / np.maximum(weight, 1e-12)).reshape(grey.shape), np.float32)
