"""How often the 95 % intervals of operating points, net benefit, calibration and differences hold the truth.

    python benchmarks/figure_coverage.py [REPETITIONS]

On made films with correlated scores in a group, as in interval_coverage.py. The threshold for a sensitivity of 0.9 is
chosen on other films of 60 groups, as `fxkit evaluate --target` does; the truth is what it gives on endless films. The
last block draws classes from the probabilities themselves, so that calibration is perfect or off by a known slope.
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
    files: int  # a group
    alike: float  # share of the scores' variance that is common to a group
    shift: float  # between the classes, in standard deviations


SETTINGS = (
    Setting((10, 10), 3, 0.6, 1.0),
    Setting((20, 20), 3, 0.6, 2.0),
    Setting((15, 40), 3, 0.6, 2.0),
    Setting((50, 50), 2, 0.5, 2.0),
)
Found = dict[str, tuple[Interval, float]]  # name -> interval and truth


def build(labels: np.ndarray, p: np.ndarray, members: np.ndarray) -> Predictions:
    names, groups = tuple(map(str, range(len(labels)))), tuple(map(str, members))
    return Predictions(("no", "yes"), names, labels, np.stack([1 - p, p], axis=1), names, groups)


def draw(rng: np.random.Generator, setting: Setting, groups: tuple[int, int]) -> tuple[Predictions, Predictions]:
    """Draw the scores of a model, and of one whose scores have more noise; groups are of one class."""
    classes = np.repeat([0, 1], groups)
    members = np.repeat(np.arange(len(classes)), setting.files)
    labels = classes[members]
    common = np.sqrt(setting.alike) * rng.normal(size=len(classes))[members]
    score = setting.shift * (labels - 0.5) + common + np.sqrt(1 - setting.alike) * rng.normal(size=len(labels))
    noisier = score + NOISE * rng.normal(size=len(labels))
    return build(labels, norm.cdf(score), members), build(labels, norm.cdf(noisier), members)


def operating(rng: np.random.Generator, setting: Setting, seed: int) -> Found:
    validation, _ = draw(rng, setting, (30, 30))
    films, noisier = draw(rng, setting, setting.groups)
    threshold = choose_threshold(validation, Target("sensitivity", 0.9))
    cut = norm.ppf(threshold)
    sensitivity, wrong = norm.cdf(setting.shift / 2 - cut), norm.cdf(-setting.shift / 2 - cut)
    found = figures_at(films, threshold, PREVALENCE, seed=seed, resamples=RESAMPLES)
    right, false = PREVALENCE * sensitivity, (1 - PREVALENCE) * wrong
    missed, spared = PREVALENCE * (1 - sensitivity), (1 - PREVALENCE) * (1 - wrong)
    out: Found = {
        "sensitivity at 0.9": (found["sensitivity"], sensitivity),
        "specificity at it": (found["specificity"], 1 - wrong),
        "PPV at 0.1": (found["ppv_at_prevalence"], right / (right + false)),
        "NPV at 0.1": (found["npv_at_prevalence"], spared / (spared + missed)),
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
    """Expected square of 1 - cdf(x) for x normal around shift / 2, by quadrature; both classes are alike."""
    x, w = np.polynomial.hermite_e.hermegauss(80)
    return float(w @ (1 - norm.cdf(shift / 2 + spread * x)) ** 2 / w.sum())


def subgroup(rng: np.random.Generator, setting: Setting, seed: int) -> Found:
    """A site of half the groups whose model sees more."""
    inside, _ = draw(rng, Setting(setting.groups, setting.files, setting.alike, setting.shift + 1), setting.groups)
    outside, _ = draw(rng, setting, setting.groups)
    rows = np.arange(len(inside) + len(outside)) < len(inside)
    groups = tuple(f"a{g}" for g in inside.groups) + tuple(f"b{g}" for g in outside.groups)
    gap = differences(
        (AUROC, SENSITIVITY), Side(scored(inside), rows), Side(scored(outside), ~rows), groups, seed=seed,
        resamples=RESAMPLES,
    )  # fmt: skip
    more = setting.shift + 1
    truths = {
        "auroc": norm.cdf(more / math.sqrt(2)) - norm.cdf(setting.shift / math.sqrt(2)),
        "sensitivity": norm.cdf(more / 2) - norm.cdf(setting.shift / 2),
    }
    return {f"gap of a subgroup, {name}": (gap[name], truth) for name, truth in truths.items()}


def calibrated(n_groups: int, files: int, slope: float, most: float) -> Callable[[np.random.Generator, int], Found]:
    """Groups of films with one probability, up to `most`, and one class, which comes true at odds slope * logit(p)."""
    least = 0.05 * most

    def one(rng: np.random.Generator, seed: int) -> Found:
        p = rng.uniform(least, most, n_groups)
        labels = (rng.random(n_groups) < expit(slope * logit(p))).astype(int)
        films = build(np.repeat(labels, files), np.repeat(p, files), np.repeat(np.arange(n_groups), files))
        found = calibration(films, seed=seed, resamples=RESAMPLES)
        even = np.linspace(least, most, 20_001)[:-1]
        gaps = np.array([b.mean() for b in np.array_split(even - expit(slope * logit(even)), len(found.bins))])
        out = {"error without chance": (found.error, float(np.sqrt((gaps**2).mean())))}
        if found.slope and found.intercept:
            out["slope"] = (found.slope, slope)
            if slope == 1:
                out["in the large"] = (found.intercept, 0.0)
        return out

    return one


def report(title: str, drawn: Iterator[Found]) -> None:
    kept: dict[str, list[tuple[Interval, float]]] = {}
    for found in drawn:
        for name, pair in found.items():
            kept.setdefault(name, []).append(pair)
    print(title)
    for name, pairs in kept.items():
        defined = [(interval, truth) for interval, truth in pairs if not math.isnan(interval.low)]
        held = np.mean([interval.low <= truth <= interval.high for interval, truth in defined])
        width = np.median([interval.high - interval.low for interval, _ in defined])
        print(f"  {name:<32} truth {defined[0][1]:6.3f}  held {100 * held:5.1f} % of {len(defined)}  width {width:.3f}")


def main(repetitions: int) -> None:
    for setting in SETTINGS:
        rng = np.random.default_rng(0)
        pairs = (operating(rng, setting, seed) | subgroup(rng, setting, seed) for seed in range(repetitions))
        report(str(setting), pairs)
    for (n_groups, files), slope, most in product(((20, 3), (40, 3), (200, 3)), (1.0, 0.5, 2.0), (0.95, 0.3)):
        rng, one = np.random.default_rng(0), calibrated(n_groups, files, slope, most)
        title = f"calibration: {n_groups} groups of {files} films, slope {slope}, probabilities up to {most}"
        report(title, (one(rng, seed) for seed in range(repetitions)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
