"""The published recipe against fxkit's presets: same films, same folds by patient, same seeds; and across data sets.

python benchmarks/accuracy.py FOREARM HAND WEIGHTS CACHE [--seeds 0,1,2] [--across] [--hands RUN]

CACHE keeps what the backbone gives for each view, and each seed's predictions.
"""

import argparse
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from accuracy_arms import Seen, Split, pass_once, probe, train_steps
from accuracy_films import Film, forearms, hands
from sklearn.model_selection import KFold, StratifiedGroupKFold

from fxkit.config import Config, load_config
from fxkit.metrics.bootstrap import intervals, paired_difference
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import AUROC, BALANCED_ACCURACY
from fxkit.models.model_json import read_run_settings

FOLDS = 5
STEPS = ("baseline", "default")  # presets that train in two phases; the first is the published recipe


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
    text = [f"{found[name]:.3f}" for name in ("auroc", "balanced_accuracy")]
    if against:
        text.append(f"{paired_difference(AUROC, runs * len(against), against):+.3f}")
    print("|", " | ".join([name, *text]), "|", flush=True)


def settings(preset: str, *more: str) -> Config:
    own = ("model.backbone=mobilenetv2_100", "model.mean=0.5", "model.std=0.5")
    return load_config(preset, [*own, *more])


@dataclass(frozen=True)
class Outer:
    """The folds that are compared on: each is tested once, the one after it validates, the others train."""

    labels: np.ndarray
    groups: list[str]
    folds: list[np.ndarray]

    def others(self, k: int) -> np.ndarray:
        """Return the rows of all folds but one."""
        return np.setdiff1d(np.arange(len(self.labels)), self.folds[k])


def probe_once(config: Config, features: np.ndarray, outer: Outer) -> np.ndarray:
    """Return what probes that leave the validation fold alone say of the test folds."""
    p = np.zeros(len(outer.labels))
    for k, test in enumerate(outer.folds):
        train = np.setdiff1d(outer.others(k), outer.folds[(k + 1) % FOLDS])
        p[test] = probe(config, features, outer.labels, train)(features, test)
    return p


def probe_folds(config: Config, features: np.ndarray, outer: Outer) -> np.ndarray:
    """Return what `fxkit train --folds` says of each test fold: it divides train and val anew, a probe a fold."""
    p, groups = np.zeros(len(outer.labels)), np.array(outer.groups)
    for k, test in enumerate(outer.folds):
        rows = outer.others(k)
        splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=1)
        parts = [rows[part] for _, part in splitter.split(rows, outer.labels[rows], groups[rows])]
        members = [np.setdiff1d(rows, [*parts[i], *parts[(i + 1) % FOLDS]]) for i in range(FOLDS)]
        p[test] = np.mean([probe(config, features, outer.labels, m)(features, test) for m in members], axis=0)
    return p


def in_steps(name: str, seen: Seen, outer: Outer, net: Split, seed: int, cache: Path) -> np.ndarray:
    """Return what a preset's training in two phases says of the test folds; the fold after each chooses its epoch."""
    place = cache / f"{name}-seed{seed}.npy"
    if not place.is_file():
        p = np.zeros(len(outer.labels))
        for k, test in enumerate(outer.folds):
            val = outer.folds[(k + 1) % FOLDS]
            train = np.setdiff1d(outer.others(k), val)
            p[test] = train_steps(settings(name), seen, outer.labels, (train, val), net, seed * 10 + k)(seen[0], test)
        np.save(place, p)
    return np.load(place)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("forearm", "hand", "weights", "cache"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--across", action="store_true", help="also train on each set for the other one")
    parser.add_argument("--hands", type=Path, help="run folder of a training on the hands; also probe its backbone")
    a = parser.parse_args()
    a.cache.mkdir(parents=True, exist_ok=True)
    seeds = [int(seed) for seed in a.seeds.split(",")]
    net, films = Split(a.weights), forearms(a.forearm)
    y, groups = np.array([f.label for f in films]), [f.patient for f in films]
    folds = [test for _, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(y, y, groups)]
    outer = Outer(y, groups, folds)
    recipe = settings("baseline")
    seen = pass_once(films, recipe, sum(recipe.optim.epochs), net, a.cache / "recipe")
    runs: dict[str, list[Predictions]] = {}
    for name in STEPS:
        found = [in_steps(name, seen, outer, net, seed, a.cache) for seed in seeds]
        runs[name] = [predictions(films, p) for p in found]
    print(f"{len(films)} files, {len({f.film for f in films})} films, {len(set(groups))} patients, {len(seeds)} seeds")
    print("| arm | AUROC | balanced accuracy | minus the recipe |\n|---|---|---|---|")
    show("recipe", runs["baseline"])
    show("default", runs["default"], runs["baseline"])
    arms = [(a.weights, 224), (a.weights, 448)]
    if a.hands:
        arms.append((a.hands, int(read_run_settings(a.hands)["data.image_size"])))
    for weights, size in arms:
        probed(films, outer, weights, size, runs["baseline"], a)
    if a.across:
        across(films, outer, seen, net, seeds, a)


def probed(
    films: list[Film], outer: Outer, weights: Path, size: int, against: list[Predictions], a: argparse.Namespace
) -> None:
    """Print the rows of the probe on one backbone at one size."""
    config = settings("probe", f"data.image_size={size}")
    arm, place = ("probe on the hands' backbone", "forearmown") if weights == a.hands else ("probe", "forearm")
    arm = f"{arm}, {size} px"
    last = seen_at(films, config, weights, a.cache / f"{place}{size}s")
    show(arm, [predictions(films, probe_once(config, last, outer))], against)
    show(f"{arm}, --folds {FOLDS}", [predictions(films, probe_folds(config, last, outer))], against)
    files = np.zeros(len(films))
    for train, test in KFold(FOLDS, shuffle=True, random_state=0).split(files):
        files[test] = probe(config, last, outer.labels, train)(last, test)
    hit = float(np.mean((files >= 0.5) == outer.labels))
    print(f"random split of files, {arm}: accuracy by file {hit:.3f}: says nothing, copies are in training", flush=True)


def seen_at(films: list[Film], config: Config, weights: Path, cache: Path) -> np.ndarray:
    """Return what the whole backbone gives for each film as it is, (N, 1, D)."""
    return pass_once(films, config, 0, Split(weights).eval(), cache)[1]


def across(films: list[Film], outer: Outer, seen: Seen, net: Split, seeds: list[int], a: argparse.Namespace) -> None:
    """Print how what is trained on all of one set does on the other."""
    others, recipe = hands(a.hand, a.cache), settings("baseline")
    labels, rows, everything = np.array([f.label for f in others]), np.arange(len(others)), np.arange(len(films))
    plain = pass_once(others, recipe, 1, net, a.cache / "recipe-hand-plain")
    low = pass_once(others, recipe, sum(recipe.optim.epochs), net, a.cache / "recipe-hand")
    found: dict[tuple[str, str], list[Predictions]] = {}
    for name, seed in product(STEPS, seeds):
        held = outer.folds[seed % FOLDS]
        predict = train_steps(settings(name), seen, outer.labels, (np.setdiff1d(everything, held), held), net, seed)
        found.setdefault(("forearm to hand", name), []).append(predictions(others, predict(plain[0], rows)))
        held = rows[seed % FOLDS :: FOLDS]
        predict = train_steps(settings(name), low, labels, (np.setdiff1d(rows, held), held), net, seed)
        found.setdefault(("hand to forearm", name), []).append(predictions(films, predict(seen[0], everything)))
    for size in (224, 448):
        config, name = settings("probe", f"data.image_size={size}"), f"probe, {size} px"
        here = seen_at(films, config, a.weights, a.cache / f"forearm{size}s")
        there = seen_at(others, config, a.weights, a.cache / f"hand{size}s")
        p = probe(config, here, outer.labels, everything)(there, rows)
        found["forearm to hand", name] = [predictions(others, p)]
        found["hand to forearm", name] = [predictions(films, probe(config, there, labels, rows)(here, everything))]
    print("| trained to tested, by | AUROC | balanced accuracy | minus the recipe |\n|---|---|---|---|")
    for (way, name), runs in found.items():
        show(f"{way}, {name}", runs, None if name == "baseline" else found[way, "baseline"])


if __name__ == "__main__":
    main()
