"""Net benefits compared with the published formula, and with known values of special cases."""

import numpy as np
import pytest

from fxkit.metrics.decision_curve import THRESHOLDS, decision_curve
from fxkit.metrics.predictions import Predictions


def films(labels, positive) -> Predictions:
    positive = np.asarray(positive, float)
    names = tuple(map(str, range(len(positive))))
    return Predictions(
        ("intact", "fractured"), names, np.asarray(labels), np.stack([1 - positive, positive], 1), names, names
    )


def make_counts(tp: int, fp: int, fn: int, tn: int) -> Predictions:
    return films([1] * tp + [0] * fp + [1] * fn + [0] * tn, [0.9] * (tp + fp) + [0.01] * (fn + tn))


def test_the_net_benefit_follows_the_published_formula() -> None:
    # Equation of Vickers and Elkin 2006: TP/n - FP/n * p/(1-p). 30 hits and 20 false alarms among 100 films at
    # p = 0.2 are worth 0.30 - 0.20 / 4; calling all 100 films positive is worth 0.40 - 0.60 / 4.
    curve = decision_curve(make_counts(30, 20, 10, 40), thresholds=[0.2], resamples=50)
    assert curve.model[0].value == pytest.approx(0.25)
    assert curve.everybody[0].value == pytest.approx(0.25)
    assert (curve.model[0].n, curve.model[0].n_groups) == (100, 100)


def test_at_a_given_prevalence_the_share_of_positives_in_the_films_does_not_matter() -> None:
    one, other = (
        decision_curve(part, thresholds=[0.1, 0.5], prevalence=0.1, resamples=50)
        for part in (make_counts(30, 20, 10, 40), make_counts(300, 20, 100, 40))
    )
    assert [i.value for i in one.model] == pytest.approx([i.value for i in other.model])
    assert one.model[0].value == pytest.approx(0.1 * 30 / 40 - 0.9 * (20 / 60) / 9)
    assert one.everybody[1].value == pytest.approx(0.1 - 0.9)
    observed = decision_curve(make_counts(30, 20, 10, 40), thresholds=[0.1], prevalence=0.4, resamples=50)
    plain = decision_curve(make_counts(30, 20, 10, 40), thresholds=[0.1], resamples=50)
    assert observed.model[0].value == pytest.approx(plain.model[0].value)


def test_the_net_benefit_of_perfect_probabilities_is_the_prevalence() -> None:
    labels = np.arange(60) % 3 == 0
    perfect = decision_curve(films(labels.astype(int), labels), resamples=50)
    assert [one.value for one in perfect.model] == pytest.approx([1 / 3] * len(THRESHOLDS))


def test_below_the_lowest_probability_the_model_equals_calling_all_films_positive() -> None:
    rng = np.random.default_rng(0)
    curve = decision_curve(films(rng.integers(0, 2, 80), rng.uniform(0.2, 1, 80)), resamples=50)
    assert curve.model[0] == curve.everybody[0]
    assert all(one.low <= one.value <= one.high <= 1 for one in (*curve.model, *curve.everybody))


def test_films_of_one_class_have_an_undefined_benefit_at_a_given_prevalence() -> None:
    curve = decision_curve(films([1, 1], [0.4, 0.9]), thresholds=[0.5], prevalence=0.1, resamples=50)
    assert np.isnan(curve.model[0].value)
