"""How well scores rank positives above negatives, for many weightings of the same rows: AUROC and average precision.

Rows are sorted and divided once (`rank_rows`, `rank_positives`); each weighting then costs a few sums.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

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


@dataclass(frozen=True, eq=False)
class Ranked:
    """Rows that are divided into R parts by their scores, from low to high.

    Attributes:
        members: (2 * R, N) of 0 and 1: the negatives of each part, then the positives of each part.
    """

    members: "csr_array"

    def sums(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return the weight of the positives, and of the negatives, of each part: two arrays (R, B).

        Args:
            weights: (B, N); fastest if the weights of a row lie side by side in memory (Fortran order).
        """
        sums = np.asarray(self.members @ np.ascontiguousarray(weights.T))
        half = len(sums) // 2
        return sums[half:], sums[:half]


def rank_rows(positive: Mask, scores: Floats, folds: Ints | None = None) -> tuple[Ranked, ...]:
    """Divide the rows of each fold, or all rows, into as few parts as the ROC curve and its area need.

    A part holds rows of one class between two rows of the other one, or rows of both classes with equal scores.

    Args:
        positive: (N,) bool.
        scores: (N,); higher scores mean positive.
        folds: (N,) fold of each row, or None.
    """
    every = np.arange(len(scores))
    parts = [every] if folds is None else [np.flatnonzero(folds == fold) for fold in np.unique(folds)]
    return tuple(_divide(positive, scores, rows, split_positives=False) for rows in parts)


def rank_positives(positive: Mask, scores: Floats) -> Ranked:
    """Divide the rows into as few parts as average precision needs: no part holds positives with different scores."""
    return _divide(positive, scores, np.arange(len(scores)), split_positives=True)


def _divide(positive: Mask, scores: Floats, rows: Ints, *, split_positives: bool) -> Ranked:
    from scipy.sparse import csr_array

    order = rows[np.argsort(scores[rows], kind="stable")]
    truth = positive[order]
    level = np.cumsum(np.diff(scores[order], prepend=scores[order[:1]]) != 0)
    up, down = np.bincount(level, truth) > 0, np.bincount(level, ~truth) > 0
    joined = (~up[1:] & ~up[:-1]) | (~down[1:] & ~down[:-1] & (not split_positives))
    part = np.concatenate([np.zeros(min(1, len(up)), np.int64), np.cumsum(~joined)])[level]
    n_parts = int(part[-1]) + 1 if len(part) else 0
    row = np.where(truth, part + n_parts, part)
    return Ranked(csr_array((np.ones(len(order)), (row, order)), shape=(2 * n_parts, len(scores))))


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
    return ranked_auroc(weights, rank_rows(positive, scores, folds))


def ranked_auroc(weights: Floats, ranked: tuple[Ranked, ...]) -> Floats:
    """Return what `weighted_auroc` does, for rows that `rank_rows` divided."""
    right, compared = np.zeros(len(weights)), np.zeros(len(weights))
    for fold in ranked:
        up, down = fold.sums(weights)
        below = np.cumsum(down, axis=0)
        compared += up.sum(axis=0) * down.sum(axis=0)
        below -= down / 2
        right += np.einsum("rb,rb->b", up, below)
    return ratio(right, compared)


def ranked_average_precision(weights: Floats, ranked: Ranked) -> Floats:
    """Return (B,) average precisions: the precision at each positive, averaged over the weights of the positives.

    Args:
        weights: (B, N) >= 0.
        ranked: rows that `rank_positives` divided.
    """
    up, down = (part[::-1] for part in ranked.sums(weights))
    precision = np.cumsum(up, axis=0)
    called = np.cumsum(up + down, axis=0)
    np.divide(precision, called, out=precision, where=called > 0)
    return ratio(np.einsum("rb,rb->b", up, precision), up.sum(axis=0))
