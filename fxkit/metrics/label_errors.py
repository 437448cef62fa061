"""Find films whose label is probably wrong, from predictions of models that did not train on them.

The share of wrong labels is not estimated: where the classes overlap, hard films look like wrong labels, and the
estimate is up to five times too high (benchmarks/label_errors.py).

Source: Northcutt, Jiang and Chuang 2021, "Confident learning: estimating uncertainty in dataset labels", Journal of
Artificial Intelligence Research 70: confident joint (equation 1), thresholds (equation 2), calibration (equation 3),
and the method "prune by noise rate".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxkit.metrics.scores import Floats, Ints, Mask

UNREACHABLE = 2.0  # threshold of a class that no label names


@dataclass(frozen=True, eq=False)
class LabelScores:
    """How well the label of each of N films agrees with its prediction, over C classes.

    Attributes:
        suggested: (N,) the most probable class other than the label.
        scores: (N,) between -1 and 1: the normalised margin, which is the probability of the label minus that of
            `suggested`. The lower, the more suspicious.
        suspected: (N,) True where `suggested` is more probable than the label, and the film is among the lowest scores
            of its label: as many for each other class as the joint counts.
        thresholds: (C,) mean predicted probability of each class over the films with its label; NaN without such films.
        joint: (C, C) films with each label (row) that are confidently of each class (column), scaled so that a row adds
            up to the films with its label.
    """

    suggested: Ints
    scores: Floats
    suspected: Mask
    thresholds: Floats
    joint: Floats

    @property
    def ranking(self) -> NDArray[np.intp]:
        """(N,) rows, the most suspicious first.

        Scores are not corrected by the thresholds: with a rare class, that finds fewer wrong labels
        (benchmarks/label_errors.py).
        """
        return np.argsort(self.scores, kind="stable")


def score_labels(labels: Ints, probabilities: Floats) -> LabelScores:
    """Score the labels of N films by confident learning.

    A film is confidently of the most probable class among those whose probability reaches the threshold of the class.

    Args:
        labels: (N,) class indices from 0.
        probabilities: (N, C) by models that did not train on the film.
    """
    rows, classes = np.arange(len(labels)), range(probabilities.shape[1])
    own = [probabilities[labels == k, k] for k in classes]
    thresholds = np.array([values.mean() if len(values) else np.nan for values in own])
    others = probabilities.copy()
    others[rows, labels] = -1.0
    suggested = others.argmax(axis=1).astype(np.int64)
    scores = probabilities[rows, labels] - probabilities[rows, suggested]
    joint = _confident_joint(labels, probabilities, thresholds)
    suspected = _prune(labels, probabilities, joint) & (scores < 0)
    return LabelScores(suggested, scores, suspected, thresholds, joint)


def _confident_joint(labels: Ints, probabilities: Floats, thresholds: Floats) -> Floats:
    """Return (C, C) the confident joint, scaled by row. A class without a confident film counts as rightly labelled."""
    n_classes = len(thresholds)
    reached = probabilities >= np.where(np.isnan(thresholds), UNREACHABLE, thresholds)
    confident = np.where(reached, probabilities, -1.0).argmax(axis=1)
    sure = reached.any(axis=1)
    counts = np.zeros((n_classes, n_classes))
    np.add.at(counts, (labels[sure], confident[sure]), 1.0)
    empty = counts.sum(axis=1) == 0
    counts[empty] = np.eye(n_classes)[empty]
    films = np.bincount(labels, minlength=n_classes)
    return np.asarray(counts / counts.sum(axis=1, keepdims=True) * films[:, None], np.float64)


def _prune(labels: Ints, probabilities: Floats, joint: Floats) -> Mask:
    """Return (N,) True for the films of each label that favour another class most, as many as the joint counts."""
    pruned = np.zeros(len(labels), bool)
    for label, class_ in zip(*np.nonzero(joint), strict=True):
        if label != class_:
            rows = np.flatnonzero(labels == label)
            margins = probabilities[rows, label] - probabilities[rows, class_]
            pruned[rows[np.argsort(margins, kind="stable")[: round(joint[label, class_])]]] = True
    return pruned
