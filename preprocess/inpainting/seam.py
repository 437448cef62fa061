"""Extend the differences at the edge of a hole into the hole, so that the filled content joins its surroundings."""

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.mask import Mask, sample

Values = NDArray[np.float32]

Indices = NDArray[np.int64]

Shares = NDArray[np.float64]


NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0), (1, 2), (2, 1), (1, -2), (2, -1), (2, 2), (2, -2))

MIN_SAMPLES = 60  # pixels that are needed to measure the grain of a film

MAX_SAMPLES = 4000

LEVEL_PX = 3.0  # standard deviation of the blur; smoother structure is level, finer structure is grain

SMOOTHING = 8  # relaxation rounds on each scale

ROUNDS = 16  # relaxation rounds for the grain


def _smooth_fill(values: Values, known: Mask) -> Values:
    """Fill the unknown values of an (H, W, C) array smoothly (nearly harmonically).

    The work proceeds from coarse to fine scales, so the time is proportional to the area.
    """
    weights = known.astype(np.float32)
    return _fill_pyramid(np.where(known[..., None], values, 0).astype(np.float32), weights)


def _fill_pyramid(values: Values, weights: Values) -> Values:
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
    smaller = _fill_pyramid(sums / np.maximum(shares, 1e-9)[..., None], (shares > 0).astype(np.float32))
    size = (smaller.shape[1] * 2, smaller.shape[0] * 2)
    larger = cv2.resize(smaller, size, interpolation=cv2.INTER_LINEAR).reshape(*size[::-1], -1)[:height, :width]
    return _relax(np.where(hole[..., None], larger, values), hole, _cross_kernel(), 1.0, SMOOTHING)


def _cross_kernel() -> Values:
    return np.array([[0, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0]], np.float32)


def _relax(values: Values, hole: Mask, kernel: Values, step: float, rounds: int) -> Values:
    """Move each value of the hole towards the value that the kernel predicts from its neighbours."""
    weights = (step * hole[..., None]).astype(np.float32)
    for _ in range(rounds):
        predicted = cv2.filter2D(values, -1, kernel, borderType=cv2.BORDER_REFLECT_101).reshape(values.shape)
        values = values + weights * (predicted - values)
    return values


def blend_seam(differences: Values, known: Mask, grey: Values, visible: Mask) -> Values:
    """Extend (H, W, C) differences from the known pixels to all others.

    Far from the edge, only the smooth part of the differences is extended. Near the edge, the grain is extended too, as
    far as the grain of this film is correlated over that distance. If the differences are added to an independent
    sample of the grain, the sum has the variance and correlation of the grain even at the seam.

    Args:
        differences: (H, W, C), film minus copied content.
        known: (H, W), True where the differences are valid.
        grey: (H, W) film, from which the correlation of the grain is estimated.
        visible: (H, W), True on the pixels of `grey` that may be used for that.
    Source: conditional simulation, Journel and Huijbregts 1978, "Mining Geostatistics"; the expected value is
        that of a conditional autoregression, Besag 1974, "Spatial interaction and the statistical analysis of
        lattice systems".
    """
    both = _smooth_fill(np.concatenate([_blurred(differences, known), differences], axis=2), known)
    level, whole = both[..., : differences.shape[2]], both[..., differences.shape[2] :]
    kernel, step = _grain_kernel(grey, visible)
    return level + _relax(whole - level, ~known, kernel, step, ROUNDS)


def _blurred(values: Values, known: Mask) -> Values:
    """Blur the known values, using known neighbours only."""
    weights = cv2.GaussianBlur(known.astype(np.float32), (0, 0), LEVEL_PX)
    sums = cv2.GaussianBlur(np.where(known[..., None], values, 0).astype(np.float32), (0, 0), LEVEL_PX)
    return np.asarray(sums.reshape(values.shape) / np.maximum(weights, 1e-6)[..., None], np.float32)


def _grain_kernel(grey: Values, visible: Mask) -> tuple[Values, float]:
    """Return the 5 x 5 kernel that predicts a pixel from its 24 neighbours, and a step for stable relaxation."""
    whole = cv2.erode(visible.astype(np.uint8), np.ones((5, 5)), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    pixels = sample(whole > 0, MAX_SAMPLES)
    shares = np.array([0.25, 0.25, *[0.0] * (len(NEIGHBOURS) - 2)])
    if len(pixels) >= MIN_SAMPLES:
        shares = _fit_shares(grey, pixels[:, 0], pixels[:, 1], shares)
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


def _fit_shares(grey: Values, rows: Indices, columns: Indices, fallback: Shares) -> Shares:
    """Fit the shares of pairs of opposite neighbours by least squares, in which edges weigh less than grain."""
    centre, mean = grey[rows, columns].astype(np.float64), float(grey[rows, columns].mean())
    pairs = np.stack([grey[rows + y, columns + x] + grey[rows - y, columns - x] for y, x in NEIGHBOURS], 1)
    activity = np.abs(pairs[:, :2] - 2 * centre[:, None]).sum(axis=1)
    weights = 1 / (np.median(activity) + activity + 1e-6)
    inputs, target = (pairs - 2 * mean) * weights[:, None], (centre - mean) * weights
    products = inputs.T @ inputs
    ridge = 1e-3 * np.trace(products) / len(products) + 1e-12
    fitted = np.linalg.solve(products + ridge * np.eye(len(products)), inputs.T @ target + ridge * fallback)
    return np.asarray(np.round(fitted, 6))  # further digits depend on the number of threads
