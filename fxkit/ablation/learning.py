"""Train a model on the films of one arm and predict other arms: quickly on frozen features, or by full training."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fxkit.ablation.result import refuse_earlier
from fxkit.ablation.settings import AblationOptions, AblationSettings
from fxkit.config import Config
from fxkit.data.dataset import DatasetOptions, FilmDataset, build_loader
from fxkit.data.image_root import open_image_root
from fxkit.data.leaks import refuse_leaks
from fxkit.data.manifest import Record, usable
from fxkit.evaluation.fold_predictions import pool
from fxkit.metrics.predictions import Predictions
from fxkit.models.backbones import build_backbone, build_preprocessing, pretrained_tag
from fxkit.models.image_sizes import image_size_args
from fxkit.models.predict_records import choose_device, predict_records
from fxkit.models.run_folder import hash_weights
from fxkit.models.saved import load_model
from fxkit.report.made_with import describe_training
from fxkit.training.feature_cache import extract
from fxkit.training.films import check_records
from fxkit.training.probe import fit_logistic
from fxkit.training.train import TrainOptions, train

Features = NDArray[np.float32]

Predict = Callable[[Path], Predictions]  # image root -> predictions of the test films

Fit = Callable[[Sequence[Record], Path, str], Predict]  # records, image root, name of the model -> its predictions

C = 0.01  # inverse strength of the L2 penalty of the head


def check_start(
    config: Config, records: Sequence[Record], folder: Path, settings: AblationSettings, options: AblationOptions
) -> None:
    """Check the records and the folder before anything is computed.

    Raises:
        ConfigError: the positive class of the settings is none of two classes.
        DataError: a split lacks a class, or the split leaks.
        RunError: the folder holds an ablation already, and the options neither resume nor overwrite it.
    """
    check_records(records, () if settings.folds else ("train", "val", "test"), positive=config.data.positive)
    if not (options.allow_leaks or settings.folds):
        refuse_leaks(records)
    refuse_earlier(folder, options)


def describe_models(config: Config, mode: str) -> dict[str, Any]:
    """Return what the models of an ablation are made with, for an audit; see `describe_training`."""
    source = {"pretrained_tag": pretrained_tag(config.model), "weights_sha256": hash_weights(config.model.weights)}
    return describe_training(config, mode, build_preprocessing(config.model, config.data), source)


def extract_features(config: Config, root: Path, records: Sequence[Record], device: str = "auto") -> Features:
    """Return (N, D) features of the films below root from the frozen backbone, without augmentation.

    Raises:
        ImageError: a file is missing or cannot be read.
        ConfigError, WeightsError: see `build_backbone`.
    """
    model = config.model
    preprocessing = build_preprocessing(model, config.data)
    args = {**image_size_args(model.backbone, preprocessing.image_size), **model.args}
    torch.manual_seed(config.seed)  # for a backbone with random weights
    backbone = build_backbone(model.backbone, pretrained=model.pretrained, weights=model.weights, args=args)
    options = DatasetOptions(max_pixels=config.data.max_pixels)
    dataset = FilmDataset(open_image_root(root), records, (), preprocessing, options)
    return extract(backbone.to(choose_device(device)), build_loader(dataset, config.data))


def build_quick_fit(classes: tuple[str, ...], records: Sequence[Record], features: Mapping[Path, Features]) -> Fit:
    """Return a function that fits a linear head to the frozen features of train and val; all films weigh the same.

    Args:
        records: one for each row of the features.
        features: image root -> (N, D).
    """
    row = {record.path: number for number, record in enumerate(records)}

    def rows(part: Sequence[Record]) -> NDArray[np.int64]:
        return np.array([row[r.path] for r in part], np.int64)

    def fit(part: Sequence[Record], root: Path, name: str) -> Predict:
        training, test = [r for r in part if r.split in ("train", "val")], usable(part, "test")
        files = Counter(r.film for r in training)
        head = fit_logistic(
            features[root][rows(training)],
            np.array([classes.index(r.label) for r in training], np.int64),
            c=C,
            balanced=True,
            weights=np.array([1 / files[r.film] for r in training]),
        )
        return lambda other: _to_predictions(head.predict_proba(features[other][rows(test)]), test, classes)

    return fit


def _to_predictions(
    probabilities: NDArray[np.float64], records: Sequence[Record], classes: tuple[str, ...]
) -> Predictions:
    return Predictions(
        classes=classes,
        paths=tuple(r.path for r in records),
        labels=np.array([classes.index(r.label) for r in records], np.int64),
        probabilities=probabilities,
        films=tuple(r.film for r in records),
        groups=tuple(r.group for r in records),
    )


def build_full_fit(config: Config, seed: int, folder: Path, options: AblationOptions) -> Fit:
    """Return a function that trains both phases; each model gets its own run folder inside `folder`."""
    config = config.on_one_device().model_copy(update={"seed": seed})
    training = TrainOptions(options.resume, options.overwrite, options.allow_leaks, fingerprints=False)

    def fit(part: Sequence[Record], root: Path, name: str) -> Predict:
        train(config, root, part, folder / name, training)
        model, test = load_model(folder / name), usable(part, "test")
        return lambda other: predict_records(model, other, test, config.data, device=options.device)

    return fit


def predict_arms(
    fit: Fit,
    parts: Sequence[Sequence[Record]],
    seed: int,
    roots: Mapping[str, Path],
    trained: str,
    tested: Sequence[str],
) -> dict[str, Predictions]:
    """Train on the films of an arm, once for each part, and return the predictions for the tested arms by film.

    Args:
        parts: result of `divide_records`.
        seed: seed that is part of the models' names.
        roots: arm -> image root.
    """
    name = f"{trained.replace(' ', '-')}-seed{seed}"
    predictions: dict[str, list[Predictions]] = {arm: [] for arm in tested}
    for number, part in enumerate(parts):
        predict = fit(part, roots[trained], f"{name}-fold{number}" if len(parts) > 1 else name)
        for arm in tested:
            predictions[arm].append(predict(roots[arm]))
    paths = [r.path for r in parts[0]]
    return {arm: pool(by_part, paths).known().by_film() for arm, by_part in predictions.items()}
