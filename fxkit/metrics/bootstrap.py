"""Bootstrap over groups (patients or films): 95 % intervals of metrics, means, ratios and paired differences."""

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

CHUNK = 4_000_000  # weights in memory at once: 32 MB


def resampled_weights(groups: Sequence[str], resamples: int, seed: int) -> Iterator[Floats]:
    """Resample all groups with replacement; yield chunks of weights (b, N), one row for each resample.

    The same groups, resamples and seed give the same weights. Paired differences depend on this.

    Args:
        groups: (N,) group of each file.
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

    With several predictions of the same files, one for each seed, the value is the mean of the metric over them. The
    interval covers the choice of groups, not the choice of seeds.

    Args:
        threshold: decision threshold on p(positive), for the metrics that need a decision.

    Raises:
        DataError: no file is labelled, or the predictions are not of the same files.
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
    """Return the `interval` of each metric by name, all from the same resamples.

    Resamples in which a metric is undefined (only one class drawn) do not count for its variance; `left_out` is their
    number. The limits are Wilson's, with the `effective_size` as sample size. On simulated scores of 10 to 100 groups
    they cover the true value in 94 to 100 % of repetitions. Percentiles of the same resamples cover it in 81 to 96 %,
    least often near 1.0 and with few groups (benchmarks/interval_coverage.py). Metrics that are not limited to 0..1
    have limits from t quantiles instead.

    Source: Dean and Pagano 2015, "Evaluating confidence interval methods for binomial proportions in clustered
    surveys", which compares such intervals.
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
    """Return metric(a) - metric(b) over the same files; both sides use the same resamples of groups.

    With several predictions on a side, one for each seed, the side's value is the mean of the metric over them. The
    limits are t quantiles of the bootstrap's standard error. The degrees of freedom are the number of groups minus
    the number of classes. On simulated scores they cover the true difference in 95 to 99 % of repetitions, and in
    about 90 % near 1.0 (benchmarks/interval_coverage.py). If all resamples agree (two perfect scores), the limits are
    those of Newcombe 1998, "Improved confidence intervals for differences between two proportions based on paired
    data", with one pair for each group of the smallest set.

    Raises:
        DataError: no file is labelled, or the files, classes, labels or groups of a and b differ.
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
    """Return the labelled rows of each; check that they are of the same files."""
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
        raise DataError("predictions: no file has a known class; expected at least one; give data with class labels")
    return runs


def _values(metrics: Sequence[Metric], parts: Sequence[Scored], weights: Floats) -> Floats:
    """Return (M, B): each metric for each row of weights, averaged over the parts."""
    return np.array([np.mean([m.compute(part, weights) for part in parts], axis=0) for m in metrics])


@dataclass(frozen=True, eq=False)
class Side:
    """One side of a difference between two sets of rows.

    Attributes:
        scored: labels, probabilities and decisions of the side's rows.
        rows: (N,) True for the side's rows among all rows.
    """

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
    """Return metric(a) - metric(b) of each metric by name; both sides use the same resamples of groups.

    The limits are computed as in `paired_difference`.

    Args:
        groups: (N,) group of each row, over both sides.
    """
    names = np.asarray(groups, object).astype(str)
    draws = list(resampled_weights(groups, resamples, seed))
    whole = np.ones((1, len(names)))
    by_name = {}
    for metric in metrics:
        spread = np.concatenate([_difference(metric, a, b, weights) for weights in draws])
        masks = [_spread_out(mask, side.rows) for side in (a, b) for mask in metric.support(side.scored)]
        support = support_of_masks(masks, names, len(metric.support(a.scored)), metric.is_share)
        value = float(_difference(metric, a, b, whole)[0])
        by_name[metric.name] = build_difference(value, spread, support, metric.limits)
    return by_name


def _difference(metric: Metric, a: Side, b: Side, weights: Floats) -> Floats:
    values = (metric.compute(side.scored, weights[:, side.rows]) for side in (a, b))
    return np.asarray(next(values) - next(values))


def _spread_out(mask: Mask, rows: Mask) -> Mask:
    """Turn a mask over the rows of one side into a mask over all rows."""
    out = np.zeros(len(rows), bool)
    out[rows] = mask
    return out


def mean_interval(values: Floats, groups: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Return the mean of (N,) values with a 95 % t interval from a bootstrap over groups."""
    return ratio_interval(values, np.ones(len(values)), groups, resamples=resamples, seed=seed)


def ratio_interval(
    above: Floats, below: Floats, groups: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Return sum(above) / sum(below) with a 95 % t interval from a bootstrap over groups.

    With a single group, the limits are infinite.

    Args:
        above, below: (N,) values.
    """
    n, value = len(set(groups)), float(above.sum() / below.sum())
    if n < 2:
        return Interval(value, -math.inf, math.inf, n)
    draws = np.concatenate([(w @ above) / (w @ below) for w in resampled_weights(groups, resamples, seed)])
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * math.sqrt(float(draws.var()) * n / (n - 1))
    return Interval(value, value - half, value + half, n)
