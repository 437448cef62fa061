"""Calibration agrees with scikit-learn, and true probabilities are well calibrated."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve

from fxkit.errors import DataError
from fxkit.metrics.calibration import bin_gaps, bin_rows, calibration, gap_covariance
from fxkit.metrics.predictions import Predictions


def make_predictions(n: int = 400, slope: float = 1.0, shift: float = 0.0, each: int = 1, seed: int = 0) -> Predictions:
    """Draw labels with log-odds slope * logit(p) + shift; each group holds `each` films with the same label."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.05, 0.95, n)
    labels = (rng.random(n) < expit(slope * logit(p) + shift)).astype(int)
    p, labels = np.repeat(p, each), np.repeat(labels, each)
    names = tuple(map(str, range(n * each)))
    groups = tuple(map(str, np.repeat(np.arange(n), each)))
    return Predictions(("intact", "fractured"), names, labels, np.stack([1 - p, p], 1), names, groups)


def test_bins_equal_the_quantile_bins_of_scikit_learn() -> None:
    predictions = make_predictions()
    result = calibration(predictions, resamples=20)
    shares, means = calibration_curve(
        predictions.labels, predictions.probabilities[:, 1], n_bins=10, strategy="quantile"
    )
    assert [row.mean for row in result.bins] == pytest.approx(means)
    assert [row.share.value for row in result.bins] == pytest.approx(shares)
    assert [row.share.n for row in result.bins] == [40] * 10
    assert result.ece == pytest.approx(np.abs(shares - means).mean())
    assert result.of == "fractured"


def test_equal_probabilities_share_a_bin_and_few_groups_give_few_bins() -> None:
    assert bin_rows(np.full(50, 0.3), 50).tolist() == [0] * 50
    assert bin_rows(np.linspace(0, 1, 120), 12).max() == 1
    assert bin_rows(np.linspace(0, 1, 120), 120).max() == 9
    assert bin_rows(np.array([0.2]), 1).tolist() == [0]


def test_the_expected_calibration_error_is_the_weighted_mean_gap() -> None:
    # Bin 0: mean 0.2, share 1/2. Bin 1: mean 0.8, share 1. By rows: (2 * 0.3 + 1 * 0.2) / 3.
    p, hit, bins = np.array([0.1, 0.3, 0.8]), np.array([False, True, True]), np.array([0, 0, 1])
    gaps = bin_gaps(p, hit, bins)
    assert gaps == pytest.approx([-0.3, -0.2])
    assert np.average(np.abs(gaps), weights=np.bincount(bins)) == pytest.approx(0.8 / 3)


def test_the_covariance_of_the_gaps_is_computed_over_groups() -> None:
    rng = np.random.default_rng(0)
    p, hit, bins = np.full(40, 0.5), rng.random(40) < 0.5, np.repeat([0, 1], 20)
    alone = gap_covariance(p, hit, bins, np.arange(40).astype(str))
    variances = [np.var(p[bins == i] - hit[bins == i], ddof=1) / 20 / 2 for i in (0, 1)]
    assert alone == pytest.approx(np.diag(variances))
    twice = [np.concatenate([a, a]) for a in (p, hit, bins, np.arange(40).astype(str))]
    assert gap_covariance(*twice) == pytest.approx(alone)
    across = gap_covariance(p, np.tile(hit[:20], 2), bins, np.tile(np.arange(20), 2).astype(str))
    assert across[0, 1] == pytest.approx(across[0, 0])


def test_a_bin_with_a_single_outcome_has_the_predicted_variance() -> None:
    names, bins = np.arange(10).astype(str), np.zeros(10, np.int64)
    assert gap_covariance(np.full(10, 0.9), np.full(10, True), bins, names) == pytest.approx(0.009)
    labels = np.arange(10) % 2
    sure = Predictions(("a", "b"), tuple(names), labels, np.eye(2)[labels], *[tuple(names)] * 2)
    wrong = Predictions(("a", "b"), tuple(names), 1 - labels, np.eye(2)[labels], *[tuple(names)] * 2)
    assert 0.15 < calibration(sure, resamples=20).error.high < 0.4  # ten groups cannot prove a probability of 1
    error = calibration(wrong, resamples=20).error
    assert (0.7 < error.low < 0.9, error.high) == (True, 1.0)


def test_only_true_probabilities_are_calibrated() -> None:
    right, bold, low = (
        calibration(make_predictions(2000, s, a), resamples=200) for s, a in ((1, 0), (0.5, 0), (1, 0.8))
    )
    assert right.slope.low < 1 < right.slope.high
    assert right.intercept.low < 0 < right.intercept.high
    assert right.error.low == 0
    assert right.error.value < right.ece
    assert bold.slope.high < 0.65
    assert bold.error.low > 0.05
    assert low.intercept.low < 0.8 < low.intercept.high
    assert low.intercept.low > 0.5


def test_copies_do_not_narrow_the_intervals() -> None:
    once, many = (calibration(make_predictions(100, each=each), resamples=200) for each in (1, 10))
    for name in ("slope", "intercept", "error"):
        a, b = getattr(once, name), getattr(many, name)
        assert b.value == pytest.approx(a.value, abs=0.03)
        assert b.n_groups == a.n_groups == 100
    assert many.slope.high - many.slope.low == pytest.approx(once.slope.high - once.slope.low, rel=0.1)


def test_with_more_than_two_classes_the_predicted_class_is_calibrated() -> None:
    p = np.array([[0.7, 0.2, 0.1]] * 10)
    names = tuple(map(str, range(10)))
    result = calibration(Predictions(tuple("abc"), names, np.array([0] * 6 + [1] * 4), p, names, names), resamples=20)
    assert (result.of, result.slope, result.intercept) == ("the predicted class", None, None)
    assert result.ece == pytest.approx(0.1)
    assert [row.share.value for row in result.bins] == [0.6]


def test_predictions_without_a_known_class_are_refused() -> None:
    one = make_predictions(4)
    with pytest.raises(DataError, match="no file has a known class; expected at least one; give data"):
        calibration(one.take(np.array([], np.int64)))


def test_an_error_of_0_on_few_films_is_not_certain() -> None:
    """40 films whose probabilities agree better with their classes than chance alone would let them."""
    labels = np.tile([0, 1], 20)
    names = tuple(map(str, range(40)))
    p = np.where(np.arange(40) < 20, 0.49, 0.51)
    films = Predictions(("a", "b"), names, labels, np.stack([1 - p, p], axis=1), names, names)
    error = calibration(films, resamples=20).error
    assert (error.value, error.low) == (0.0, 0.0)
    assert error.high > 0.1
    sure = Predictions(("a", "b"), names, labels, np.eye(2)[labels], names, names)
    assert calibration(sure, resamples=20).error.high > 0.05


def test_films_of_one_class_have_bins_but_no_calibration() -> None:
    names = tuple(map(str, range(10)))
    films = Predictions(("a", "b"), names, np.ones(10, int), np.array([[0.4, 0.6]] * 10), names, names)
    result = calibration(films, resamples=20)
    assert np.isnan([result.ece, result.error.value, result.error.low]).all()
    assert [b.share.value for b in result.bins] == [1.0]
