"""DeLong's test: do two scores of the same films, one film a group, have the same AUROC?

Source: DeLong 1988, "Comparing the areas under two or more correlated receiver operating characteristic curves", by
the ranks of Sun and Xu 2014, "Fast implementation of DeLong's algorithm".
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from fxkit.metrics.scores import AUROC, AVERAGE_PRECISION, MACRO_AUROC, Floats, Mask, Metric, Scored


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


BY_RANK = (AUROC, AVERAGE_PRECISION, MACRO_AUROC)

EXACT_GROUPS = 12  # up to so many, all 2^groups ways to swap are tried

SWAPS = 5000

CHUNK = 2_000_000  # weights held at once


def p_value(metric: Metric, a: Scored, b: Scored, groups: Sequence[str], *, seed: int = 0) -> tuple[float, str]:
    """Return the two-sided p that the metric does not tell the models apart, and how it was found."""
    if metric is AUROC and len(set(groups)) == len(groups):
        return delong_p(a.labels == 1, a.probabilities[:, 1], b.probabilities[:, 1]), "DeLong"
    exact = len(set(groups)) <= EXACT_GROUPS
    name = "exact permutation" if exact else "permutation"
    return permutation_p(metric, [(a, b)], groups, seed=seed), name


def permutation_p(
    metric: Metric, pairs: Sequence[tuple[Scored, Scored]], groups: Sequence[str], *, swaps: int = SWAPS, seed: int = 0
) -> float:
    """Return the share of swaps of two sets of predictions, by group, that leave as great a difference of the metric.

    Of few groups all ways to swap are tried; else the own order counts as one of the random ones. Figures of ranks
    alone swap ranks, so that models of other scales can be compared.

    Args:
        pairs: both sets, of the same rows, once a seed; the difference is the mean over seeds.
    Source: Bandos 2005, "A permutation test sensitive to differences in areas for comparing ROC curves from a paired
    design", with groups in place of films.
    """
    names, members = np.unique(np.asarray(groups, object).astype(str), return_inverse=True)
    joined = [_joined(*map(_ranked, pair)) if metric in BY_RANK else _joined(*pair) for pair in pairs]
    exact = len(names) <= EXACT_GROUPS

    def difference(swapped: NDArray[np.bool_]) -> Floats:
        away = swapped[:, members].astype(float)
        first, second = np.concatenate([1 - away, away], axis=1), np.concatenate([away, 1 - away], axis=1)
        return np.asarray(np.mean([metric.compute(b, first) - metric.compute(b, second) for b in joined], axis=0))

    own = float(difference(np.zeros((1, len(names)), bool))[0])
    if math.isnan(own):
        return math.nan
    found = np.concatenate([difference(chunk) for chunk in _swaps(len(names), len(members), exact, swaps, seed)])
    found = found[~np.isnan(found)]
    as_great = int((np.abs(found) >= abs(own) - 1e-9).sum())
    return as_great / len(found) if exact else (as_great + 1) / (len(found) + 1)


def _joined(a: Scored, b: Scored) -> Scored:
    """The rows of both, one set below the other."""
    return Scored(*(np.concatenate([getattr(a, f), getattr(b, f)]) for f in ("labels", "probabilities", "decisions")))


def _swaps(n_groups: int, n_rows: int, exact: bool, swaps: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Which groups to swap, in chunks (b, G)."""
    size = max(1, CHUNK // (4 * n_rows))
    rng = np.random.default_rng(seed)
    total = 2**n_groups if exact else swaps
    for start in range(0, total, size):
        rows = np.arange(start, min(start + size, total))
        if exact:
            yield (rows[:, None] >> np.arange(n_groups)) % 2 == 1
        else:
            yield rng.random((len(rows), n_groups)) < 0.5


def _ranked(side: Scored) -> Scored:
    return replace(side, probabilities=rankdata(side.probabilities, axis=0) / len(side.probabilities))
