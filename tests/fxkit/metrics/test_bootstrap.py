"""Intervals over groups: coverage, pairing, and the effect of copies."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fxkit.errors import DataError
from fxkit.metrics import scores
from fxkit.metrics.bootstrap import interval, intervals, paired_difference
from fxkit.metrics.intervals import wilson
from fxkit.metrics.scores import AUROC
from fxkit.metrics.summary import evaluate_predictions

from .conftest import binary, clustered


def test_the_interval_of_a_perfect_sensitivity_depends_on_the_number_of_groups():
    p = binary([1] * 50 + [0] * 10, [0.9] * 50 + [0.1] * 10, [f"p{i % 5}" for i in range(50)] + [*"abcdefghij"])
    estimate = interval(scores.SENSITIVITY, p)
    assert (estimate.value, estimate.high, estimate.n_groups) == (1.0, 1.0, 5)
    assert estimate.low == pytest.approx(wilson(1.0, 5)[0])
    assert interval(AUROC, p).low == pytest.approx(wilson(1.0, 5)[0])


def test_independent_files_give_nearly_the_interval_of_a_proportion():
    p = binary([1] * 200, [0.9] * 140 + [0.1] * 60)
    estimate = interval(scores.SENSITIVITY, p, resamples=4000)
    assert (estimate.low, estimate.high) == pytest.approx(wilson(0.7, 200), abs=0.006)


def test_copies_of_a_film_do_not_narrow_the_interval():
    rng = np.random.default_rng(2)
    labels, p = rng.integers(0, 2, 30), rng.random(30)
    once = interval(AUROC, binary(labels, p))
    copies = binary(np.repeat(labels, 20), np.repeat(p, 20), np.repeat(np.arange(30), 20))
    many = interval(AUROC, copies)
    assert many.value == pytest.approx(once.value)
    assert many.high - many.low == pytest.approx(once.high - once.low, rel=0.02)
    alone = interval(AUROC, binary(np.repeat(labels, 20), np.repeat(p, 20)))
    assert alone.high - alone.low < 0.4 * (many.high - many.low)


def test_one_group_gives_a_very_wide_interval():
    estimate = interval(scores.ACCURACY, binary([1, 1, 0, 0], [0.9, 0.1, 0.1, 0.1], ["p"] * 4))
    assert estimate.low < 0.2
    assert estimate.high > 0.9


def test_undefined_figures_are_nan_and_undefined_resamples_are_counted():
    figures = intervals(scores.BINARY, binary([1, 1, 1], [0.9, 0.8, 0.2]))
    assert math.isnan(figures["auroc"].value)
    assert math.isnan(figures["auroc"].low)
    assert figures["auroc"].left_out == 1000
    assert figures["sensitivity"].value == pytest.approx(2 / 3)
    two = interval(AUROC, binary([0, 1], [0.1, 0.9]), resamples=2000)
    assert two.left_out == pytest.approx(1000, abs=120)  # half of the resamples draw one group twice
    assert (two.value, two.high) == (1.0, 1.0)
    assert two.low < 0.3


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1), st.integers(0, 4)), min_size=1, max_size=25),
    st.floats(0, 1),
)
def test_limits_enclose_the_value_within_0_and_1(rows, threshold):
    labels, p, groups = zip(*rows, strict=True)
    figures = intervals(scores.BINARY, binary(labels, p, groups), threshold=threshold, resamples=50)
    for name, estimate in figures.items():
        if not math.isnan(estimate.value) and "too few groups" not in estimate.text:
            assert 0 <= estimate.low <= estimate.value <= estimate.high, name
            assert estimate.high <= 1 or name == "log_loss", name
        assert "too few groups" not in estimate.text or name in ("brier", "log_loss")


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(12)), st.integers(0, 3))
def test_the_order_of_the_rows_does_not_change_the_interval(order, seed):
    rng = np.random.default_rng(seed)
    p = binary(np.arange(12) % 2, rng.random(12), np.arange(12) // 3)
    shuffled = p.take(np.array(order))
    assert interval(AUROC, shuffled, resamples=20).value == interval(AUROC, p, resamples=20).value
    assert interval(AUROC, shuffled, resamples=20).low == pytest.approx(interval(AUROC, p, resamples=20).low)


def simulate(metric, groups, each, shift, truth, repetitions=120):
    rng = np.random.default_rng(11)
    covered = 0
    for seed in range(repetitions):
        estimate = interval(metric, clustered(rng, groups, each, shift), seed=seed, resamples=200)
        covered += estimate.low <= truth <= estimate.high
    return covered / repetitions


@pytest.mark.parametrize(("groups", "each", "shift"), [(10, 3, 1.0), (20, 3, 2.5), (40, 5, 1.0)])
def test_intervals_cover_the_true_value_in_about_95_percent(groups, each, shift):
    auroc = stats.norm.cdf(shift / math.sqrt(2))
    sensitivity = stats.norm.cdf(shift / 2)
    assert simulate(AUROC, groups, each, shift, auroc) >= 0.91
    assert simulate(scores.SENSITIVITY, groups, each, shift, sensitivity) >= 0.91


def test_differences_cover_the_true_value_in_about_95_percent():
    rng = np.random.default_rng(4)
    covered = 0
    for seed in range(120):
        a = clustered(rng, 30, 3, 1.5)
        other = stats.norm.cdf(stats.norm.ppf(a.probabilities[:, 1]) + 0.6 * rng.normal(size=90))
        b = binary(a.labels, other, a.groups)
        estimate = paired_difference(AUROC, a, b, seed=seed, resamples=200)
        truth = stats.norm.cdf(1.5 / math.sqrt(2)) - stats.norm.cdf(1.5 / math.sqrt(2 * 1.36))
        covered += estimate.low <= truth <= estimate.high
    assert covered / 120 >= 0.90


def test_pairing_narrows_the_difference():
    rng = np.random.default_rng(3)
    a = clustered(rng, 40, 3, 1.0)
    b = binary(a.labels, np.clip(a.probabilities[:, 1] + 0.02 * rng.normal(size=120), 0, 1), a.groups)
    alone, difference = interval(AUROC, a), paired_difference(AUROC, a, b)
    assert difference.value == pytest.approx(alone.value - interval(AUROC, b).value)
    assert difference.high - difference.low < 0.3 * (alone.high - alone.low)


def test_two_perfect_scores_of_few_groups_do_not_prove_equality():
    p = binary([0] * 5 + [1] * 5, [0.1] * 5 + [0.9] * 5)
    estimate = paired_difference(AUROC, p, p)
    assert estimate.value == 0
    assert (estimate.low, estimate.high) == pytest.approx((wilson(1, 5)[0] - 1, 1 - wilson(1, 5)[0]))


def test_several_seeds_are_averaged_and_share_their_resamples():
    rng = np.random.default_rng(6)
    a, b = clustered(rng, 30, 2, 1.0), clustered(rng, 30, 2, 1.5)
    mean = (interval(AUROC, a).value + interval(AUROC, b).value) / 2
    assert interval(AUROC, [a, b]).value == pytest.approx(mean)
    assert paired_difference(AUROC, [a, b], [b, a]).value == pytest.approx(0)
    assert paired_difference(AUROC, [a, b], b).value == pytest.approx(mean - interval(AUROC, b).value)


def test_predictions_of_different_files_are_not_compared():
    a = binary([0, 1], [0.1, 0.9])
    with pytest.raises(DataError, match=r"predictions of 2 and 3 files differ.*evaluate both"):
        paired_difference(AUROC, a, binary([0, 1, 1], [0.1, 0.9, 0.8]))
    with pytest.raises(DataError, match="same rows in the same order"):
        interval(AUROC, [a, binary([1, 1], [0.1, 0.9])])


def test_predictions_without_any_class_are_refused():
    with pytest.raises(DataError, match="no file has a known class; expected at least one; give data"):
        evaluate_predictions(binary([-1, -1], [0.1, 0.9]))


def test_an_unbounded_metric_has_t_limits_and_infinite_limits_for_one_group():
    rng = np.random.default_rng(8)
    p = binary(rng.integers(0, 2, 80), rng.uniform(0.01, 0.99, 80))
    estimate = interval(scores.LOG_LOSS, p, resamples=4000)
    losses = scores.log_losses(p.probabilities, p.labels)
    half = stats.t.ppf(0.975, 79) * losses.std(ddof=1) / math.sqrt(80)
    assert estimate.high - estimate.low == pytest.approx(2 * half, rel=0.1)
    assert estimate.high - estimate.value > estimate.value - estimate.low  # losses are skewed
    alone = interval(scores.LOG_LOSS, binary([1, 1], [0.8, 0.8], "PP"))
    assert alone.text == "0.22 (too few groups)"
    plain = evaluate_predictions(binary([1, 1], [0.8, 0.8], "PP")).to_dict()
    assert plain["film"]["figures"]["log_loss"]["high"] is None
