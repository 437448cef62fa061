"""`fxkit export`, and `predict` and `evaluate` with what it made."""

import json
import shutil
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from fxkit.cli.evaluate import evaluate
from fxkit.cli.export import export
from fxkit.cli.predict import predict
from fxkit.cli.train import export_trained
from fxkit.errors import RunError
from fxkit.metrics.predictions import Predictions
from fxkit.models.run_folder import Run, read_json


def invoke(command: click.Command, *arguments: object) -> list[str]:
    result = CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


@pytest.fixture
def folder(trained: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained.folder, tmp_path / "run"))


def test_export_prints_how_far_it_differs(folder: Path) -> None:
    difference, path = invoke(export, folder, "--format", "onnx")
    assert difference.startswith("largest difference in probability: ")
    assert difference.endswith(" over 12 films of the run")
    assert path == f"model: {folder / 'exported' / 'model.onnx'}"
    assert (folder / "exported" / "model.onnx").is_file()


def test_predict_says_the_same_by_every_engine(trained: Run, folder: Path, exported: Path) -> None:
    (folder / "exported").mkdir()
    shutil.copy(exported, folder / "exported" / "model.onnx")
    films = [trained.root / r.path for r in trained.records[:3]]
    by_torch = invoke(predict, folder, *films, "--engine", "torch")
    assert invoke(predict, folder, *films, "--engine", "onnx") == by_torch
    assert invoke(predict, folder, *films) == by_torch
    assert invoke(predict, exported, *films) == by_torch


def test_evaluate_lets_an_exported_file_predict(folder: Path, exported: Path) -> None:
    invoke(evaluate, folder)
    plain = Predictions.read_csv(folder / "predictions.csv")
    assert "exported" not in read_json(folder / "metrics.json")
    invoke(evaluate, folder, "--exported", exported)
    found = Predictions.read_csv(folder / "predictions.csv")
    assert found.paths == plain.paths
    assert np.allclose(found.probabilities, plain.probabilities, atol=1e-5)
    assert read_json(folder / "metrics.json")["exported"] == "tiny.onnx"


def test_evaluate_refuses_another_models_export(folder: Path, exported: Path) -> None:
    card = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(card | {"temperature": 2.0}))
    with pytest.raises(
        RunError,
        match=r"tiny\.onnx: was not exported from the model in .*run, or that model has changed since; expected",
    ):
        invoke(evaluate, folder, "--exported", exported)


def test_a_trained_run_is_left_as_it_is_where_no_export_is_asked_for(folder: Path) -> None:
    export_trained(folder, None)
    assert not (folder / "exported").exists()


def test_a_run_that_cannot_be_exported_is_warned_of(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "model.safetensors").write_bytes(b"x")
    export_trained(folder, "onnx")
    warning = capsys.readouterr().err
    assert warning.startswith("warning: no onnx export, so `fxkit predict` will use torch: ")
    assert "does not fit model.json" in warning


def test_every_option_has_a_help_text() -> None:
    assert all(option.help for option in (*export.params, *predict.params) if isinstance(option, click.Option))
