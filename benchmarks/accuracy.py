"""Compare the published recipe with fxkit's presets on the same films, patient folds and seeds, and across data sets.

python benchmarks/accuracy.py FOREARM HAND WEIGHTS CACHE [--seeds 0,1,2] [--across] [--hands RUN]

The folder CACHE keeps the backbone's features of each view, and the predictions of each seed.
"""

import argparse
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from accuracy_arms import Features, SplitBackbone, compute_features, probe, train_two_phases
from accuracy_films import Film, forearms, hands
from sklearn.model_selection import KFold, StratifiedGroupKFold

from fxkit.config import Config, load_config
from fxkit.metrics.bootstrap import intervals, paired_difference
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import AUROC, BALANCED_ACCURACY
from fxkit.models.model_json import read_run_settings

FOLDS = 5
TWO_PHASE_PRESETS = ("baseline", "default")  # the first is the published recipe


def film_predictions(films: list[Film], p: np.ndarray) -> Predictions:
    return Predictions(
        ("not_fractured", "fractured"),
        tuple(str(f.path) for f in films),
        np.array([f.label for f in films]),
        np.stack([1 - p, p], 1),
        tuple(f.film for f in films),
        tuple(f.patient for f in films),
    ).by_film()


def print_row(name: str, runs: list[Predictions], against: list[Predictions] | None = None) -> None:
    by_metric = intervals((AUROC, BALANCED_ACCURACY), runs)
    text = [f"{by_metric[name]:.3f}" for name in ("auroc", "balanced_accuracy")]
    if against:
        text.append(f"{paired_difference(AUROC, runs * len(against), against):+.3f}")
    print("|", " | ".join([name, *text]), "|", flush=True)


def settings(preset: str, *overrides: str) -> Config:
    backbone = ("model.backbone=mobilenetv2_100", "model.mean=0.5", "model.std=0.5")
    return load_config(preset, [*backbone, *overrides])


@dataclass(frozen=True)
class Outer:
    """The folds of the comparison. Each is tested once, with the next one as validation and the others as training."""

    labels: np.ndarray
    groups: list[str]
    folds: list[np.ndarray]

    def others(self, k: int) -> np.ndarray:
        """Return the rows of all folds but one."""
        return np.setdiff1d(np.arange(len(self.labels)), self.folds[k])


def probe_once(config: Config, features: np.ndarray, outer: Outer) -> np.ndarray:
    """Return the predictions of probes for each test fold; the validation fold is not used."""
    p = np.zeros(len(outer.labels))
    for k, test in enumerate(outer.folds):
        train = np.setdiff1d(outer.others(k), outer.folds[(k + 1) % FOLDS])
        p[test] = probe(config, features, outer.labels, train)(features, test)
    return p


def probe_folds(config: Config, features: np.ndarray, outer: Outer) -> np.ndarray:
    """Return the predictions of `fxkit train --folds` for each test fold: the mean of one probe per inner fold."""
    p, groups = np.zeros(len(outer.labels)), np.array(outer.groups)
    for k, test in enumerate(outer.folds):
        rows = outer.others(k)
        splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=1)
        parts = [rows[part] for _, part in splitter.split(rows, outer.labels[rows], groups[rows])]
        members = [np.setdiff1d(rows, [*parts[i], *parts[(i + 1) % FOLDS]]) for i in range(FOLDS)]
        p[test] = np.mean([probe(config, features, outer.labels, m)(features, test) for m in members], axis=0)
    return p


def predict_two_phase(
    name: str, features: Features, outer: Outer, net: SplitBackbone, seed: int, cache: Path
) -> np.ndarray:
    """Return the predictions of a two-phase preset for each test fold; the next fold selects the best epoch."""
    file = cache / f"{name}-seed{seed}.npy"
    if not file.is_file():
        p = np.zeros(len(outer.labels))
        for k, test in enumerate(outer.folds):
            val = outer.folds[(k + 1) % FOLDS]
            train = np.setdiff1d(outer.others(k), val)
            p[test] = train_two_phases(settings(name), features, outer.labels, (train, val), net, seed * 10 + k)(
                features[0], test
            )
        np.save(file, p)
    return np.load(file)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("forearm", "hand", "weights", "cache"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--across", action="store_true", help="also train on each data set and test on the other")
    parser.add_argument("--hands", type=Path, help="run folder trained on the hands, whose backbone is also probed")
    a = parser.parse_args()
    a.cache.mkdir(parents=True, exist_ok=True)
    seeds = [int(seed) for seed in a.seeds.split(",")]
    net, films = SplitBackbone(a.weights), forearms(a.forearm)
    y, groups = np.array([f.label for f in films]), [f.patient for f in films]
    folds = [test for _, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(y, y, groups)]
    outer = Outer(y, groups, folds)
    recipe = settings("baseline")
    features = compute_features(films, recipe, sum(recipe.optim.epochs), net, a.cache / "recipe")
    runs: dict[str, list[Predictions]] = {}
    for name in TWO_PHASE_PRESETS:
        by_seed = [predict_two_phase(name, features, outer, net, seed, a.cache) for seed in seeds]
        runs[name] = [film_predictions(films, p) for p in by_seed]
    print(f"{len(films)} files, {len({f.film for f in films})} films, {len(set(groups))} patients, {len(seeds)} seeds")
    print("| arm | AUROC | balanced accuracy | AUROC minus recipe |\n|---|---|---|---|")
    print_row("recipe", runs["baseline"])
    print_row("default", runs["default"], runs["baseline"])
    arms = [(a.weights, 224), (a.weights, 448)]
    if a.hands:
        arms.append((a.hands, int(read_run_settings(a.hands)["data.image_size"])))
    for weights, size in arms:
        compare_probe(films, outer, weights, size, runs["baseline"], a)
    if a.across:
        compare_across(films, outer, features, net, seeds, a)


def compare_probe(
    films: list[Film], outer: Outer, weights: Path, size: int, against: list[Predictions], a: argparse.Namespace
) -> None:
    """Print the rows of the probe on one backbone at one image size."""
    config = settings("probe", f"data.image_size={size}")
    arm, place = ("probe on the hands' backbone", "forearmown") if weights == a.hands else ("probe", "forearm")
    arm = f"{arm}, {size} px"
    last = features_at(films, config, weights, a.cache / f"{place}{size}s")
    print_row(arm, [film_predictions(films, probe_once(config, last, outer))], against)
    print_row(f"{arm}, --folds {FOLDS}", [film_predictions(films, probe_folds(config, last, outer))], against)
    files = np.zeros(len(films))
    for train, test in KFold(FOLDS, shuffle=True, random_state=0).split(files):
        files[test] = probe(config, last, outer.labels, train)(last, test)
    hit = float(np.mean((files >= 0.5) == outer.labels))
    print(
        f"random split of files, {arm}: accuracy by file {hit:.3f} (meaningless: copies of test films are in training)",
        flush=True,
    )


def features_at(films: list[Film], config: Config, weights: Path, cache: Path) -> np.ndarray:
    """Return the (N, 1, D) features of each unaugmented film."""
    return compute_features(films, config, 0, SplitBackbone(weights).eval(), cache)[1]


def compare_across(
    films: list[Film], outer: Outer, features: Features, net: SplitBackbone, seeds: list[int], a: argparse.Namespace
) -> None:
    """Train on all films of one data set, test on the other, and print the results."""
    others, recipe = hands(a.hand, a.cache), settings("baseline")
    labels, rows, everything = np.array([f.label for f in others]), np.arange(len(others)), np.arange(len(films))
    plain = compute_features(others, recipe, 1, net, a.cache / "recipe-hand-plain")
    low = compute_features(others, recipe, sum(recipe.optim.epochs), net, a.cache / "recipe-hand")
    results: dict[tuple[str, str], list[Predictions]] = {}
    for name, seed in product(TWO_PHASE_PRESETS, seeds):
        held = outer.folds[seed % FOLDS]
        predict = train_two_phases(
            settings(name), features, outer.labels, (np.setdiff1d(everything, held), held), net, seed
        )
        results.setdefault(("forearm to hand", name), []).append(film_predictions(others, predict(plain[0], rows)))
        held = rows[seed % FOLDS :: FOLDS]
        predict = train_two_phases(settings(name), low, labels, (np.setdiff1d(rows, held), held), net, seed)
        results.setdefault(("hand to forearm", name), []).append(
            film_predictions(films, predict(features[0], everything))
        )
    for size in (224, 448):
        config, name = settings("probe", f"data.image_size={size}"), f"probe, {size} px"
        here = features_at(films, config, a.weights, a.cache / f"forearm{size}s")
        there = features_at(others, config, a.weights, a.cache / f"hand{size}s")
        p = probe(config, here, outer.labels, everything)(there, rows)
        results["forearm to hand", name] = [film_predictions(others, p)]
        results["hand to forearm", name] = [
            film_predictions(films, probe(config, there, labels, rows)(here, everything))
        ]
    print("| training to test data, arm | AUROC | balanced accuracy | AUROC minus recipe |\n|---|---|---|---|")
    for (direction, name), runs in results.items():
        print_row(f"{direction}, {name}", runs, None if name == "baseline" else results[direction, "baseline"])


if __name__ == "__main__":
    main()
