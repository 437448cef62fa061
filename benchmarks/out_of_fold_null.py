"""Measure the bias of out-of-fold AUROCs with few groups, and the coverage of their intervals.

    python benchmarks/out_of_fold_null.py [REPETITIONS] [--real FEATURES.npz]

Numbers in place of features: each group has one class and films with correlated numbers. With a shift of 0 the class
cannot be predicted, and the true AUROC is 0.5. Heads are fitted as in the quick ablation, in five folds by group.
"pooled" compares all films with each other, "within" only films of one fold, as fxkit does. With --real, the features
are those of real films (an .npz file with `features`, `labels` and `patients`), and classes are permuted by patient.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from sklearn.pipeline import Pipeline

from fxkit.ablation.learning import C
from fxkit.ablation.parts import divide_records
from fxkit.data.manifest import Record
from fxkit.evaluation.fold_predictions import pool
from fxkit.metrics.bootstrap import interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import AUROC
from fxkit.training.probe import fit_logistic

NUMBERS = 40
CORRELATION = 0.6  # fraction of a number's variance that is common to a group
FOLDS = 5
PREVALENCE = 0.35
RESAMPLES = 300

Films = tuple[np.ndarray, np.ndarray, np.ndarray]  # features (N, D), labels (N,), groups (N,)


def draw(rng: np.random.Generator, groups: int, unequal: bool, shift: float) -> Films:
    sizes = 1 + rng.geometric(0.25, groups) if unequal else np.full(groups, 2)
    if unequal:
        sizes[0] = sizes.sum() // 4
    members = np.repeat(np.arange(groups), sizes)
    labels = rng.permutation(np.arange(groups) < round(PREVALENCE * groups)).astype(int)[members]
    common = rng.normal(size=(groups, NUMBERS))[members]
    features = np.sqrt(CORRELATION) * common + np.sqrt(1 - CORRELATION) * rng.normal(size=(len(members), NUMBERS))
    features[:, 0] += shift * labels
    return features, labels, members


def permute_classes(rng: np.random.Generator, films: Films) -> Films:
    """Give each patient the classes of all films of another patient, as far as the number of films allows."""
    features, labels, members = films
    first = np.array([labels[members == member][0] for member in np.unique(members)])
    return features, rng.permutation(first)[np.unique(members, return_inverse=True)[1]], members


def fit_folds(films: Films, seed: int, folds: int = FOLDS) -> list[tuple[Pipeline, np.ndarray]]:
    """Return the head of each fold, and a mask of the fold's films, which it did not learn."""
    features, labels, members = films
    records = [
        Record(f"{i}", "ab"[label], f"{member}", "train", "", 1, 1, "ok", f"{i}")
        for i, (label, member) in enumerate(zip(labels.tolist(), members.tolist(), strict=True))
    ]
    parts = []
    for part in divide_records(records, folds, seed):
        test = np.array([record.split == "test" for record in part])
        parts.append((fit_logistic(features[~test], labels[~test], c=C, balanced=True), test))
    return parts


def predict(films: Films, parts: list[tuple[Pipeline, np.ndarray]]) -> Predictions:
    features, labels, members = films
    predictions = []
    for head, test in parts:
        names, groups = tuple(np.flatnonzero(test).astype(str)), tuple(members[test].astype(str))
        p = head.predict_proba(features[test])
        predictions.append(Predictions(("a", "b"), names, labels[test], p, names, groups))
    return pool(predictions, [str(i) for i in range(len(labels))])


def report(
    title: str, draw_films: Callable[[np.random.Generator], Films], truth: float | None, args: argparse.Namespace
) -> None:
    values: dict[str, list[float]] = {"pooled": [], "within": []}
    covered = []
    for seed in range(args.repetitions):
        films = draw_films(np.random.default_rng(seed))
        runs = [predict(films, fit_folds(films, 1000 * seed + division)) for division in range(args.divisions)]
        pooled = interval(AUROC, [replace(run, folds=None) for run in runs], resamples=1)
        within = interval(AUROC, runs, seed=seed, resamples=RESAMPLES)
        values["pooled"].append(pooled.value)
        values["within"].append(within.value)
        covered.append((within.low, within.high))
    low, high = np.array(covered).T
    means = "   ".join(
        f"{np.mean(v):.3f} +- {np.std(v) / len(v) ** 0.5:.3f} (sd {np.std(v):.3f})" for v in values.values()
    )
    inside = "" if truth is None else f"   covered {100 * np.mean((low <= truth) & (truth <= high)):5.1f} %"
    print(f"{title:<40}{means}{inside}   width {np.mean(high - low):.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("repetitions", type=int, nargs="?", default=200)
    parser.add_argument("--divisions", type=int, default=1)
    parser.add_argument("--real")
    args = parser.parse_args()
    print("setting                                 pooled                      within folds")
    if args.real:
        stored = np.load(args.real)
        films = (stored["features"], stored["labels"], stored["patients"])
        report("real films, permuted classes", lambda rng: permute_classes(rng, films), 0.5, args)
        report("real films, their classes", lambda rng: films, None, args)
        return
    for shift in (0.0, 1.5):
        for groups in (30, 60, 200):
            for unequal in (False, True):
                title = f"shift {shift}, {groups} groups{', unequal' if unequal else ''}"
                truth = 0.5 if shift == 0 else None
                report(title, lambda rng, g=groups, u=unequal, s=shift: draw(rng, g, u, s), truth, args)  # type: ignore[misc]


if __name__ == "__main__":
    main()
