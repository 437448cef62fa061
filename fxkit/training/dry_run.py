"""What a training would do: films, shapes, parameters, steps and time, from a few real steps of each phase."""

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

STEPS = 5

SHOWN = 16  # films in the picture


@dataclass(frozen=True)
class SplitCount:
    split: str
    files: int
    films: int
    groups: int


@dataclass(frozen=True)
class PhasePlan:
    phase: Phase
    stage: str  # from which on the backbone is trained in the end; "" where it is frozen
    epochs: int  # at most
    steps: int  # batches an epoch
    trained: int  # parameters
    frozen: int
    step_s: float
    validation_s: float  # an epoch's
    fitted: bool = False  # a probe: an epoch is a pass over the films, and validation comes once, after all

    @property
    def seconds(self) -> float:
        validations = 1 if self.fitted else self.epochs
        return self.epochs * self.steps * self.step_s + validations * self.validation_s


@dataclass(frozen=True)
class DryRun:
    classes: tuple[str, ...]
    splits: tuple[SplitCount, ...]
    shape_in: tuple[int, ...]  # N, C, H, W
    shape_out: tuple[int, ...]  # N, classes
    phases: tuple[PhasePlan, ...]
    picture: Path


def try_out(classifier: Classifier, films: Films, picture: Path) -> DryRun:
    """Take a few steps of each phase on one device, which change classifier, and write an augmented batch."""
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
    """When each batch ended."""

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
        step_s=_between(times.train),
        validation_s=(times.val[-1] - started) / len(times.val) * val_batches,
    )


def _plan_probe(classifier: Classifier, films: Films) -> PhasePlan:
    """Plan a head that is fitted at once: no steps of training, but passes of the frozen backbone over the films."""
    prepare("head", classifier, films.config)
    classifier.to(probe_device(films.config)).eval()
    passes = _epochs(films, "head")
    loader = build_loader(films.training_part("head", None if passes == 1 else 0), films.config.data)
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
    """The median time of a batch, reading included, of the first few."""
    device, times = next(classifier.parameters()).device, [time.monotonic()]
    for images, _ in islice(loader, STEPS):
        classifier(images.to(device))
        times.append(time.monotonic())
    return _between(times)


def _between(times: list[float]) -> float:
    """The median time between neighbours; nan where there are none."""
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return median(gaps) if gaps else math.nan


def _write_batch(films: Films, picture: Path) -> None:
    images, targets = next(iter(films.train_loader("head", 0)))
    mix = build_mixing(films.config.augment, len(films.classes))
    if mix is not None:
        images, _ = mix(images, targets)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (films.preprocessing.mean, films.preprocessing.std))
    shown = make_grid((images[:SHOWN] * std + mean).clamp(0, 1), nrow=4, pad_value=1.0)[0]
    picture.parent.mkdir(parents=True, exist_ok=True)
    write_image(picture, np.asarray(shown.mul(255).round().numpy(), np.uint8))
