"""AUROC of weighted rows within folds, and sums over parts and ties; test_scores.py compares with scikit-learn."""

import numpy as np
import pytest

from fxkit.metrics.ranking import rank_positives, rank_rows, ranked_average_precision, tied, weighted_auroc


def test_the_auroc_within_folds_is_the_mean_weighted_by_pairs() -> None:
    rng = np.random.default_rng(3)
    scores, positive, folds = rng.random(40).round(1), rng.random(40) < 0.4, rng.integers(0, 3, 40)
    weights = rng.integers(0, 3, (5, 40)).astype(float)
    parts = [folds == fold for fold in range(3)]
    areas = np.array([weighted_auroc(weights[:, part], positive[part], scores[part]) for part in parts])
    up, down = (np.array([(weights * of)[:, part].sum(axis=1) for part in parts]) for of in (positive, ~positive))
    expected = (areas * up * down).sum(axis=0) / (up * down).sum(axis=0)
    np.testing.assert_allclose(weighted_auroc(weights, positive, scores, folds), expected)
    np.testing.assert_allclose(
        weighted_auroc(weights, positive, scores, np.zeros(40, int)), weighted_auroc(weights, positive, scores)
    )


@pytest.mark.parametrize("digits", [1, 15])
def test_weights_are_summed_at_each_distinct_score(digits: int) -> None:
    rng = np.random.default_rng(3)
    scores, positive = rng.random(40).round(digits), rng.random(40) < 0.4
    weights = rng.integers(0, 3, (5, 40)).astype(float)
    up, down = tied(weights, positive, scores)
    expected = [(weights * positive)[:, scores == score].sum(axis=1) for score in np.unique(scores)]
    np.testing.assert_array_equal(up, np.transpose(expected))
    np.testing.assert_array_equal((up + down).sum(axis=1), weights.sum(axis=1))


def test_rows_are_divided_only_where_the_class_changes() -> None:
    scores, positive = np.array([1, 2, 3, 3, 4, 5, 6]), np.array([0, 0, 0, 1, 1, 1, 0], bool)
    (ranked,) = rank_rows(positive, scores)
    up, down = ranked.sums(np.arange(1.0, 8.0)[None])
    assert (up[:, 0].tolist(), down[:, 0].tolist()) == ([0, 4, 11, 0], [3, 3, 0, 7])
    up, down = rank_positives(positive, scores).sums(np.arange(1.0, 8.0)[None])
    assert (up[:, 0].tolist(), down[:, 0].tolist()) == ([0, 4, 5, 6, 0], [3, 3, 0, 0, 7])


def test_no_rows_and_one_class_have_no_area() -> None:
    none = np.zeros(0)
    assert np.isnan(weighted_auroc(np.ones((2, 0)), none > 0, none)).all()
    one = np.ones(3)
    assert np.isnan(weighted_auroc(np.ones((2, 3)), one > 0, one)).all()
    assert np.isnan(ranked_average_precision(np.ones((2, 3)), rank_positives(one > 1, one))).all()
