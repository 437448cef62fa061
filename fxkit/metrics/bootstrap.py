"""95 % intervals whose unit is the group (patient or film), not the file."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from fxkit.errors import DataError
from fxkit.metrics.intervals import LEVEL, Interval, build_difference, build_interval, support_of, support_of_masks
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import Floats, Mask, Metric, Scored, scored

RESAMPLES = 1000

CHUNK = 4_000_000  # weights held at once: 32 MB


def resampled_weights(groups: Sequence[str], resamples: int, seed: int) -> Iterator[Floats]:
    """Draw as many groups as there are, with replacement; yield the files' weights in chunks (b, N).

    The same groups, resamples and seed give the same weights: that is what pairs a difference.
    """
    names, members = np.unique(np.asarray(groups, object).astype(str), return_inverse=True)
    rng = np.random.default_rng(seed)
    size = max(1, CHUNK // max(1, len(members)))
    for start in range(0, resamples, size):
        rows = min(size, resamples - start)
        drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=rows)
        yield drawn[:, members].astype(float)


def interval(
    metric: Metric,
    predictions: Predictions | Sequence[Predictions],
    *,
    threshold: float = 0.5,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return a metric's value with its 95 % interval from a bootstrap over groups.

    Several predictions of the same files (one a seed) give the mean of the metric over them. The interval
    says what other groups would give; what other seeds would give is not in it.

    Args:
        threshold: p(positive) from which a file is called positive, for the metrics that need a decision.

    Raises:
        DataError: no labelled file, or several predictions that are not of the same files.
    """
    return intervals((metric,), predictions, threshold=threshold, seed=seed, resamples=resamples)[metric.name]


def intervals(
    metrics: Sequence[Metric],
    predictions: Predictions | Sequence[Predictions],
    *,
    threshold: float = 0.5,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, Interval]:
    """Return each metric's `interval` by name; all share the same resamples.

    A resample in which a metric is undefined (only one class drawn) is left out of that metric's variance
    and counted. The limits are Wilson's for the `effective_size`: they hold the truth in 94 to 100 % of
    repetitions on made scores of 10 to 100 groups, where percentiles of the same resamples hold it in 81 to 96 %,
    least often near 1.0 and for few groups (benchmarks/interval_coverage.py).
    Source: Dean and Pagano 2015, "Evaluating confidence interval methods for binomial proportions in
    clustered surveys", which compares such intervals. A metric outside 0..1 has t quantiles instead.
    """
    runs = _aligned(predictions)
    parts = [scored(run, threshold) for run in runs]
    groups = np.asarray(runs[0].groups, object).astype(str)
    values = _values(metrics, parts, np.ones((1, len(groups))))
    draws = [_values(metrics, parts, w) for w in resampled_weights(runs[0].groups, resamples, seed)]
    spread = np.concatenate(draws, axis=1)
    return {
        metric.name: build_interval(float(values[i, 0]), spread[i], support_of(metric, parts, groups), metric.limits)
        for i, metric in enumerate(metrics)
    }


def paired_difference(
    metric: Metric,
    a: Predictions | Sequence[Predictions],
    b: Predictions | Sequence[Predictions],
    *,
    threshold: float = 0.5,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return metric(a) - metric(b) over the same files, each resample of groups drawn for both.

    With several predictions on a side (one a seed) its metric is their mean. The limits are t quantiles
    of the bootstrap's standard error, with the groups less one a class as degrees of freedom. They hold the
    truth in 95 to 99 % of repetitions on made scores, near 1.0 in about 90 % (benchmarks/interval_coverage.py).
    Where all resamples agree (two perfect scores) they are those of Newcombe 1998, "Improved confidence
    intervals for differences between two proportions based on paired data", for as many pairs as that set has
    groups.

    Raises:
        DataError: no labelled file, or the files, classes, labels or groups of a and b differ.
    """
    runs_a, runs_b = _as_runs(a), _as_runs(b)
    _aligned([*runs_a, *runs_b])
    parts_a, parts_b = ([scored(run.known(), threshold) for run in runs] for runs in (runs_a, runs_b))
    known = runs_a[0].known()
    groups = np.asarray(known.groups, object).astype(str)
    support = support_of(metric, parts_a + parts_b, groups)

    def difference(weights: Floats) -> Floats:
        return np.asarray(_values([metric], parts_a, weights)[0] - _values([metric], parts_b, weights)[0])

    value = float(difference(np.ones((1, len(groups))))[0])
    spread = np.concatenate([difference(w) for w in resampled_weights(known.groups, resamples, seed)])
    return build_difference(value, spread, support, metric.limits)


def _as_runs(predictions: Predictions | Sequence[Predictions]) -> list[Predictions]:
    return [predictions] if isinstance(predictions, Predictions) else list(predictions)


def _aligned(predictions: Predictions | Sequence[Predictions]) -> list[Predictions]:
    """The labelled rows of each, which must be of the same files."""
    runs = [run.known() for run in _as_runs(predictions)]
    first = runs[0]
    for run in runs[1:]:
        same = (run.classes, run.paths, run.groups) == (first.classes, first.paths, first.groups)
        if not same or (run.labels != first.labels).any():
            raise DataError(
                f"predictions of {len(first)} and {len(run)} files differ in their files, classes, labels or "
                "groups; expected the same rows in the same order: evaluate both with one manifest"
            )
    if not len(first):
        raise DataError("predictions: no file has a known class; expected some; give data with class labels")
    return runs


def _values(metrics: Sequence[Metric], parts: Sequence[Scored], weights: Floats) -> Floats:
    """(M, B): each metric, averaged over the parts."""
    return np.array([np.mean([m.compute(part, weights) for part in parts], axis=0) for m in metrics])


@dataclass(frozen=True, eq=False)
class Side:
    """One side: what its metrics look at, and which of all N rows that is of, as a mask (N,)."""

    scored: Scored
    rows: Mask


def differences(
    metrics: Sequence[Metric],
    a: Side,
    b: Side,
    groups: Sequence[str],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, Interval]:
    """Return metric(a) - metric(b) by name, each resample of groups drawn for both sides.

    Limits as `bootstrap.paired_difference`.

    Args:
        groups: (N,) of all rows.
    """
    names = np.asarray(groups, object).astype(str)
    draws = list(resampled_weights(groups, resamples, seed))
    whole = np.ones((1, len(names)))
    found = {}
    for metric in metrics:
        spread = np.concatenate([_difference(metric, a, b, weights) for weights in draws])
        masks = [_spread_out(mask, side.rows) for side in (a, b) for mask in metric.support(side.scored)]
        support = support_of_masks(masks, names, len(metric.support(a.scored)), metric.is_share)
        value = float(_difference(metric, a, b, whole)[0])
        found[metric.name] = build_difference(value, spread, support, metric.limits)
    return found


def _difference(metric: Metric, a: Side, b: Side, weights: Floats) -> Floats:
    values = (metric.compute(side.scored, weights[:, side.rows]) for side in (a, b))
    return np.asarray(next(values) - next(values))


def _spread_out(mask: Mask, rows: Mask) -> Mask:
    """A mask of a side's rows as one of all rows."""
    out = np.zeros(len(rows), bool)
    out[rows] = mask
    return out


def mean_interval(values: Floats, groups: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Return the mean of (N,) values with its 95 % t interval from a bootstrap over groups."""
    return ratio_interval(values, np.ones(len(values)), groups, resamples=resamples, seed=seed)


def ratio_interval(
    above: Floats, below: Floats, groups: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Return sum(above) / sum(below), of (N,) values each, with its 95 % t interval; without limits of one group."""
    n, value = len(set(groups)), float(above.sum() / below.sum())
    if n < 2:
        return Interval(value, -math.inf, math.inf, n)
    draws = np.concatenate([(w @ above) / (w @ below) for w in resampled_weights(groups, resamples, seed)])
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * math.sqrt(float(draws.var()) * n / (n - 1))
    return Interval(value, value - half, value + half, n)
