"""DeLong's test: do two scores of the same films, one film a group, have the same AUROC?

Source: DeLong 1988, "Comparing the areas under two or more correlated receiver operating characteristic curves", by
the ranks of Sun and Xu 2014, "Fast implementation of DeLong's algorithm".
"""

import math

import numpy as np
from scipy.stats import norm, rankdata

from fxkit.scores import Floats, Mask


def delong(positive: Mask, scores: Floats) -> tuple[Floats, Floats]:
    """Return (K,) AUROCs and their (K, K) covariance.

    Args:
        positive: (N,) bool, two or more of each class.
        scores: (K, N), higher means positive.
    """
    up, down = scores[:, positive], scores[:, ~positive]
    m, n = up.shape[1], down.shape[1]
    ranks = rankdata(np.concatenate([up, down], axis=1), axis=1)
    above = (ranks[:, :m] - rankdata(up, axis=1)) / n  # share of negatives below each positive
    below = 1 - (ranks[:, m:] - rankdata(down, axis=1)) / m  # share of positives above each negative
    covariance = np.atleast_2d(np.cov(above)) / m + np.atleast_2d(np.cov(below)) / n
    return np.asarray(above.mean(axis=1)), np.asarray(covariance)


def delong_p(positive: Mask, a: Floats, b: Floats) -> float:
    """Return the two-sided p that two (N,) scores have the same AUROC; NaN where it is undefined."""
    if min(positive.sum(), (~positive).sum()) < 2:
        return math.nan
    areas, covariance = delong(positive, np.stack([a, b]))
    contrast = np.array([1.0, -1.0])
    variance = float(contrast @ covariance @ contrast)
    if variance < 1e-14:
        return 1.0 if areas[0] == areas[1] else math.nan
    return float(2 * norm.sf(abs(areas[0] - areas[1]) / math.sqrt(variance)))
