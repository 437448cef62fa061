"""p values of differences between two models on the same films: DeLong's test and permutation tests over groups."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from fxkit.metrics.scores import AUROC, AVERAGE_PRECISION, MACRO_AUROC, Floats, Mask, Metric, Scored


def delong(positive: Mask, scores: Floats) -> tuple[Floats, Floats]:
    """Return (K,) AUROCs and their (K, K) covariance; all films must be independent.

    Args:
        positive: (N,) bool, with two or more films of each class.
        scores: (K, N); higher scores mean positive.
    Source: DeLong 1988, "Comparing the areas under two or more correlated receiver operating characteristic curves",
    computed from ranks as in Sun and Xu 2014, "Fast implementation of DeLong's algorithm".
    """
    up, down = scores[:, positive], scores[:, ~positive]
    m, n = up.shape[1], down.shape[1]
    ranks = rankdata(np.concatenate([up, down], axis=1), axis=1)
    above = (ranks[:, :m] - rankdata(up, axis=1)) / n  # share of negatives below each positive
    below = 1 - (ranks[:, m:] - rankdata(down, axis=1)) / m  # share of positives above each negative
    covariance = np.atleast_2d(np.cov(above)) / m + np.atleast_2d(np.cov(below)) / n
    return np.asarray(above.mean(axis=1)), np.asarray(covariance)


def delong_p(positive: Mask, a: Floats, b: Floats) -> float:
    """Return the two-sided p of DeLong's test that two scores (N,) have the same AUROC; NaN if undefined."""
    if min(positive.sum(), (~positive).sum()) < 2:
        return math.nan
    areas, covariance = delong(positive, np.stack([a, b]))
    contrast = np.array([1.0, -1.0])
    variance = float(contrast @ covariance @ contrast)
    if variance < 1e-14:
        return 1.0 if areas[0] == areas[1] else math.nan
    return float(2 * norm.sf(abs(areas[0] - areas[1]) / math.sqrt(variance)))


BY_RANK = (AUROC, AVERAGE_PRECISION, MACRO_AUROC)

EXACT_GROUPS = 12  # with at most this many groups, all 2^groups swaps are tried

SWAPS = 5000

CHUNK = 2_000_000  # weights in memory at once


def p_value(metric: Metric, a: Scored, b: Scored, groups: Sequence[str], *, seed: int = 0) -> tuple[float, str]:
    """Return the two-sided p of a difference in a metric, and the name of the test.

    The test is DeLong's for the AUROC if each group is a single film, and a permutation test otherwise.
    """
    if metric is AUROC and len(set(groups)) == len(groups) and a.folds is None and b.folds is None:
        return delong_p(a.labels == 1, a.probabilities[:, 1], b.probabilities[:, 1]), "DeLong"
    exact = len(set(groups)) <= EXACT_GROUPS
    name = "exact permutation" if exact else "permutation"
    return permutation_p(metric, [(a, b)], groups, seed=seed), name


def permutation_p(
    metric: Metric, pairs: Sequence[tuple[Scored, Scored]], groups: Sequence[str], *, swaps: int = SWAPS, seed: int = 0
) -> float:
    """Return the p of a permutation test: swap the two models' predictions in random groups.

    p is the share of swaps with a difference at least as large as the observed one. With few groups, all possible
    swaps are tried. Otherwise swaps are random, and the observed order counts as one of them. For metrics that depend
    on ranks alone, ranks are swapped, so that models with different scales can be compared.

    Args:
        pairs: the two models' predictions of the same rows, one pair for each seed. The difference is the mean over
            seeds.
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

    observed = float(difference(np.zeros((1, len(names)), bool))[0])
    if math.isnan(observed):
        return math.nan
    chunks = _swaps(len(names), len(members), exact, swaps, seed)
    differences = np.concatenate([difference(chunk) for chunk in chunks])
    differences = differences[~np.isnan(differences)]
    n_as_large = int((np.abs(differences) >= abs(observed) - 1e-9).sum())
    return n_as_large / len(differences) if exact else (n_as_large + 1) / (len(differences) + 1)


def _joined(a: Scored, b: Scored) -> Scored:
    """Return the rows of both, one set after the other."""
    return Scored(
        labels=np.concatenate([a.labels, b.labels]),
        probabilities=np.concatenate([a.probabilities, b.probabilities]),
        decisions=np.concatenate([a.decisions, b.decisions]),
        folds=None if a.folds is None or b.folds is None else np.concatenate([a.folds, b.folds]),
    )


def _swaps(n_groups: int, n_rows: int, exact: bool, swaps: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Yield which groups to swap, in chunks (b, G) of booleans."""
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
