"""Measure the coverage of the 95 % intervals of operating points, net benefit, calibration and differences.

    python benchmarks/figure_coverage.py [REPETITIONS]

Uses synthetic scores that are correlated within a group, as in interval_coverage.py. The threshold for a sensitivity of
0.9 is chosen on other films of 60 groups, as `fxkit evaluate --target` does; the true value is that of infinitely many
films. The last block draws classes from the probabilities, so that calibration is perfect or off by a known slope.
"""

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

from fxkit.metrics.bootstrap import Side, differences
from fxkit.metrics.calibration import calibration
from fxkit.metrics.decision_curve import decision_curve
from fxkit.metrics.intervals import Interval
from fxkit.metrics.operating_points import Target, choose_threshold, figures_at
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import AUROC, BRIER, SENSITIVITY, scored

RESAMPLES = 400
PREVALENCE = 0.1
NOISE = 0.6


@dataclass(frozen=True)
class Setting:
    groups: tuple[int, int]  # negative, positive
    files: int  # per group
    correlation: float  # fraction of the scores' variance that is common to a group
    shift: float  # between the class means, in standard deviations


SETTINGS = (
    Setting((10, 10), 3, 0.6, 1.0),
    Setting((20, 20), 3, 0.6, 2.0),
    Setting((15, 40), 3, 0.6, 2.0),
    Setting((50, 50), 2, 0.5, 2.0),
)
Results = dict[str, tuple[Interval, float]]  # name -> interval and true value


def build(labels: np.ndarray, p: np.ndarray, members: np.ndarray) -> Predictions:
    names, groups = tuple(map(str, range(len(labels)))), tuple(map(str, members))
    return Predictions(("no", "yes"), names, labels, np.stack([1 - p, p], axis=1), names, groups)


def draw(rng: np.random.Generator, setting: Setting, groups: tuple[int, int]) -> tuple[Predictions, Predictions]:
    """Draw the scores of a model, and of a model with noisier scores. All films of a group have one class."""
    classes = np.repeat([0, 1], groups)
    members = np.repeat(np.arange(len(classes)), setting.files)
    labels = classes[members]
    common = np.sqrt(setting.correlation) * rng.normal(size=len(classes))[members]
    score = setting.shift * (labels - 0.5) + common + np.sqrt(1 - setting.correlation) * rng.normal(size=len(labels))
    noisier = score + NOISE * rng.normal(size=len(labels))
    return build(labels, norm.cdf(score), members), build(labels, norm.cdf(noisier), members)


def operating_point_results(rng: np.random.Generator, setting: Setting, seed: int) -> Results:
    validation, _ = draw(rng, setting, (30, 30))
    films, noisier = draw(rng, setting, setting.groups)
    threshold = choose_threshold(validation, Target("sensitivity", 0.9))
    cut = norm.ppf(threshold)
    sensitivity, wrong = norm.cdf(setting.shift / 2 - cut), norm.cdf(-setting.shift / 2 - cut)
    figures = figures_at(films, threshold, PREVALENCE, seed=seed, resamples=RESAMPLES)
    right, false = PREVALENCE * sensitivity, (1 - PREVALENCE) * wrong
    missed, spared = PREVALENCE * (1 - sensitivity), (1 - PREVALENCE) * (1 - wrong)
    out: Results = {
        "sensitivity at 0.9": (figures["sensitivity"], sensitivity),
        "specificity there": (figures["specificity"], 1 - wrong),
        "PPV at 0.1": (figures["ppv_at_prevalence"], right / (right + false)),
        "NPV at 0.1": (figures["npv_at_prevalence"], spared / (spared + missed)),
    }
    for p in (0.1, 0.5):
        curve = decision_curve(films, thresholds=[p], prevalence=PREVALENCE, seed=seed, resamples=RESAMPLES)
        hits, alarms = (norm.cdf(side * setting.shift / 2 - norm.ppf(p)) for side in (1, -1))
        worth = PREVALENCE * hits - (1 - PREVALENCE) * alarms * p / (1 - p)
        out[f"net benefit, p = {p}"] = (curve.model[0], worth)
    everything = np.ones(len(films), bool)
    sides = Side(scored(films), everything), Side(scored(noisier), everything)
    pairs = differences((AUROC, SENSITIVITY, BRIER), *sides, films.groups, seed=seed, resamples=RESAMPLES)
    widened = math.sqrt(1 + NOISE**2)
    truths = {
        "auroc": norm.cdf(setting.shift / math.sqrt(2)) - norm.cdf(setting.shift / math.sqrt(2) / widened),
        "sensitivity": norm.cdf(setting.shift / 2) - norm.cdf(setting.shift / 2 / widened),
        "brier": brier(setting.shift, 1.0) - brier(setting.shift, widened),
    }
    return out | {f"difference, {name}": (pairs[name], truth) for name, truth in truths.items()}


def brier(shift: float, spread: float) -> float:
    """Return the expected (1 - cdf(x))^2 for normal x with mean shift / 2, by quadrature; the same for both classes."""
    x, w = np.polynomial.hermite_e.hermegauss(80)
    return float(w @ (1 - norm.cdf(shift / 2 + spread * x)) ** 2 / w.sum())


def subgroup_results(rng: np.random.Generator, setting: Setting, seed: int) -> Results:
    """Compare a site with a larger shift between the classes with another site of the same size."""
    inside, _ = draw(
        rng, Setting(setting.groups, setting.files, setting.correlation, setting.shift + 1), setting.groups
    )
    outside, _ = draw(rng, setting, setting.groups)
    rows = np.arange(len(inside) + len(outside)) < len(inside)
    groups = tuple(f"a{g}" for g in inside.groups) + tuple(f"b{g}" for g in outside.groups)
    gap = differences(
        (AUROC, SENSITIVITY), Side(scored(inside), rows), Side(scored(outside), ~rows), groups, seed=seed,
        resamples=RESAMPLES,
    )  # fmt: skip
    inside_shift = setting.shift + 1
    truths = {
        "auroc": norm.cdf(inside_shift / math.sqrt(2)) - norm.cdf(setting.shift / math.sqrt(2)),
        "sensitivity": norm.cdf(inside_shift / 2) - norm.cdf(setting.shift / 2),
    }
    return {f"difference of a subgroup, {name}": (gap[name], truth) for name, truth in truths.items()}


def calibration_results(
    n_groups: int, files: int, slope: float, highest: float
) -> Callable[[np.random.Generator, int], Results]:
    """Draw groups with one probability, up to `highest`, and one class, whose true log odds are slope * logit(p)."""
    lowest = 0.05 * highest

    def repetition(rng: np.random.Generator, seed: int) -> Results:
        p = rng.uniform(lowest, highest, n_groups)
        labels = (rng.random(n_groups) < expit(slope * logit(p))).astype(int)
        films = build(np.repeat(labels, files), np.repeat(p, files), np.repeat(np.arange(n_groups), files))
        result = calibration(films, seed=seed, resamples=RESAMPLES)
        even = np.linspace(lowest, highest, 20_001)[:-1]
        gaps = np.array([b.mean() for b in np.array_split(even - expit(slope * logit(even)), len(result.bins))])
        out = {
            "error without chance": (result.error, float(np.sqrt((gaps**2).mean()))),
            "ECE": (result.ece_with_limits, float(np.abs(gaps).mean())),
        }
        if result.slope and result.intercept:
            out["slope"] = (result.slope, slope)
            if slope == 1:
                out["in the large"] = (result.intercept, 0.0)
        return out

    return repetition


def report(title: str, repetitions: Iterator[Results]) -> None:
    by_name: dict[str, list[tuple[Interval, float]]] = {}
    for results in repetitions:
        for name, pair in results.items():
            by_name.setdefault(name, []).append(pair)
    print(title)
    for name, pairs in by_name.items():
        defined = [(interval, truth) for interval, truth in pairs if not math.isnan(interval.low)]
        coverage = np.mean([interval.low <= truth <= interval.high for interval, truth in defined])
        width = np.median([interval.high - interval.low for interval, _ in defined])
        shown = f"truth {defined[0][1]:6.3f}  coverage {100 * coverage:5.1f} % of {len(defined)}  width {width:.3f}"
        print(f"  {name:<32} {shown}")


def main(repetitions: int) -> None:
    for setting in SETTINGS:
        rng = np.random.default_rng(0)
        pairs = (
            operating_point_results(rng, setting, seed) | subgroup_results(rng, setting, seed)
            for seed in range(repetitions)
        )
        report(str(setting), pairs)
    for (n_groups, files), slope, highest in product(((20, 3), (40, 3), (200, 3)), (1.0, 0.5, 2.0), (0.95, 0.3)):
        rng, repetition = np.random.default_rng(0), calibration_results(n_groups, files, slope, highest)
        title = f"calibration: {n_groups} groups of {files} films, slope {slope}, probabilities up to {highest}"
        report(title, (repetition(rng, seed) for seed in range(repetitions)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
