"""The loggers: the files they write, and the error for a missing package."""

import csv
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from fxkit.config import Config, load_config
from fxkit.errors import ConfigError
from fxkit.training import history as loggers
from fxkit.training.history import build_loggers, check_loggers


def config(*names: str) -> Config:
    return load_config("tiny", [f"trainer.loggers=[{', '.join(names)}]"])


def test_tensorboard_and_csv_write_into_the_run_folder(tmp_path: Path) -> None:
    for logger in build_loggers(config("tensorboard", "csv"), "head", tmp_path):
        logger.log_metrics({"val_loss": 0.25}, step=3)
        logger.save()
    assert list((tmp_path / "logs" / "head").glob("events.out.tfevents*"))
    with (tmp_path / "logs" / "head" / "csv" / "metrics.csv").open() as file:
        assert list(csv.DictReader(file)) == [{"step": "3", "val_loss": "0.25"}]


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_missing_package_is_reported_with_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loggers, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=rf"trainer.loggers: {name} is not installed; pip install 'fxkit\[{name}\]'"):
        check_loggers(config("csv", name))


def test_installed_loggers_are_accepted() -> None:
    check_loggers(config("tensorboard", "csv"))


@pytest.mark.skipif(find_spec("wandb") is None, reason="wandb is not installed")
def test_wandb_writes_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    logger = build_loggers(config("wandb"), "head", tmp_path)[0]
    logger.log_metrics({"val_loss": 0.25}, step=3)
    logger.finalize("success")
    sys.modules["wandb"].finish()
    assert list((tmp_path / "logs" / "wandb").glob("offline-run-*"))


@pytest.mark.skipif(find_spec("mlflow") is None or find_spec("alembic") is None, reason="mlflow is not installed")
def test_mlflow_writes_into_the_run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    logger = build_loggers(config("mlflow"), "head", tmp_path)[0]
    logger.log_metrics({"val_loss": 0.25}, step=3)
    logger.finalize("success")
    client = sys.modules["mlflow"].MlflowClient(f"sqlite:///{tmp_path / 'logs' / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("fxkit").experiment_id])
    assert run.data.metrics["val_loss"] == 0.25
