"""Temperature scaling: the fit recovers a known temperature, and leaves it at 1 if there are too few films."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from fxkit.cli.calibrate import calibrate
from fxkit.data.manifest import usable
from fxkit.errors import DataError
from fxkit.evaluation.temperature import (
    apply_temperature,
    calibrate_model,
    calibrate_run,
    fit_temperature,
    reset_temperature,
)
from fxkit.metrics.predictions import Predictions
from fxkit.models.predict_records import predict_records
from fxkit.models.run_folder import Run, create_run, read_json
from fxkit.models.saved import Model, load_model, save_model


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


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("true", [0.5, 2.5])
def test_the_fit_recovers_the_true_temperature(true: float, classes: int) -> None:
    fit = fit_temperature(make_films(true, classes=classes))
    assert fit.temperature == pytest.approx(true, rel=0.08)
    assert fit.after["log_loss"] < fit.before["log_loss"]
    assert fit.after["ece"] < fit.before["ece"]
    assert fit.text.startswith(
        f"temperature {fit.temperature:.3f}, fitted on 3000 validation films of 3000 groups: log"
    )


def test_copies_do_not_change_the_weight_of_a_film() -> None:
    films = make_films(2.0, 200)
    again = np.concatenate([np.arange(200), np.repeat(np.flatnonzero(films.labels == 1)[:20], 30)])
    assert fit_temperature(films.take(again)).temperature == pytest.approx(fit_temperature(films).temperature, rel=1e-4)


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1), st.floats(0.1, 10))
def test_the_inverse_temperature_restores_the_probabilities_and_the_order_is_kept(p: float, temperature: float) -> None:
    rows = np.array([[1 - p, p]])
    scaled = apply_temperature(rows, temperature)
    assert scaled.sum() == pytest.approx(1)
    assert (scaled[0, 1] >= 0.5) == (p >= 0.5) or p == pytest.approx(0.5)
    if 1e-6 < p < 1 - 1e-6 and 0.3 < temperature < 3:
        assert apply_temperature(scaled, 1 / temperature) == pytest.approx(rows)


def test_with_too_few_groups_the_temperature_stays_1() -> None:
    fit = fit_temperature(make_films(2.0, 9, copies=50))
    assert (fit.temperature, fit.before) == (1.0, fit.after)
    assert fit.text == "temperature 1: " + fit.note
    assert "9 validation groups, " in fit.note
    assert "of the rarest class; expected at least 10 and 3 to fit a temperature" in fit.note


def test_perfectly_separated_films_have_no_best_temperature() -> None:
    films = make_films(1.0, 40)
    separated = replace(films, labels=films.probabilities.argmax(axis=1))
    assert fit_temperature(separated).note.startswith(
        "the log loss has no minimum between temperatures 0.05 and 20: the model separates the validation films"
    )
    assert fit_temperature(replace(films, labels=1 - separated.labels)).temperature == 1.0


def test_calibration_does_not_change_decisions(trained: Run) -> None:
    model = reset_temperature(load_model(trained.folder))
    model = Model(model.classifier, replace(model.card, threshold=0.3))
    films = make_films(2.0, 300)
    scaled_model, scaled, fit = calibrate_model(model, films)
    assert scaled_model.card.temperature == fit.temperature != 1
    assert (scaled.predicted(scaled_model.card.threshold) == films.predicted(0.3)).all()
    assert reset_temperature(scaled_model).card.threshold == pytest.approx(0.3)


def test_the_command_calibrates_a_run_and_asks_to_evaluate_it_again(trained: Run, run_folder: Path) -> None:
    (run_folder / "metrics.json").touch()
    model = load_model(run_folder)
    save_model(run_folder, Model(model.classifier, replace(model.card, temperature=3.0)))
    done = CliRunner().invoke(calibrate, [str(run_folder)], catch_exceptions=False)
    plain = predict_records(reset_temperature(model), trained.root, usable(trained.records, "val"), trained.config.data)
    expected = fit_temperature(plain)
    assert done.stdout.splitlines() == [
        "positive class: fractured",
        expected.text,
        "the figures in the run folder still use the old probabilities; to update them, "
        f"run `fxkit evaluate {run_folder}`",
    ]
    assert load_model(run_folder).card.temperature == expected.temperature
    written = json.loads((run_folder / "validation.json").read_text())["calibration"]
    assert (written["temperature"], written["n_groups"]) == (expected.temperature, expected.n_groups)
    assert read_json(run_folder / "validation.json")["film"]["figures"]["log_loss"]["value"] == pytest.approx(
        expected.after["log_loss"]
    )


def test_a_run_without_validation_films_is_refused(trained: Run, tmp_path: Path) -> None:
    create_run(tmp_path / "run", trained.config, trained.root, usable(trained.records, "test"))
    save_model(tmp_path / "run", load_model(trained.folder))
    with pytest.raises(
        DataError, match=r"manifest\.csv: split 'val' has no usable file; expected some to fit the temperature on"
    ):
        calibrate_run(tmp_path / "run")
