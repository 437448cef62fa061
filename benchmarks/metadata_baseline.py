"""Measure false alarms and sensitivity of the metadata-only baseline on synthetic numbers.

    python benchmarks/metadata_baseline.py [REPETITIONS]

Prints for each setting the mean AUROC, and the share of repetitions whose 95 % interval lies above chance, far above
it, or below it. Each group has two films with correlated numbers; `shift` is the difference of the first number between
the classes, in standard deviations.
"""

import sys

import numpy as np

from fxkit.data.manifest import Record
from fxkit.index.datacard.baseline import CHANCE, FAR, cross_validate
from fxkit.metrics.bootstrap import interval
from fxkit.metrics.intervals import Interval
from fxkit.metrics.scores import AUROC, Floats

SETTINGS = [(groups, numbers, shift) for groups in (24, 64, 160) for numbers in (1, 6) for shift in (0.0, 1.0)]
CORRELATION = 0.8  # fraction of a number's variance that is common to a group


def draw_films(groups: int, numbers: int, shift: float, seed: int) -> tuple[list[Record], Floats]:
    """Draw two films per group and their numbers."""
    rng = np.random.default_rng(seed)
    records = [
        Record(f"{group}-{film}", "ab"[group % 2], f"{group}", "train", "", 1, 1, "ok", f"{group}-{film}")
        for group in range(groups)
        for film in range(2)
    ]
    common = np.repeat(rng.normal(size=(groups, numbers)), 2, axis=0)
    values = np.sqrt(CORRELATION) * common + np.sqrt(1 - CORRELATION) * rng.normal(size=common.shape)
    values[:, 0] += [shift * (record.label == "b") for record in records]
    return records, values


def baseline_interval(groups: int, numbers: int, shift: float, seed: int) -> Interval:
    return interval(
        AUROC, cross_validate(*draw_films(groups, numbers, shift, seed), seed=seed), resamples=400, seed=seed
    )


def main(repetitions: int) -> None:
    print("groups  numbers  shift   mean   above   far above  below")
    for setting in SETTINGS:
        results = [baseline_interval(*setting, seed) for seed in range(repetitions)]
        low, high = np.array([result.low for result in results]), np.array([result.high for result in results])
        shares = [100 * np.mean(part) for part in (low > CHANCE, low > FAR, high < CHANCE)]
        mean = np.mean([result.value for result in results])
        print("{:<8}{:<9}{:<8}".format(*setting), end="")
        print("{:.2f}   {:3.0f} %   {:3.0f} %      {:3.0f} %".format(mean, *shares), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
