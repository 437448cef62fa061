"""Operating points: thresholds are chosen on validation films, and PPV and NPV follow the stated prevalence."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from fxkit.errors import ConfigError, DataError
from fxkit.metrics.intervals import Interval, wilson
from fxkit.metrics.operating_points import (
    Target,
    choose_threshold,
    figures_at,
    operating_points,
    parse_target,
    predictive_value,
)
from fxkit.metrics.predictions import Predictions


def films(labels, positive, groups=None, films=None) -> Predictions:
    positive, n = np.asarray(positive, float), len(positive)
    groups = tuple(f"g{i}" for i in range(n)) if groups is None else tuple(map(str, groups))
    names = tuple(map(str, range(n)))
    p = np.stack([1 - positive, positive], axis=1)
    return Predictions(("intact", "fractured"), names, np.asarray(labels), p, tuple(films or names), groups)


@pytest.mark.parametrize(
    ("text", "target", "formatted"),
    [
        ("sensitivity=0.95", Target("sensitivity", 0.95), "sensitivity=0.95"),
        ("specificity=1", Target("specificity", 1.0), "specificity=1"),
        ("youden", Target("youden"), "youden"),
        ("0.3", Target("threshold", 0.3), "threshold 0.3"),
    ],
)
def test_targets_are_parsed_and_formatted(text: str, target: Target, formatted: str) -> None:
    assert parse_target(text) == target
    assert target.text == formatted


@pytest.mark.parametrize("text", ["sensitivity", "sensitivity=2", "sensitivity=0", "ppv=0.5", "1.5", "nan", "", "=1"])
def test_invalid_targets_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^target '.*': expected sensitivity=X or specificity=X with X above 0"):
        parse_target(text)


scores = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 1.0, float(np.nextafter(0.5, 1))])
rows = st.lists(st.tuples(st.integers(0, 1), scores), min_size=2, max_size=30).filter(
    lambda drawn: len({label for label, _ in drawn}) == 2
)


@settings(max_examples=150, deadline=None)
@given(rows, st.sampled_from([0.05, 0.5, 0.9, 1.0]))
def test_a_threshold_meets_its_target_at_the_best_point_of_the_roc_curve(drawn_rows, value) -> None:
    labels, p = (np.array(column) for column in zip(*drawn_rows, strict=True))
    down, up, _ = roc_curve(labels, p, drop_intermediate=False)
    for kind, best in (
        ("sensitivity", max(1 - down[up >= value - 1e-12])),
        ("specificity", max(up[1 - down >= value - 1e-12])),
        ("youden", max(up - down)),
    ):
        called = p >= choose_threshold(films(labels, p), Target(kind, value))
        sensitivity, specificity = called[labels == 1].mean(), (~called)[labels == 0].mean()
        reached = {"sensitivity": sensitivity, "specificity": specificity}
        assert reached.get(kind, 1) >= value - 1e-12
        lost = {"sensitivity": specificity, "specificity": sensitivity, "youden": sensitivity + specificity - 1}
        assert lost[kind] == pytest.approx(best)


def test_a_threshold_lies_between_two_scores() -> None:
    validation = films([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9])
    assert choose_threshold(validation, Target("youden")) == pytest.approx(0.4)
    assert choose_threshold(validation, Target("sensitivity", 0.5)) == pytest.approx(0.75)
    assert choose_threshold(validation, Target("threshold", 0.123)) == 0.123


def test_no_threshold_can_be_chosen_on_films_of_one_class() -> None:
    with pytest.raises(DataError, match=r"the model has 2 classes, and the 2 validation films show 1 of them"):
        choose_threshold(films([1, 1], [0.2, 0.9]), Target("youden"))


def share(hits: int, n: int) -> Interval:
    low, high = wilson(hits / n, n)
    return Interval(hits / n, low, high, n, 0, n)


def test_predictive_values_at_the_prevalence_of_the_films_equal_the_counts() -> None:
    p = films([1] * 40 + [0] * 60, [0.9] * 30 + [0.1] * 10 + [0.8] * 6 + [0.2] * 54)
    figures = figures_at(p, 0.5, 0.4, resamples=50)
    assert figures["ppv_at_prevalence"].value == pytest.approx(figures["ppv"].value) == pytest.approx(30 / 36)
    assert figures["npv_at_prevalence"].value == pytest.approx(figures["npv"].value) == pytest.approx(54 / 64)


def test_predictive_values_at_a_prevalence_match_a_published_example() -> None:
    # Altman and Bland 1994, "Diagnostic tests 2: predictive values" (BMJ 309:102): sensitivity 231/258 and
    # specificity 54/86 give a PPV of 0.45 and an NPV of 0.95 at a prevalence of 0.25.
    sensitivity, wrong = share(231, 258), share(86 - 54, 86)
    assert predictive_value(sensitivity, wrong, 3).value == pytest.approx(0.45, abs=0.005)
    missed = share(258 - 231, 258)
    assert predictive_value(share(54, 86), missed, 1 / 3).value == pytest.approx(0.95, abs=0.005)


def test_the_limits_of_a_ppv_are_wide_without_false_positives() -> None:
    ppv = predictive_value(share(20, 20), share(0, 30), 9)
    assert (ppv.value, ppv.high) == (1, 1)
    assert ppv.low < 0.55  # with 0 of 30 false positives, the false positive rate can be 11 %
    assert predictive_value(share(0, 20), share(3, 30), 9).low == 0
    undefined = predictive_value(share(0, 20), share(0, 30), 9)
    assert math.isnan(undefined.value)
    assert math.isnan(undefined.low)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 20), st.integers(0, 30), st.floats(0.01, 0.99))
def test_the_limits_of_a_ppv_enclose_it(hits, wrong, prevalence) -> None:
    ppv = predictive_value(share(hits, 20), share(wrong, 30), (1 - prevalence) / prevalence)
    if hits + wrong:
        assert -1e-12 <= ppv.low <= ppv.value + 1e-9
        assert ppv.value - 1e-9 <= ppv.high <= 1


def test_the_threshold_depends_on_the_validation_films_only() -> None:
    rng = np.random.default_rng(0)
    validation = films([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9], films="abcc")
    one, other = (films(rng.integers(0, 2, 40), rng.random(40)) for _ in range(2))
    points = [
        operating_points(p, [Target("youden"), Target("threshold", 0.5)], validation, prevalence=0.1, resamples=20)
        for p in (one, other)
    ]
    assert points[0][0].threshold == points[1][0].threshold
    point, fixed = points[0]
    assert (point.chosen_on, point.chosen_films, point.chosen_groups) == ("val", 4, 4)
    assert point.reached == {"sensitivity": 1.0, "specificity": 1.0}
    assert list(point.levels) == ["file", "film", "group"]
    assert point.levels["film"]["sensitivity"].n == (one.labels == 1).sum()
    assert (fixed.threshold, fixed.chosen_on, fixed.reached) == (0.5, "", {})


def test_more_than_two_classes_and_an_invalid_prevalence_are_refused() -> None:
    p = Predictions(("a", "b", "c"), ("x",), np.array([0]), np.array([[0.2, 0.3, 0.5]]), ("x",), ("x",))
    with pytest.raises(DataError, match="3 classes; operating points and prevalence need a model of two classes"):
        operating_points(p, [Target("threshold", 0.5)])
    with pytest.raises(ConfigError, match="prevalence 1: expected a share above 0 and below 1"):
        operating_points(films([0, 1], [0.1, 0.9]), [], prevalence=1)
