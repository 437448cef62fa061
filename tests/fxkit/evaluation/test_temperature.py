"""Temperature and bias: the fit recovers known ones, stays near the prior with few films, and can be undone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from fxkit.config import OptimConfig
from fxkit.data.manifest import Record
from fxkit.evaluation.temperature import (
    apply_calibration,
    calibrated,
    fit_calibration,
    move_threshold,
    prior_bias,
    undo_calibration,
)
from fxkit.metrics.calibration import calibration
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import AUROC, log_losses, scored


def make_films(true: float, n: int = 3000, classes: int = 2, copies: int = 1) -> Predictions:
    """Draw classes from softmax(logits / true) and return predictions at temperature 1."""
    rng = np.random.default_rng(0)
    logits = 3 * rng.normal(size=(n, classes))
    chances = softmax(logits / true, axis=1)
    labels = (rng.random(n)[:, None] > chances.cumsum(axis=1)).sum(axis=1).clip(max=classes - 1)
    films = tuple(map(str, np.repeat(np.arange(n), copies)))
    names = tuple(map(str, range(n * copies)))
    p = np.repeat(softmax(logits, axis=1), copies, axis=0)
    return Predictions(tuple("abcdef"[:classes]), names, np.repeat(labels, copies), p, films, films)


def make_weighted(prevalence: float, n: int, seed: int = 0, temperature: float = 1.0) -> Predictions:
    """Return predictions as of a network whose loss weighted both classes alike, with a given overconfidence."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < prevalence).astype(int)
    score = rng.normal(size=n) + 1.5 * labels
    log_odds = temperature * (1.5 * score - 1.5**2 / 2)  # at equal frequencies
    p = 1 / (1 + np.exp(-log_odds))
    names = tuple(map(str, range(n)))
    return Predictions(("no", "yes"), names, labels, np.stack([1 - p, p], 1), names, names)


def log_loss(films: Predictions) -> float:
    return float(log_losses(films.probabilities, films.labels).mean())


def weights_of(prevalence: float) -> tuple[float, float]:
    """Return the bias that undoes weights inverse to the frequencies."""
    half = np.log(prevalence / (1 - prevalence)) / 2
    return (-half, half)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("true", [0.5, 2.5])
def test_the_fit_recovers_the_true_temperature(true: float, classes: int) -> None:
    fit = fit_calibration(make_films(true, classes=classes))
    assert fit.temperature == pytest.approx(true, rel=0.08)
    assert np.abs(fit.bias).max() < 0.15
    assert fit.after["log_loss"] < fit.before["log_loss"]
    assert fit.after["ece"] < fit.before["ece"]
    bias = f"bias {fit.bias[1] - fit.bias[0]:+.3f} for the positive class" if classes == 2 else "a bias for each class"
    assert fit.text.startswith(
        f"temperature {fit.temperature:.3f} and {bias}, fitted on 3000 validation films of 3000 groups: log loss "
    )


@pytest.mark.parametrize("prevalence", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_class_weights_are_corrected(prevalence: float, temperature: float) -> None:
    validation, test = (make_weighted(prevalence, n, seed, temperature) for n, seed in ((400, 0), (20_000, 1)))
    fit = fit_calibration(validation, weights_of(prevalence))
    after = calibrated(test, fit.temperature, fit.bias)
    errors = [calibration(part, resamples=2).ece for part in (test, after)]
    assert errors[0] > 0.1
    assert errors[1] < 0.03
    ideal = calibrated(test, temperature, weights_of(prevalence))
    assert log_loss(after) < log_loss(ideal) + 0.01
    aurocs = [AUROC.compute(scored(part, 0.5), np.ones((1, len(part)))) for part in (test, after)]
    assert aurocs[0] == aurocs[1]


def test_with_few_groups_the_fit_is_no_worse_than_the_known_prior() -> None:
    test = make_weighted(0.1, 20_000, 99)
    prior = weights_of(0.1)
    losses = []
    for seed in range(20):
        fit = fit_calibration(make_weighted(0.1, 60, seed), prior)
        losses.append(log_loss(calibrated(test, fit.temperature, fit.bias)))
    assert np.mean(losses) < log_loss(calibrated(test, 1.0, prior)) + 0.01
    assert max(losses) < log_loss(test) - 0.1


def test_films_of_one_group_count_as_one() -> None:
    films = make_weighted(0.3, 100)
    again = films.take(np.tile(np.arange(100), 30))
    copies = replace(again, paths=tuple(map(str, range(3000))), films=tuple(map(str, range(3000))))
    one, many = (fit_calibration(part) for part in (films, copies))
    assert many.temperature == pytest.approx(one.temperature, rel=1e-3)
    assert many.bias == pytest.approx(one.bias, abs=1e-3)


def test_copies_do_not_change_the_weight_of_a_film() -> None:
    films = make_films(2.0, 200)
    again = np.concatenate([np.arange(200), np.repeat(np.flatnonzero(films.labels == 1)[:20], 30)])
    one, other = fit_calibration(films.take(again)), fit_calibration(films)
    assert one.temperature == pytest.approx(other.temperature, rel=1e-4)
    assert one.bias == pytest.approx(other.bias, abs=1e-4)


BIASES = st.tuples(st.floats(-5, 5), st.floats(-5, 5))


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1), st.floats(0.1, 10), BIASES, st.floats(0, 1))
def test_calibration_can_be_undone_and_keeps_order_and_decisions(
    p: float, temperature: float, bias: tuple[float, float], threshold: float
) -> None:
    rows = np.array([[1 - p, p]])
    scaled = apply_calibration(rows, temperature, bias)
    assert scaled.sum() == pytest.approx(1)
    moved = move_threshold(threshold, temperature, bias)
    assert (scaled[0, 1] >= moved) == (p >= threshold) or p == pytest.approx(threshold, abs=1e-9)
    if 1e-6 < p < 1 - 1e-6 and 0.3 < temperature < 3:
        assert undo_calibration(scaled, temperature, bias) == pytest.approx(rows)


def test_with_too_few_groups_only_the_class_weights_are_corrected() -> None:
    fit = fit_calibration(make_films(2.0, 9, copies=50))
    assert (fit.temperature, fit.bias, fit.before) == (1.0, (0.0, 0.0), fit.after)
    assert fit.text == "temperature 1: " + fit.note
    assert "9 validation groups, " in fit.note
    assert "of the rarest class; expected at least 10 and 3 to fit a temperature" in fit.note
    fit = fit_calibration(make_films(2.0, 9, copies=50), (0.5, -0.5), "out-of-fold")
    assert (fit.temperature, fit.bias) == (1.0, (0.5, -0.5))
    assert fit.text == f"temperature 1 and the bias of the class weights -1.000 for the positive class: {fit.note}"
    assert "9 out-of-fold groups, " in fit.note


@pytest.mark.parametrize("classes", [2, 3])
def test_perfectly_separated_films_have_no_best_temperature(classes: int) -> None:
    films = make_films(1.0, 40, classes)
    separated = replace(films, labels=films.probabilities.argmax(axis=1))
    fit = fit_calibration(separated)
    assert (fit.temperature, any(fit.bias)) == (1.0, False)
    assert fit.note == "the model separates the validation films perfectly, so no temperature is the best"


def test_a_model_worse_than_chance_becomes_less_sure() -> None:
    films = make_films(1.0, 300)
    assert fit_calibration(replace(films, labels=1 - films.labels)).temperature > 3


def test_the_prior_is_minus_the_logarithm_of_the_weights() -> None:
    def record(name: str, label: str, film: str) -> Record:
        return Record(name, label, film, "train", "", 1, 1, "ok", name)

    records = [record(str(i), "yes" if i < 2 else "no", str(i // 2)) for i in range(20)]
    bias = prior_bias(OptimConfig(), records, ("no", "yes"))
    assert bias[1] - bias[0] == pytest.approx(np.log(2 / 18))
    by_film = prior_bias(OptimConfig(film_weights=True), records, ("no", "yes"))
    assert by_film[1] - by_film[0] == pytest.approx(np.log(1 / 9))
    assert prior_bias(OptimConfig(class_weights=False), records, ("no", "yes")) == (0.0, 0.0)
