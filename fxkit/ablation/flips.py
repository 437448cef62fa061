"""The insertion and swap test: how many decisions leave the truth when another class's marker is pasted in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fxkit.bootstrap import Interval
from fxkit.group_means import mean_interval
from fxkit.predictions import Predictions
from fxkit.scores import Floats

# name -> the arm before, with the marker pasted in, with a patch of background pasted in
TESTS = {"inserted": ("raw", "inserted", "inserted-patch"), "swapped": ("raw", "swapped", "swapped-patch")}


@dataclass(frozen=True)
class Flips:
    """What pasting does to the decisions of the models trained on raw films; means over seeds.

    Attributes:
        name: inserted (own markers stay) or swapped (they are erased).
        by_marker, by_patch: share of films whose decision left their true class.
        difference: of the two.
        fall: of the true class's probability, by the marker minus by the patch.
    """

    name: str
    by_marker: float
    by_patch: float
    difference: Interval
    fall: Interval


def count_flips(name: str, tested: Mapping[str, Sequence[Predictions]]) -> Flips:
    """Compare films before and after pasting.

    Args:
        name: one of TESTS.
        tested: arm -> the same models' predictions by film, one a seed; seeds without pasted films come last.
    """
    seeds = len(tested[name])
    before, marker, patch = ([_truths(p) for p in tested[arm][:seeds]] for arm in TESTS[name])
    groups = tested["raw"][0].groups
    left_marker, left_patch = (
        np.mean([was.right & ~now.right for was, now in zip(before, after, strict=True)], axis=0)
        for after in (marker, patch)
    )
    fall = np.mean([p.p - m.p for m, p in zip(marker, patch, strict=True)], axis=0)
    return Flips(
        name,
        float(left_marker.mean()),
        float(left_patch.mean()),
        mean_interval(left_marker - left_patch, groups),
        mean_interval(fall, groups),
    )


@dataclass(frozen=True, eq=False)
class _Truth:
    right: np.ndarray  # (N,) bool: decided as it is
    p: Floats  # (N,) probability of the true class


def _truths(predictions: Predictions) -> _Truth:
    rows = np.arange(len(predictions))
    return _Truth(predictions.predicted() == predictions.labels, predictions.probabilities[rows, predictions.labels])
