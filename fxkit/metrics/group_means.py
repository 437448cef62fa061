"""95 % intervals of means over films, with few groups, unequal groups and skewed values.

A mean needs no resampling: its variance over groups has a formula. Where one group has many of the films, or where a
few films have most of the loss, intervals from resamples are too narrow (benchmarks/few_groups_coverage.py).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from fxkit.metrics.intervals import LEVEL, Interval, Limits, Z, number_groups, wilson
from fxkit.metrics.scores import Floats, Ints

Names = Sequence[str] | Ints  # group of each film

FEWEST = 3.0  # effective groups; with fewer there is no interval

UNKNOWN = 1e-12  # a smaller variance means that all groups agree, so that it cannot be estimated


@dataclass(frozen=True)
class GroupMean:
    """A ratio of two sums over films, and how much it depends on the choice of groups.

    Attributes:
        value: sum(above) / sum(below).
        variance: variance of the value over samples of groups.
        skew: skewness of the value over samples of groups.
        n_groups: number of groups.
        effective: number of equal groups that would say as much as these groups of unequal size.
        n: number of films.
        trials: number of independent films that would say as much as these films in groups.
    """

    value: float
    variance: float
    skew: float
    n_groups: int
    effective: float
    n: int
    trials: float = math.nan


def measure_mean(above: Floats, below: Floats, groups: Names) -> GroupMean:
    """Return sum(above) / sum(below) with its variance over groups.

    The variance is the larger one of two estimates, because each fails in its own way. The robust one adds up the
    squared parts of the groups and is scaled so that it is unbiased if all films of a group are equally correlated
    (Bell and McCaffrey 2002, "Bias reduction in standard errors for linear regression with multi-stage samples", with
    the model of Imbens and Kolesár 2016, "Robust standard errors in small samples: some practical advice"). It can be
    far too small if one group has many of the films. The other one gives each group the variance between the means of
    groups, whatever its size.

    Effective number of groups: (sum of sizes)^2 / (sum of squared sizes), Kish 1965, "Survey sampling".

    Args:
        above, below: (N,) values; `below` is 1 for a mean.
        groups: (N,) group of each film.
    """
    _, member = np.unique(groups if isinstance(groups, np.ndarray) else number_groups(groups), return_inverse=True)
    value, films = float(above.sum() / below.sum()), np.bincount(member).astype(float)
    residual = above - value * below
    weight = np.bincount(member, below) / below.sum()
    effective = 1 / float((weight**2).sum())
    if len(films) < 2:
        return GroupMean(value, 0.0, 0.0, len(films), effective, len(above), 1.0)
    means = np.bincount(member, residual) / films
    inside = float(((residual - means[member]) ** 2).sum()) / max(1, len(above) - len(films))
    between = max(0.0, float(means.var(ddof=1)) - inside * float((1 / films).mean()))
    expected = between + inside / films  # variance of each group's mean
    share = films / below.sum()
    parts = share * means
    robust = float((parts**2).sum())
    shrunk = weight**2 * (expected * (1 - 2 * weight) + float((weight**2 * expected).sum()))
    model = float((share**2 * expected).sum())
    scale = float((weight**2 * expected).sum()) / max(float(shrunk.sum()), UNKNOWN**2)
    n = len(films)
    skew = float((parts**3).sum()) / robust**1.5 * math.sqrt(n * (n - 1)) / max(n - 2, 1) if robust > UNKNOWN else 0.0
    alike = between / (between + inside) if n < len(above) and between + inside > 0 else 1.0
    trials = 1 / float((weight**2 * (alike + (1 - alike) / films)).sum())
    return GroupMean(value, max(model, robust * scale), skew, n, effective, len(above), trials)


def mean_limits(mean: GroupMean, limits: Limits = (-math.inf, math.inf)) -> Interval:
    """Return the limits of a mean that need not lie between 0 and 1, from t quantiles corrected for the skewness.

    The degrees of freedom are the effective number of groups minus 1. Below `FEWEST` effective groups, the limits are
    NaN. If all groups agree, they are infinite, or the possible limits.

    Source: Hall 1992, "On the removal of skewness by transformation", the monotone cubic transformation.
    """
    if mean.effective < FEWEST:
        return Interval(mean.value, math.nan, math.nan, mean.n_groups, 0, mean.n)
    if mean.variance < UNKNOWN:
        return Interval(mean.value, *limits, mean.n_groups, 0, mean.n)
    error, t = math.sqrt(mean.variance), _quantile(mean)
    ends = (mean.value - error * _unskewed(z, mean.skew) for z in (t, -t))
    low, high = (float(np.clip(end, *limits)) for end in ends)
    return Interval(mean.value, min(low, mean.value), max(high, mean.value), mean.n_groups, 0, mean.n)


def loss_limits(mean: GroupMean, limits: Limits, fewest: float) -> Interval:
    """Return the limits of a mean of losses, of which rare films may have most.

    If all films together have little loss, none of the badly predicted films may be among them, and the variance is too
    small. Below a sum of `fewest` over independent films, limits between 0 and 1 are at least as wide as Wilson's, and
    others are NaN (benchmarks/few_groups_coverage.py).
    """
    usual = mean_limits(mean, limits)
    if mean.effective < FEWEST or mean.value * mean.trials >= fewest:
        return usual
    if limits != (0.0, 1.0):
        return replace(usual, low=math.nan, high=math.nan)
    low, high = wilson(mean.value, mean.trials)
    return replace(usual, low=min(low, usual.low), high=max(high, usual.high))


def share_limits(mean: GroupMean) -> Interval:
    """Return Wilson's limits of a share of films for the effective number of independent films.

    If the groups agree, or if there is one group, each effective group counts as one trial.
    """
    trials = mean.effective
    if mean.variance >= UNKNOWN:
        t = float(stats.t.ppf((1 + LEVEL) / 2, mean.n_groups - 1))
        trials = min(mean.value * (1 - mean.value) / mean.variance, mean.n) * (Z / t) ** 2
    return Interval(mean.value, *wilson(mean.value, trials), mean.n_groups, 0, mean.n)


def _quantile(mean: GroupMean) -> float:
    freedom = 2 / (1 / (mean.effective - 1) + 1 / (mean.n_groups - 1))
    return float(stats.t.ppf((1 + LEVEL) / 2, freedom))


def _unskewed(z: float, skew: float) -> float:
    """Return the inverse of Hall's transformation z = t + skew t^2 / 3 + skew^2 t^3 / 27 + skew / 6."""
    if abs(skew) < 1e-6:
        return z
    return 3 / skew * (float(np.cbrt(1 + skew * (z - skew / 6))) - 1)


def mean_interval(values: Floats, groups: Names, limits: Limits = (-math.inf, math.inf)) -> Interval:
    """Return the mean of (N,) values with its 95 % interval over groups; see `mean_limits`."""
    return mean_limits(measure_mean(values, np.ones(len(values)), groups), limits)


def difference_interval(differences: Floats, groups: Names) -> Interval:
    """Return the mean of (N,) differences between -1 and 1 with its 95 % interval over groups; see `mean_limits`.

    If all groups agree, the limits are those of Newcombe 1998, "Improved confidence intervals for differences between
    two proportions based on paired data", with one pair for each effective group.
    """
    mean = measure_mean(differences, np.ones(len(differences)), groups)
    if mean.variance >= UNKNOWN or mean.effective < FEWEST:
        return mean_limits(mean, (-1.0, 1.0))
    half = 1 - wilson(1.0, mean.effective)[0]
    low, high = max(-1.0, mean.value - half), min(1.0, mean.value + half)
    return Interval(mean.value, low, high, mean.n_groups, 0, mean.n)


def ratio_interval(above: Floats, below: Floats, groups: Names) -> Interval:
    """Return sum(above) / sum(below) with its 95 % interval over groups; see `mean_limits`.

    Args:
        above, below: (N,) values.
    """
    return mean_limits(measure_mean(above, below, groups))
