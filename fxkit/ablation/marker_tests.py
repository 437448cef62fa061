"""The insertion and swap test: how many decisions leave the truth when another class's marker is pasted in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logit
from scipy.stats import permutation_test

from fxkit.ablation.result import Cell, Contrast, Flips
from fxkit.metrics.bootstrap import mean_interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import Floats, p_text

# name -> the arm before, with the marker pasted in, with a patch of background pasted in
TESTS = {"inserted": ("raw", "inserted", "inserted-patch"), "swapped": ("raw", "swapped", "swapped-patch")}


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


FLIPS = 4999

SMALLEST = 1e-6  # probabilities of single precision can be 0 or 1


def log_odds_lost(key: str, text: str, kept: Sequence[Predictions], erased: Sequence[Predictions]) -> Contrast:
    """Return the log-odds that films lose for their own class when their markers are erased.

    What erasing does to all films alike is taken off: for each class the midpoint of what it does to the classes'
    films. So the value is above 0 where a film's own markers speak for its class more than other classes' films'
    markers do. It tells far smaller reliance than a difference of two AUROCs, which counts only films that change
    places; but it does not tell whether that matters to the score.

    p is one-sided: the share of flips of the signs of whole groups that leave as great a value, since without reliance
    a group is as likely to lose as to gain.

    Args:
        kept, erased: predictions by film of the same models, one a seed or division into folds; log-odds are averaged.
    Source: Winkler et al. 2014, "Permutation inference for the general linear model" (sign flips of whole blocks).
    """
    change = np.mean([_log_odds(k) - _log_odds(e) for k, e in zip(kept, erased, strict=True)], axis=0)
    films = kept[0]
    members = np.eye(len(films.classes))[films.labels]
    shares = members / members.sum(axis=0)  # (N, C), of a film's own class: all classes weigh the same
    alike = (shares.T @ change).mean(axis=0)
    own = ((change - alike) * shares).sum(axis=1) * len(films) / len(films.classes)
    found = mean_interval(own, films.groups)
    _, group = np.unique(np.asarray(films.groups, object).astype(str), return_inverse=True)
    flipped = permutation_test(
        (np.bincount(group, own),),
        np.sum,
        permutation_type="samples",
        vectorized=True,
        n_resamples=FLIPS,
        batch=100,
        alternative="greater",
        random_state=0,
    )
    return Contrast(key, text, found.value, found.low, found.high, float(flipped.pvalue))


def _log_odds(predictions: Predictions) -> Floats:
    return np.asarray(logit(np.clip(predictions.probabilities, SMALLEST, 1 - SMALLEST)))


ALPHA = 0.05


@dataclass(frozen=True)
class Erased:
    """How many of the tested files bear markers that were erased."""

    files: int
    of: int


def judge(raw: Cell, contrasts: Sequence[Contrast], erased: Erased, margin: float) -> tuple[str, str]:
    """Return the verdict and its reason.

    Reliance takes both: evidence that the markers speak for their films' classes (`log_odds_lost`: one test, one-sided,
    so that it is said by chance in 5 % at most), and a score that falls with them. What another class's markers cost
    has no say: one donor's markers lie on several films, so that its errors are told too small.

    Args:
        raw: trained and tested on raw films.
        margin: the largest loss that counts as none.
    """
    found = {c.key: c for c in contrasts}
    erasing, lost = found["markers"], found["log_odds"]
    cost = (
        f"erasing the markers from {erased.files} of {erased.of} test files takes {_told(lost, ' one-sided')} from the "
        "log-odds that the models trained on raw films give a film's own class, and costs them a score of "
        f"{_told(erasing)}, both beyond what erasing as much elsewhere does"
    )
    if erased.files == 0:
        return "undecided", "no marker was erased on any test film, so nothing was compared; look at review.html"
    if raw.low <= 0.5:
        return "undecided", (
            f"the models trained on raw films are not clearly better than chance (AUROC {raw.value:.3f}, interval "
            f"from {raw.low:.3f}), so there is no score that markers could explain; {cost}"
        )
    if lost.p <= ALPHA and erasing.value > 0:
        small = f", though for less than {margin:.2f} of it" if erasing.high < margin else ""
        return "reliance", f"{cost}: the models use the markers, and the score falls without them{small}"
    if erasing.high < margin:
        return "no evidence", f"{cost}: a cost of {margin:.2f} by erasing is excluded"
    return "undecided", (
        f"{cost}: both no cost and one of {margin:.2f} or more are possible; more test patients are needed"
    )


def _told(c: Contrast, sides: str = "") -> str:
    return f"{c.value:.3f} (95 % interval {c.low:.3f} to {c.high:.3f}, {p_text(c.p)}{sides})"
