"""Figures that no longer belong to the files of their run are told."""

import json
from pathlib import Path

import numpy as np
import pytest

from fxkit.audit.page import build_audit
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.summary import evaluate_predictions
from fxkit.models.made_from import KEY, MadeFrom, find_changes, hash_made_from

CLASSES = ("intact", "fractured")


def write_figures(run: Path, write, *, hashes: bool = True, folder: str = ".") -> Path:
    """Write predictions of 60 films with an AUROC of about 0.9, and their figures."""
    labels = np.arange(60) % 2
    p = np.clip(0.5 + (labels - 0.5) * 0.5 + np.random.default_rng(0).normal(0, 0.25, 60), 0.01, 0.99)
    names = tuple(f"test{i}" for i in range(60))
    predictions = Predictions(CLASSES, names, labels, np.stack([1 - p, p], 1), names, names)
    predictions.write_csv(run / folder / "predictions.csv")
    (run / "model.safetensors").write_bytes(b"weights")
    entries = {KEY: hash_made_from(run, run / folder / "predictions.csv").to_dict()} if hashes else {}
    entries["overlap"] = {"files": 0, "films": 0, "pixels_compared": True, "n_files": 60}
    return write(run / folder / "metrics.json", evaluate_predictions(predictions).to_dict() | entries)


def better(run: Path) -> None:
    """Give all positive films a higher probability in predictions.csv."""
    predictions = Predictions.read_csv(run / "predictions.csv")
    p = np.where(predictions.labels == 1, 0.99, 0.01)
    names = predictions.paths
    Predictions(CLASSES, names, predictions.labels, np.stack([1 - p, p], 1), names, names).write_csv(
        run / "predictions.csv"
    )


def raise_figure(run: Path) -> None:
    values = json.loads((run / "metrics.json").read_text())
    values["film"]["figures"]["auroc"] = {"value": 0.99, "low": 0.97, "high": 1.0}
    (run / "metrics.json").write_text(json.dumps(values))


def swap_weights(run: Path) -> None:
    (run / "model.safetensors").write_bytes(b"others")


def swap_manifest(run: Path) -> None:
    (run / "manifest.csv").write_text((run / "manifest.csv").read_text().replace("test0", "test00"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (better, "predictions.csv was changed or removed after the evaluation"),
        (swap_weights, "model.safetensors was changed or removed after the evaluation"),
        (lambda run: (run / "predictions.csv").unlink(), "predictions.csv was changed or removed after the evaluation"),
        (lambda run: (better(run), swap_weights(run)), "predictions.csv and model.safetensors were changed or removed"),
        (raise_figure, "metrics.json gives AUROC 0.990, and predictions.csv gives 0."),
        (lambda run: (run / "predictions.csv").write_text("x"), "predictions.csv was changed or removed"),
    ],
)
def test_files_that_were_changed_after_the_evaluation_fail(make_run, ask, write, change, reason):
    run = make_run(finished=True)
    write_figures(run, write)
    assert ask("score", run).colour == "green"
    change(run)
    answer = ask("score", run)
    assert answer.colour == "red"
    assert answer.reason.startswith(f"Not shown: {reason}")
    assert answer.command == f"fxkit evaluate {run}"
    assert "cannot be trusted" in build_audit(run).verdict.may_be_believed


def test_a_calibration_after_the_evaluation_is_a_caution(make_run, ask, write):
    run = make_run(finished=True)
    write_figures(run, write)
    (run / "model.json").write_text(
        (run / "model.json").read_text().replace('"temperature": 1.0', '"temperature": 2.0')
    )
    answer = ask("score", run)
    assert answer.colour == "amber"
    assert (
        "model.json was changed after the evaluation, for example by `fxkit calibrate`; evaluate again" in answer.reason
    )


def test_figures_of_an_older_version_open_and_it_is_told(make_run, ask, write):
    run = make_run(finished=True)
    write_figures(run, write, hashes=False)
    answer = ask("score", run)
    assert answer.colour == "green"
    assert answer.reason.endswith("The figures record no hashes, as in version 0.1.0, so changed files cannot be told.")
    better(run)
    assert ask("score", run).reason.startswith("Not shown: metrics.json gives AUROC 0.9")
    (run / "predictions.csv").write_text("path,label\n")
    assert "the predictions cannot be read" in ask("score", run).reason


def test_changed_figures_of_other_data_fail(make_run, ask, write):
    run = make_run(finished=True)
    write_figures(run, write)
    write_figures(run, write, folder="evaluations/east")
    assert ask("external", run).colour != "red"
    better(run / "evaluations" / "east")
    answer = ask("external", run)
    assert answer.colour == "red"
    assert answer.reason.endswith("predictions.csv was changed or removed after the evaluation; evaluate again.")


def test_a_manifest_that_was_changed_is_told(make_run, write):
    run = make_run(finished=True)
    write_figures(run, write)
    made_from = hash_made_from(run, run / "predictions.csv")
    swap_manifest(run)
    assert find_changes(run, run / "predictions.csv", made_from) == ["manifest.csv"]
    assert find_changes(run, run / "predictions.csv", MadeFrom()) == []
