"""Ranks within folds do not depend on the scale of each fold's model."""

import numpy as np
import pytest

from fxkit.metrics.fold_ranks import ranks_within_folds
from fxkit.metrics.scores import AVERAGE_PRECISION, Scored


def test_ranks_lie_between_0_and_1_in_each_fold() -> None:
    ranks = ranks_within_folds(np.array([0.1, 0.2, 5.0, 9.0, 9.0, 7.0]), np.array([0, 0, 1, 1, 1, 1]))
    assert ranks == pytest.approx([0.25, 0.75, 0.125, 0.75, 0.75, 0.375])


def test_without_folds_the_scores_stay() -> None:
    scores = np.array([0.3, 0.1])
    assert ranks_within_folds(scores, None) is scores


def test_average_precision_does_not_compare_the_scales_of_two_models() -> None:
    labels, folds = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    p = np.array([0.1, 0.2, 0.8, 0.9])  # each fold is in the right order, but fold 1 scores higher
    whole = np.stack([1 - p, p], 1), np.zeros(4, np.int64)
    weights = np.ones((1, 4))
    assert AVERAGE_PRECISION.compute(Scored(labels, *whole, folds), weights)[0] == 1.0
    assert AVERAGE_PRECISION.compute(Scored(labels, *whole), weights)[0] == pytest.approx((1 + 2 / 3) / 2)
