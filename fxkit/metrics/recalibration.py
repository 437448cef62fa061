"""Logistic recalibration: the slope and intercept that turn the log-odds of a model into calibrated ones."""

from collections.abc import Sequence

import numpy as np
from scipy.special import expit, logit

from fxkit.metrics.ranking import Floats, Mask

EDGE = 1e-6  # probabilities are clipped to EDGE..1-EDGE before the logit

FARTHEST = 15.0  # a larger slope or intercept does not converge: the classes are perfectly separable

CLOSE = 1e-7  # the error of Newton's method after a step is about the square of the step


def recalibration(
    weights: Floats,
    p: Floats,
    hit: Mask,
    *,
    with_slope: bool = True,
    steps: int = 30,
    start: Sequence[float] | Floats = (1.0, 0.0),
) -> Floats:
    """Fit logit P(hit) = intercept + slope * logit(p) by Newton's method, for each row of the weights (B, N).

    Args:
        with_slope: fit the slope; otherwise it is 1, and the intercept is the calibration in the large.
        start: slope and intercept to start from; the fit of similar weights saves steps. NaN stands for (1, 0).
    Returns:
        (2, B): slope and intercept; NaN if the classes are perfectly separable, so that there is no best fit.
    """
    x = logit(np.clip(p, EDGE, 1 - EDGE))
    powers = np.stack([np.ones(len(x)), x, x * x], axis=1)
    hits = weights @ (hit[:, None] * powers[:, :2])
    first = (1.0, 0.0) if np.isnan(start).any() else (float(start[0]), float(start[1]))
    slope, intercept = (np.full(len(weights), value) for value in first)
    for step in range(steps):
        sums, curved = _sums(weights, powers, slope, intercept) if step else _first_sums(weights, powers, *first)
        (g0, g1), (h00, h01, h11) = (hits - sums).T, curved.T
        with np.errstate(divide="ignore", invalid="ignore"):
            det = h00 * h11 - h01 * h01
            down, across = ((h11 * g0 - h01 * g1) / det, (h00 * g1 - h01 * g0) / det) if with_slope else (g0 / h00, 0)
        intercept, slope = intercept + np.clip(down, -4, 4), slope + np.clip(across, -4, 4)
        if np.nanmax(np.abs(np.concatenate([down, np.atleast_1d(across)])), initial=0) < CLOSE:
            break
    fit = np.array([slope, intercept])
    settled = (np.abs(fit) < FARTHEST).all(axis=0)
    fit[:, ~settled | ~(np.abs(g0) + (np.abs(g1) if with_slope else 0) < 1e-6 * (1 + weights.sum(axis=1)))] = np.nan
    return fit


def _first_sums(weights: Floats, powers: Floats, slope: float, intercept: float) -> tuple[Floats, Floats]:
    """Return what `_sums` does, much faster, where all fits are the same."""
    mean = expit(intercept + slope * powers[:, 1])[:, None]
    return weights @ (mean * powers[:, :2]), weights @ (mean * (1 - mean) * powers)


def _sums(weights: Floats, powers: Floats, slope: Floats, intercept: Floats) -> tuple[Floats, Floats]:
    """Return weighted sums over the rows: of mean * (1, x) as (B, 2), of mean * (1 - mean) * (1, x, x^2) as (B, 3).

    Args:
        weights: (B, N).
        powers: (N, 3): 1, x and x^2.
        slope, intercept: (B,) the fits; mean = expit(intercept + slope * x).
    """
    x = powers[:, 1]
    with np.errstate(over="ignore"):
        if (slope == 1).all():
            mean = np.exp(-intercept)[:, None] * np.exp(-x)
        else:
            mean = np.exp(slope[:, None] * -x - intercept[:, None])
    mean += 1
    np.reciprocal(mean, out=mean)
    part = weights * mean
    sums = part @ powers[:, :2]
    part *= np.subtract(1, mean, out=mean)
    return sums, part @ powers
