"""Where losses, scores and learning rates go beside history.csv: TensorBoard, CSV, Weights & Biases, MLflow."""

import os
from importlib.util import find_spec
from pathlib import Path

from lightning.pytorch.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from fxkit.config import Config
from fxkit.errors import ConfigError
from fxkit.training.films import Phase

EXTRAS = ("wandb", "mlflow")  # loggers whose package is an extra of the same name


def check_loggers(config: Config) -> None:
    """Raise ConfigError unless the packages of the chosen loggers are installed."""
    for name in config.trainer.loggers:
        if name in EXTRAS and find_spec(name) is None:
            raise ConfigError(f"trainer.loggers: {name} is not installed; pip install 'fxkit[{name}]', or leave it out")


def build_loggers(config: Config, phase: Phase, folder: Path) -> list[Logger]:
    """Build the loggers of a phase and give them the settings.

    TensorBoard and CSV write into FOLDER/logs. The others go where their own environment variables say, such as
    WANDB_MODE, WANDB_PROJECT and MLFLOW_TRACKING_URI; without, MLflow writes FOLDER/logs/mlflow.db.
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
