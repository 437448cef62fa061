"""Two-phase transfer learning by Lightning: the head on a frozen backbone, then fine-tuning from a stage onwards."""

import csv
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast

import lightning as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchmetrics.classification import MulticlassAccuracy, MulticlassAUROC

from fxkit.config import Config
from fxkit.data.dataset import FilmDataset, ImagePlace, build_loader, class_weights, image_place, mix_seed
from fxkit.data.leaks import leaks_as_json, refuse_leaks, stamp_of
from fxkit.data.manifest import Record, order_classes, usable
from fxkit.data.transforms import Preprocessing, build_preprocessing
from fxkit.errors import ConfigError, DataError, RunError
from fxkit.inference import predict_records
from fxkit.metrics import evaluate_predictions
from fxkit.model import Classifier, build_classifier, finetune_stage, set_train_mode, set_trainable
from fxkit.run import Model, ModelCard, create_run, open_run, read_json, save_model, write_json
from preprocess.images import write_atomic
from preprocess.settings import read_clean_settings

Phase = Literal["head", "finetune"]
PHASES: tuple[Phase, Phase] = ("head", "finetune")
MONITOR = "val_loss"
HISTORY = ("phase", "epoch", "train_loss", "val_loss", "val_auroc", "val_accuracy")


@dataclass(frozen=True)
class TrainResult:
    folder: Path
    phase: str  # the phase that gave the kept weights
    epoch: int  # within it, from 0
    val_loss: float
    val_auroc: float
    finetuned_from: str  # module name; "" where there was no such phase


def train(
    config: Config,
    root: str | Path,
    records: Sequence[Record],
    folder: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    allow_leaks: bool = False,
    progress: bool = False,
) -> TrainResult:
    """Train a classifier and leave a run folder.

    Args:
        root: folder that the records' paths are relative to; not written to. Where `clean-labels` made it, its
            settings are stored with the model.
        records: with splits; train and val are used.
        folder: the run folder to make.
        resume: go on from the last finished epoch of the run that stands in folder.
        overwrite: delete the run that stands in folder.
        allow_leaks: train on a split that leaks; the run and all its figures then say so.
    Raises:
        DataError: a split or class has no film, or the split leaks.
        RunError: the folder is in the way, or is not the run to resume.
        ConfigError: settings that this backbone, or Lightning on this machine, does not take.
        WeightsError: as `build_classifier`.
    """
    folder = Path(folder)
    classes = check_records(records)
    if not allow_leaks:
        refuse_leaks(records)
    settings = read_clean_settings(root)
    cleaning = None if settings is None else asdict(settings)
    L.seed_everything(config.seed, workers=True, verbose=False)
    preprocessing = build_preprocessing(config.model, config.data)
    resumes = resume and (folder / "config.yaml").is_file()
    with _quiet():
        check_trainer(config)
    started = resumes and any((folder / "checkpoints").glob("*/last.ckpt"))  # then that holds the weights
    classifier = build_classifier(config.model, len(classes), load=not started, image_size=preprocessing.image_size)
    set_trainable(classifier, config.model.finetune_from)  # refuses an unknown stage before anything is written
    if resumes:
        _check_same(folder, config, Path(root), records, cleaning)
    elif _rank() == 0:  # the other processes of a run over several devices find it made
        create_run(folder, config, Path(root), records, cleaning=cleaning, overwrite=overwrite)
    films = _Films(config, image_place(root), tuple(records), classes, preprocessing)
    with _quiet():
        for phase in PHASES:
            _run_phase(phase, classifier, films, folder, progress)
    best = _load_best(folder, classifier)
    if _rank() != 0:
        return best
    model = Model(classifier.eval(), ModelCard(classes, config.model, preprocessing, cleaning))
    save_model(folder, model)
    validation = predict_records(model, root, usable(records, "val"), config.data)
    more = leaks_as_json(records, stamp_of(records))
    write_json(folder / "validation.json", evaluate_predictions(validation).to_dict() | more)
    return best


def check_trainer(config: Config) -> None:
    """Raise ConfigError unless Lightning takes the trainer's settings on this machine."""
    try:
        L.Trainer(**config.trainer.model_dump(), logger=False, enable_checkpointing=False)
    except (ValueError, TypeError, MisconfigurationException) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"trainer settings: {reason}") from error


def _rank() -> int:
    """This process's number among those of the training, over all devices and machines."""
    return int(cast(Any, rank_zero_only).rank)


def check_records(records: Sequence[Record], splits: Sequence[str] = ("train", "val")) -> tuple[str, ...]:
    """Return the classes, in index order.

    Raises:
        DataError: fewer than two classes, or a class without a film in one of the splits.
    """
    classes = order_classes(r.label for r in usable(records))
    if len(classes) < 2:
        raise DataError(f"found {len(classes)} class ({', '.join(classes)}); expected two or more; check the folders")
    for split in splits:
        present = {r.label for r in usable(records, split)}
        lacking = [name for name in classes if name not in present]
        if lacking:
            raise DataError(
                f"split {split!r} has no usable film of class {lacking[0]!r}; expected some of every class; "
                "split again with `fxkit index`"
            )
    return classes


@dataclass(frozen=True)
class _Films:
    """What the loaders are built from, anew each epoch, so that a resumed run sees what an undisturbed one would."""

    config: Config
    place: ImagePlace
    records: tuple[Record, ...]
    classes: tuple[str, ...]
    preprocessing: Preprocessing

    def train_loader(self, phase: Phase, epoch: int) -> DataLoader[tuple[Tensor, int]]:
        seed = mix_seed(self.config.seed, PHASES.index(phase), epoch)
        augmentation = self.config.augment if self.config.augment.enabled else None
        return build_loader(self._dataset("train", augmentation, seed), self.config.data, shuffle_seed=seed)

    def val_loader(self) -> DataLoader[tuple[Tensor, int]]:
        return build_loader(self._dataset("val", None, 0), self.config.data)

    def _dataset(self, split: str, augmentation: Any, seed: int) -> FilmDataset:
        return FilmDataset(
            self.place,
            usable(self.records, split),
            self.classes,
            self.preprocessing,
            augmentation,
            seed,
            self.config.data.max_pixels,
        )

    def criterion(self) -> nn.CrossEntropyLoss:
        weighted = self.config.optim.class_weights
        return nn.CrossEntropyLoss(class_weights(usable(self.records, "train"), self.classes) if weighted else None)


class _Training(L.LightningModule):
    """One phase."""

    def __init__(self, classifier: Classifier, films: _Films, phase: Phase) -> None:
        super().__init__()
        self.classifier = classifier
        self.films = films
        self.phase = phase
        self.criterion = films.criterion()
        self.auroc = MulticlassAUROC(len(films.classes))
        self.accuracy = MulticlassAccuracy(len(films.classes), average="macro")

    def train_dataloader(self) -> DataLoader[tuple[Tensor, int]]:
        return self.films.train_loader(self.phase, self.trainer.current_epoch)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, int]]:
        return self.films.val_loader()

    def on_train_epoch_start(self) -> None:
        torch.manual_seed(mix_seed(self.films.config.seed, PHASES.index(self.phase), self.current_epoch, 1))
        set_train_mode(self.classifier)

    def training_step(self, batch: tuple[Tensor, Tensor], _index: int) -> Tensor:
        images, labels = batch
        loss: Tensor = self.criterion(self.classifier(images), labels)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(images), sync_dist=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _index: int) -> None:
        images, labels = batch
        logits = self.classifier(images).float()
        self.auroc.update(logits.softmax(1), labels)
        self.accuracy.update(logits, labels)
        self.log_dict({"val_auroc": self.auroc, "val_accuracy": self.accuracy}, prog_bar=True)
        loss = self.criterion(logits, labels)
        self.log(MONITOR, loss, prog_bar=True, batch_size=len(images), sync_dist=True)

    def configure_optimizers(self) -> Any:
        optim = self.films.config.optim
        head_lr = optim.head_lr if self.phase == "head" else optim.finetune_head_lr
        groups = [{"params": list(self.classifier.head.parameters()), "lr": head_lr}]
        trained = [p for p in self.classifier.backbone.parameters() if p.requires_grad]
        if trained:
            groups.append({"params": trained, "lr": optim.finetune_backbone_lr})
        optimizer = torch.optim.AdamW(groups, weight_decay=optim.weight_decay)
        steps = int(self.trainer.estimated_stepping_batches)
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max(1, steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cosine, "interval": "step"}}


class _History(Callback):
    """Keep history.csv: a row an epoch; a resumed run drops the rows that it is about to make again."""

    def __init__(self, folder: Path, phase: Phase) -> None:
        self.path = folder / "history.csv"
        self.phase = phase

    def on_train_epoch_end(self, trainer: L.Trainer, _module: L.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        values = {k: float(v) for k, v in trainer.callback_metrics.items() if k in HISTORY}
        row = {"phase": self.phase, "epoch": str(trainer.current_epoch)}
        row |= {k: f"{v:.6g}" for k, v in values.items()}
        order = PHASES.index(self.phase), trainer.current_epoch
        earlier = [r for r in read_history(self.path) if (PHASES.index(r["phase"]), int(r["epoch"])) < order]
        _write_history(self.path, [*earlier, row])


def read_history(path: Path) -> list[dict[str, str]]:
    """Read history.csv: a row an epoch with its phase, number from 0, losses and scores; [] where there is none."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _write_history(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, HISTORY, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(path, out.getvalue())


def _run_phase(phase: Phase, classifier: Classifier, films: _Films, folder: Path, progress: bool) -> None:
    epochs = films.config.optim.epochs[PHASES.index(phase)]
    done = _phases(folder)
    if epochs == 0 or phase in done:
        return
    stage = None
    if phase == "finetune":
        if "head" in done:
            classifier.load_state_dict(_best_state(folder, "head"))
        stage = films.config.model.finetune_from or finetune_stage(classifier.backbone)
    set_trainable(classifier, stage)
    checkpoint = ModelCheckpoint(
        folder / "checkpoints" / phase,
        filename="best",
        monitor=MONITOR,
        save_last=True,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    trainer = _trainer(films.config, phase, epochs, folder, checkpoint, progress)
    last = folder / "checkpoints" / phase / "last.ckpt"
    trainer.fit(
        _Training(classifier, films, phase),
        ckpt_path=str(last) if last.is_file() else None,
        weights_only=True,
    )
    if trainer.interrupted:
        raise KeyboardInterrupt
    if trainer.is_global_zero:
        write_json(folder / "phases.json", done | {phase: _phase_summary(folder, phase, stage or "")})
    trainer.strategy.barrier()


def _trainer(
    config: Config, phase: Phase, epochs: int, folder: Path, checkpoint: ModelCheckpoint, progress: bool
) -> L.Trainer:
    callbacks: list[Callback] = [
        checkpoint,
        EarlyStopping(MONITOR, patience=config.optim.patience),
        _History(folder, phase),
    ]
    if progress:
        callbacks.append(TQDMProgressBar())
    return L.Trainer(
        **config.trainer.model_dump(),
        max_epochs=epochs,
        logger=TensorBoardLogger(folder / "logs", name=phase, version=""),
        callbacks=callbacks,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        enable_progress_bar=progress,
        enable_model_summary=False,
        log_every_n_steps=10,
    )


def _phases(folder: Path) -> dict[str, Any]:
    path = folder / "phases.json"
    return read_json(path) if path.is_file() else {}


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
    checkpoint = torch.load(folder / "checkpoints" / phase / "best.ckpt", map_location="cpu", weights_only=True)
    prefix = "classifier."
    return {k.removeprefix(prefix): v for k, v in checkpoint["state_dict"].items() if k.startswith(prefix)}


def _load_best(folder: Path, classifier: Classifier) -> TrainResult:
    """Load the best epoch of both phases into classifier."""
    phases = _phases(folder)
    best = min(phases, key=lambda phase: float(phases[phase][MONITOR]))
    classifier.load_state_dict(_best_state(folder, best))
    summary = phases[best]
    stage = phases.get("finetune", {}).get("finetuned_from", "")
    return TrainResult(folder, best, summary["epoch"], summary[MONITOR], summary["val_auroc"], stage)


def _check_same(
    folder: Path, config: Config, root: Path, records: Sequence[Record], cleaning: Mapping[str, Any] | None
) -> None:
    run = open_run(folder)
    if run.root != root.resolve() or run.cleaning != cleaning:
        raise RunError(f"{folder}: was started on the films in {run.root}; give the same, or --overwrite")
    if run.records != tuple(records):
        raise RunError(f"{folder}: was started on another manifest; give the same data, or --overwrite")
    before, now = run.config.model_dump(), config.model_dump()
    changed = [key for key in before if key != "trainer" and before[key] != now[key]]
    if changed:
        raise RunError(f"{folder}: was started with other {changed[0]!r} settings; give the same, or --overwrite")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's hints off the terminal: its errors still come as exceptions."""
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
