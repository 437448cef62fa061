"""What erasing takes from the log-odds of films' own classes, from made predictions."""

import numpy as np
import pytest

from fxkit.ablation.log_odds import log_odds_lost
from fxkit.ablation.result import Contrast
from fxkit.predictions import Predictions

LABELS = np.array([0, 1] * 30 + [0] * 20)  # 50 and 30 films


def predictions(log_odds: np.ndarray, labels: np.ndarray = LABELS) -> Predictions:
    positive = 1 / (1 + np.exp(-log_odds))
    names = tuple(f"film{i}" for i in range(len(labels)))
    groups = tuple(f"patient{i // 4}" for i in range(len(labels)))
    return Predictions(("no", "yes"), names, labels, np.stack([1 - positive, positive], axis=1), names, groups)


def lost(by_marker: np.ndarray, seed: int = 0) -> Contrast:
    rest = np.random.default_rng(seed).normal(0, 1, len(LABELS))
    return log_odds_lost("log_odds", "", [predictions(rest + by_marker)], [predictions(rest)])


def test_what_markers_say_of_the_class_is_lost() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, len(LABELS))
    found = lost(0.4 * (LABELS - 0.5) + noise)
    assert found.value == pytest.approx(0.2, abs=0.05)  # towards the own class; towards the other as much is gained
    assert 0 < found.low < 0.2 < found.high
    assert found.p < 0.001


def test_what_all_films_lose_alike_does_not_count() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, len(LABELS))
    alike, found = lost(0.4 * (LABELS - 0.5) + noise + 3), lost(0.4 * (LABELS - 0.5) + noise)
    assert alike.value == pytest.approx(found.value)
    assert alike.p == found.p


def test_markers_against_the_own_class_are_no_evidence() -> None:
    found = lost(-0.4 * (LABELS - 0.5) + np.random.default_rng(1).normal(0, 0.1, len(LABELS)))
    assert found.high < 0
    assert found.p > 0.99


def test_by_chance_p_is_small_as_often_as_it_should() -> None:
    rng = np.random.default_rng(2)
    small = sum(lost(rng.normal(0, 0.5, len(LABELS)), seed).p <= 0.05 for seed in range(60))
    assert 1 <= small <= 8


def test_probabilities_of_0_and_1_can_be_compared() -> None:
    sure = log_odds_lost("", "", [predictions(1000.0 * (LABELS - 0.5))], [predictions(0.0 * LABELS)])
    assert np.isfinite([sure.value, sure.p]).all()


def test_three_classes_weigh_the_same() -> None:
    labels = np.array([0] * 40 + [1] * 20 + [2] * 4)
    names = tuple(map(str, range(64)))

    def told(by_marker: float) -> Predictions:
        odds = np.exp(by_marker * np.eye(3)[labels])
        return Predictions(("a", "b", "c"), names, labels, odds / odds.sum(axis=1, keepdims=True), names, names)

    found = log_odds_lost("", "", [told(1.0)], [told(0.0)])
    own, other = np.log(np.e / 2) - np.log(1 / 2), np.log(1 / (1 + np.e)) - np.log(1 / 2)
    assert found.value == pytest.approx((own - other) * 2 / 3)
