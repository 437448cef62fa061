"""Which frozen features tell fractured hands best: image size, resizing, stages, turned views.

python benchmarks/frozen_features.py HAND WEIGHTS CACHE

Chosen here, on FracAtlas, so that the forearms of accuracy.py stay unseen. Grouped five-fold AUROC of the linear probe.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from accuracy import FOLDS, settings
from accuracy_arms import Split
from accuracy_films import Film, hands, read_film
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from fxkit.config import Config
from fxkit.data.preprocessing import resize
from fxkit.data.transforms import to_tensor
from fxkit.models.backbones import build_preprocessing
from fxkit.training.probe import fit_head

LAST = slice(-1280, None)  # of the features: the mean that the backbone itself gives
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
def stages(net: Split, images: torch.Tensor) -> torch.Tensor:
    """Return (N, 2112): means and spreads over the film of the stages at strides 16 and 32, and the last means."""
    parts, x = [], net.low(images)
    for i, module in enumerate(net.tail):
        x = module(x)
        if i in (1, 3):  # blocks.4 and blocks.6
            parts += [x.mean((2, 3)), x.std((2, 3))]
    return torch.cat([*parts, x], 1)


def features(films: list[Film], config: Config, turned: bool, net: Split, place: Path) -> np.ndarray:
    """Return (N, V, 2112) features of each film's V views: as it is, or also turned and mirrored (8)."""
    if not place.is_file():
        preprocessing = build_preprocessing(config.model, config.data)
        rows = []
        for film in films:
            image = read_film(film.path)
            turns = [np.rot90(image, k) for k in range(4)]
            views = [*turns, *(t[:, ::-1] for t in turns)] if turned else [image]
            seen = [to_tensor(resize(np.ascontiguousarray(view), preprocessing), preprocessing) for view in views]
            rows.append(stages(net, torch.stack(seen)).numpy())
        np.save(place, np.stack(rows))
    return np.load(place)


def auroc(x: np.ndarray, y: np.ndarray, groups: list[str], train_views: int, test_views: int) -> float:
    margin = np.zeros(len(y))
    for train, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(y, y, groups):
        shown, labels = x[train, :train_views].reshape(-1, x.shape[2]), np.repeat(y[train], train_views)
        weights, biases = fit_head(shown.astype(float), labels, penalty=1.0, balanced=True)
        margin[test] = (x[test, :test_views].mean(1) @ (weights[1] - weights[0])) + biases[1] - biases[0]
    return float(roc_auc_score(y, margin))


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("hand", "weights", "cache"):
        parser.add_argument(name, type=Path)
    a = parser.parse_args()
    a.cache.mkdir(parents=True, exist_ok=True)
    net, films = Split(a.weights).eval(), hands(a.hand, a.cache)
    y, groups = np.array([f.label for f in films]), [f.patient for f in films]
    print("| size | resized by | last means | three stages |\n|---|---|---|---|")
    for size, how in SETTINGS:
        config = settings("probe", f"data.image_size={size}", f"data.resize={how}")
        x = features(films, config, False, net, a.cache / f"stages-{size}-{how}.npy")
        found = [auroc(part, y, groups, 1, 1) for part in (x[..., LAST], x)]
        print(f"| {size} | {how} | {found[0]:.3f} | {found[1]:.3f} |", flush=True)
    x = features(films, settings("probe", "data.resize=pad"), True, net, a.cache / "stages-turned.npy")[..., LAST]
    print("| views to train | to test | AUROC |\n|---|---|---|")
    for train, test in ((1, 1), (1, 8), (8, 1), (8, 8)):
        print(f"| {train} | {test} | {auroc(x, y, groups, train, test):.3f} |", flush=True)


if __name__ == "__main__":
    main()
