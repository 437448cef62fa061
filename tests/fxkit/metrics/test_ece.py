"""Limits of the expected calibration error."""

import math

import numpy as np
import pytest

from fxkit.metrics.ece import ece_interval


def noise_of(n: int, bins: int) -> np.ndarray:
    return np.eye(bins) * 0.25 / n  # of bins with n / bins films and a share of 0.5, times the bins' share


def test_perfect_probabilities_have_the_error_of_chance_and_a_lower_limit_of_0() -> None:
    rng = np.random.default_rng(1)
    gaps = rng.normal(size=10) * np.sqrt(0.25 / 20)
    ece, by_chance = ece_interval(gaps, np.full(10, 20), noise_of(200, 10), (200, 200.0))
    assert by_chance == pytest.approx(math.sqrt(0.25 / 20 * 2 / math.pi), rel=0.03)
    assert (ece.low, ece.n, ece.n_groups) == (0.0, 200, 200)
    assert by_chance / 2 < ece.high < 2 * by_chance


def test_a_large_error_is_contained_and_chance_is_subtracted() -> None:
    ece, _ = ece_interval(np.full(10, 0.2), np.full(10, 100), noise_of(1000, 10), (1000, 1000.0))
    assert ece.value == pytest.approx(0.2)
    assert 0.16 < ece.low < 0.19
    assert 0.2 <= ece.high < 0.24


def test_gaps_of_0_are_not_certain() -> None:
    ece, by_chance = ece_interval(np.zeros(2), np.full(2, 20), noise_of(40, 2), (40, 40.0))
    assert (ece.value, ece.low) == (0.0, 0.0)
    assert ece.high > by_chance > 0.05


def test_too_few_groups_have_no_limits() -> None:
    ece, _ = ece_interval(np.array([0.1]), np.array([20]), noise_of(20, 1), (2, 2.0))
    assert f"{ece:.3f}" == "0.100 (too few groups)"
