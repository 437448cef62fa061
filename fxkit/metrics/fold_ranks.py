"""Scores of different models on one scale: the rank of each film within its fold."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

RANKING = (
    "auroc and its curve compare films of one fold, and each pair of films counts as much; average precision and its "
    "curve use the rank of each film within its fold"
)


def ranks_within_folds(scores: NDArray[np.float64], folds: NDArray[np.int64] | None) -> NDArray[np.float64]:
    """Return (N,) ranks within the folds, between 0 and 1; equal scores get their mean rank. Without folds, the scores.

    Each fold is predicted by a model of its own, and the scores of two models may differ in scale. If they do not, the
    ranks lose a little where folds differ in their share of positives (benchmarks/out_of_fold_coverage.py).

    Args:
        scores: (N,) scores.
        folds: (N,) fold of each film, or None.
    """
    if folds is None:
        return scores
    ranks = np.empty(len(scores))
    for fold in np.unique(folds):
        part = folds == fold
        ranks[part] = (rankdata(scores[part]) - 0.5) / part.sum()
    return ranks
