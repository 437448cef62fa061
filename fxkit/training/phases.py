"""Run the two phases with Lightning, write their results into the run folder, and load the best epoch of both."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EarlyStopping, LearningRateMonitor, ModelCheckpoint, TQDMProgressBar
from torch import Tensor

from fxkit.config import Config
from fxkit.errors import ConfigError, RunError
from fxkit.models.classifier import Classifier, default_finetune_stage, set_trainable, unfreezing_order
from fxkit.models.predict_records import choose_device
from fxkit.models.run_folder import write_json
from fxkit.training.feature_cache import as_features, can_cache, delete_features
from fxkit.training.films import PHASES, Films, Phase
from fxkit.training.history import (
    HISTORY,
    MONITOR,
    PHASES_FILE,
    History,
    build_loggers,
    check_loggers,
    read_history,
    read_phases,
    write_history,
)
from fxkit.training.learner import Learner
from fxkit.training.optimizer import build_averaging
from fxkit.training.probe import check_probe, fit_probe
from preprocess.markernet.checkpoints import (
    BEST,
    SafeCheckpoints,
    find_checkpoint,
    has_checkpoint,
    is_whole,
    remove_leftovers,
)

CONTINUE = "continue with --resume"


@dataclass(frozen=True)
class TrainResult:
    """The best epoch of a run.

    Attributes:
        folder: the run folder.
        phase: name of the phase that the best epoch belongs to; the weights of that epoch were saved.
        epoch: number of the best epoch within its phase, from 0.
        finetuned_from: name of the first fine-tuned stage; "" without fine-tuning.
    """

    folder: Path
    phase: str
    epoch: int
    val_loss: float
    val_auroc: float
    finetuned_from: str


def run_phase(phase: Phase, classifier: Classifier, films: Films, folder: Path, progress: bool) -> None:
    """Train a phase of a run, or the rest of it after a stop; skip a phase that is finished."""
    epochs = films.config.optim.epochs[PHASES.index(phase)]
    done = read_phases(folder)
    checkpoints = folder / "checkpoints" / phase
    if phase in done:
        _remove_unneeded(checkpoints)  # unless a kill came between
    if epochs == 0 or phase in done:
        return
    if "head" in done:
        classifier.load_state_dict(_best_state(folder, "head"))
    stages = prepare(phase, classifier, films.config)
    if films.config.trainer.channels_last:
        classifier.to(memory_format=torch.channels_last)
    if is_probe(phase, films.config):
        _run_probe(classifier, films, epochs, folder)
        return
    trainer = _trainer(films.config, phase, epochs, folder, _keep_best(checkpoints), progress)
    features = checkpoints / "features"
    if phase == "head" and can_cache(films.config, trainer.world_size):
        films = as_features(films, classifier.backbone, features)
    if trainer.is_global_zero:
        remove_leftovers(checkpoints)
    trainer.fit(Learner(classifier, films, phase, stages), ckpt_path=find_checkpoint(checkpoints), weights_only=True)
    if trainer.is_global_zero:
        write_json(folder / PHASES_FILE, done | {phase: _phase_summary(folder, phase, stages[-1] if stages else "")})
        _remove_unneeded(checkpoints)
    trainer.strategy.barrier()


def _remove_unneeded(checkpoints: Path) -> None:
    """Remove what a finished phase no longer needs."""
    delete_features(checkpoints / "features")
    remove_leftovers(checkpoints, finished=True)


def _run_probe(classifier: Classifier, films: Films, passes: int, folder: Path) -> None:
    """Fit the head, and write the results of the phase: a checkpoint, a row of history.csv and a summary."""
    classifier.to(probe_device(films.config))
    fit_probe(classifier, films, passes)
    trainer = L.Trainer(
        **films.config.trainer.arguments(),
        plugins=[SafeCheckpoints(CONTINUE)],
        use_distributed_sampler=False,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.validate(Learner(classifier, films, "head"), verbose=False)
    trainer.save_checkpoint(folder / "checkpoints" / "head" / BEST, weights_only=True)
    if trainer.is_global_zero:
        scores = {k: f"{float(v):.6g}" for k, v in trainer.callback_metrics.items() if k in HISTORY}
        write_history(folder / "history.csv", [{"phase": "head", "epoch": "0"} | scores])
        write_json(folder / PHASES_FILE, {"head": _phase_summary(folder, "head", "")})
    trainer.strategy.barrier()


def is_probe(phase: Phase, config: Config) -> bool:
    """Return whether a phase fits the head to features instead of training it in steps."""
    return phase == "head" and config.optim.head == "probe"


def probe_device(config: Config) -> torch.device:
    """Return the device that computes the features of a probe."""
    return choose_device("cpu" if config.trainer.accelerator == "cpu" else "auto")


def prepare(phase: Phase, classifier: Classifier, config: Config) -> tuple[str, ...]:
    """Set which parameters the phase trains, in place; return the backbone stages in the order of unfreezing."""
    if phase == "head":
        set_trainable(classifier, None)
        return ()
    stage = config.model.finetune_from or default_finetune_stage(classifier.backbone)
    set_trainable(classifier, stage)
    return tuple(unfreezing_order(classifier.backbone, stage))


def _keep_best(checkpoints: Path) -> ModelCheckpoint:
    return ModelCheckpoint(
        checkpoints,
        filename=Path(BEST).stem,
        monitor=MONITOR,
        save_last=True,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )


def _trainer(
    config: Config, phase: Phase, epochs: int, folder: Path, checkpoint: ModelCheckpoint, progress: bool
) -> L.Trainer:
    callbacks: list[Callback] = [
        checkpoint,
        EarlyStopping(MONITOR, patience=config.optim.patience),
        History(folder, phase),
    ]
    loggers = build_loggers(config, phase, folder)
    if loggers:
        callbacks.append(LearningRateMonitor("epoch"))
    if config.optim.ema_decay is not None:
        callbacks.append(build_averaging(config.optim.ema_decay))
    if progress:
        callbacks.append(TQDMProgressBar())
    return L.Trainer(
        **config.trainer.arguments(),
        plugins=[SafeCheckpoints(CONTINUE)],
        max_epochs=epochs,
        gradient_clip_val=config.optim.gradient_clip,
        accumulate_grad_batches=config.optim.accumulate,
        use_distributed_sampler=False,  # films.py divides the films among the processes
        logger=loggers or False,
        callbacks=callbacks,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        enable_progress_bar=progress,
        enable_model_summary=False,
        log_every_n_steps=10,
    )


def check_trainer(config: Config) -> L.Trainer:
    """Return a trainer with these settings that writes nothing.

    Raises:
        ConfigError: Lightning does not accept the trainer settings on this machine, or the head of a probe is not
            linear.
    """
    check_probe(config)
    check_loggers(config)
    try:
        trainer = L.Trainer(**config.trainer.arguments(), logger=False, enable_checkpointing=False)
    except (ValueError, TypeError, MisconfigurationException) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"trainer settings: {reason}") from error
    if config.optim.unfreeze_every and trainer.world_size > 1 and "unused_parameters" not in config.trainer.strategy:
        raise ConfigError(
            f"optim.unfreeze_every: {trainer.world_size} processes would wait for gradients of frozen "
            "stages; use --strategy ddp_find_unused_parameters_true, or remove optim.unfreeze_every"
        )
    return trainer


def has_started(folder: Path, config: Config) -> bool:
    """Return whether the next phase of the run starts from its own weights rather than from those of the settings."""
    first = PHASES[0] if config.optim.epochs[0] else PHASES[1]
    return bool(read_phases(folder)) or has_checkpoint(folder / "checkpoints" / first)


def load_best(folder: Path, classifier: Classifier) -> TrainResult:
    """Load the weights of the epoch with the lowest validation loss of both phases, in place."""
    phases = read_phases(folder)
    best = min(phases, key=lambda phase: float(phases[phase][MONITOR]))
    classifier.load_state_dict(_best_state(folder, best))
    summary = phases[best]
    stage = phases.get("finetune", {}).get("finetuned_from", "")
    return TrainResult(folder, best, summary["epoch"], summary[MONITOR], summary["val_auroc"], stage)


def _phase_summary(folder: Path, phase: Phase, stage: str) -> dict[str, Any]:
    rows = [r for r in read_history(folder / "history.csv") if r["phase"] == phase]
    best = min(rows, key=lambda r: float(r[MONITOR]))
    return {
        "epoch": int(best["epoch"]),
        MONITOR: float(best[MONITOR]),
        "val_auroc": float(best["val_auroc"]),
        "finetuned_from": stage,
    }


def _best_state(folder: Path, phase: str) -> dict[str, Tensor]:
    path = folder / "checkpoints" / phase / BEST
    if not is_whole(path):
        raise RunError(
            f"{path}: is missing or damaged; delete {path.parent} and {folder / PHASES_FILE}, then {CONTINUE}: this "
            "phase is trained again"
        )
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    prefix = "classifier."
    return {k.removeprefix(prefix): v for k, v in checkpoint["state_dict"].items() if k.startswith(prefix)}


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Hide Lightning's hints and warnings; its errors are still raised."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
