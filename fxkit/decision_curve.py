"""Decision curves: what acting on a model's probabilities is worth, against acting on all films or on none.

Source: Vickers and Elkin 2006, "Decision curve analysis: a novel method for evaluating prediction models".
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fxkit.bootstrap import RESAMPLES, Interval, intervals
from fxkit.predictions import Predictions
from fxkit.scores import Floats, Metric, Scored

THRESHOLDS = tuple(round(0.05 * k, 2) for k in range(1, 20))


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefits in true positives a film: of the model, and of calling every film positive; of none it is 0.

    Attributes:
        thresholds: probabilities from which one would act: at p, one missed positive is worth (1-p)/p false alarms.
        prevalence: the stated one that the benefits hold for; None: the films' own.
    """

    thresholds: tuple[float, ...]
    prevalence: float | None
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

    Args:
        thresholds: above 0 and below 1.
    """
    model = [net_benefit(t, prevalence) for t in thresholds]
    everybody = [net_benefit(t, prevalence, everybody=True) for t in thresholds]
    found = intervals([*model, *everybody], part, seed=seed, resamples=resamples)
    return DecisionCurve(
        tuple(thresholds),
        prevalence,
        tuple(found[metric.name] for metric in model),
        tuple(found[metric.name] for metric in everybody),
    )


def net_benefit(threshold: float, prevalence: float | None = None, *, everybody: bool = False) -> Metric:
    """Build the metric: share of true positives less that of false ones times the odds of the threshold."""
    odds = threshold / (1 - threshold)

    def compute(s: Scored, weights: Floats) -> Floats:
        positive = s.labels == 1
        called = (s.probabilities[:, 1] >= threshold) | everybody
        right, wrong = weights @ (called & positive).astype(float), weights @ (called & ~positive).astype(float)
        if prevalence is None:
            return np.asarray((right - odds * wrong) / weights.sum(axis=1))
        up, down = weights @ positive.astype(float), weights @ (~positive).astype(float)
        with np.errstate(invalid="ignore"):
            return np.asarray(prevalence * right / up - (1 - prevalence) * odds * wrong / down)

    name = f"{'everybody' if everybody else 'model'} {threshold}"
    sets = (lambda s: (s.labels == 1, s.labels != 1)) if prevalence else (lambda s: (np.ones(len(s.labels), bool),))
    return Metric(name, compute, sets, is_share=False, limits=(-math.inf, 1.0))
