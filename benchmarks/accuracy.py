"""The published recipe against the linear probe: same films, same folds by patient, same seeds; and across data sets.

python benchmarks/accuracy.py FOREARM HAND WEIGHTS CACHE [--seeds 0,1,2] [--across]

Nothing that is computed twice is trained twice: a frozen part gives the same for the same view, so the recipe's views
(one an epoch) pass it once, and both arms go on from there. CACHE keeps that, and each seed's predictions.
"""

import argparse
import copy
import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import timm
import torch
from safetensors.torch import load_file
from sklearn.model_selection import KFold, StratifiedGroupKFold
from torch import nn

from fxkit.bootstrap import Interval, intervals, paired_difference
from fxkit.config import Config, load_config
from fxkit.data.dataset import mix_seed
from fxkit.data.transforms import augment, build_augmentation, build_preprocessing, resize, to_tensor
from fxkit.model import build_head
from fxkit.predictions import Predictions
from fxkit.probe import fit_head
from fxkit.scores import AUROC, BALANCED_ACCURACY
from preprocess.errors import ImageError
from preprocess.images import read_image, to_grey8

FOLDS = 5
COPIES = 2  # of each film, beside the original
HANDS = 400  # of each class
LONG_SIDE = 640  # px; films are reduced to this once
Seen = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Film:
    path: Path
    label: int
    film: str
    patient: str


def read_film(path: Path) -> np.ndarray:
    image = to_grey8(read_image(path))
    factor = min(1.0, LONG_SIDE / max(image.shape))
    size = [max(1, round(side * factor)) for side in image.shape[::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA) if factor < 1 else image


def forearms(root: Path) -> list[Film]:
    by_stem: dict[str, list[dict[str, str]]] = {}
    for row in csv.DictReader((root / "patients.csv").open()):
        by_stem.setdefault(row["stem"], []).append(row)
    rng = np.random.default_rng(0)
    chosen = []
    for _, rows in sorted(by_stem.items()):
        original = [r for r in rows if "-rotated" not in r["path"]]
        copies = [r for r in rows if "-rotated" in r["path"]]
        chosen += [*original[:1], *[copies[i] for i in rng.permutation(len(copies))[:COPIES]]]
    return [Film(root / r["path"], int(r["label"] == "fractured"), r["stem"], r["patient"]) for r in chosen]


def hands(root: Path, cache: Path) -> list[Film]:
    """Neighbours in number may be one patient: ten numbers make a group."""
    place = cache / "hands.txt"
    if not place.is_file():
        rng = np.random.default_rng(0)
        chosen = []
        for folder in ("fractured", "not_fractured"):
            readable = [path for path in sorted((root / folder).iterdir()) if is_readable(path)]
            chosen += [f"{folder}/{readable[i].name}" for i in rng.permutation(len(readable))[:HANDS]]
        place.write_text("\n".join(chosen))
    paths = [root / name for name in place.read_text().split()]
    return [Film(p, int(p.parent.name == "fractured"), p.stem, str(int(p.stem[3:]) // 10)) for p in paths]


def is_readable(path: Path) -> bool:
    try:
        read_image(path)
    except ImageError:
        return False
    return True


class Split(nn.Module):
    """The backbone up to the stage that the recipe fine-tunes, and what comes after it."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        net = timm.create_model("mobilenetv2_100", pad_type="same", bn_eps=1e-3, num_classes=0)
        net.load_state_dict({k: v for k, v in load_file(weights).items() if not k.startswith("classifier")})
        self.low = nn.Sequential(net.conv_stem, net.bn1, *net.blocks[:3])
        self.tail = nn.Sequential(*net.blocks[3:], net.conv_head, net.bn2, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def pass_once(films: list[Film], config: Config, views: int, net: Split, cache: Path) -> Seen:
    """Return what the frozen part gives for each film as it is and `views` augmented ones, before and after the tail.

    Returns: (N, 1 + views, C, S / 8, S / 8) float16 and (N, 1 + views, D) float32.
    """
    places = cache.with_suffix(".low.npy"), cache.with_suffix(".feat.npy")
    if not places[1].is_file():
        preprocessing = build_preprocessing(config.model, config.data)
        transform = build_augmentation(config.augment, preprocessing)
        low, last = [], []
        net.eval()
        for i, film in enumerate(films):
            image = read_film(film.path)
            seen = [resize(image, preprocessing)]
            seen += [augment(image, transform, preprocessing, mix_seed(0, v, i)) for v in range(1, views + 1)]
            with torch.inference_mode():
                inner = net.low(torch.stack([to_tensor(view, preprocessing) for view in seen]))
                low.append(inner.half().numpy() if views else inner[:, :1, :1, :1].half().numpy())
                last.append(net.tail(inner).numpy())
        np.save(places[0], np.stack(low))
        np.save(places[1], np.stack(last))
    return np.load(places[0], mmap_mode="r"), np.load(places[1])


def train_recipe(config: Config, seen: Seen, labels: np.ndarray, parts: tuple, net: Split, seed: int) -> Callable:
    """Train both phases on the parts (train, val), keep the best epoch; return (low, rows) -> p(fractured)."""
    low, last = seen
    train, val = parts
    optim, model = config.optim, config.model
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    head, tail = build_head(last.shape[-1], 2, model.hidden, model.dropout), copy.deepcopy(net.tail)
    tail.to(memory_format=torch.channels_last)
    criterion, truth = nn.CrossEntropyLoss(), torch.tensor(labels)
    steps = -(-len(train) // config.data.batch_size)

    def inner(rows: np.ndarray, view: int, low: np.ndarray = low) -> torch.Tensor:
        return torch.from_numpy(np.asarray(low[rows, view], np.float32)).to(memory_format=torch.channels_last)

    def phase(
        groups: list[dict], epochs: int, first_view: int, train_on: Callable, judge_on: Callable, parts: list[nn.Module]
    ) -> None:
        optimizer = torch.optim.AdamW(groups, weight_decay=optim.weight_decay)
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
        best, kept, since = np.inf, [copy.deepcopy(p.state_dict()) for p in parts], 0
        for epoch in range(epochs):
            for part in parts:
                part.train()
            for rows in np.array_split(rng.permutation(train), steps):
                loss = criterion(head(train_on(np.sort(rows), first_view + epoch)), truth[np.sort(rows)])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                cosine.step()
            for part in parts:
                part.eval()
            with torch.no_grad():
                found = float(criterion(head(judge_on(val)), truth[val]))
            since = 0 if found < best else since + 1
            if found < best:
                best, kept = found, [copy.deepcopy(p.state_dict()) for p in parts]
            if since >= optim.patience:
                break
        for part, state in zip(parts, kept, strict=True):
            part.load_state_dict(state)

    def judged(rows: np.ndarray) -> torch.Tensor:
        return torch.cat([tail(inner(some, 0)) for some in np.array_split(rows, 4)])

    frozen = [{"params": head.parameters(), "lr": optim.head_lr}]
    phase(frozen, optim.epochs[0], 1, lambda r, v: torch.tensor(last[r, v]), lambda r: torch.tensor(last[r, 0]), [head])
    both = [
        {"params": head.parameters(), "lr": optim.finetune_head_lr},
        {"params": tail.parameters(), "lr": optim.finetune_backbone_lr},
    ]
    first = 1 + optim.epochs[0]
    phase(both, optim.epochs[1], first, lambda r, v: tail(inner(r, v)), judged, [head, tail])

    @torch.no_grad()
    def predict(other: np.ndarray, rows: np.ndarray) -> np.ndarray:
        parts = [head.eval()(tail.eval()(inner(some, 0, other))) for some in np.array_split(rows, 8)]
        return torch.cat(parts).softmax(1)[:, 1].numpy()

    return predict


def probe(config: Config, last: np.ndarray, labels: np.ndarray, train: np.ndarray) -> Callable:
    """Fit the head to the films as they are; return (features, rows) -> p(fractured)."""
    weights, biases = fit_head(last[train, 0], labels[train], penalty=config.optim.probe_penalty, balanced=True)
    margin = (weights[1] - weights[0], biases[1] - biases[0])
    return lambda other, rows: 1 / (1 + np.exp(-(other[rows, 0] @ margin[0] + margin[1])))


def predictions(films: list[Film], p: np.ndarray) -> Predictions:
    return Predictions(
        ("not_fractured", "fractured"),
        tuple(str(f.path) for f in films),
        np.array([f.label for f in films]),
        np.stack([1 - p, p], 1),
        tuple(f.film for f in films),
        tuple(f.patient for f in films),
    ).by_film()


def show(name: str, runs: list[Predictions], against: list[Predictions] | None = None) -> None:
    found = intervals((AUROC, BALANCED_ACCURACY), runs)
    text = [cell(found["auroc"]), cell(found["balanced_accuracy"])]
    if against:
        text.append(cell(paired_difference(AUROC, runs * len(against), against), signed=True))
    print("|", " | ".join([name, *text]), "|", flush=True)


def cell(found: Interval, signed: bool = False) -> str:
    form = "{:+.3f} ({:+.3f} to {:+.3f})" if signed else "{:.3f} ({:.3f} to {:.3f})"
    return form.format(found.value, found.low, found.high)


def settings(preset: str, *more: str) -> Config:
    own = ("model.backbone=mobilenetv2_100", "model.mean=0.5", "model.std=0.5")
    return load_config(preset, [*own, *more])


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("forearm", "hand", "weights", "cache"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--across", action="store_true", help="also train the recipe for the other data set")
    a = parser.parse_args()
    a.cache.mkdir(parents=True, exist_ok=True)
    net, films, others = Split(a.weights), forearms(a.forearm), hands(a.hand, a.cache)
    y, groups = np.array([f.label for f in films]), [f.patient for f in films]
    folds = [test for _, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(y, y, groups)]
    everything = np.arange(len(films))
    recipe = settings("baseline")
    seen = pass_once(films, recipe, sum(recipe.optim.epochs), net, a.cache / "recipe")

    runs = []
    for seed in map(int, a.seeds.split(",")):
        place = a.cache / f"recipe-seed{seed}.npy"
        if not place.is_file():
            p = np.zeros(len(films))
            for k, test in enumerate(folds):
                val = folds[(k + 1) % FOLDS]
                train = np.setdiff1d(everything, [*test, *val])
                p[test] = train_recipe(recipe, seen, y, (train, val), net, seed * 10 + k)(seen[0], test)
            np.save(place, p)
        runs.append(predictions(films, np.load(place)))
    print(f"{len(films)} files, {len({f.film for f in films})} films, {len(set(groups))} patients, {len(runs)} seeds")
    print("| arm | AUROC | balanced accuracy | minus the recipe |\n|---|---|---|---|")
    show("recipe", runs)
    hand_labels = np.array([f.label for f in others])
    cross = {}
    for size, how in ((224, "stretch"), (448, "pad")):
        config = settings("probe", f"data.image_size={size}", f"data.resize={how}")
        here = pass_once(films, config, 0, net, a.cache / f"forearm{size}")[1]
        there = pass_once(others, config, 0, net, a.cache / f"hand{size}")[1]
        p, q, files = (np.zeros(len(films)) for _ in range(3))
        for k, test in enumerate(folds):
            train = np.setdiff1d(everything, [*test, *folds[(k + 1) % FOLDS]])
            p[test] = probe(config, here, y, train)(here, test)
            q[test] = probe(config, here, y, np.setdiff1d(everything, test))(here, test)
        for train, test in KFold(FOLDS, shuffle=True, random_state=0).split(everything):
            files[test] = probe(config, here, y, train)(here, test)
        show(f"probe, {size} px, {how}", [predictions(films, p)], runs)
        show(f"probe, {size} px, {how}, validation films too", [predictions(films, q)], runs)
        hit = float(np.mean((files >= 0.5) == y))
        print(
            f"random split of files, probe, {size} px: accuracy by file {hit:.3f}: says nothing, copies are in training"
        )
        rows = np.arange(len(others))
        cross[f"forearm to hand, probe, {size} px"] = predictions(
            others, probe(config, here, y, everything)(there, rows)
        )
        p = probe(config, there, hand_labels, rows)(here, everything)
        cross[f"hand to forearm, probe, {size} px"] = predictions(films, p)
    if a.across:
        parts = np.setdiff1d(everything, folds[0]), folds[0]
        predict = train_recipe(recipe, seen, y, parts, net, 0)
        low = pass_once(others, recipe, 1, net, a.cache / "recipe-hand-plain")
        cross["forearm to hand, recipe"] = predictions(others, predict(low[0], rows))
        show("forearm to hand, recipe", [cross["forearm to hand, recipe"]])
        low = pass_once(others, recipe, sum(recipe.optim.epochs), net, a.cache / "recipe-hand")
        predict = train_recipe(recipe, low, hand_labels, (rows[rows % FOLDS > 0], rows[::FOLDS]), net, 0)
        cross["hand to forearm, recipe"] = predictions(films, predict(seen[0], everything))
    print("| trained to tested | AUROC | balanced accuracy |\n|---|---|---|")
    for name, found in cross.items():
        show(name, [found])


if __name__ == "__main__":
    main()
