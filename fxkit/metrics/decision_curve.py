"""Decision curves: the net benefit of acting on a model's probabilities, compared with acting on all films or on none.

Source: Vickers and Elkin 2006, "Decision curve analysis: a novel method for evaluating prediction models".
"""

import math
from collections.abc import Sequence

import numpy as np

from fxkit.metrics.bootstrap import RESAMPLES
from fxkit.metrics.intervals import Interval, build_interval, number_groups, support_of_masks
from fxkit.metrics.json_result import JsonResult, Number
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.resamples import over_resamples
from fxkit.metrics.scores import Floats, Mask

THRESHOLDS = tuple(round(0.05 * k, 2) for k in range(1, 20))


class DecisionCurve(JsonResult):
    """Net benefits in true positives per film. The net benefit of calling no film positive is 0.

    Attributes:
        thresholds: probabilities at which one would act. At a threshold p, one missed positive counts as much as
            (1 - p) / p false positives.
        prevalence: share of positives that the benefits refer to; None for the share in these films.
        model: net benefit of the model at each threshold.
        everybody: net benefit of calling every film positive.
        positive: the positive class; "" in files of older versions.
    """

    thresholds: tuple[Number, ...]
    prevalence: float | None = None
    model: tuple[Interval, ...]
    everybody: tuple[Interval, ...]
    positive: str = ""


def decision_curve(
    part: Predictions,
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    prevalence: float | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> DecisionCurve:
    """Compute the net benefits for two classes over the rows with a known class, with intervals over groups.

    Net benefit is the share of true positives minus the share of false positives times the odds of the threshold. Its
    limits come from the limits of both shares and from their correlation.

    Args:
        thresholds: above 0 and below 1.
        prevalence: share of positives that the benefits refer to; default: that of the rows.
    Source: Limits of a difference: Zou and Donner 2008, "Construction of confidence limits about effect measures: a
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
        positive=known.classes[1],
    )


def _shares(
    known: Predictions, called: Mask, sets: Sequence[Mask], seed: int, resamples: int
) -> tuple[list[list[Interval]], list[float]]:
    """Return the shares of true and of false positives for each row of called (M, N), and their correlations."""
    groups = number_groups(known.groups)
    hits = [(called & member).astype(float) for member in (known.labels == 1, known.labels != 1)]
    members = [of.astype(float) for of in sets]

    def shares(weights: Floats) -> Floats:
        with np.errstate(invalid="ignore"):
            parts = [hit @ weights.T / (weights @ of) for hit, of in zip(hits, members, strict=True)]
        return np.array(parts)

    values = shares(np.ones((1, len(known))))[:, :, 0]
    spread = np.concatenate(over_resamples(shares, known.groups, resamples, seed), axis=2)
    supports = [support_of_masks([of], groups, 1, True) for of in sets]
    intervals = [
        [build_interval(float(values[k, i]), spread[k, i], supports[k]) for k in (0, 1)] for i in range(len(called))
    ]
    return intervals, [_correlation(spread[:, i]) for i in range(len(called))]


def _correlation(spread: Floats) -> float:
    """Return the correlation of two rows, (2, B), over the resamples that have both; 0 if one row is constant."""
    kept = spread[:, ~np.isnan(spread).any(axis=0)]
    if kept.shape[1] < 2 or kept.std(axis=1).min() < 1e-9:
        return 0.0
    return float(np.asarray(np.corrcoef(kept))[0, 1])


def _difference(shares: Sequence[Interval], up: float, down: float, together: float) -> Interval:
    """Return up * (first share) - down * (second share) with its limits."""
    a, b = shares
    low = _distance(up * (a.value - a.low), down * (b.high - b.value), together)
    high = _distance(up * (a.high - a.value), down * (b.value - b.low), together)
    value = up * a.value - down * b.value
    behind = min(a, b, key=lambda share: share.n_groups)
    return Interval(value, value - low, value + high, behind.n_groups, max(a.left_out, b.left_out), behind.n)


def _distance(a: float, b: float, together: float) -> float:
    return math.sqrt(max(0.0, a * a - 2 * together * a * b + b * b))
