"""Decision curves: what acting on a model's probabilities is worth, against acting on all films or on none.

Source: Vickers and Elkin 2006, "Decision curve analysis: a novel method for evaluating prediction models".
"""

import math
from collections.abc import Sequence

import numpy as np

from fxkit.metrics.bootstrap import RESAMPLES, resampled_weights
from fxkit.metrics.intervals import Interval, build_interval, support_of_masks
from fxkit.metrics.json_result import JsonResult, Number
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import Floats, Mask

THRESHOLDS = tuple(round(0.05 * k, 2) for k in range(1, 20))


class DecisionCurve(JsonResult):
    """Net benefits in true positives a film: of the model, and of calling every film positive; of none it is 0.

    Attributes:
        thresholds: probabilities from which one would act: at p, one missed positive is worth (1-p)/p false alarms.
        prevalence: the stated one that the benefits hold for; None: the films' own.
    """

    thresholds: tuple[Number, ...]
    prevalence: float | None = None
    model: tuple[Interval, ...]
    everybody: tuple[Interval, ...]


def decision_curve(
    part: Predictions,
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    prevalence: float | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> DecisionCurve:
    """Return the net benefits of rows of known class, of two classes, with intervals over groups.

    Net benefit is the share of true positives less that of false ones times the odds of the threshold. Its limits
    come from those of both shares and their correlation.

    Args:
        thresholds: above 0 and below 1.
    Source: limits of a difference: Zou and Donner 2008, "Construction of confidence limits about effect measures: a
    general approach", equation 5, with Wilson's limits of each share.
    """
    known = part.known()
    positive = known.labels == 1
    called = np.array([known.probabilities[:, 1] >= t for t in thresholds] + [np.ones(len(known), bool)])
    sets = (np.ones(len(known), bool),) * 2 if prevalence is None else (positive, ~positive)
    hits, together = _shares(known, called, sets, seed, resamples)
    up, down = (1.0, 1.0) if prevalence is None else (prevalence, 1 - prevalence)

    def benefit(i: int, threshold: float) -> Interval:
        return _difference(hits[i], up, down * threshold / (1 - threshold), together[i])

    return DecisionCurve(
        thresholds=tuple(thresholds),
        prevalence=prevalence,
        model=tuple(benefit(i, t) for i, t in enumerate(thresholds)),
        everybody=tuple(benefit(len(thresholds), t) for t in thresholds),
    )


def _shares(
    known: Predictions, called: Mask, sets: Sequence[Mask], seed: int, resamples: int
) -> tuple[list[list[Interval]], list[float]]:
    """For each row of called (M, N): shares of true and of false positives among the sets, and their correlation."""
    groups = np.asarray(known.groups, object).astype(str)
    hits = [(called & member).astype(float) for member in (known.labels == 1, known.labels != 1)]
    members = [of.astype(float) for of in sets]

    def shares(weights: Floats) -> Floats:
        with np.errstate(invalid="ignore"):
            parts = [hit @ weights.T / (weights @ of) for hit, of in zip(hits, members, strict=True)]
        return np.array(parts)

    values = shares(np.ones((1, len(known))))[:, :, 0]
    spread = np.concatenate([shares(w) for w in resampled_weights(known.groups, resamples, seed)], axis=2)
    supports = [support_of_masks([of], groups, 1, True) for of in sets]
    found = [
        [build_interval(float(values[k, i]), spread[k, i], supports[k]) for k in (0, 1)] for i in range(len(called))
    ]
    return found, [_correlation(spread[:, i]) for i in range(len(called))]


def _correlation(spread: Floats) -> float:
    """Of the two rows of (2, B), over the resamples where both are defined; 0 where one does not vary."""
    kept = spread[:, ~np.isnan(spread).any(axis=0)]
    if kept.shape[1] < 2 or kept.std(axis=1).min() < 1e-9:
        return 0.0
    return float(np.asarray(np.corrcoef(kept))[0, 1])


def _difference(shares: Sequence[Interval], up: float, down: float, together: float) -> Interval:
    """up * the first share - down * the second."""
    a, b = shares
    low = _distance(up * (a.value - a.low), down * (b.high - b.value), together)
    high = _distance(up * (a.high - a.value), down * (b.value - b.low), together)
    value = up * a.value - down * b.value
    behind = min(a, b, key=lambda share: share.n_groups)
    return Interval(value, value - low, value + high, behind.n_groups, max(a.left_out, b.left_out), behind.n)


def _distance(a: float, b: float, together: float) -> float:
    return math.sqrt(max(0.0, a * a - 2 * together * a * b + b * b))
