"""How often fxkit's 95 % intervals hold the truth, on made scores with correlated films of a group.

    python benchmarks/interval_coverage.py [REPETITIONS]

Prints a row for each setting: share of repetitions in which the interval held the truth, and its mean width; beside
it the same for plain percentiles of the same resamples. "difference" is AUROC of a model minus that of a noisier one.
"""

import sys
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from fxkit.metrics.bootstrap import interval, paired_difference, resampled_weights
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import ACCURACY, AUROC, SENSITIVITY, Floats, Metric, scored

RESAMPLES = 400
NOISE = 0.6  # of the second model, on the scale of the first one's scores


@dataclass(frozen=True)
class Setting:
    groups: tuple[int, int]  # negative, positive
    files: int  # a group
    alike: float  # share of the scores' variance that is common to a group
    shift: float  # between the classes, in standard deviations


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
    """Draw the scores of a model, and of one whose scores have more noise."""
    classes = np.repeat([0, 1], setting.groups)
    members = np.repeat(np.arange(len(classes)), setting.files)
    labels = classes[members]
    common = np.sqrt(setting.alike) * rng.normal(size=len(classes))[members]
    score = setting.shift * (labels - 0.5) + common + np.sqrt(1 - setting.alike) * rng.normal(size=len(labels))
    noisier = score + NOISE * rng.normal(size=len(labels))
    return predictions(labels, score, members), predictions(labels, noisier, members)


def predictions(labels: np.ndarray, score: np.ndarray, members: np.ndarray) -> Predictions:
    p, groups = norm.cdf(score), tuple(map(str, members))
    names = tuple(map(str, range(len(labels))))
    return Predictions(("no", "yes"), names, labels, np.stack([1 - p, p], axis=1), groups, groups)


def truths(setting: Setting) -> dict[str, float]:
    """The values that endless films would give."""
    auroc, right = norm.cdf(setting.shift / np.sqrt(2)), norm.cdf(setting.shift / 2)
    noisier = norm.cdf(setting.shift / np.sqrt(2 * (1 + NOISE**2)))
    return {"auroc": auroc, "sensitivity": right, "accuracy": right, "difference": auroc - noisier}


def percentiles(metric: Metric, found: Predictions, other: Predictions | None, seed: int) -> tuple[float, float]:
    """The limits that plain percentiles would give."""

    def value(weights: Floats) -> Floats:
        own = metric.compute(scored(found), weights)
        return own - metric.compute(scored(other), weights) if other is not None else own

    spread = np.concatenate([value(w) for w in resampled_weights(found.groups, RESAMPLES, seed)])
    low, high = np.nanquantile(spread, [0.025, 0.975])
    return float(low), float(high)


def limits(setting: Setting, seed: int) -> dict[str, tuple[tuple[float, float], tuple[float, float]]]:
    """Name -> limits by fxkit and by percentiles, of one repetition."""
    a, b = draw(np.random.default_rng(seed), setting)
    found = {}
    for metric in (AUROC, SENSITIVITY, ACCURACY):
        own = interval(metric, a, seed=seed, resamples=RESAMPLES)
        found[metric.name] = ((own.low, own.high), percentiles(metric, a, None, seed))
    own = paired_difference(AUROC, a, b, seed=seed, resamples=RESAMPLES)
    found["difference"] = ((own.low, own.high), percentiles(AUROC, a, b, seed))
    return found


def main(repetitions: int) -> None:
    print("groups  files alike shift  figure       truth   fxkit: held, width   percentiles: held, width")
    for setting in SETTINGS:
        drawn = [limits(setting, seed) for seed in range(repetitions)]
        for name, truth in truths(setting).items():
            print(f"{setting.groups!s:<9}{setting.files:<4}{setting.alike:<6}{setting.shift:<6}", end=" ")
            print(f"{name:<12} {truth:.3f}", end="")
            for way in (0, 1):
                ends = np.array([one[name][way] for one in drawn])
                held = np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1]))
                print(f"   {100 * held:5.1f} %  {np.mean(ends[:, 1] - ends[:, 0]):.3f}    ", end="")
            print()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
