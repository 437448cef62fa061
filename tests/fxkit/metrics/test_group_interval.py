"""Intervals over groups for any statistic of columns."""

import numpy as np
import pytest

from fxkit.errors import DataError
from fxkit.metrics.bootstrap import interval
from fxkit.metrics.group_interval import group_interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import ACCURACY


def make_rows(n_groups: int = 40, per_group: int = 3, seed: int = 0):
    """Return groups, labels and probabilities of the positive class; all rows of a group are equal."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(rng.integers(0, 2, n_groups), per_group)
    noise = np.repeat(rng.normal(0, 0.3, n_groups), per_group)
    positive = np.clip(0.5 + 0.2 * (2 * labels - 1) + noise, 0, 1)
    return [f"patient {i // per_group}" for i in range(n_groups * per_group)], labels, positive


def accuracy(labels, positive):
    return float(((positive >= 0.5) == labels).mean())


def test_the_interval_agrees_with_that_of_a_known_metric():
    groups, labels, positive = make_rows()
    names = tuple(map(str, range(len(groups))))
    predictions = Predictions(("no", "yes"), names, labels, np.stack([1 - positive, positive], 1), names, tuple(groups))
    expected = interval(ACCURACY, predictions)
    measured = group_interval(accuracy, groups, labels, positive, limits=(0, 1))
    assert measured.value == pytest.approx(expected.value)
    assert (measured.low, measured.high) == pytest.approx((expected.low, expected.high), abs=0.01)


def test_copies_of_a_row_do_not_narrow_the_interval():
    groups, labels, positive = make_rows(per_group=1)
    few = group_interval(accuracy, groups, labels, positive)
    copied = group_interval(accuracy, groups * 20, np.tile(labels, 20), np.tile(positive, 20))
    assert (copied.low, copied.high) == pytest.approx((few.low, few.high))
    assert copied.n_groups == few.n_groups == 40
    assert copied.n == 800


def test_the_mean_of_unlimited_values_has_a_t_interval():
    rng = np.random.default_rng(1)
    values = rng.normal(10, 2, 200)
    estimate = group_interval(np.mean, [str(i) for i in range(200)], values)
    assert estimate.value == pytest.approx(values.mean())
    half = 1.97 * values.std() / np.sqrt(200)
    assert (estimate.low, estimate.high) == pytest.approx((estimate.value - half, estimate.value + half), abs=0.05)


def test_undefined_resamples_are_counted_and_left_out():
    def only_with_both(labels):
        return float("nan") if len(set(labels)) < 2 else float(np.mean(labels))

    estimate = group_interval(only_with_both, list("abcd"), [0, 0, 0, 1])
    assert estimate.left_out > 0
    assert estimate.low <= estimate.value <= estimate.high


@pytest.mark.parametrize(("groups", "columns"), [([], [[]]), (["a"], [[1, 2]]), (["a"], [])])
def test_columns_must_have_one_value_for_each_row(groups, columns):
    with pytest.raises(DataError, match="expected equal lengths above 0"):
        group_interval(np.mean, groups, *columns)
