"""Fit a model on one arm's films and predict others': quickly on a frozen backbone's features, or by full training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from fxkit.config import Config
from fxkit.data.dataset import DatasetOptions, FilmDataset, build_loader, open_image_root
from fxkit.data.manifest import Record, usable
from fxkit.index.splits.divide import assign_folds
from fxkit.metrics.predictions import Predictions
from fxkit.models.backbones import build_backbone, build_preprocessing
from fxkit.models.classifier import image_size_args
from fxkit.models.predict_records import choose_device, predict_records
from fxkit.models.saved import load_model
from fxkit.training.feature_cache import extract as features_of
from fxkit.training.folds import member_records
from fxkit.training.train import train

Features = NDArray[np.float32]

Fit = Callable[[Sequence[Record], Path, str], Callable[[Path], Predictions]]  # records, root, name -> root -> predicted


C = 0.01  # inverse strength of the head's L2 penalty, on standardised features


@dataclass(frozen=True)
class Flags:
    """How an ablation is run.

    Attributes:
        full: train both phases, each model in a run folder of its own below the ablation's; else fit a linear head
            on the frozen backbone's features.
        resume: keep the films and models that are made already.
        overwrite: replace an earlier ablation in the same folder.
        allow_leaks: use a split that leaks; all figures then say so.
        device: of features and tests: auto, cpu, cuda or mps.
    """

    full: bool = False
    resume: bool = False
    overwrite: bool = False
    allow_leaks: bool = False
    device: str = "auto"

    @property
    def mode(self) -> str:
        return "full" if self.full else "quick"


QUICK = Flags()


def extract(config: Config, root: Path, records: Sequence[Record], device: str = "auto") -> Features:
    """Return (N, D) features of the records' films below root from the frozen backbone, without augmentation.

    Raises:
        ImageError: a file is missing or cannot be read.
        ConfigError, WeightsError: as `build_backbone`.
    """
    model, place = config.model, choose_device(device)
    preprocessing = build_preprocessing(model, config.data)
    args = {**image_size_args(model.backbone, preprocessing.image_size), **model.args}
    torch.manual_seed(config.seed)  # of a backbone that starts from nothing
    backbone = build_backbone(model.backbone, pretrained=model.pretrained, weights=model.weights, args=args)
    dataset = FilmDataset(
        open_image_root(root), records, (), preprocessing, DatasetOptions(max_pixels=config.data.max_pixels)
    )
    return features_of(backbone.to(place), build_loader(dataset, config.data))


def quick_fit(classes: tuple[str, ...], records: Sequence[Record], features: Mapping[Path, Features]) -> Fit:
    """Return a fit on frozen features: a linear head on train and val, each film with one weight.

    Args:
        records: whose features these are, row by row.
        features: image root -> (N, D).
    """
    row = {record.path: number for number, record in enumerate(records)}

    def rows(part: Sequence[Record]) -> NDArray[np.int64]:
        return np.array([row[r.path] for r in part], np.int64)

    def fit(part: Sequence[Record], root: Path, name: str) -> Callable[[Path], Predictions]:
        seen, tested = [r for r in part if r.split in ("train", "val")], usable(part, "test")
        head = _fit_head(features[root][rows(seen)], seen, classes)
        return lambda other: _predicted(head.predict_proba(features[other][rows(tested)]), tested, classes)

    return fit


def _fit_head(features: Features, records: Sequence[Record], classes: tuple[str, ...]) -> Pipeline:
    copies: dict[str, int] = {}
    for record in records:
        copies[record.film] = copies.get(record.film, 0) + 1
    weights = np.array([1 / copies[r.film] for r in records])
    head = make_pipeline(StandardScaler(), LogisticRegression(C=C, class_weight="balanced", max_iter=2000))
    labels = [classes.index(r.label) for r in records]
    return head.fit(features, labels, logisticregression__sample_weight=weights)


def _predicted(probabilities: NDArray[np.float64], records: Sequence[Record], classes: tuple[str, ...]) -> Predictions:
    return Predictions(
        classes=classes,
        paths=tuple(r.path for r in records),
        labels=np.array([classes.index(r.label) for r in records], np.int64),
        probabilities=probabilities,
        films=tuple(r.film for r in records),
        groups=tuple(r.group for r in records),
    )


def full_fit(config: Config, seed: int, folder: Path, flags: Flags) -> Fit:
    """Return a fit by `train`: both phases, a run folder of its own below folder."""
    config = config.on_one_device().model_copy(update={"seed": seed})

    def fit(part: Sequence[Record], root: Path, name: str) -> Callable[[Path], Predictions]:
        run = folder / name
        train(
            config,
            root,
            part,
            run,
            resume=flags.resume,
            overwrite=flags.overwrite,
            allow_leaks=flags.allow_leaks,
        )
        model = load_model(run)
        return lambda other: predict_records(model, other, usable(part, "test"), config.data, device=flags.device)

    return fit


def parts_of(records: Sequence[Record], folds: int, seed: int, *, by_group: bool = True) -> list[list[Record]]:
    """Return the usable records once for each training, with their splits.

    Args:
        folds: 0 for the records' own split; else every file is tested once, in its fold, whatever its split was: see
            `member_records`.
        by_group: False divides files without regard to films and groups.
    Raises:
        DataError: a class has fewer groups than folds.
    """
    good = usable(records)
    if not folds:
        return [good]
    units = [replace(r, split="train", fold="") for r in good]
    if not by_group:
        units = [replace(r, group=r.path, film=r.path) for r in units]
    divided, _ = assign_folds(units, folds, seed)
    folded = [replace(r, fold=d.fold, split="train") for r, d in zip(good, divided, strict=True)]
    return [member_records(folded, fold, folds) for fold in range(folds)]


def part_names(records: Sequence[Record], folds: int, seed: int) -> dict[str, str]:
    """Return each usable file's path with a name of the part that no model is trained on while it is tested there."""
    if not folds:
        return {r.path: r.split for r in usable(records)}
    parts = parts_of(records, folds, seed)
    return {r.path: f"fold {fold}" for fold, part in enumerate(parts) for r in usable(part, "test")}
