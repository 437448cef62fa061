"""Write history.csv, which has one row per epoch of both phases, read phases.json, and build the loggers."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from pydantic import BaseModel, TypeAdapter, ValidationError

from fxkit.config import Config
from fxkit.errors import ConfigError, RunError
from fxkit.models.run_folder import read_json
from fxkit.training.films import PHASES, Phase
from preprocess.files import write_atomic
from preprocess.json_files import describe_error
from preprocess.tables.read import read_table

MONITOR = "val_loss"

PHASES_FILE = "phases.json"

HISTORY = ("phase", "epoch", "train_loss", "val_loss", "val_auroc", "val_accuracy")


class History(Callback):
    """Write a row of history.csv after each epoch. A resumed run replaces the rows of the epochs it repeats."""

    def __init__(self, folder: Path, phase: Phase) -> None:
        self.path = folder / "history.csv"
        self.phase: Phase = phase

    def on_train_epoch_end(self, trainer: L.Trainer, _module: L.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        values = {k: float(v) for k, v in trainer.callback_metrics.items() if k in HISTORY}
        row = {"phase": self.phase, "epoch": str(trainer.current_epoch)}
        row |= {k: f"{v:.6g}" for k, v in values.items()}
        order = PHASES.index(self.phase), trainer.current_epoch
        earlier = [r for r in read_history(self.path) if (PHASES.index(r["phase"]), int(r["epoch"])) < order]
        write_history(self.path, [*earlier, row])


def read_history(path: Path) -> list[dict[str, str]]:
    """Read history.csv: for each epoch its phase, its number from 0, losses and scores; [] if there is no file."""
    if not path.is_file():
        return []
    return [row.values for row in read_table(path, "train again").rows]


def write_history(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write history.csv; missing values of a row are left empty."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, HISTORY, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(path, out.getvalue())


EXTRAS = ("wandb", "mlflow")  # loggers that need the extra of the same name


def check_loggers(config: Config) -> None:
    """Raise ConfigError if the package of a requested logger is not installed."""
    for name in config.trainer.loggers:
        if name in EXTRAS and find_spec(name) is None:
            raise ConfigError(f"trainer.loggers: {name} is not installed; pip install 'fxkit[{name}]', or remove it")


def build_loggers(config: Config, phase: Phase, folder: Path) -> list[Logger]:
    """Build the loggers of a phase and log the settings.

    TensorBoard and CSV write into FOLDER/logs. Weights & Biases and MLflow follow their own environment variables,
    such as WANDB_MODE, WANDB_PROJECT and MLFLOW_TRACKING_URI. Without MLFLOW_TRACKING_URI, MLflow writes
    FOLDER/logs/mlflow.db.
    """
    loggers = [_build(name, phase, folder) for name in config.trainer.loggers]
    for logger in loggers:
        logger.log_hyperparams(config.model_dump(mode="json"))
    return loggers


def _build(name: str, phase: Phase, folder: Path) -> Logger:
    logs = folder / "logs"
    if name == "tensorboard":
        return TensorBoardLogger(logs, name=phase, version="", default_hp_metric=False)
    if name == "csv":
        return CSVLogger(logs, name=phase, version="csv")
    if name == "wandb":
        project = os.environ.get("WANDB_PROJECT", "fxkit")
        return WandbLogger(name=f"{folder.name}-{phase}", group=folder.name, project=project, save_dir=logs)
    logs.mkdir(parents=True, exist_ok=True)
    uri = os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{(logs / 'mlflow.db').resolve()}")
    return MLFlowLogger("fxkit", run_name=f"{folder.name}-{phase}", tracking_uri=uri)


class _PhaseSummary(BaseModel):
    """The best epoch of a finished phase, as phases.json holds it."""

    epoch: int
    val_loss: float
    val_auroc: float
    finetuned_from: str = ""


_PHASES = TypeAdapter(dict[Phase, _PhaseSummary])


def read_phases(folder: Path) -> dict[str, Any]:
    """Read phases.json of a run: the best epoch of each finished phase; empty if none is finished.

    Raises:
        RunError: the file is damaged.
    """
    path = folder / PHASES_FILE
    if not path.is_file():
        return {}
    values = read_json(path)
    try:
        _PHASES.validate_python(values)
    except ValidationError as error:
        raise RunError(
            f"{path}: damaged ({describe_error(error)}); restore the file, or train again with --overwrite"
        ) from error
    return values
