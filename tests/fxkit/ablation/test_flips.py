"""Flips, counted by hand."""

import numpy as np
import pytest

from fxkit.ablation.flips import count_flips
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
