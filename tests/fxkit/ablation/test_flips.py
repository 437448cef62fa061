"""Flips, counted by hand, and the interval of a mean over groups."""

import numpy as np
import pytest

from fxkit.ablation.flips import count_flips, mean_interval
from fxkit.predictions import Predictions


def predicted(broken: list[float]) -> Predictions:
    names = tuple("abcd")
    labels = np.array([0, 0, 1, 1])
    scores = np.array(broken)
    return Predictions(("whole", "broken"), names, labels, np.stack([1 - scores, scores], axis=1), names, names)


def test_decisions_that_leave_the_truth_are_counted() -> None:
    raw = predicted([0.1, 0.9, 0.9, 0.9])  # the second is wrong from the start
    tested = {
        "raw": [raw],
        "swapped": [predicted([0.9, 0.1, 0.2, 0.9])],
        "swapped-patch": [predicted([0.1, 0.9, 0.4, 0.9])],
    }
    flips = count_flips("swapped", tested)
    assert (flips.by_marker, flips.by_patch) == (0.5, 0.25)
    assert flips.difference.value == 0.25
    assert flips.fall.value == pytest.approx(np.mean([0.8, -0.8, 0.2, 0.0]))


def test_the_interval_of_a_mean_counts_groups() -> None:
    values = np.random.default_rng(0).normal(0.5, 1, 200)
    alone = mean_interval(values, [str(i) for i in range(200)])
    copied = mean_interval(np.repeat(values, 5), [str(i) for i in range(200) for _ in range(5)])
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=0.1)
    standard = values.std(ddof=1) / np.sqrt(200)
    assert alone.high - alone.value == pytest.approx(1.972 * standard, rel=0.1)


def test_one_group_tells_nothing() -> None:
    found = mean_interval(np.array([0.1, 0.2]), ["a", "a"])
    assert (found.low, found.high) == (-1.0, 1.0)
