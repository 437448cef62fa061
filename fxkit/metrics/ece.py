"""95 % interval of the expected calibration error, and the one that perfect probabilities would have."""

import math

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from fxkit.metrics.group_means import FEWEST
from fxkit.metrics.intervals import LEVEL, Interval, Z
from fxkit.metrics.scores import Floats, Ints

DRAWS = 2000  # of the gaps that chance adds

EDGE = 1e-6


def ece_interval(gaps: Floats, rows: Ints, noise: Floats, groups: tuple[int, float]) -> tuple[Interval, float]:
    """Return the expected calibration error with its 95 % interval, and the mean that chance alone would give.

    Chance adds to the absolute gaps, so that resamples of the films count it twice. Instead, assumed gaps are added to
    random gaps with the covariance over groups. The limits are the errors with which one draw in forty is at least as
    large, or at most as large, as what was observed. The assumed gaps have the proportions of the observed ones for the
    lower limit. For the upper limit they are equally large, to which chance adds least, and the observed error counts
    as at least the mean by chance: smaller gaps do not prove an error of 0. The random gaps are widened as t quantiles
    of the number of groups are wider than normal ones.

    Args:
        gaps: (K,) mean probability minus observed share of each bin.
        rows: (K,) films in each bin.
        noise: (K, K) covariance of the gaps, each times the root of the bin's share of rows.
        groups: number of groups, and effective number of groups; below 3 there are no limits.
    Source: Brown, Cai and DasGupta 2001, "Interval estimation for a binomial proportion", section 4.2, for limits by
    inversion of tests; Cowan, Cranmer, Gross and Vitells 2011, "Power-constrained limits", for the upper one.
    """
    share = rows / rows.sum()
    value, n = float(np.abs(gaps) @ share), int(rows.sum())
    chance = _draw(noise) / np.sqrt(share)
    by_chance = float((np.abs(chance) @ share).mean())
    n_groups, effective = groups
    if effective < FEWEST:
        return Interval(value, math.nan, math.nan, n_groups, 0, n), by_chance
    widened = float(stats.t.ppf((1 + LEVEL) / 2, n_groups - 1)) / Z

    def solve(direction: Floats, target: float, level: float) -> float:
        """Return the error for which a share `level` of the draws lies below the target."""

        def excess(error: float) -> float:
            return float(np.quantile(np.abs(error * direction + widened * chance) @ share, level)) - target

        if excess(0.0) >= 0:
            return 0.0
        return 1.0 if excess(1.0) <= 0 else float(brentq(excess, 0.0, 1.0, xtol=1e-4))

    low = solve(gaps / max(value, EDGE), value, (1 + LEVEL) / 2)
    high = solve(np.where(gaps < 0, -1.0, 1.0), max(value, widened * by_chance), (1 - LEVEL) / 2)
    return Interval(value, min(low, value), max(high, value), n_groups, 0, n), by_chance


def _draw(covariance: Floats) -> Floats:
    """Return (DRAWS, K) normal numbers with this covariance."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))
    return np.asarray(np.random.default_rng(0).normal(size=(DRAWS, len(covariance))) @ root.T)
