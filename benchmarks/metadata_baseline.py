"""How often the metadata-only baseline cries wolf, and how often it finds a difference, on made numbers.

    python benchmarks/metadata_baseline.py [REPETITIONS]

Prints a row for each setting: the mean AUROC, and the share of repetitions in which its 95 % interval lies above
chance, far above it, or below it. Two films a group, whose numbers are alike; `shift` is between the classes, in
standard deviations, of the first number.
"""

import sys

import numpy as np

from fxkit.data.manifest import Record
from fxkit.index.datacard.baseline import CHANCE, FAR, cross_validate
from fxkit.metrics.bootstrap import interval
from fxkit.metrics.intervals import Interval
from fxkit.metrics.scores import AUROC, Floats

SETTINGS = [(groups, numbers, shift) for groups in (24, 64, 160) for numbers in (1, 6) for shift in (0.0, 1.0)]
ALIKE = 0.8  # share of a number's variance that is common to a group


def made(groups: int, numbers: int, shift: float, seed: int) -> tuple[list[Record], Floats]:
    """Draw two films a group and their numbers."""
    rng = np.random.default_rng(seed)
    records = [
        Record(f"{group}-{film}", "ab"[group % 2], f"{group}", "train", "", 1, 1, "ok", f"{group}-{film}")
        for group in range(groups)
        for film in range(2)
    ]
    common = np.repeat(rng.normal(size=(groups, numbers)), 2, axis=0)
    values = np.sqrt(ALIKE) * common + np.sqrt(1 - ALIKE) * rng.normal(size=common.shape)
    values[:, 0] += [shift * (record.label == "b") for record in records]
    return records, values


def found(groups: int, numbers: int, shift: float, seed: int) -> Interval:
    return interval(AUROC, cross_validate(*made(groups, numbers, shift, seed), seed=seed), resamples=400, seed=seed)


def main(repetitions: int) -> None:
    print("groups  numbers  shift   mean   above   far above  below")
    for setting in SETTINGS:
        drawn = [found(*setting, seed) for seed in range(repetitions)]
        low, high = np.array([one.low for one in drawn]), np.array([one.high for one in drawn])
        shares = [100 * np.mean(part) for part in (low > CHANCE, low > FAR, high < CHANCE)]
        mean = np.mean([one.value for one in drawn])
        print("{:<8}{:<9}{:<8}".format(*setting), end="")
        print("{:.2f}   {:3.0f} %   {:3.0f} %      {:3.0f} %".format(mean, *shares), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
