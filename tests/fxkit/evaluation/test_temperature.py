"""The temperature found is the one that the films were made with; too few films leave it at 1."""

import json
import shutil
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
from fxkit.evaluation.temperature import at_one, at_temperature, calibrate_run, calibrated, fit_temperature
from fxkit.metrics.predictions import Predictions
from fxkit.models.predict_records import predict_records
from fxkit.models.run_folder import Run, create_run, read_json
from fxkit.models.saved import Model, load_model, save_model


def drawn(true: float, n: int = 3000, classes: int = 2, copies: int = 1) -> Predictions:
    """Films whose classes are drawn at logits / true, and predicted at temperature 1."""
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
def test_the_temperature_that_made_the_films_is_found(true: float, classes: int) -> None:
    fit = fit_temperature(drawn(true, classes=classes))
    assert fit.temperature == pytest.approx(true, rel=0.08)
    assert fit.after["log_loss"] < fit.before["log_loss"]
    assert fit.after["ece"] < fit.before["ece"]
    assert fit.text.startswith(
        f"temperature {fit.temperature:.3f}, fitted on 3000 validation films of 3000 groups: log"
    )


def test_a_film_weighs_once_whatever_its_copies() -> None:
    found = drawn(2.0, 200)
    again = np.concatenate([np.arange(200), np.repeat(np.flatnonzero(found.labels == 1)[:20], 30)])
    assert fit_temperature(found.take(again)).temperature == pytest.approx(fit_temperature(found).temperature, rel=1e-4)


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1), st.floats(0.1, 10))
def test_a_temperature_is_undone_by_its_inverse_and_keeps_the_order(p: float, temperature: float) -> None:
    rows = np.array([[1 - p, p]])
    scaled = at_temperature(rows, temperature)
    assert scaled.sum() == pytest.approx(1)
    assert (scaled[0, 1] >= 0.5) == (p >= 0.5) or p == pytest.approx(0.5)
    if 1e-6 < p < 1 - 1e-6 and 0.3 < temperature < 3:
        assert at_temperature(scaled, 1 / temperature) == pytest.approx(rows)


def test_too_few_groups_leave_the_temperature_at_one() -> None:
    fit = fit_temperature(drawn(2.0, 9, copies=50))
    assert (fit.temperature, fit.before) == (1.0, fit.after)
    assert fit.text == "temperature 1: " + fit.note
    assert "9 validation groups, " in fit.note
    assert "of the rarest class; expected 10 and 3 to fit one" in fit.note


def test_films_that_are_parted_wholly_have_no_best_temperature() -> None:
    found = drawn(1.0, 40)
    parted = replace(found, labels=found.probabilities.argmax(axis=1))
    assert fit_temperature(parted).note.startswith(
        "no best one from 0.05 to 20: the validation films are parted wholly"
    )
    assert fit_temperature(replace(found, labels=1 - parted.labels)).temperature == 1.0


def test_decisions_stay_when_the_temperature_changes(trained: Run) -> None:
    model = at_one(load_model(trained.folder))
    model = Model(model.classifier, replace(model.card, threshold=0.3))
    found = drawn(2.0, 300)
    scaled_model, scaled, fit = calibrated(model, found)
    assert scaled_model.card.temperature == fit.temperature != 1
    assert (scaled.predicted(scaled_model.card.threshold) == found.predicted(0.3)).all()
    assert at_one(scaled_model).card.threshold == pytest.approx(0.3)


def test_an_older_run_is_calibrated_and_told_to_be_evaluated_again(trained: Run, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(trained.folder, tmp_path / "run"))
    (folder / "metrics.json").touch()
    model = load_model(folder)
    save_model(folder, Model(model.classifier, replace(model.card, temperature=3.0)))
    done = CliRunner().invoke(calibrate, [str(folder)], catch_exceptions=False)
    plain = predict_records(at_one(model), trained.root, usable(trained.records, "val"), trained.config.data)
    expected = fit_temperature(plain)
    assert done.stdout.splitlines() == [
        expected.text,
        f"figures made before are of the old probabilities: run `fxkit evaluate {folder}` again",
    ]
    assert load_model(folder).card.temperature == expected.temperature
    found = json.loads((folder / "validation.json").read_text())["calibration"]
    assert (found["temperature"], found["n_groups"]) == (expected.temperature, expected.n_groups)
    assert read_json(folder / "validation.json")["film"]["figures"]["log_loss"]["value"] == pytest.approx(
        expected.after["log_loss"]
    )


def test_a_run_without_validation_films_is_refused(trained: Run, tmp_path: Path) -> None:
    create_run(tmp_path / "run", trained.config, trained.root, usable(trained.records, "test"))
    save_model(tmp_path / "run", load_model(trained.folder))
    with pytest.raises(DataError, match=r"manifest\.csv: split 'val' has no usable file; expected some to fit on"):
        calibrate_run(tmp_path / "run")
