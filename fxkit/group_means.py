"""Means and ratios of numbers that films have, with intervals over groups."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from fxkit.bootstrap import LEVEL, RESAMPLES, Interval, resampled_weights
from fxkit.scores import Floats


def mean_interval(values: Floats, groups: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Return the mean of (N,) values with its 95 % t interval from a bootstrap over groups."""
    return ratio_interval(values, np.ones(len(values)), groups, resamples=resamples, seed=seed)


def ratio_interval(
    above: Floats, below: Floats, groups: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Return sum(above) / sum(below), of (N,) values each, with its 95 % t interval; without limits of one group."""
    n, value = len(set(groups)), float(above.sum() / below.sum())
    if n < 2:
        return Interval(value, -math.inf, math.inf, n)
    draws = np.concatenate([(w @ above) / (w @ below) for w in resampled_weights(groups, resamples, seed)])
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * math.sqrt(float(draws.var()) * n / (n - 1))
    return Interval(value, value - half, value + half, n)
