"""Plan a training run: its films, shapes, parameters, steps and time, measured on a few steps of each phase."""

import math
import time
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from statistics import median

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.utils import make_grid

from fxkit.data.dataset import build_loader
from fxkit.data.manifest import usable
from fxkit.models.classifier import Classifier
from fxkit.training.films import PHASES, Films, Phase
from fxkit.training.learner import Learner
from fxkit.training.loss import build_mixing
from fxkit.training.phases import is_probe, prepare, probe_device, quiet_lightning
from preprocess.images import write_image

STEPS = 5  # measured for each phase

PICTURE_FILMS = 16


@dataclass(frozen=True)
class SplitCount:
    """The numbers of files, films and groups in a split."""

    split: str
    files: int
    films: int
    groups: int


@dataclass(frozen=True)
class PhasePlan:
    """The plan of a training phase.

    Attributes:
        stage: first backbone stage that is trained in the last epoch; "" if the backbone is frozen.
        epochs: maximum number of epochs; for a probe, the number of passes over the films.
        steps: number of batches per epoch.
        trained: number of trained parameters.
        frozen: number of frozen parameters.
        step_s: time of a step.
        validation_s: time of one validation.
        fitted: True for a probe, which is validated once, after all passes.
    """

    phase: Phase
    stage: str
    epochs: int
    steps: int
    trained: int
    frozen: int
    step_s: float
    validation_s: float
    fitted: bool = False

    @property
    def seconds(self) -> float:
        """The time that the phase takes at most."""
        validations = 1 if self.fitted else self.epochs
        return self.epochs * self.steps * self.step_s + validations * self.validation_s


@dataclass(frozen=True)
class DryRun:
    """The plan of a training run.

    Attributes:
        shape_in: (N, C, H, W) of a batch.
        shape_out: (N, classes) of its logits.
        picture: file with an augmented batch.
    """

    classes: tuple[str, ...]
    splits: tuple[SplitCount, ...]
    shape_in: tuple[int, ...]
    shape_out: tuple[int, ...]
    phases: tuple[PhasePlan, ...]
    picture: Path


def measure_plan(classifier: Classifier, films: Films, picture: Path) -> DryRun:
    """Measure a few steps of each phase on one device, and write an augmented batch as a picture.

    The steps change the weights of the classifier.
    """
    with quiet_lightning():
        phases = tuple(
            _plan_probe(classifier, films) if is_probe(phase, films.config) else _plan(phase, classifier, films)
            for phase in PHASES
            if _epochs(films, phase)
        )
    images, _ = next(iter(films.train_loader("head", 0)))
    with torch.no_grad():
        logits = classifier.cpu().eval()(images)
    _write_batch(films, picture)
    return DryRun(
        films.classes,
        tuple(_count(films, split) for split in ("train", "val", "test")),
        tuple(images.shape),
        tuple(logits.shape),
        phases,
        picture,
    )


def _epochs(films: Films, phase: Phase) -> int:
    return films.config.optim.epochs[PHASES.index(phase)]


def _count(films: Films, split: str) -> SplitCount:
    records = usable(films.records, split)
    return SplitCount(split, len(records), len({r.film for r in records}), len({r.group for r in records}))


class _Times(Callback):
    """Record when each batch ended."""

    def __init__(self) -> None:
        self.train: list[float] = []
        self.val: list[float] = []

    def on_train_batch_end(self, *_args: object) -> None:
        self.train.append(time.monotonic())

    def on_validation_batch_end(self, *_args: object) -> None:
        self.val.append(time.monotonic())


def _plan(phase: Phase, classifier: Classifier, films: Films) -> PhasePlan:
    stages = prepare(phase, classifier, films.config)
    counts = [p.numel() for p in classifier.parameters() if p.requires_grad]
    learner, times = Learner(classifier, films, phase, stages), _Times()
    one_device = {"devices": 1, "num_nodes": 1, "strategy": "auto"}
    trainer = L.Trainer(
        **films.config.trainer.arguments() | one_device,
        max_steps=STEPS,
        max_epochs=STEPS,
        limit_val_batches=STEPS,
        check_val_every_n_epoch=STEPS + 1,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[times],
    )
    trainer.fit(learner)
    started = time.monotonic()
    trainer.validate(learner, verbose=False)
    val_batches = len(films.val_loader())
    return PhasePlan(
        phase=phase,
        stage=stages[-1] if stages else "",
        epochs=_epochs(films, phase),
        steps=len(films.train_loader(phase, 0)),
        trained=sum(counts),
        frozen=sum(p.numel() for p in classifier.parameters()) - sum(counts),
        step_s=_median_gap(times.train),
        validation_s=(times.val[-1] - started) / len(times.val) * val_batches,
    )


def _plan_probe(classifier: Classifier, films: Films) -> PhasePlan:
    """Plan a probe: the frozen backbone processes the films, and the head is then fitted to its features."""
    prepare("head", classifier, films.config)
    classifier.to(probe_device(films.config)).eval()
    passes = _epochs(films, "head")
    loader = build_loader(films.training_dataset("head", None if passes == 1 else 0), films.config.data)
    val_loader = films.val_loader()
    trained = sum(p.numel() for p in classifier.head.parameters())
    return PhasePlan(
        phase="head",
        stage="",
        epochs=passes,
        steps=len(loader),
        trained=trained,
        frozen=sum(p.numel() for p in classifier.parameters()) - trained,
        step_s=_forward_s(classifier, loader),
        validation_s=_forward_s(classifier, val_loader) * len(val_loader),
        fitted=True,
    )


@torch.inference_mode()
def _forward_s(classifier: Classifier, loader: DataLoader[tuple[Tensor, int]]) -> float:
    """Return the median time of the first few batches, including the time to read the files."""
    device, times = next(classifier.parameters()).device, [time.monotonic()]
    for images, _ in islice(loader, STEPS):
        classifier(images.to(device))
        times.append(time.monotonic())
    return _median_gap(times)


def _median_gap(times: list[float]) -> float:
    """Return the median difference between consecutive times; NaN for fewer than two times."""
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return median(gaps) if gaps else math.nan


def _write_batch(films: Films, picture: Path) -> None:
    images, targets = next(iter(films.train_loader("head", 0)))
    mix = build_mixing(films.config.augment, len(films.classes))
    if mix is not None:
        images, _ = mix(images, targets)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (films.preprocessing.mean, films.preprocessing.std))
    grid = make_grid((images[:PICTURE_FILMS] * std + mean).clamp(0, 1), nrow=4, pad_value=1.0)[0]
    picture.parent.mkdir(parents=True, exist_ok=True)
    write_image(picture, np.asarray(grid.mul(255).round().numpy(), np.uint8))
