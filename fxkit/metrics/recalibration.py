"""Logistic recalibration: the slope and intercept that turn the log-odds of a model into calibrated ones."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from scipy.special import expit, logit

from fxkit.metrics.ranking import Floats, Ints, Mask

EDGE = 1e-6  # probabilities are clipped to EDGE..1-EDGE before the logit

FARTHEST = 15.0  # a larger slope or intercept does not converge: the classes are perfectly separable

CLOSE = 1e-7  # the error of Newton's method after a step is about the square of the step

NODES = 20  # of an interval


def recalibrations(p: Floats, hit: Mask) -> Callable[[Floats], Floats]:
    """Return a function from weights (B, N) to (2, B): the slope of the fit, and the intercept of the fit with slope 1.

    They are those of `recalibration`, to 1e-9. With many rows, the sums of its steps run over `Nodes`.
    """
    x, whole = _log_odds(p), np.ones((1, len(p)))
    starts = [recalibration(whole, p, hit, with_slope=with_slope)[:, 0] for with_slope in (True, False)]
    steepest = 2 * np.nanmax([1.0, abs(starts[0][0])])
    nodes = place_nodes(x, float(steepest))

    def fit(weights: Floats) -> Floats:
        hits, at, moved, most = weights @ _hits(x, hit), x, weights, FARTHEST
        if nodes is not None and len(weights) > 1:
            at, moved, most = nodes.x, nodes.move(weights), steepest
        lines = []
        for start, with_slope in zip(starts, (True, False), strict=True):
            fits = _fit(moved, at, hits, start, with_slope=with_slope)
            lost = ~(np.abs(fits[0]) <= most)
            if lost.any():
                fits[:, lost] = _fit(weights[lost], x, hits[lost], (1.0, 0.0), with_slope=with_slope)
            lines.append(fits)
        return np.array([lines[0][0], lines[1][1]])

    return fit


@dataclass(frozen=True, eq=False)
class Nodes:
    """Points that stand for many rows: a smooth function has the same weighted sum over both, to rounding errors.

    In each of several intervals, the function is interpolated by a polynomial through its values at the nodes.

    Attributes:
        x: (M,) nodes.
        parts: for each interval, the numbers of its rows (n,), and the polynomials of its nodes at these rows
            (n, NODES).
    """

    x: Floats
    parts: tuple[tuple[Ints, Floats], ...]

    def move(self, weights: Floats) -> Floats:
        """Return the weights of the nodes (B, M) that stand for these weights of the rows (B, N)."""
        by_row = weights.T
        return np.concatenate([by_row[rows].T @ polynomials for rows, polynomials in self.parts], axis=1)


def place_nodes(x: Floats, steepest: float) -> Nodes | None:
    """Return nodes for logistic functions of x with a slope of at most `steepest`; None if that saves little.

    An interval has a width of 4 / steepest. Interpolation errors are then below 1e-9 at the steepest slope, and below
    those of rounding at half of it.

    Source: Trefethen 2019, "Approximation theory and approximation practice", theorem 8.2; the logistic function has
    its nearest poles at a distance of pi / slope from the real numbers.
    """
    low, width = float(x.min()), float(np.ptp(x))
    n_parts = math.ceil(width * steepest / 4)
    if not 0 < 2 * n_parts * NODES < len(x):
        return None
    part = np.minimum((x - low) * (n_parts / width), n_parts - 1).astype(np.int64)
    unit = np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
    by_value = chebvander(unit, NODES - 1).T * (2 / NODES)
    by_value[0] /= 2
    half, parts = width / n_parts / 2, []
    centres = low + half * (2 * np.arange(n_parts) + 1)
    for k, centre in enumerate(centres):
        rows = np.flatnonzero(part == k)
        parts.append((rows, chebvander((x[rows] - centre) / half, NODES - 1) @ by_value))
    return Nodes((centres[:, None] + half * unit).ravel(), tuple(parts))


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
    x = _log_odds(p)
    return _fit(weights, x, weights @ _hits(x, hit), start, with_slope=with_slope, steps=steps)


def _log_odds(p: Floats) -> Floats:
    return np.asarray(logit(np.clip(p, EDGE, 1 - EDGE)))


def _hits(x: Floats, hit: Mask) -> Floats:
    return np.stack([hit, hit * x], axis=1)


def _fit(
    weights: Floats, x: Floats, hits: Floats, start: Sequence[float] | Floats, *, with_slope: bool, steps: int = 30
) -> Floats:
    """Return what `recalibration` does.

    Args:
        weights: (B, M).
        x: (M,) log-odds.
        hits: (B, 2) weighted sums of 1 and of the log-odds over the rows that were true.
    """
    powers = np.stack([np.ones(len(x)), x, x * x], axis=1)
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
        weights: (B, M).
        powers: (M, 3): 1, x and x^2.
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
