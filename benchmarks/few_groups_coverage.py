"""Measure the coverage of 95 % intervals with few groups, unequal groups, rare fractures and high scores.

    python benchmarks/few_groups_coverage.py [REPETITIONS] [--seed 0] [--figures brier log_loss accuracy]
                                             [--correlation 0.5] [--films 4]

Each group has one class, drawn with the given prevalence, and films with correlated scores. In unequal sets, one group
has 40 % of the films. Probabilities are calibrated for balanced classes. The true value is that of infinitely many
films. Prints for each setting and figure the share of the intervals that contain the true value; in brackets the
share of repetitions without limits (too few groups, or an undefined figure), which do not count for the coverage. Means
over films need no resamples, so that 2,000 repetitions of them take minutes.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import expit

from fxkit.metrics.bootstrap import intervals
from fxkit.metrics.calibration import bin_gaps, bin_rows, calibration
from fxkit.metrics.intervals import Interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import BINARY, scored

RESAMPLES = 400
CALIBRATION_ERROR = "calibration_error"
LARGEST = 0.4  # share of the films in the largest group of an unequal set
MANY = 200_000  # films from which the true values are computed


@dataclass(frozen=True)
class Setting:
    groups: int
    unequal: bool
    prevalence: float
    shift: float  # between the class means, in standard deviations: 1.0 is an AUROC of 0.76, 2.5 one of 0.96
    correlation: float = 0.5  # fraction of the scores' variance that is common to a group
    films: int = 4  # per group


def list_settings(correlation: float, films: int) -> Iterator[Setting]:
    for groups, unequal, (prevalence, shift) in product(
        (8, 12, 20, 40), (False, True), ((0.5, 1.0), (0.5, 2.5), (0.05, 1.5))
    ):
        yield Setting(groups, unequal, prevalence, shift, correlation, films)


def draw(rng: np.random.Generator, setting: Setting) -> Predictions:
    sizes = np.full(setting.groups, setting.films)
    if setting.unequal:
        sizes[0] = round(LARGEST / (1 - LARGEST) * setting.films * (setting.groups - 1))
    members = np.repeat(np.arange(setting.groups), sizes)
    labels = (rng.random(setting.groups) < setting.prevalence).astype(int)[members]
    common, noise = rng.normal(size=setting.groups)[members], rng.normal(size=len(members))
    shared = setting.correlation
    return predict(setting, labels, np.sqrt(shared) * common + np.sqrt(1 - shared) * noise, members)


def predict(setting: Setting, labels: np.ndarray, noise: np.ndarray, members: np.ndarray) -> Predictions:
    p = expit(setting.shift * (setting.shift * (labels - 0.5) + noise))
    names, groups = tuple(map(str, range(len(labels)))), tuple(map(str, members))
    return Predictions(("no", "yes"), names, labels, np.stack([1 - p, p], axis=1), names, groups)


def true_values(setting: Setting) -> dict[str, float]:
    rng = np.random.default_rng(1)
    labels = (np.arange(MANY) < setting.prevalence * MANY).astype(int)
    films = predict(setting, labels, rng.normal(size=MANY), np.arange(MANY))
    truth = {metric.name: float(metric.compute(scored(films), np.ones((1, MANY)))[0]) for metric in BINARY}
    p, hit = films.probabilities[:, 1], labels == 1
    bins = bin_rows(p, setting.groups)
    gaps = bin_gaps(p, hit, bins)
    weights = np.bincount(bins)
    root = float(np.sqrt(np.average(gaps**2, weights=weights)))
    return truth | {CALIBRATION_ERROR: root}


def repeat(setting: Setting, seeds: Sequence[int], names: Sequence[str]) -> dict[str, list[Interval]]:
    found: dict[str, list[Interval]] = {name: [] for name in names}
    metrics = [metric for metric in BINARY if metric.name in names]
    for seed in seeds:
        films = draw(np.random.default_rng(seed), setting)
        figures = intervals(metrics, films, seed=seed, resamples=RESAMPLES)
        if CALIBRATION_ERROR in names:
            figures[CALIBRATION_ERROR] = calibration(films, seed=seed, resamples=20).error
        for name, interval in figures.items():
            found[name].append(interval)
    return found


def describe(intervals_found: list[Interval], truth: float) -> str:
    limits = np.array([(interval.low, interval.high) for interval in intervals_found])
    defined = ~np.isnan(limits).any(axis=1)
    if defined.mean() < 0.1:
        return f"  -  ({100 * (1 - defined.mean()):3.0f})"
    low, high = limits[defined].T
    coverage = np.mean((low <= truth + 1e-9) & (truth - 1e-9 <= high))
    return f"{100 * coverage:5.1f}({100 * (1 - defined.mean()):3.0f})"


def main() -> None:
    every = [metric.name for metric in BINARY] + [CALIBRATION_ERROR]
    parser = argparse.ArgumentParser()
    parser.add_argument("repetitions", type=int, nargs="?", default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figures", nargs="+", choices=every, default=every)
    parser.add_argument("--correlation", type=float, default=0.5)
    parser.add_argument("--films", type=int, default=4)
    args = parser.parse_args()
    names, seeds = args.figures, range(args.seed, args.seed + args.repetitions)
    print("groups  largest  prevalence  shift  " + "  ".join(f"{name[:10]:>10}" for name in names))
    for setting in list_settings(args.correlation, args.films):
        truth, found = true_values(setting), repeat(setting, seeds, names)
        shown = "  ".join(f"{describe(found[name], truth[name]):>10}" for name in names)
        largest = "40 %" if setting.unequal else "equal"
        print(f"{setting.groups:<8}{largest:<9}{setting.prevalence:<12}{setting.shift:<7}{shown}", flush=True)


if __name__ == "__main__":
    main()
