"""Means and ratios over groups, against closed forms."""

import math

import numpy as np
import pytest

from fxkit.metrics.bootstrap import mean_interval, ratio_interval


def test_the_interval_of_a_mean_counts_groups() -> None:
    values = np.random.default_rng(0).normal(0.5, 1, 200)
    alone = mean_interval(values, [str(i) for i in range(200)])
    copied = mean_interval(np.repeat(values, 5), [str(i) for i in range(200) for _ in range(5)])
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=0.1)
    standard = values.std(ddof=1) / np.sqrt(200)
    assert alone.high - alone.value == pytest.approx(1.972 * standard, rel=0.1)


def test_one_group_tells_nothing() -> None:
    found = mean_interval(np.array([0.1, 0.2]), ["a", "a"])
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_a_ratio_is_one_of_sums() -> None:
    above, below = np.array([1.0, 3.0, 2.0, 2.0]), np.array([1.0, 1.0, 1.0, 1.0])
    found = ratio_interval(above, below, ["a", "b", "c", "d"])
    assert found.value == 2.0
    assert found.low < 2.0 < found.high
    assert ratio_interval(above, 2 * below, ["a", "b", "c", "d"]).high == pytest.approx(found.high / 2)
