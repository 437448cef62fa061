"""Calibration of predicted probabilities: bins of equal mass, calibration error, logistic recalibration."""

import math

import numpy as np
from scipy import stats
from scipy.optimize import brentq
from scipy.stats import ncx2

from fxkit.errors import DataError
from fxkit.metrics.bootstrap import RESAMPLES
from fxkit.metrics.ece import ece_interval
from fxkit.metrics.group_means import FEWEST
from fxkit.metrics.intervals import (
    LEVEL,
    Interval,
    Z,
    build_interval,
    effective_groups,
    number_groups,
    support_of_masks,
    variance_inflation,
)
from fxkit.metrics.json_result import JsonResult, Number
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.recalibration import recalibrations
from fxkit.metrics.resamples import over_resamples
from fxkit.metrics.scores import Floats, Ints, Mask

BINS = 10

SMALLEST = 1e-6  # noncentrality that is looked for

PER_BIN = 5  # groups for each bin, at least; with fewer groups there are fewer bins

ANY = (-math.inf, math.inf)


class Bin(JsonResult):
    """Rows with similar probabilities.

    Attributes:
        mean: mean predicted probability.
        share: observed share of the rows for which the prediction came true, with its interval over groups.
    """

    mean: Number
    share: Interval


class Calibration(JsonResult):
    """Agreement between predicted probabilities and observed shares.

    Attributes:
        of: the class that the probabilities refer to: the positive class; for more than two classes, the predicted one.
        ece: expected calibration error over bins of equal mass: mean absolute difference of observed share and
            predicted probability, weighted by rows. It is above 0 even for perfect probabilities, most of all with
            few groups.
        ece_interval: it with its limits; None in results of fxkit 0.1.0.
        ece_by_chance: expected calibration error that perfect probabilities would have with as many groups and bins.
        error: root mean square of these differences, corrected for the part that chance adds; ideally 0.
        slope: slope of the logistic recalibration; ideally 1, below 1 for overconfident probabilities. None for more
            than two classes.
        intercept: calibration in the large, in log-odds; ideally 0, above 0 if the probabilities are too low. None for
            more than two classes.
        bins: the bins, from low to high probability.
    """

    of: str
    ece: Number
    ece_interval: Interval | None = None
    ece_by_chance: Number = math.nan
    error: Interval
    slope: Interval | None = None
    intercept: Interval | None = None
    bins: tuple[Bin, ...]

    @property
    def ece_with_limits(self) -> Interval:
        """The expected calibration error, with its limits if they were computed."""
        return self.ece_interval or Interval(self.ece)


def calibration(part: Predictions, *, seed: int = 0, resamples: int = RESAMPLES) -> Calibration:
    """Compute the calibration of the rows with a known class, with intervals over groups.

    If all rows are of one class, there are only bins: how often each class occurs at a probability is unknown.

    Raises:
        DataError: no row has a known class.
    Source: Bins: Guo 2017, "On calibration of modern neural networks", with equal mass as in Nixon 2019, "Measuring
    calibration in deep learning". Error: Kumar 2019, "Verified uncertainty calibration", section 5, with the variance
    over groups. Its limits are those of a noncentral chi-square distribution with the same mean and variance. Slope
    and intercept: Cox 1958, "Two further applications of a model for binary regression", as described by Van Calster
    2019, "Calibration: the Achilles heel of predictive analytics".
    """
    known = part.known()
    if not len(known):
        raise DataError("predictions: no file has a known class; expected at least one; give data with class labels")
    p, hit = predicted(known)
    groups = number_groups(known.groups)
    bins = bin_rows(p, len(np.unique(groups)))
    several = len(np.unique(known.labels)) > 1
    binary = len(known.classes) == 2
    value, spread = _spread(known, p, hit, bins, binary, seed, resamples)
    k = int(bins.max()) + 1
    both = support_of_masks([hit, ~hit], groups, 2, False)
    lines = [build_interval(float(value[i]), spread[i], both, ANY) if binary else None for i in (k, k + 1)]
    undefined = Interval(math.nan, math.nan, math.nan, len(set(groups)))
    ece, by_chance, error = _errors(p, hit, bins, groups) if several else (undefined, math.nan, undefined)
    return Calibration(
        of=known.classes[1] if binary else "the predicted class",
        ece=ece.value,
        ece_interval=ece,
        ece_by_chance=by_chance,
        error=error,
        slope=lines[0],
        intercept=lines[1],
        bins=tuple(_bin(p, bins == i, float(value[i]), spread[i], groups) for i in range(k)),
    )


def _spread(
    known: Predictions, p: Floats, hit: Mask, bins: Ints, binary: bool, seed: int, resamples: int
) -> tuple[Floats, Floats]:
    """Return M figures (share of each bin, slope, intercept), for all rows as (M,) and for each resample as (M, B)."""
    lines = recalibrations(p, hit) if binary else None

    def figures(weights: Floats) -> Floats:
        shares = _shares(weights, hit, bins)
        return shares if lines is None else np.concatenate([shares, lines(weights)])

    draws = over_resamples(figures, known.groups, resamples, seed)
    return figures(np.ones((1, len(p))))[:, 0], np.concatenate(draws, axis=1)


def _bin(p: Floats, member: Mask, share: float, spread: Floats, groups: Ints) -> Bin:
    share_interval = build_interval(share, spread, support_of_masks([member], groups, 1, True))
    return Bin(mean=float(p[member].mean()), share=share_interval)


def predicted(known: Predictions) -> tuple[Floats, Mask]:
    """Return (N,) probabilities and (N,) whether the class was true.

    The class is the positive one; for more than two classes, it is the class with the highest probability.
    """
    if len(known.classes) == 2:
        return known.probabilities[:, 1], known.labels == 1
    most_probable = known.probabilities.argmax(axis=1)
    return known.probabilities.max(axis=1), known.labels == most_probable


def bin_rows(p: Floats, n_groups: int) -> Ints:
    """Return the bin of each row, counted from 0.

    Bins have equal mass, except that equal probabilities share a bin. With few groups there are few bins.
    """
    n_bins = max(1, min(BINS, n_groups // PER_BIN))
    edges = np.quantile(p, np.linspace(0, 1, n_bins + 1)[1:-1])
    return np.unique(np.searchsorted(edges, p, side="right"), return_inverse=True)[1].astype(np.int64)


def bin_gaps(p: Floats, hit: Mask, bins: Ints) -> Floats:
    """Return (K,): mean probability of each bin minus its observed share."""
    return np.asarray(np.bincount(bins, p - hit) / np.bincount(bins))


def _shares(weights: Floats, hit: Mask, bins: Ints) -> Floats:
    """Return (K, B): observed share of each bin for each row of weights."""
    member = (bins[:, None] == np.arange(bins.max() + 1)).astype(float)
    with np.errstate(invalid="ignore"):
        return np.asarray((weights @ (member * hit[:, None]) / (weights @ member)).T)


def _errors(p: Floats, hit: Mask, bins: Ints, groups: Ints) -> tuple[Interval, float, Interval]:
    """Return the ECE, the one by chance alone, and the error corrected for chance."""
    noise, gaps, rows = gap_covariance(p, hit, bins, groups), bin_gaps(p, hit, bins), np.bincount(bins)
    counts = len(np.unique(groups)), effective_groups(groups)
    ece, by_chance = ece_interval(gaps, rows, noise, counts)
    return ece, by_chance, _error(gaps, rows, noise, counts)


def _error(gaps: Floats, rows: Ints, noise: Floats, groups: tuple[int, float]) -> Interval:
    """Return the root mean square of the bins' gaps, corrected for the part that chance adds.

    The sum of squares is approximated by a scaled noncentral chi-square distribution with the same mean and variance
    (Satterthwaite). Its noncentrality is the error. Bootstrap limits would count the noise twice. For the limits, the
    noise is widened as t quantiles of the effective number of groups are wider than normal ones.

    Gaps smaller than chance alone would give do not prove that the error is 0: the upper limit is at least that of a
    sum of squares that chance alone would give. Source: Cowan, Cranmer, Gross and Vitells 2011, "Power-constrained
    limits".
    """
    square, mean, n = float(np.average(gaps**2, weights=rows)), float(np.trace(noise)), int(rows.sum())
    n_groups, effective = groups
    value = math.sqrt(max(0.0, square - mean))
    if effective < FEWEST:
        return Interval(value, math.nan, math.nan, n_groups, 0, n)
    widened = (float(stats.t.ppf((1 + LEVEL) / 2, n_groups - 1)) / Z) ** 2
    scale = widened * float((noise**2).sum()) / mean
    freedom = widened * mean / scale
    low = _noncentrality(square / scale, freedom, (1 + LEVEL) / 2)
    high = _noncentrality(max(square, widened * mean) / scale, freedom, (1 - LEVEL) / 2)
    low, high = (min(1.0, math.sqrt(scale * end)) for end in (low, high))
    return Interval(value, min(low, value), max(value, high), n_groups, 0, n)


def gap_covariance(p: Floats, hit: Mask, bins: Ints, groups: Ints) -> Floats:
    """Return (K, K): covariance over groups of the bins' gaps, each gap times the root of the bin's share of rows.

    The variance of a bin cannot be estimated if it has a single group, or if all its rows have the same outcome. It is
    then at least the variance of one trial for each group. The probability of the trial is the predicted one, or the
    observed share with two successes and two failures added (Agresti and Coull 1998, "Approximate is better than
    'exact' for interval estimation of binomial proportions"), whichever gives more: a hundred rows without a fracture
    do not show that fractures are impossible.
    """
    rows, group = np.bincount(bins), np.unique(groups, return_inverse=True)[1]
    shape = (int(group.max()) + 1, len(rows))
    cell = np.ravel_multi_index((group, bins), shape)
    parts = np.bincount(cell, p - hit - bin_gaps(p, hit, bins)[bins], math.prod(shape)).reshape(shape)
    n = (np.bincount(cell, minlength=math.prod(shape)).reshape(shape) > 0).sum(axis=0)
    inflation = np.array([variance_inflation(groups[bins == k]) for k in range(len(rows))])
    parts *= np.sqrt(inflation / (rows * len(p)))
    covariance = parts.T @ parts
    mean, share = np.bincount(bins, p) / rows, np.bincount(bins, hit) / rows
    unknown = (n < 2) | (share == 0) | (share == 1)
    added = (share * n + 2) / (n + 4)
    trial = np.maximum(mean * (1 - mean), added * (1 - added) * n / (n + 4)) / n
    variance = covariance.diagonal()
    np.fill_diagonal(covariance, np.where(unknown, np.maximum(variance, trial * rows / len(p)), variance))
    return np.asarray(covariance)


def _noncentrality(square: float, freedom: float, below: float) -> float:
    """Return the noncentrality at which P(chi-square < square) equals `below`; 0 if there is none."""

    def excess(noncentrality: float) -> float:
        return float(ncx2.cdf(square, freedom, noncentrality)) - below

    if not excess(SMALLEST) > 0:
        return 0.0
    most = 1.0
    while excess(most) > 0:
        most *= 2
    return float(brentq(excess, SMALLEST, most))
