"""Calibration: do the probabilities mean what they say? Bins of equal mass, expected error, logistic recalibration."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import ncx2

from fxkit.errors import DataError
from fxkit.metrics.bootstrap import RESAMPLES, resampled_weights
from fxkit.metrics.intervals import LEVEL, Interval, build_interval, support_of_masks
from fxkit.metrics.json_result import JsonResult, Number
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import Floats, Ints, Mask

BINS = 10

PER_BIN = 5  # fewer groups a bin tell nothing: then there are fewer bins

EDGE = 1e-6  # probabilities are moved this far from 0 and 1 before their logit is taken

FARTHEST = 15.0  # a slope or intercept beyond it grows without end: the classes can be parted

ANY = (-math.inf, math.inf)


class Bin(JsonResult):
    """Rows of neighbouring probabilities.

    Attributes:
        mean: mean probability.
        share: how many of the rows are as predicted, with its interval over groups.
    """

    mean: Number
    share: Interval


class Calibration(JsonResult):
    """How well probabilities and shares agree.

    Attributes:
        of: what the probabilities are of: the positive class, or of more than two classes the one decided for.
        ece: expected calibration error over bins of equal mass: mean distance of share and probability, by rows.
            It is above 0 even for perfect probabilities, the more so the fewer the groups.
        error: the root of the mean square of these distances, less what chance adds to it; 0 is right.
        slope: of the logistic recalibration; 1 is right, less is overconfident. None for more than two classes.
        intercept: calibration in the large: log odds that are missing on average; 0 is right, above 0 too low
            probabilities. None for more than two classes.
        bins: from low to high probability.
    """

    of: str
    ece: Number
    error: Interval
    slope: Interval | None = None
    intercept: Interval | None = None
    bins: tuple[Bin, ...]


def calibration(part: Predictions, *, seed: int = 0, resamples: int = RESAMPLES) -> Calibration:
    """Return the calibration of the rows of known class, with intervals over groups.

    Raises:
        DataError: no row has a known class.
    Source: bins: Guo 2017, "On calibration of modern neural networks", of equal mass as Nixon 2019, "Measuring
    calibration in deep learning"; error: Kumar 2019, "Verified uncertainty calibration", section 5, with the variance
    over groups, its limits those of a noncentral chi-square of like mean and variance; slope and intercept: Cox
    1958, "Two further applications of a model for binary regression", as Van Calster 2019, "Calibration: the
    Achilles heel of predictive analytics".
    """
    known = part.known()
    if not len(known):
        raise DataError("predictions: no file has a known class; expected some; give data with class labels")
    p, hit = predicted(known)
    groups = np.asarray(known.groups, object).astype(str)
    bins = bin_rows(p, len(np.unique(groups)))
    binary = len(known.classes) == 2
    value, spread = _spread(known, p, hit, bins, binary, seed, resamples)
    k = int(bins.max()) + 1
    both = support_of_masks([hit, ~hit], groups, 2, False)
    lines = [build_interval(float(value[i]), spread[i], both, ANY) if binary else None for i in (k, k + 1)]
    return Calibration(
        of=known.classes[1] if binary else "the class decided for",
        ece=float(np.average(np.abs(bin_gaps(p, hit, bins)), weights=np.bincount(bins))),
        error=_error(p, hit, bins, groups),
        slope=lines[0],
        intercept=lines[1],
        bins=tuple(_bin(p, bins == i, float(value[i]), spread[i], groups) for i in range(k)),
    )


def _spread(
    known: Predictions, p: Floats, hit: Mask, bins: Ints, binary: bool, seed: int, resamples: int
) -> tuple[Floats, Floats]:
    """Share of each bin, then slope and intercept: of the films (M,) and of the resamples (M, B)."""

    def figures(weights: Floats) -> Floats:
        parts = [_shares(weights, hit, bins)]
        if binary:
            large = recalibration(weights, p, hit, with_slope=False)[1:]
            parts += [recalibration(weights, p, hit)[:1], large]
        return np.concatenate(parts)

    draws = [figures(weights) for weights in resampled_weights(known.groups, resamples, seed)]
    return figures(np.ones((1, len(p))))[:, 0], np.concatenate(draws, axis=1)


def _bin(p: Floats, member: Mask, share: float, spread: Floats, groups: NDArray[np.str_]) -> Bin:
    share_interval = build_interval(share, spread, support_of_masks([member], groups, 1, True))
    return Bin(mean=float(p[member].mean()), share=share_interval)


def predicted(known: Predictions) -> tuple[Floats, Mask]:
    """Return (N,) probabilities and whether each came true: of the positive class, or of more the likeliest one."""
    if len(known.classes) == 2:
        return known.probabilities[:, 1], known.labels == 1
    likeliest = known.probabilities.argmax(axis=1)
    return known.probabilities.max(axis=1), known.labels == likeliest


def bin_rows(p: Floats, n_groups: int) -> Ints:
    """Return each row's bin from 0: bins of equal mass; equal probabilities share one, few groups have few."""
    n_bins = max(1, min(BINS, n_groups // PER_BIN))
    edges = np.quantile(p, np.linspace(0, 1, n_bins + 1)[1:-1])
    return np.unique(np.searchsorted(edges, p, side="right"), return_inverse=True)[1].astype(np.int64)


def bin_gaps(p: Floats, hit: Mask, bins: Ints) -> Floats:
    """Return (K,): each bin's mean probability less its share of rows that came true."""
    return np.asarray(np.bincount(bins, p - hit) / np.bincount(bins))


def _shares(weights: Floats, hit: Mask, bins: Ints) -> Floats:
    """(K, B): each bin's share of rows that came true."""
    member = (bins[:, None] == np.arange(bins.max() + 1)).astype(float)
    with np.errstate(invalid="ignore"):
        return np.asarray(((weights * hit) @ member / (weights @ member)).T)


def _error(p: Floats, hit: Mask, bins: Ints, groups: NDArray[np.str_]) -> Interval:
    """The debiased root mean square of the bins' gaps.

    The sum of squares is taken for a noncentral chi-square, scaled to have its mean and variance (Satterthwaite),
    whose noncentrality is the error sought: limits of the bootstrap would hold its noise twice.
    """
    noise = gap_covariance(p, hit, bins, groups)
    square, mean = float(np.average(bin_gaps(p, hit, bins) ** 2, weights=np.bincount(bins))), float(np.trace(noise))
    scale = float((noise**2).sum()) / mean
    freedom = mean / scale
    ends = [_noncentrality(square / scale, freedom, share) for share in ((1 + LEVEL) / 2, (1 - LEVEL) / 2)]
    value, low, high = (math.sqrt(max(0.0, end)) for end in (square - mean, *(scale * e for e in ends)))
    return Interval(value, low, max(value, high), len(np.unique(groups)), 0, len(p))


def gap_covariance(p: Floats, hit: Mask, bins: Ints, groups: NDArray[np.str_]) -> Floats:
    """Return (K, K): the covariance over groups of the bins' gaps, each times the root of its part of the rows.

    Where a bin holds one group, or all of its rows end alike, it does not tell its own variance; then that of a trial
    a group with the probability foretold stands in, if it is larger.
    """
    rows, of = np.bincount(bins), np.unique(groups, return_inverse=True)[1]
    shape = (int(of.max()) + 1, len(rows))
    place = np.ravel_multi_index((of, bins), shape)
    parts = np.bincount(place, p - hit - bin_gaps(p, hit, bins)[bins], math.prod(shape)).reshape(shape)
    n = (np.bincount(place, minlength=math.prod(shape)).reshape(shape) > 0).sum(axis=0)
    parts *= np.sqrt(n / np.maximum(1, n - 1) / (rows * len(p)))
    found = parts.T @ parts
    mean, share = np.bincount(bins, p) / rows, np.bincount(bins, hit) / rows
    silent = (n < 2) | (share == 0) | (share == 1)
    foretold = np.maximum(mean * (1 - mean), EDGE) / n * rows / len(p)
    np.fill_diagonal(found, np.where(silent, np.maximum(found.diagonal(), foretold), found.diagonal()))
    return np.asarray(found)


def _noncentrality(square: float, freedom: float, below: float) -> float:
    """The noncentrality at which a chi-square stays under `square` with probability `below`; 0 where none does."""

    def excess(noncentrality: float) -> float:
        return float(ncx2.cdf(square, freedom, noncentrality)) - below

    if not excess(EDGE) > 0:
        return 0.0
    most = 1.0
    while excess(most) > 0:
        most *= 2
    return float(brentq(excess, EDGE, most))


def recalibration(weights: Floats, p: Floats, hit: Mask, *, with_slope: bool = True, steps: int = 30) -> Floats:
    """Fit logit P(hit) = intercept + slope * logit(p) by Newton's method under weights (B, N).

    Returns:
        (2, B): slope and intercept; NaN where the classes can be parted and there is no best fit. Without a slope
        to fit it is 1, and the intercept is calibration in the large.
    """
    x = logit(np.clip(p, EDGE, 1 - EDGE))
    slope, intercept = np.ones(len(weights)), np.zeros(len(weights))
    for _ in range(steps):
        mean = expit(intercept[:, None] + slope[:, None] * x)
        missing, curved = weights * (hit - mean), weights * mean * (1 - mean)
        g0, g1 = missing.sum(axis=1), missing @ x
        h00, h01, h11 = curved.sum(axis=1), curved @ x, curved @ (x * x)
        with np.errstate(divide="ignore", invalid="ignore"):
            det = h00 * h11 - h01 * h01
            down, across = ((h11 * g0 - h01 * g1) / det, (h00 * g1 - h01 * g0) / det) if with_slope else (g0 / h00, 0)
        intercept, slope = intercept + np.clip(down, -4, 4), slope + np.clip(across, -4, 4)
        if np.nanmax(np.abs(np.concatenate([down, np.atleast_1d(across)])), initial=0) < 1e-9:
            break
    found = np.array([slope, intercept])
    settled = (np.abs(found) < FARTHEST).all(axis=0)
    found[:, ~settled | ~(np.abs(g0) + (np.abs(g1) if with_slope else 0) < 1e-6 * (1 + weights.sum(axis=1)))] = np.nan
    return found
