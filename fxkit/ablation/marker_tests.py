"""Tests of reliance on markers: predictions that change with pasted markers, and log-odds lost by erasing markers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from fxkit.ablation.result import build_contrast, describe
from fxkit.metrics.class_contrast import class_contrast
from fxkit.metrics.group_means import mean_interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import Floats
from fxkit.report.ablation import Cell, Contrast, Flips
from preprocess.words import amount

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
        difference=mean_interval(wrong_by_marker - wrong_by_patch, groups),
        fall=mean_interval(fall, groups),
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


ALPHA = 0.05

CHANCE = 0.5  # the AUROC of a model that knows nothing


@dataclass(frozen=True)
class Erased:
    """The number of tested files, and the number of those on which markers were erased."""

    n_erased: int
    n_files: int


def judge(raw: Cell, contrasts: Sequence[Contrast], erased: Erased, margin: float) -> tuple[str, str]:
    """Return the verdict and its reason.

    Verdict `reliance` needs two findings: erasing the markers lowers the log-odds of the true class, and it lowers the
    score. The first is a single one-sided test (`measure_lost_log_odds`), so at most 5 % of models without reliance get
    this verdict. It does not need a score above chance: a model whose only knowledge is the markers may score low. Only
    `no evidence` does, because a model at chance has no score that could fall. Pasted markers of another class are not
    used for the verdict: the markers of one donor are on several films, so the error estimate would be too small.

    Args:
        raw: models trained and tested on raw films.
        margin: smallest loss in the score that matters.
    """
    by_key = {c.key: c for c in contrasts}
    loss, lost = by_key["markers"], by_key["log_odds"]
    files = f"{erased.n_erased} of {amount(erased.n_files, 'test file')}"
    effect = (
        f"compared with erasing the same area elsewhere, erasing the markers on {files} gives models trained on raw "
        f"films a loss of {describe(lost, sides=' one-sided')} in the log-odds of the true class and a loss of "
        f"{describe(loss)} in the score"
    )
    if erased.n_erased == 0:
        return "undecided", "no marker was erased on any test film, so there is nothing to compare; check review.html"
    if lost.p <= ALPHA and loss.value > 0:
        small = f", but by less than {margin:.2f}" if loss.high < margin else ""
        weak = "" if raw.low > CHANCE else f"; {_describe_weak_score(raw)}"
        return "reliance", f"{effect}: the models use the markers, and the score falls without them{small}{weak}"
    if not raw.low > CHANCE:
        return "undecided", f"{_describe_weak_score(raw)}, so no loss can be excluded; {effect}"
    if loss.high < margin:
        return "no evidence", f"{effect}: a loss of {margin:.2f} or more in the score is excluded"
    return "undecided", (
        f"{effect}: no loss and a loss of {margin:.2f} or more in the score are both possible; more test patients are "
        "needed"
    )


def _describe_weak_score(raw: Cell) -> str:
    return (
        f"the models trained on raw films are not shown to be better than chance (AUROC {raw.value:.3f}, lower limit "
        f"{raw.low:.3f})"
    )
