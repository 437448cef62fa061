"""`fxkit export`, and `predict` and `evaluate` with the exported file."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import Result

from fxkit.cli.evaluate import evaluate
from fxkit.cli.export import export
from fxkit.cli.predict import predict
from fxkit.cli.train import export_trained
from fxkit.errors import RunError
from fxkit.metrics.predictions import Predictions
from fxkit.models.run_folder import Run, read_json


@pytest.mark.slow
def test_export_prints_the_largest_difference(run_folder: Path, invoke: Callable[..., Result]) -> None:
    difference, path = invoke(export, run_folder, "--format", "onnx").stdout.splitlines()
    assert difference.startswith("largest difference in probability: ")
    assert difference.endswith(" over 12 films of the run")
    assert path == f"model: {run_folder / 'exported' / 'model.onnx'}"
    assert (run_folder / "exported" / "model.onnx").is_file()


def test_every_engine_predicts_the_same(
    trained: Run, run_folder: Path, exported: Path, invoke: Callable[..., Result]
) -> None:
    (run_folder / "exported").mkdir()
    shutil.copy(exported, run_folder / "exported" / "model.onnx")
    films = [trained.root / r.path for r in trained.records[:3]]
    by_torch = invoke(predict, run_folder, *films, "--engine", "torch").stdout
    assert invoke(predict, run_folder, *films, "--engine", "onnx").stdout == by_torch
    assert invoke(predict, run_folder, *films).stdout == by_torch
    assert invoke(predict, exported, *films).stdout == by_torch


@pytest.mark.slow
def test_evaluate_predicts_with_an_exported_file(
    run_folder: Path, exported: Path, invoke: Callable[..., Result]
) -> None:
    invoke(evaluate, run_folder)
    plain = Predictions.read_csv(run_folder / "predictions.csv")
    assert "exported" not in read_json(run_folder / "metrics.json")
    invoke(evaluate, run_folder, "--exported", exported)
    by_export = Predictions.read_csv(run_folder / "predictions.csv")
    assert by_export.paths == plain.paths
    assert np.allclose(by_export.probabilities, plain.probabilities, atol=1e-5)
    assert read_json(run_folder / "metrics.json")["exported"] == "tiny.onnx"


def test_evaluate_refuses_the_export_of_another_model(
    run_folder: Path, exported: Path, invoke: Callable[..., Result]
) -> None:
    card = json.loads((run_folder / "model.json").read_text())
    (run_folder / "model.json").write_text(json.dumps(card | {"temperature": 2.0}))
    with pytest.raises(
        RunError,
        match=r"tiny\.onnx: was not exported from the model in .*run, or that model has changed since; expected",
    ):
        invoke(evaluate, run_folder, "--exported", exported)


def test_no_file_is_exported_unless_the_settings_ask_for_it(run_folder: Path) -> None:
    export_trained(run_folder, None)
    assert not (run_folder / "exported").exists()


def test_a_failed_export_is_a_warning(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run_folder / "model.safetensors").write_bytes(b"x")
    export_trained(run_folder, "onnx")
    warning = capsys.readouterr().err
    assert warning.startswith("warning: no onnx export, so `fxkit predict` will use torch: ")
    assert "does not have the SHA-256 in model.json" in warning


def test_every_option_has_a_help_text() -> None:
    assert all(option.help for option in (*export.params, *predict.params) if isinstance(option, click.Option))
