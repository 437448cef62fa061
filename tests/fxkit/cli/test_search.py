"""`fxkit search`: what it prints, training with the best settings, and its errors."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from fxkit.cli import fxkit
from fxkit.config import load_config
from fxkit.data.manifest import write_manifest
from fxkit.errors import ConfigError
from fxkit.index.build import IndexOptions, index_data
from fxkit.models.run_folder import open_run, read_json
from fxkit.synth.dataset import Synthetic
from preprocess.errors import OutputError

SETTINGS = ["--config", "tiny", "--set", "data.image_size=64", "--epochs", "1,0"]


@pytest.mark.slow
def test_the_best_settings_can_be_used_for_training(made: Synthetic, tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.csv", index_data(made.root, IndexOptions(copies=False)).records)
    (tmp_path / "space.yaml").write_text("optim.head_lr: {low: 1e-3, high: 1e-2, log: true}\n")
    source = ["--manifest", str(tmp_path / "m.csv"), "--root", str(made.root)]
    out = tmp_path / "s"
    options = ["--space", str(tmp_path / "space.yaml"), "--trials", "2", "--folds", "3", "--out", str(out)]
    result = CliRunner().invoke(fxkit, ["search", *source, *SETTINGS, *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(
        "2 trials: 0 stopped early, 0 failed\npositive class: fractured\n"
        "auroc by film on held-out folds, mean over folds:\n"
    )
    assert read_json(out / "search.json")["positive"] == "fractured"
    assert "optim.head_lr=0.003  (the current settings)" in result.stdout
    assert "The best score is optimistic: it is the maximum of 2 trials" in result.stdout
    assert result.stdout.splitlines()[-1] == f"next: fxkit train --config {out / 'best.yaml'}, then fxkit evaluate"
    assert "trial 2 of 2, fold 3 of 3: optim.head_lr=" in result.stderr
    train = ["train", *source, "--config", str(out / "best.yaml"), "--runs", str(tmp_path), "--name", "r", "--quiet"]
    assert CliRunner().invoke(fxkit, train, catch_exceptions=False).exit_code == 0
    assert open_run(tmp_path / "r").config == load_config(out / "best.yaml")


def test_a_missing_optuna_is_a_known_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("fxkit.training.search.search", "fxkit.training.search.space", "fxkit.training.search.results"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "optuna", None)
    result = CliRunner().invoke(fxkit, ["search", "--data", "a"])
    assert isinstance(result.exception, ConfigError)
    assert "fxkit search needs optuna, which is not installed; install it with: pip install" in str(result.exception)


def test_resume_with_overwrite_and_an_output_folder_inside_the_data_are_refused(made: Synthetic) -> None:
    both = CliRunner().invoke(fxkit, ["search", "--data", "a", "--resume", "--overwrite"])
    assert (both.exit_code, "cannot be combined" in both.stderr) == (2, True)
    inside = CliRunner().invoke(fxkit, ["search", "--data", str(made.root), "--out", str(made.root / "s")])
    assert isinstance(inside.exception, OutputError)
