"""The tests of reliance, on predictions whose results were computed by hand."""

import numpy as np
import pytest

from fxkit.ablation.marker_tests import count_flips, measure_lost_log_odds
from fxkit.metrics.predictions import Predictions
from fxkit.report.ablation import Contrast


def predicted(broken: list[float]) -> Predictions:
    names = tuple("abcd")
    labels = np.array([0, 0, 1, 1])
    scores = np.array(broken)
    return Predictions(("whole", "broken"), names, labels, np.stack([1 - scores, scores], axis=1), names, names)


def test_predictions_that_change_to_wrong_are_counted() -> None:
    raw = predicted([0.1, 0.9, 0.9, 0.9])  # the second is wrong before pasting
    tested = {
        "raw": [raw],
        "swapped": [predicted([0.9, 0.1, 0.2, 0.9])],
        "swapped-patch": [predicted([0.1, 0.9, 0.4, 0.9])],
    }
    flips = count_flips("swapped", tested)
    assert (flips.by_marker, flips.by_patch) == (0.5, 0.25)
    assert flips.difference.value == 0.25
    assert flips.fall.value == pytest.approx(np.mean([0.8, -0.8, 0.2, 0.0]))


def test_pasting_that_changes_no_decision_keeps_a_finite_interval() -> None:
    same = [predicted([0.1, 0.2, 0.9, 0.8])]
    flips = count_flips("swapped", {"raw": same, "swapped": same, "swapped-patch": same})
    assert f"{flips.difference:+.1%}" == "+0.0% (-49.0% to +49.0%)"  # 4 groups
    assert flips.fall.has_limits


def test_a_class_with_a_single_group_gets_no_interval_and_says_why() -> None:
    one = predictions(np.array([-2.0, -0.4, 0.8, 0.9, 1.1]), np.array([0, 0, 0, 0, 1]))  # patients of 4 and of 1
    contrast = measure_lost_log_odds("log_odds", "", [one], [one])
    assert contrast.describe(sides=" one-sided").startswith("0.000 (too few groups for an interval, p ")


LABELS = np.array([0, 1] * 30 + [0] * 20)  # 50 and 30 films


def predictions(log_odds: np.ndarray, labels: np.ndarray = LABELS) -> Predictions:
    positive = 1 / (1 + np.exp(-log_odds))
    names = tuple(f"film{i}" for i in range(len(labels)))
    groups = tuple(f"patient{i // 4}" for i in range(len(labels)))
    return Predictions(("no", "yes"), names, labels, np.stack([1 - positive, positive], axis=1), names, groups)


def contrast_of(by_marker: np.ndarray, seed: int = 0) -> Contrast:
    rest = np.random.default_rng(seed).normal(0, 1, len(LABELS))
    return measure_lost_log_odds("log_odds", "", [predictions(rest + by_marker)], [predictions(rest)])


def test_log_odds_that_markers_add_to_the_true_class_are_lost() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, len(LABELS))
    contrast = contrast_of(0.4 * (LABELS - 0.5) + noise)
    assert contrast.value == pytest.approx(0.2, abs=0.05)  # the true class loses it, and the other class gains as much
    assert 0 < contrast.low < 0.2 < contrast.high
    assert contrast.p < 0.001


def test_a_loss_common_to_all_films_does_not_count() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, len(LABELS))
    with_common_loss, contrast = (
        contrast_of(0.4 * (LABELS - 0.5) + noise + 3),
        contrast_of(0.4 * (LABELS - 0.5) + noise),
    )
    assert with_common_loss.value == pytest.approx(contrast.value)
    assert with_common_loss.p == contrast.p


def test_markers_that_support_another_class_are_no_evidence() -> None:
    contrast = contrast_of(-0.4 * (LABELS - 0.5) + np.random.default_rng(1).normal(0, 0.1, len(LABELS)))
    assert contrast.high < 0
    assert contrast.p > 0.99


def test_without_reliance_p_is_small_at_the_nominal_rate() -> None:
    rng = np.random.default_rng(2)
    small = sum(contrast_of(rng.normal(0, 0.5, len(LABELS)), seed).p <= 0.05 for seed in range(60))
    assert 1 <= small <= 8


def test_probabilities_of_0_and_1_give_finite_results() -> None:
    certain = measure_lost_log_odds("", "", [predictions(1000.0 * (LABELS - 0.5))], [predictions(0.0 * LABELS)])
    assert np.isfinite([certain.value, certain.p]).all()


def test_three_classes_have_equal_weight() -> None:
    labels = np.array([0] * 40 + [1] * 20 + [2] * 4)
    names = tuple(map(str, range(64)))

    def with_markers(by_marker: float) -> Predictions:
        odds = np.exp(by_marker * np.eye(3)[labels])
        return Predictions(("a", "b", "c"), names, labels, odds / odds.sum(axis=1, keepdims=True), names, names)

    contrast = measure_lost_log_odds("", "", [with_markers(1.0)], [with_markers(0.0)])
    true_class, others = np.log(np.e / 2) - np.log(1 / 2), np.log(1 / (1 + np.e)) - np.log(1 / 2)
    assert contrast.value == pytest.approx((true_class - others) * 2 / 3)
