"""Means over films with few, unequal and skewed groups."""

import math

import numpy as np
import pytest
from scipy import stats

from fxkit.metrics.bootstrap import intervals
from fxkit.metrics.group_means import (
    FEWEST,
    difference_interval,
    loss_limits,
    mean_interval,
    measure_mean,
    ratio_interval,
    share_limits,
)
from fxkit.metrics.intervals import wilson
from fxkit.metrics.scores import ACCURACY, BRIER, LOG_LOSS, SENSITIVITY

from .conftest import binary


def test_the_interval_of_a_mean_counts_groups() -> None:
    values = np.random.default_rng(0).normal(0.5, 1, 200)
    alone = mean_interval(values, [str(i) for i in range(200)])
    copied = mean_interval(np.repeat(values, 5), [str(i) for i in range(200) for _ in range(5)])
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low)
    standard = values.std(ddof=1) / np.sqrt(200)
    assert alone.high - alone.low == pytest.approx(2 * 1.972 * standard, rel=0.01)


def test_few_effective_groups_get_no_interval() -> None:
    estimate = mean_interval(np.array([0.1, 0.2]), ["a", "a"])
    assert (estimate.text, estimate.n_groups) == ("0.15 (too few groups)", 1)
    groups = ["large"] * 90 + [str(i) for i in range(10)]  # 11 groups that say as much as 1.2
    assert measure_mean(np.arange(100.0), np.ones(100), groups).effective < FEWEST
    assert math.isnan(mean_interval(np.arange(100.0), groups).low)


def test_if_all_groups_agree_the_limits_are_the_possible_ones() -> None:
    estimate = mean_interval(np.full(6, 0.25), list("abcdef"), (0.0, 1.0))
    assert (estimate.value, estimate.low, estimate.high) == (0.25, 0.0, 1.0)


def test_a_difference_on_which_all_groups_agree_keeps_limits() -> None:
    estimate = difference_interval(np.zeros(20), [str(i) for i in range(20)])
    assert estimate.high == pytest.approx(1 - wilson(1.0, 20)[0])
    assert f"{estimate:+.1%}" == "+0.0% (-16.1% to +16.1%)"  # Newcombe 1998: 0 of 20 has an upper limit of 0.1611
    assert difference_interval(np.zeros(4), list("aabb")).text == "0.00 (too few groups)"
    differences = np.random.default_rng(0).uniform(-0.5, 0.5, 20)
    groups = [str(i) for i in range(20)]
    assert difference_interval(differences, groups) == mean_interval(differences, groups, (-1.0, 1.0))


def test_the_variance_of_equal_groups_is_that_of_their_means() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=60)
    mean = measure_mean(values, np.ones(60), [str(i // 3) for i in range(60)])
    means = values.reshape(20, 3).mean(axis=1)
    assert mean.variance == pytest.approx(means.var(ddof=1) / 20)
    assert mean.effective == pytest.approx(20)
    assert mean.skew * math.sqrt(20) == pytest.approx(float(stats.skew(means, bias=False)), rel=0.1)


def test_a_ratio_divides_the_sums() -> None:
    above, below = np.array([1.0, 3.0, 2.0, 2.0]), np.array([1.0, 1.0, 1.0, 1.0])
    estimate = ratio_interval(above, below, ["a", "b", "c", "d"])
    assert estimate.value == 2.0
    assert estimate.low < 2.0 < estimate.high
    assert ratio_interval(above, 2 * below, ["a", "b", "c", "d"]).high == pytest.approx(estimate.high / 2)


def test_a_share_without_errors_counts_each_effective_group_as_one_trial() -> None:
    groups = ["large"] * 8 + ["b", "c", "d", "e"]
    estimate = share_limits(measure_mean(np.ones(12), np.ones(12), groups))
    assert (estimate.low, estimate.high) == pytest.approx((wilson(1.0, 144 / 68)[0], 1.0))


def draw_unequal(rng: np.random.Generator, groups: int, shift: float):
    """One group has 40 % of the films; classes are balanced, scores are correlated within groups."""
    sizes = np.full(groups, 4)
    sizes[0] = round(4 * (groups - 1) * 0.4 / 0.6)
    members = np.repeat(np.arange(groups), sizes)
    labels = (rng.random(groups) < 0.5).astype(int)[members]
    noise = np.sqrt(0.5) * (rng.normal(size=groups)[members] + rng.normal(size=len(members)))
    return binary(labels, 1 / (1 + np.exp(-shift * (shift * (labels - 0.5) + noise))), members)


@pytest.mark.parametrize(("groups", "shift"), [(12, 1.0), (40, 2.5), (40, 1.0)])
def test_means_with_one_large_group_are_covered(groups: int, shift: float) -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=100_000) + shift / 2  # the true class in log-odds is shift * x
    p = 1 / (1 + np.exp(-shift * x))
    truths = {"accuracy": (p >= 0.5).mean(), "brier": ((1 - p) ** 2).mean(), "log_loss": -np.log(p).mean()}
    missed = dict.fromkeys(truths, 0)  # too few groups is no miss
    for _ in range(300):
        for name, estimate in intervals((ACCURACY, BRIER, LOG_LOSS), draw_unequal(rng, groups, shift)).items():
            missed[name] += estimate.low > truths[name] or estimate.high < truths[name]
    assert max(missed.values()) <= 0.09 * 300, missed


def test_recalls_need_no_resamples() -> None:
    p = draw_unequal(np.random.default_rng(2), 20, 1.0)
    first, second = (intervals([SENSITIVITY], p, seed=seed)["sensitivity"] for seed in (0, 1))
    assert first == second


def test_few_good_films_do_not_prove_that_the_loss_is_small() -> None:
    losses, groups = np.random.default_rng(3).uniform(0.001, 0.02, 12), [str(i) for i in range(12)]
    mean = measure_mean(losses, np.ones(12), groups)
    assert mean.trials == pytest.approx(12)
    brier = loss_limits(mean, (0.0, 1.0), BRIER.fewest)
    assert brier.high == pytest.approx(wilson(mean.value, 12)[1])  # one film of 13 may be as wrong as possible
    log_loss = loss_limits(mean, (0.0, math.inf), LOG_LOSS.fewest)
    assert log_loss.text == "0.01 (too few groups)"


def test_the_usual_limits_hold_where_the_films_have_enough_loss() -> None:
    losses, groups = np.random.default_rng(3).uniform(0, 0.5, 12), [str(i) for i in range(12)]
    mean = measure_mean(losses, np.ones(12), groups)
    assert loss_limits(mean, (0.0, 1.0), BRIER.fewest) == mean_interval(losses, groups, (0.0, 1.0))


def test_films_that_are_alike_in_their_group_count_as_one() -> None:
    values, groups = (
        np.repeat(np.random.default_rng(4).normal(size=10), 5),
        [str(i) for i in range(10) for _ in range(5)],
    )
    assert measure_mean(values, np.ones(50), groups).trials == pytest.approx(10)
    unlike = measure_mean(
        np.random.default_rng(5).normal(size=5000), np.ones(5000), [str(i // 50) for i in range(5000)]
    )
    assert unlike.trials > 2500
