"""Calibrating a model and a run: decisions stay, and the files follow."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fxkit.cli.calibrate import calibrate
from fxkit.data.manifest import usable
from fxkit.errors import DataError
from fxkit.evaluation.calibrate import calibrate_model, calibrate_run, reset_calibration
from fxkit.evaluation.temperature import fit_calibration, prior_bias
from fxkit.metrics.predictions import Predictions
from fxkit.models.predict_records import predict_records
from fxkit.models.run_folder import Run, create_run, read_json
from fxkit.models.saved import Model, load_model, save_model


def make_films(n: int = 300) -> Predictions:
    """Return predictions that are twice too sure and too often positive."""
    rng = np.random.default_rng(0)
    log_odds = rng.normal(size=n) * 2 - 1
    labels = (rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(int)
    p = 1 / (1 + np.exp(-2 * log_odds - 2))
    names = tuple(map(str, range(n)))
    return Predictions(("not_fractured", "fractured"), names, labels, np.stack([1 - p, p], 1), names, names)


def test_calibration_does_not_change_decisions(trained: Run) -> None:
    model = reset_calibration(load_model(trained.folder))
    model = Model(model.classifier, replace(model.card, threshold=0.3))
    films = make_films()
    calibrated_model, scaled, fit = calibrate_model(model, films)
    card = calibrated_model.card
    assert (card.temperature, card.bias) == (fit.temperature, fit.bias)
    assert fit.temperature > 1.3
    assert fit.bias[1] - fit.bias[0] < -0.5
    assert card.threshold < 0.3
    assert (scaled.predicted(card.threshold) == films.predicted(0.3)).all()
    assert reset_calibration(calibrated_model).card.threshold == pytest.approx(0.3)


def test_the_command_calibrates_a_run_and_asks_to_evaluate_it_again(trained: Run, run_folder: Path) -> None:
    (run_folder / "metrics.json").touch()
    model = load_model(run_folder)
    save_model(run_folder, Model(model.classifier, replace(model.card, temperature=3.0, bias=(0.7, -0.7))))
    done = CliRunner().invoke(calibrate, [str(run_folder)], catch_exceptions=False)
    plain = predict_records(reset_calibration(model), trained.root, usable(trained.records, "val"), trained.config.data)
    prior = prior_bias(trained.config.optim, usable(trained.records, "train"), model.card.classes)
    expected = fit_calibration(plain, prior)
    assert done.stdout.splitlines() == [
        "positive class: fractured",
        expected.text,
        "the figures in the run folder still use the old probabilities; to update them, "
        f"run `fxkit evaluate {run_folder}`",
    ]
    card = load_model(run_folder).card
    assert (card.temperature, card.bias) == (expected.temperature, pytest.approx(expected.bias))
    written = json.loads((run_folder / "validation.json").read_text())
    assert written["calibration"]["bias"] == pytest.approx(list(expected.bias))
    assert written["calibration"]["n_groups"] == expected.n_groups
    assert written["threshold"] == card.threshold
    assert written["film"]["figures"]["log_loss"]["value"] == pytest.approx(expected.after["log_loss"])


def test_calibrating_twice_changes_nothing(run_folder: Path) -> None:
    calibrate_run(run_folder)
    first = read_json(run_folder / "model.json")
    calibrate_run(run_folder)
    second = read_json(run_folder / "model.json")
    for key in ("temperature", "threshold", "bias"):
        assert second[key] == pytest.approx(first[key], abs=1e-6)


def test_a_run_without_validation_films_is_refused(trained: Run, tmp_path: Path) -> None:
    create_run(tmp_path / "run", trained.config, trained.root, usable(trained.records, "test"))
    save_model(tmp_path / "run", load_model(trained.folder))
    with pytest.raises(
        DataError, match=r"manifest\.csv: split 'val' has no usable file; expected some to fit the temperature on"
    ):
        calibrate_run(tmp_path / "run")
