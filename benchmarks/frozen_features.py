"""Compare frozen features for classifying fractured hands: image size, resizing, stages and rotated views.

python benchmarks/frozen_features.py HAND WEIGHTS CACHE

The choice is made on FracAtlas, so that the forearm films of accuracy.py remain unseen. Prints the AUROC of the linear
probe in five folds by group.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from accuracy import FOLDS, settings
from accuracy_arms import SplitBackbone
from accuracy_films import Film, hands, read_film
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from fxkit.config import Config
from fxkit.data.preprocessing import resize
from fxkit.data.transforms import to_tensor
from fxkit.models.backbones import build_preprocessing
from fxkit.training.probe import fit_head

LAST = slice(-1280, None)  # columns of the backbone's own pooled features
SETTINGS = [
    (224, "stretch"),
    (224, "pad"),
    (320, "stretch"),
    (320, "pad"),
    (448, "stretch"),
    (448, "pad"),
    (640, "pad"),
]


@torch.inference_mode()
def stages(net: SplitBackbone, images: torch.Tensor) -> torch.Tensor:
    """Return (N, 2112) features: mean and SD of the stages at strides 16 and 32, and the pooled features."""
    parts, x = [], net.low(images)
    for i, module in enumerate(net.tail):
        x = module(x)
        if i in (1, 3):  # blocks.4 and blocks.6
            parts += [x.mean((2, 3)), x.std((2, 3))]
    return torch.cat([*parts, x], 1)


def features(films: list[Film], config: Config, rotated: bool, net: SplitBackbone, file: Path) -> np.ndarray:
    """Return the (N, V, 2112) features of each film: one view, or the eight rotated and mirrored views."""
    if not file.is_file():
        preprocessing = build_preprocessing(config.model, config.data)
        rows = []
        for film in films:
            image = read_film(film.path)
            rotations = [np.rot90(image, k) for k in range(4)]
            views = [*rotations, *(r[:, ::-1] for r in rotations)] if rotated else [image]
            images = [to_tensor(resize(np.ascontiguousarray(view), preprocessing), preprocessing) for view in views]
            rows.append(stages(net, torch.stack(images)).numpy())
        np.save(file, np.stack(rows))
    return np.load(file)


def auroc(x: np.ndarray, y: np.ndarray, groups: list[str], train_views: int, test_views: int) -> float:
    margin = np.zeros(len(y))
    for train, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(y, y, groups):
        films, labels = x[train, :train_views].reshape(-1, x.shape[2]), np.repeat(y[train], train_views)
        weights, biases = fit_head(films.astype(float), labels, penalty=1.0, balanced=True)
        margin[test] = (x[test, :test_views].mean(1) @ (weights[1] - weights[0])) + biases[1] - biases[0]
    return float(roc_auc_score(y, margin))


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("hand", "weights", "cache"):
        parser.add_argument(name, type=Path)
    a = parser.parse_args()
    a.cache.mkdir(parents=True, exist_ok=True)
    net, films = SplitBackbone(a.weights).eval(), hands(a.hand, a.cache)
    y, groups = np.array([f.label for f in films]), [f.patient for f in films]
    print("| size | resize | pooled features | with stages |\n|---|---|---|---|")
    for size, mode in SETTINGS:
        config = settings("probe", f"data.image_size={size}", f"data.resize={mode}")
        x = features(films, config, False, net, a.cache / f"stages-{size}-{mode}.npy")
        aurocs = [auroc(part, y, groups, 1, 1) for part in (x[..., LAST], x)]
        print(f"| {size} | {mode} | {aurocs[0]:.3f} | {aurocs[1]:.3f} |", flush=True)
    x = features(films, settings("probe", "data.resize=pad"), True, net, a.cache / "stages-turned.npy")[..., LAST]
    print("| training views | test views | AUROC |\n|---|---|---|")
    for train, test in ((1, 1), (1, 8), (8, 1), (8, 8)):
        print(f"| {train} | {test} | {auroc(x, y, groups, train, test):.3f} |", flush=True)


if __name__ == "__main__":
    main()
