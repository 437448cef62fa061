"""Compare training crops enlarged by repeating pixels with crops enlarged linearly, on the 224 px forearm copies.

python benchmarks/crop_interpolation.py FOREARM WEIGHTS CACHE [--size 224] [--seeds 0,1,2] [--epochs 2,6]

Both arms see the same films, crops, patient folds and seeds. `frozen` fits linear heads to features of each film and
two augmented views of it; `fine-tuned` trains the head, then the last stages as well. The folder CACHE keeps the
features.
"""

import argparse
from pathlib import Path

import accuracy_arms
import albumentations as A
import cv2
import numpy as np
from accuracy import film_predictions, print_row, settings
from accuracy_arms import Features, SplitBackbone, compute_features, train_two_phases
from accuracy_films import Film, forearms
from sklearn.model_selection import StratifiedGroupKFold

from fxkit.config import AugmentConfig, Config
from fxkit.data.preprocessing import Preprocessing
from fxkit.data.transforms import build_augmentation
from fxkit.metrics.predictions import Predictions
from fxkit.training.probe import fit_head

FOLDS = 3
FROZEN_VIEWS = 3  # the film itself and two augmented views


def repeat_pixels(config: AugmentConfig, preprocessing: Preprocessing) -> A.Compose:
    """Build the training transform as it was: OpenCV's INTER_AREA repeats pixels where a crop is enlarged."""
    crop, *others = build_augmentation(config, preprocessing).transforms
    resized = A.RandomResizedCrop(crop.size, scale=crop.scale, ratio=crop.ratio, interpolation=cv2.INTER_AREA)
    return A.Compose([resized, *others])


def fit_frozen(last: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray, penalty: float) -> np.ndarray:
    """Return p(fractured) of the test rows from a linear head on FROZEN_VIEWS views of each training film."""
    views = np.concatenate([last[train, view] for view in range(FROZEN_VIEWS)]).astype(np.float64)
    weights, biases = fit_head(views, np.tile(labels[train], FROZEN_VIEWS), penalty=penalty, balanced=True)
    margin = last[test, 0] @ (weights[1] - weights[0]) + biases[1] - biases[0]
    return 1 / (1 + np.exp(-margin))


def predict(
    config: Config, features: Features, films: list[Film], net: SplitBackbone, seeds: list[int], *, frozen: bool
) -> list[Predictions]:
    """Return the predictions of each seed for all films, each fold by a model that did not train on it."""
    labels, groups = np.array([f.label for f in films]), [f.patient for f in films]
    runs = []
    for seed in seeds:
        splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
        folds = [test for _, test in splitter.split(labels, labels, groups)]
        p = np.zeros(len(labels))
        for k, test in enumerate(folds):
            val = folds[(k + 1) % FOLDS]
            train = np.setdiff1d(np.arange(len(labels)), np.concatenate([test, val]))
            if frozen:
                p[test] = fit_frozen(features[1], labels, train, test, config.optim.probe_penalty)
            else:
                p[test] = train_two_phases(config, features, labels, (train, val), net, seed)(features[0], test)
        runs.append(film_predictions(films, p))
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("forearm", "weights", "cache"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--epochs", default="2,6", help="of the head and of fine-tuning; 2,0: frozen only")
    a = parser.parse_args()
    a.cache.mkdir(parents=True, exist_ok=True)
    seeds, head_epochs, epochs = [int(s) for s in a.seeds.split(",")], *map(int, a.epochs.split(","))
    config = settings("default", f"data.image_size={a.size}", f"optim.epochs=[{head_epochs},{epochs}]")
    films, net = [f for f in forearms(a.forearm) if "-rotated" in f.path.name], SplitBackbone(a.weights)
    print(f"{len(films)} files, {len({f.patient for f in films})} patients, {a.size} px, {len(seeds)} seeds")
    print("| arm | AUROC | balanced accuracy | AUROC minus repeated |\n|---|---|---|---|")
    runs: dict[tuple[bool, str], list[Predictions]] = {}
    for name, build in (("repeated", repeat_pixels), ("linear", build_augmentation)):
        accuracy_arms.build_augmentation = build
        features = compute_features(films, config, head_epochs + epochs, net, a.cache / f"{name}{a.size}")
        for frozen in (True, False) if epochs else (True,):
            runs[frozen, name] = predict(config, features, films, net, seeds, frozen=frozen)
            against = runs[frozen, "repeated"] if name == "linear" else None
            print_row(f"{'frozen' if frozen else 'fine-tuned'}, {name}", runs[frozen, name], against)


if __name__ == "__main__":
    main()
