"""Metrics as formulas over weighted files.

A bootstrap resample of groups is a weighting of the files. So the same formula gives the value (all weights 1) and
the values in a thousand resamples at once. Tests compare each formula with scikit-learn's under `sample_weight`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fxkit.metrics.fold_ranks import ranks_within_folds
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.ranking import Ranked, rank_positives, rank_rows, ranked_auroc, ranked_average_precision, ratio

Floats = NDArray[np.float64]

Ints = NDArray[np.int64]

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Scored:
    """Input of the metrics: labels (N,) and decisions (N,) as class indices, probabilities (N, C).

    Attributes:
        folds: (N,) fold of each file; None if one model predicted all files. See `Predictions`.
    """

    labels: Ints
    probabilities: Floats
    decisions: Ints
    folds: Ints | None = None
    _ranked: dict[int, tuple[Ranked, ...]] = field(default_factory=dict, init=False, repr=False)

    def ranked(self, k: int) -> tuple[Ranked, ...]:
        """Return the files divided by their probability of class k, as `ranked_auroc` needs them; sorted only once."""
        if k not in self._ranked:
            self._ranked[k] = rank_rows(self.labels == k, self.probabilities[:, k], self.folds)
        return self._ranked[k]

    @cached_property
    def ranked_positives(self) -> Ranked:
        """The files divided by their probability of class 1, as `ranked_average_precision` needs them."""
        return rank_positives(self.labels == 1, ranks_within_folds(self.probabilities[:, 1], self.folds))


@dataclass(frozen=True)
class Metric:
    """A metric of classification performance.

    Attributes:
        name: its key in metrics.json.
        compute: (scored, weights (B, N) >= 0) -> (B,) values; NaN where the metric is undefined.
        support: scored -> the sets of files that the metric needs, as masks (N,). The smallest set determines the
            width of the interval.
        is_share: whether the metric is at most as certain as a share of the same number of files. This does not hold
            for means of squares or logarithms.
        limits: the lowest and the highest possible value.
        values: scored -> (N,) values whose mean over the files of `support` is the metric; None if it is no such mean.
        fewest: smallest sum of a loss over independent films that shows how much the loss varies; see `loss_limits`.
    """

    name: str
    compute: Callable[[Scored, Floats], Floats]
    support: Callable[[Scored], Sequence[Mask]]
    is_share: bool = True
    limits: tuple[float, float] = (0.0, 1.0)
    values: Callable[[Scored], Floats] | None = None
    fewest: float = 0.0


def scored(predictions: Predictions, threshold: float = 0.5) -> Scored:
    """Return the arrays that metrics are computed from."""
    return Scored(predictions.labels, predictions.probabilities, predictions.predicted(threshold), predictions.folds)


def _mean(figures: Sequence[Floats]) -> Floats:
    return np.asarray(np.mean(figures, axis=0))


def _share(weights: Floats, of: Mask, among: Mask) -> Floats:
    """Return the weight of the files in both `of` and `among`, divided by the weight of the files in `among`."""
    return ratio(weights @ (of & among).astype(float), weights @ among.astype(float))


def _has_several_classes(s: Scored) -> bool:
    return bool((s.labels != s.labels[:1]).any())


def _comparing(compute: Callable[[Scored, Floats], Floats]) -> Callable[[Scored, Floats], Floats]:
    """Return a formula that is undefined if all files are of one class, where its value would say nothing."""

    def compared(s: Scored, weights: Floats) -> Floats:
        return compute(s, weights) if _has_several_classes(s) else np.full(len(weights), np.nan)

    return compared


def _f1(weights: Floats, truth: Mask, decision: Mask) -> Floats:
    hits = weights @ (truth & decision).astype(float)
    return ratio(2 * hits, weights @ truth.astype(float) + weights @ decision.astype(float))


def mean_metric(
    name: str, values: Callable[[Scored], Floats], *, is_share: bool = False, limits: tuple[float, float] = (0.0, 1.0)
) -> Metric:
    """Build a metric that is the weighted mean of one value for each file."""

    def compute(s: Scored, weights: Floats) -> Floats:
        return ratio(weights @ values(s), weights.sum(axis=1))

    return Metric(name, compute, _all_files, is_share, limits, values)


def _squared_errors(s: Scored) -> Floats:
    return np.asarray((s.probabilities[:, 1] - (s.labels == 1)) ** 2, float)


def log_losses(probabilities: Floats, labels: Ints) -> Floats:
    """Return (N,) negative natural logarithms of the true class's probability, clipped to at least 2e-16."""
    true_probabilities = probabilities[np.arange(len(labels)), labels]
    return np.asarray(-np.log(np.clip(true_probabilities, np.finfo(float).eps, 1)))


def _macro_auroc(s: Scored, weights: Floats) -> Floats:
    return _mean([ranked_auroc(weights, s.ranked(k)) for k in np.unique(s.labels).tolist()])


def _macro_f1(s: Scored, weights: Floats) -> Floats:
    classes = np.union1d(s.labels, s.decisions)
    return _mean([_f1(weights, s.labels == k, s.decisions == k) for k in classes])


def _balanced_accuracy(s: Scored, weights: Floats) -> Floats:
    recalls = [_share(weights, s.decisions == k, s.labels == k) for k in np.unique(s.labels)]
    return _mean(recalls)


def _correct(s: Scored) -> Floats:
    return np.asarray(s.labels == s.decisions, float)


def _all_files(s: Scored) -> tuple[Mask, ...]:
    return (np.ones(len(s.labels), bool),)


def _each_class(s: Scored) -> tuple[Mask, ...]:
    return tuple(s.labels == k for k in np.unique(s.labels))


def _both_classes(s: Scored) -> tuple[Mask, ...]:
    """Return the positives and the negatives, of which one may be empty."""
    return (s.labels == 1, s.labels != 1)


def recall(name: str, k: int) -> Metric:
    """Build the recall of class k: the share of its files that are called k."""
    return share_metric(name, of=lambda s: s.decisions == k, among=lambda s: s.labels == k)


def precision(name: str, k: int) -> Metric:
    """Build the precision of class k: the share of the files called k that are of class k."""
    share = share_metric(name, of=lambda s: s.labels == k, among=lambda s: s.decisions == k)
    return replace(
        share,
        compute=_comparing(share.compute),
        support=lambda s: (share.support(s)[0] & _has_several_classes(s),),
    )


def share_metric(name: str, *, of: Callable[[Scored], Mask], among: Callable[[Scored], Mask]) -> Metric:
    """Build a metric that is the share of files in `of` among those in `among`."""
    return Metric(
        name,
        compute=lambda s, w: _share(w, of(s), among(s)),
        support=lambda s: (among(s),),
        values=lambda s: np.asarray(of(s), float),
    )


AUROC = Metric("auroc", lambda s, w: ranked_auroc(w, s.ranked(1)), _each_class)

AVERAGE_PRECISION = Metric(
    "average_precision",
    _comparing(lambda s, w: ranked_average_precision(w, s.ranked_positives)),
    _each_class,
)

ACCURACY = mean_metric("accuracy", _correct, is_share=True)

BALANCED_ACCURACY = Metric("balanced_accuracy", _comparing(_balanced_accuracy), _each_class)

SENSITIVITY = recall("sensitivity", 1)

SPECIFICITY = recall("specificity", 0)

PPV = precision("ppv", 1)

NPV = precision("npv", 0)

F1 = Metric("f1", _comparing(lambda s, w: _f1(w, s.labels == 1, s.decisions == 1)), _both_classes)

BRIER = replace(mean_metric("brier", _squared_errors), fewest=0.3)

LOG_LOSS = replace(
    mean_metric("log_loss", lambda s: log_losses(s.probabilities, s.labels), limits=(0.0, math.inf)), fewest=1.5
)

MACRO_AUROC = Metric("macro_auroc", _macro_auroc, _each_class)

MACRO_F1 = Metric("macro_f1", _comparing(_macro_f1), _each_class)


BINARY = (
    AUROC,
    AVERAGE_PRECISION,
    ACCURACY,
    BALANCED_ACCURACY,
    SENSITIVITY,
    SPECIFICITY,
    PPV,
    NPV,
    F1,
    BRIER,
    LOG_LOSS,
)

MULTI_CLASS = (MACRO_AUROC, MACRO_F1, ACCURACY, BALANCED_ACCURACY, LOG_LOSS)


def metrics_for(classes: Sequence[str]) -> tuple[Metric, ...]:
    """Return the metrics to report; for more than two classes also recall and precision of each class."""
    if len(classes) == 2:
        return BINARY
    pairs = [(recall(f"recall_{c}", k), precision(f"precision_{c}", k)) for k, c in enumerate(classes)]
    return MULTI_CLASS + tuple(metric for pair in pairs for metric in pair)


def ranking_metric(classes: Sequence[str]) -> Metric:
    """Return the headline metric, which needs no threshold: AUROC, or its mean over classes (one against the rest)."""
    return AUROC if len(classes) == 2 else MACRO_AUROC


def p_text(p: float) -> str:
    """Return a p value as text: "p = 0.042", or "p < 0.001"."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
