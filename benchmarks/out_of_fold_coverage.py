"""Measure out-of-fold figures against those of the same models on other films: bias, and coverage of the intervals.

    python benchmarks/out_of_fold_coverage.py [REPETITIONS] [--groups 30 60 200] [--folds 3 5] [--seed 0]

Films and heads are those of out_of_fold_null.py. The truth is the mean AUROC of a fold's model on 2,000 other films,
over all repetitions. "models" counts the intervals that contain the mean of their own repetition's models instead. The
variance of the resamples is taken once, 1.5 times and twice. Average precision: all films pooled by probability, the
mean of the folds, and ranks within the folds.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from out_of_fold_null import RESAMPLES, Films, draw, fit_folds, predict
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import Pipeline

from fxkit.metrics import intervals
from fxkit.metrics.bootstrap import interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import AUROC

FACTORS = (1.0, 1.5, 2.0)
OTHERS = 1000  # groups of other films, of two films each
SHIFTS = {30: (0.0, 1.85, 3.8), 60: (0.0, 1.5, 2.7), 200: (0.0, 1.1, 1.9)}  # AUROC of about 0.5, 0.7 and 0.85


def average_precisions(run: Predictions) -> list[float]:
    assert run.folds is not None
    labels, p, parts = run.labels, run.probabilities[:, 1], [run.folds == fold for fold in np.unique(run.folds)]
    ranks = np.empty(len(p))
    for part in parts:
        ranks[part] = (rankdata(p[part]) - 0.5) / part.sum()
    by_fold = [average_precision_score(labels[part], p[part]) for part in parts]
    return [average_precision_score(labels, p), float(np.mean(by_fold)), average_precision_score(labels, ranks)]


def limits(run: Predictions, seed: int) -> list[tuple[float, float]]:
    found = []
    for factor in FACTORS:
        intervals.FOLD_VARIANCE = factor
        result = interval(AUROC, run, seed=seed, resamples=RESAMPLES)
        found.append((result.low, result.high))
    return found


def true_scores(parts: Sequence[tuple[Pipeline, np.ndarray]], other: Films) -> list[float]:
    scores = [head.predict_proba(other[0])[:, 1] for head, _ in parts]
    return [float(np.mean([score(other[1], p) for p in scores])) for score in (roc_auc_score, average_precision_score)]


def repeat(groups: int, folds: int, shift: float, seeds: Sequence[int]) -> str:
    rows, covered, precisions = [], [], []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        films, other = draw(rng, groups, False, shift), draw(rng, OTHERS, False, shift)
        parts = fit_folds(films, 1000 * seed, folds)
        run, truths = predict(films, parts), true_scores(parts, other)
        within = interval(AUROC, run, resamples=1).value
        rows.append((interval(AUROC, replace(run, folds=None), resamples=1).value, within, *truths))
        covered.append(limits(run, seed))
        precisions.append(average_precisions(run))
    values, ends = np.array(rows), np.array(covered)
    truth, own = values[:, 2].mean(), values[:, 2, None]
    error = values[:, 1].std() / len(values) ** 0.5
    shares = [100 * np.mean((ends[:, :, 0] <= of + 1e-9) & (of - 1e-9 <= ends[:, :, 1]), axis=0) for of in (truth, own)]
    texts = [" ".join(f"{share:5.1f}" for share in part) for part in shares]
    ap = " ".join(f"{value:.3f}" for value in np.mean(precisions, axis=0))
    return (
        f"{groups:<8}{folds:<7}{truth:.3f}  {values[:, 0].mean():.3f}  {values[:, 1].mean():.3f} +- {error:.3f}   "
        f"{texts[0]}   {texts[1]}   {values[:, 3].mean():.3f}  {ap}"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("repetitions", type=int, nargs="?", default=200)
    parser.add_argument("--groups", type=int, nargs="+", default=[30, 60, 200])
    parser.add_argument("--folds", type=int, nargs="+", default=[3, 5])
    parser.add_argument("--signals", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print(
        "covered, of models: variance of the resamples x 1, 1.5, 2; AP: pooled, mean of the folds, ranks within folds"
    )
    print("groups  folds  truth  pooled within          covered             of models           AP: truth, estimates")
    seeds = range(args.seed, args.seed + args.repetitions)
    for groups, folds, signal in product(args.groups, args.folds, args.signals):
        print(repeat(groups, folds, SHIFTS[groups][signal], seeds), flush=True)


if __name__ == "__main__":
    main()
