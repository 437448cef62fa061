"""How well scores rank positives above negatives, for many weightings of the same rows: AUROC and average precision."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Ints = NDArray[np.int64]

Mask = NDArray[np.bool_]


def ratio(above: Floats, below: Floats) -> Floats:
    """Return above / below; NaN where below is 0."""
    out = np.full(np.broadcast(above, below).shape, np.nan)
    np.divide(above, below, out=out, where=below > 0)
    return out


def tied(weights: Floats, positive: Mask, scores: Floats) -> tuple[Floats, Floats]:
    """Sum the weights of positives, and of negatives, at each distinct score: two arrays (B, U), from low to high."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.nan) != 0)
    ordered, truth = weights[:, order], positive[order]
    up, down = ordered * truth, ordered * ~truth
    if len(starts) == len(scores):
        return up, down
    return np.add.reduceat(up, starts, axis=1), np.add.reduceat(down, starts, axis=1)


def weighted_auroc(weights: Floats, positive: Mask, scores: Floats, folds: Ints | None = None) -> Floats:
    """Return (B,) areas under the ROC curve: P(positive scores higher) + P(tie) / 2 (Hanley and McNeil 1982).

    With folds, only films of the same fold are compared, and each pair of a positive and a negative counts as much. If
    the numbers of a film say nothing of its class, this is 0.5 on average whatever the folds. A comparison across folds
    can be biased downwards: a fold with more positives leaves fewer of them to learn from, so that its model may give
    all films lower scores (Parker, Günter and Bedo 2007, "Stratification bias in low signal microarray studies"; Airola
    et al. 2011, "An experimental comparison of cross-validation techniques for estimating the area under the ROC
    curve"). In fxkit's folds, which are balanced by class, the difference was 0.004 or less without signal, and up to
    0.011 with it (benchmarks/out_of_fold_coverage.py).

    Args:
        weights: (B, N) >= 0.
        positive: (N,) bool.
        scores: (N,); higher scores mean positive.
        folds: (N,) fold of each film, or None.
    """
    if not len(scores):
        return np.full(len(weights), np.nan)
    if folds is None:
        return ratio(*_count_pairs(weights, positive, scores))
    parts = [folds == fold for fold in np.unique(folds)]
    pairs = [_count_pairs(weights[:, part], positive[part], scores[part]) for part in parts]
    right, compared = np.sum(pairs, axis=0)
    return ratio(right, compared)


def _count_pairs(weights: Floats, positive: Mask, scores: Floats) -> tuple[Floats, Floats]:
    """Return (B,) weights of the pairs in the right order, ties counting half, and (B,) weights of all pairs."""
    up, (below, not_above) = weights[:, positive], _below(weights, ~positive, scores, scores[positive])
    right = np.einsum("bp,bp->b", up, below + not_above) / 2
    return right, up.sum(axis=1) * weights[:, ~positive].sum(axis=1)


def _below(weights: Floats, among: Mask, scores: Floats, limits: Floats) -> tuple[Floats, Floats]:
    """Return the weight of the rows of a set with a lower score, and with at most this score: (B, P) for P limits.

    Both are looked up in one cumulative sum.
    """
    order = np.flatnonzero(among)[np.argsort(scores[among], kind="stable")]
    sums = np.zeros((len(weights), len(order) + 1))
    np.cumsum(weights[:, order], axis=1, out=sums[:, 1:])
    first, last = (np.searchsorted(scores[order], limits, side=side) for side in ("left", "right"))
    below = np.take(sums, first, axis=1)
    return below, below if (first == last).all() else np.take(sums, last, axis=1)


def weighted_average_precision(weights: Floats, positive: Mask, scores: Floats) -> Floats:
    """Return (B,) average precisions (precision summed over the steps of recall); arguments as for `weighted_auroc`."""
    if not len(scores):
        return np.full(len(weights), np.nan)
    limits, up = scores[positive], weights[:, positive]
    hits, misses = (
        weights[:, among].sum(axis=1, keepdims=True) - _below(weights, among, scores, limits)[0]
        for among in (positive, ~positive)
    )
    precision = np.nan_to_num(ratio(hits, hits + misses))
    return ratio(np.einsum("bp,bp->b", up, precision), up.sum(axis=1))
