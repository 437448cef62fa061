"""Measure the coverage of fxkit's 95 % intervals on synthetic scores that are correlated within a group.

    python benchmarks/interval_coverage.py [REPETITIONS]

Prints for each setting the share of repetitions whose interval contains the true value, and the mean width; next to it
the same for percentile intervals of the same resamples. "difference" is the AUROC of a model minus that of a noisier
one.
"""

import sys
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from fxkit.metrics.bootstrap import interval, paired_difference
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.resamples import resampled_weights
from fxkit.metrics.scores import ACCURACY, AUROC, SENSITIVITY, Floats, Metric, scored

RESAMPLES = 400
NOISE = 0.6  # added to the second model's scores, in the unit of the first model's scores


@dataclass(frozen=True)
class Setting:
    groups: tuple[int, int]  # negative, positive
    files: int  # per group
    correlation: float  # fraction of the scores' variance that is common to a group
    shift: float  # between the class means, in standard deviations


SETTINGS = (
    Setting((5, 5), 3, 0.6, 1.0),
    Setting((10, 10), 3, 0.6, 1.0),
    Setting((6, 14), 3, 0.6, 1.0),
    Setting((10, 10), 3, 0.6, 2.5),
    Setting((20, 20), 5, 0.6, 1.0),
    Setting((20, 20), 5, 0.6, 3.0),
    Setting((50, 50), 2, 0.5, 1.0),
)


def draw(rng: np.random.Generator, setting: Setting) -> tuple[Predictions, Predictions]:
    """Draw the scores of a model, and of a model with noisier scores."""
    classes = np.repeat([0, 1], setting.groups)
    members = np.repeat(np.arange(len(classes)), setting.files)
    labels = classes[members]
    common = np.sqrt(setting.correlation) * rng.normal(size=len(classes))[members]
    score = setting.shift * (labels - 0.5) + common + np.sqrt(1 - setting.correlation) * rng.normal(size=len(labels))
    noisier = score + NOISE * rng.normal(size=len(labels))
    return predictions(labels, score, members), predictions(labels, noisier, members)


def predictions(labels: np.ndarray, score: np.ndarray, members: np.ndarray) -> Predictions:
    p, groups = norm.cdf(score), tuple(map(str, members))
    names = tuple(map(str, range(len(labels))))
    return Predictions(("no", "yes"), names, labels, np.stack([1 - p, p], axis=1), groups, groups)


def true_values(setting: Setting) -> dict[str, float]:
    """Return the values for infinitely many films."""
    auroc, right = norm.cdf(setting.shift / np.sqrt(2)), norm.cdf(setting.shift / 2)
    noisier = norm.cdf(setting.shift / np.sqrt(2 * (1 + NOISE**2)))
    return {"auroc": auroc, "sensitivity": right, "accuracy": right, "difference": auroc - noisier}


def percentile_limits(metric: Metric, model: Predictions, other: Predictions | None, seed: int) -> tuple[float, float]:
    """Return the limits of the percentile interval."""

    def value(weights: Floats) -> Floats:
        values = metric.compute(scored(model), weights)
        return values - metric.compute(scored(other), weights) if other is not None else values

    spread = np.concatenate([value(w) for w in resampled_weights(model.groups, RESAMPLES, seed)])
    low, high = np.nanquantile(spread, [0.025, 0.975])
    return float(low), float(high)


def limits(setting: Setting, seed: int) -> dict[str, tuple[tuple[float, float], tuple[float, float]]]:
    """Return for each figure the limits by fxkit and by percentiles, in one repetition."""
    a, b = draw(np.random.default_rng(seed), setting)
    by_figure = {}
    for metric in (AUROC, SENSITIVITY, ACCURACY):
        result = interval(metric, a, seed=seed, resamples=RESAMPLES)
        by_figure[metric.name] = ((result.low, result.high), percentile_limits(metric, a, None, seed))
    result = paired_difference(AUROC, a, b, seed=seed, resamples=RESAMPLES)
    by_figure["difference"] = ((result.low, result.high), percentile_limits(AUROC, a, b, seed))
    return by_figure


def main(repetitions: int) -> None:
    print("groups  files corr. shift  figure       truth   fxkit: coverage, width   percentiles: coverage, width")
    for setting in SETTINGS:
        results = [limits(setting, seed) for seed in range(repetitions)]
        for name, truth in true_values(setting).items():
            print(f"{setting.groups!s:<9}{setting.files:<4}{setting.correlation:<6}{setting.shift:<6}", end=" ")
            print(f"{name:<12} {truth:.3f}", end="")
            for method in (0, 1):
                ends = np.array([result[name][method] for result in results])
                coverage = np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1]))
                print(f"   {100 * coverage:5.1f} %  {np.mean(ends[:, 1] - ends[:, 0]):.3f}    ", end="")
            print()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
