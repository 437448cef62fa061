"""Recalibration agrees with logistic regression, wherever it starts."""

import math

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from fxkit.metrics.ranking import Floats, Mask
from fxkit.metrics.recalibration import place_nodes, recalibration, recalibrations


def draw(n: int = 400, slope: float = 1.0, shift: float = 0.0) -> tuple[Floats, Mask]:
    """Draw probabilities, and outcomes with log-odds slope * logit(p) + shift."""
    rng = np.random.default_rng(0)
    p = rng.uniform(0.05, 0.95, n)
    return p, rng.random(n) < expit(slope * logit(p) + shift)


def test_recalibration_equals_the_weighted_regression_of_scikit_learn() -> None:
    p, hit = draw(slope=0.6, shift=-0.4)
    weights = np.random.default_rng(1).integers(0, 3, (3, len(p))).astype(float)
    slopes, intercepts = recalibration(weights, p, hit)
    for row, slope, intercept in zip(weights, slopes, intercepts, strict=True):
        fit = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(p)[:, None], hit, sample_weight=row)
        assert (slope, intercept) == pytest.approx((fit.coef_[0, 0], fit.intercept_[0]), abs=1e-4)
    large = recalibration(weights, p, hit, with_slope=False)[1]
    for row, shift in zip(weights, large, strict=True):
        assert row @ expit(logit(p) + shift) == pytest.approx(row @ hit)


@pytest.mark.parametrize("with_slope", [True, False])
def test_the_fit_does_not_depend_on_where_it_starts(with_slope: bool) -> None:
    p, hit = draw(slope=0.6, shift=-0.4)
    weights = np.random.default_rng(1).integers(0, 3, (5, len(p))).astype(float)
    start = recalibration(np.ones((1, len(p))), p, hit, with_slope=with_slope)[:, 0]
    usual = recalibration(weights, p, hit, with_slope=with_slope)
    for near in (start, (np.nan, np.nan)):
        fits = recalibration(weights, p, hit, with_slope=with_slope, start=near)
        np.testing.assert_allclose(fits, usual, rtol=0, atol=1e-12)


def test_perfectly_separated_classes_and_a_single_class_have_no_fit() -> None:
    p = np.array([0.1, 0.2, 0.8, 0.9])
    assert np.isnan(recalibration(np.ones((1, 4)), p, p > 0.5)).all()
    assert math.isnan(recalibration(np.ones((1, 4)), p, p > 0, with_slope=False)[1, 0])


@pytest.mark.parametrize("slope", [0.5, 1.0, 4.0])
def test_sums_over_nodes_change_no_fit_of_many_rows(slope: float) -> None:
    rng = np.random.default_rng(2)
    p = expit(rng.normal(0, 2, 8000))
    hit = rng.random(len(p)) < expit(slope * logit(p) - 0.5)
    weights = rng.poisson(1, (20, len(p))).astype(float)
    nodes = place_nodes(logit(p), 2 * max(1.0, slope))
    assert nodes is not None
    assert len(nodes.x) < len(p) / 4
    np.testing.assert_allclose(nodes.move(weights) @ expit(slope * nodes.x), weights @ expit(slope * logit(p)))
    expected = [recalibration(weights, p, hit)[0], recalibration(weights, p, hit, with_slope=False)[1]]
    np.testing.assert_allclose(recalibrations(p, hit)(weights), expected, rtol=0, atol=1e-10)


def test_few_rows_and_equal_probabilities_have_no_nodes() -> None:
    assert place_nodes(np.linspace(-3, 3, 100), 2.0) is None
    assert place_nodes(np.zeros(10_000), 2.0) is None


def test_resamples_of_many_separable_rows_have_no_fit() -> None:
    p = np.linspace(0.01, 0.99, 5000)
    hit = p > 0.5
    hit[2400] = True  # without this row, a resample is separable
    weights = np.ones((2, len(p)))
    weights[1, 2400] = 0
    (slope, lost), _ = recalibrations(p, hit)(weights)
    assert slope == pytest.approx(recalibration(weights[:1], p, hit)[0, 0], abs=1e-9, nan_ok=True)
    assert math.isnan(lost)
