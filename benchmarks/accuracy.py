"""The published recipe against the linear probe: same films, same folds by patient, same seeds; and across data sets.

python benchmarks/accuracy.py FOREARM HAND WEIGHTS CACHE [--seeds 0,1,2] [--across] [--hands RUN]

CACHE keeps what the backbone gives for each view, and each seed's predictions.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accuracy_arms import Split, pass_once, probe, train_recipe
from accuracy_films import Film, forearms, hands
from sklearn.model_selection import KFold, StratifiedGroupKFold

from fxkit.bootstrap import Interval, intervals, paired_difference
from fxkit.config import Config, load_config
from fxkit.predictions import Predictions
from fxkit.pretraining import settings_of_run
from fxkit.scores import AUROC, BALANCED_ACCURACY

FOLDS = 5


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


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("forearm", "hand", "weights", "cache"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--across", action="store_true", help="also train the recipe for the other data set")
    parser.add_argument("--hands", type=Path, help="run folder of a training on the hands; also probe its backbone")
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
    cross, outer = {}, Outer(y, groups, folds)
    arms = [(a.weights, 224, "stretch"), (a.weights, 448, "pad")]
    if a.hands:
        arms.append((a.hands, settings_of_run(a.hands)["data.image_size"], "stretch"))
    for weights, size, how in arms:
        config = settings("probe", f"data.image_size={size}", f"data.resize={how}")
        own = weights == a.hands
        arm, backbone = ("probe on the hands' backbone" if own else "probe"), Split(weights).eval()
        place = f"{'own' if own else ''}{size}"
        here = pass_once(films, config, 0, backbone, a.cache / f"forearm{place}")[1]
        p, q, files = probe_once(config, here, outer), probe_folds(config, here, outer), np.zeros(len(films))
        for train, test in KFold(FOLDS, shuffle=True, random_state=0).split(everything):
            files[test] = probe(config, here, y, train)(here, test)
        show(f"{arm}, {size} px, {how}", [predictions(films, p)], runs)
        show(f"{arm}, {size} px, {how}, --folds {FOLDS}", [predictions(films, q)], runs)
        hit = float(np.mean((files >= 0.5) == y))
        print(
            f"random split of files, {arm}, {size} px: accuracy by file {hit:.3f}: says nothing, copies are in training"
        )
        if own:  # the hands are what its backbone has learnt
            continue
        there = pass_once(others, config, 0, backbone, a.cache / f"hand{place}")[1]
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
