"""Tests of reliance on markers: predictions that change with pasted markers, and log-odds lost by erasing markers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from fxkit.ablation.result import build_contrast
from fxkit.metrics.class_contrast import class_contrast
from fxkit.metrics.group_means import difference_interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import Floats
from fxkit.report.ablation import Contrast, Flips

# name -> the arms before pasting, with markers pasted in, and with patches of background pasted in
TESTS = {"inserted": ("raw", "inserted", "inserted-patch"), "swapped": ("raw", "swapped", "swapped-patch")}


def count_flips(name: str, tested: Mapping[str, Sequence[Predictions]]) -> Flips:
    """Count the films whose prediction changes from correct to wrong after pasting.

    Args:
        name: one of TESTS.
        tested: arm -> predictions of the same models by film, one for each seed. Seeds without pasted films come last.
    """
    seeds = len(tested[name])
    before, marker, patch = ([_compare(p) for p in tested[arm][:seeds]] for arm in TESTS[name])
    groups = tested["raw"][0].groups
    wrong_by_marker, wrong_by_patch = (
        np.mean([was.correct & ~now.correct for was, now in zip(before, after, strict=True)], axis=0)
        for after in (marker, patch)
    )
    fall = np.mean([p.p - m.p for m, p in zip(marker, patch, strict=True)], axis=0)
    return Flips(
        name=name,
        by_marker=float(wrong_by_marker.mean()),
        by_patch=float(wrong_by_patch.mean()),
        difference=difference_interval(wrong_by_marker - wrong_by_patch, groups),
        fall=difference_interval(fall, groups),
    )


@dataclass(frozen=True, eq=False)
class _Outcome:
    """How predictions compare with the true classes.

    Attributes:
        correct: (N,) bool.
        p: (N,) probability of the true class.
    """

    correct: np.ndarray
    p: Floats


def _compare(predictions: Predictions) -> _Outcome:
    rows = np.arange(len(predictions))
    return _Outcome(predictions.predicted() == predictions.labels, predictions.probabilities[rows, predictions.labels])


SMALLEST = 1e-6  # single-precision probabilities can be 0 or 1, whose log-odds are infinite


def measure_lost_log_odds(key: str, text: str, kept: Sequence[Predictions], erased: Sequence[Predictions]) -> Contrast:
    """Return the mean log-odds of the true class that films lose when their markers are erased.

    Erasing also changes the log-odds of all films alike. This common change is subtracted. For each class it is the
    mean change of the log-odds of that class, with equal weight for the films of each class.

    The value is above 0 if the markers of a film support its true class more than the markers of films of other classes
    do. It detects much smaller reliance than a difference of AUROCs, which changes only if films change rank. It does
    not show whether the reliance affects the score.

    p is one-sided: small only if the markers support the true class. See `class_contrast` for the interval and p.

    Args:
        kept, erased: predictions by film of the same models with and without markers, one for each seed; the log-odds
            are averaged over seeds.
    """
    change = np.mean([_log_odds(k) - _log_odds(e) for k, e in zip(kept, erased, strict=True)], axis=0)
    return build_contrast(key, text, *class_contrast(change, kept[0].labels, kept[0].groups))


def _log_odds(predictions: Predictions) -> Floats:
    return np.asarray(logit(np.clip(predictions.probabilities, SMALLEST, 1 - SMALLEST)))
