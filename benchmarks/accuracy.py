"""The published recipe against the linear probe: same films, same folds by patient, same seeds; and across data sets.

python benchmarks/accuracy.py FOREARM HAND WEIGHTS CACHE [--seeds 0,1,2] [--across]

CACHE keeps what the backbone gives for each view, and each seed's predictions.
"""

import argparse
from pathlib import Path

import numpy as np
from accuracy_arms import Split, pass_once, probe, train_recipe
from accuracy_films import Film, forearms, hands
from sklearn.model_selection import KFold, StratifiedGroupKFold

from fxkit.bootstrap import Interval, intervals, paired_difference
from fxkit.config import Config, load_config
from fxkit.predictions import Predictions
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
