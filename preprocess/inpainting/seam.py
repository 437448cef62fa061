"""Carry differences at a hole's edge into the hole, so that what is filled in joins what is around it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.mask import Mask, sample

Values = NDArray[np.float32]

Places = NDArray[np.int64]

Shares = NDArray[np.float64]


NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0), (1, 2), (2, 1), (1, -2), (2, -1), (2, 2), (2, -2))

FEWEST = 60  # pixels from which a film's grain can be told

MOST = 4000

LEVEL_PX = 3.0  # what is smoother than this is level, what is finer is grain

SMOOTHING = 8  # rounds on each scale

ROUNDS = 16  # rounds by which grain is joined


def _smooth_fill(values: Values, known: Mask) -> Values:
    """The (H, W, C) values, filled where they are not known, as smoothly as can be (nearly harmonically).

    Works from coarse to fine, so that the time goes with the area.
    """
    weights = known.astype(np.float32)
    return _filled(np.where(known[..., None], values, 0).astype(np.float32), weights)


def _filled(values: Values, weights: Values) -> Values:
    height, width = weights.shape
    if min(height, width) <= 2:
        return np.broadcast_to(values.sum((0, 1)) / max(float(weights.sum()), 1e-9), values.shape).astype(np.float32)
    hole = weights == 0
    if not hole.any():
        return values
    even = np.zeros((height + height % 2, width + width % 2, values.shape[2] + 1), np.float32)
    even[:height, :width, :-1], even[:height, :width, -1] = values, weights
    half = cv2.resize(even, (even.shape[1] // 2, even.shape[0] // 2), interpolation=cv2.INTER_AREA)
    sums, shares = half[..., :-1], half[..., -1]
    smaller = _filled(sums / np.maximum(shares, 1e-9)[..., None], (shares > 0).astype(np.float32))
    size = (smaller.shape[1] * 2, smaller.shape[0] * 2)
    larger = cv2.resize(smaller, size, interpolation=cv2.INTER_LINEAR).reshape(*size[::-1], -1)[:height, :width]
    return _relaxed(np.where(hole[..., None], larger, values), hole, _cross(), 1.0, SMOOTHING)


def _cross() -> Values:
    return np.array([[0, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0]], np.float32)


def _relaxed(values: Values, hole: Mask, kernel: Values, step: float, rounds: int) -> Values:
    """Move each value of the hole towards what the kernel expects of its neighbours."""
    moving = (step * hole[..., None]).astype(np.float32)
    for _ in range(rounds):
        expected = cv2.filter2D(values, -1, kernel, borderType=cv2.BORDER_REFLECT_101).reshape(values.shape)
        values = values + moving * (expected - values)
    return values


def join(differences: Values, known: Mask, grey: Values, seen: Mask) -> Values:
    """Extend (H, W, C) differences from the known pixels into all others.

    Far from the edge only their smooth part arrives; near it also as much of the grain as the film's own grain
    is correlated over such a distance. The sum of an independent sample of the grain and these differences then
    has the grain's variance and correlation at the seam too.

    Args:
        grey: (H, W), from which the grain's correlation is learnt where `seen`.
    Source: conditional simulation, Journel and Huijbregts 1978, "Mining Geostatistics"; the expected value is
        that of a conditional autoregression, Besag 1974, "Spatial interaction and the statistical analysis of
        lattice systems".
    """
    both = _smooth_fill(np.concatenate([_blurred(differences, known), differences], axis=2), known)
    level, whole = both[..., : differences.shape[2]], both[..., differences.shape[2] :]
    kernel, step = _grain_kernel(grey, seen)
    return level + _relaxed(whole - level, ~known, kernel, step, ROUNDS)


def _blurred(values: Values, known: Mask) -> Values:
    """Each known value with its known neighbours."""
    weights = cv2.GaussianBlur(known.astype(np.float32), (0, 0), LEVEL_PX)
    sums = cv2.GaussianBlur(np.where(known[..., None], values, 0).astype(np.float32), (0, 0), LEVEL_PX)
    return np.asarray(sums.reshape(values.shape) / np.maximum(weights, 1e-6)[..., None], np.float32)


def _grain_kernel(grey: Values, seen: Mask) -> tuple[Values, float]:
    """What a pixel's 24 neighbours say of it, as a 5 x 5 kernel, and a step with which relaxing by it converges."""
    whole = cv2.erode(seen.astype(np.uint8), np.ones((5, 5)), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    places = sample(whole > 0, MOST)
    shares = np.array([0.25, 0.25, *[0.0] * (len(NEIGHBOURS) - 2)])
    if len(places) >= FEWEST:
        shares = _fitted(grey, places[:, 0], places[:, 1], shares)
    waves = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    response = sum(
        2 * share * np.cos(np.add.outer(waves * dy, waves * dx))
        for share, (dy, dx) in zip(shares, NEIGHBOURS, strict=True)
    )
    scale = min(1.0, 0.999 / float(response.max()))
    kernel = np.zeros((5, 5), np.float32)
    for share, (dy, dx) in zip(shares * scale, NEIGHBOURS, strict=True):
        kernel[2 + dy, 2 + dx] = kernel[2 - dy, 2 - dx] = share
    return kernel, 1.7 / float((1 - response * scale).max())


def _fitted(grey: Values, rows: Places, columns: Places, fallback: Shares) -> Shares:
    """Least squares over pairs of opposite neighbours; edges weigh less than grain."""
    centre, mean = grey[rows, columns].astype(np.float64), float(grey[rows, columns].mean())
    pairs = np.stack([grey[rows + y, columns + x] + grey[rows - y, columns - x] for y, x in NEIGHBOURS], 1)
    activity = np.abs(pairs[:, :2] - 2 * centre[:, None]).sum(axis=1)
    weights = 1 / (np.median(activity) + activity + 1e-6)
    inputs, target = (pairs - 2 * mean) * weights[:, None], (centre - mean) * weights
    products = inputs.T @ inputs
    ridge = 1e-3 * np.trace(products) / len(products) + 1e-12
    fitted = np.linalg.solve(products + ridge * np.eye(len(products)), inputs.T @ target + ridge * fallback)
    return np.asarray(np.round(fitted, 6))  # beyond that, digits vary with the number of threads
