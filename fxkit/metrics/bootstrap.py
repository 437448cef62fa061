"""Bootstrap over groups (patients or films): 95 % intervals of metrics, means, ratios and paired differences."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fxkit.errors import DataError
from fxkit.metrics.group_means import loss_limits, mean_interval, measure_mean, share_limits
from fxkit.metrics.intervals import (
    Interval,
    build_difference,
    build_interval,
    learning_inflation,
    number_groups,
    support_of,
    support_of_masks,
)
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.resamples import over_resamples
from fxkit.metrics.scores import Floats, Ints, Mask, Metric, Scored, scored

RESAMPLES = 1000


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
    least often near 1.0 and with few groups (benchmarks/interval_coverage.py). Metrics that are means over files
    (accuracy, recalls, precisions, Brier score, log loss) need no resamples; see `fxkit.metrics.group_means`.

    Source: Dean and Pagano 2015, "Evaluating confidence interval methods for binomial proportions in clustered
    surveys", which compares such intervals.
    """
    runs = _aligned(predictions)
    parts = [scored(run, threshold) for run in runs]
    groups = number_groups(runs[0].groups)
    resampled = [metric for metric in metrics if not _is_mean(metric, parts)]
    values = _values(resampled, parts, np.ones((1, len(groups))))
    n = resamples if resampled else 0
    draws = over_resamples(lambda weights: _values(resampled, parts, weights), runs[0].groups, n, seed)
    spread = np.concatenate(draws, axis=1) if draws else values
    by_name = {
        metric.name: build_interval(float(values[i, 0]), spread[i], support_of(metric, parts, groups), metric.limits)
        for i, metric in enumerate(resampled)
    }
    return {metric.name: by_name.get(metric.name) or _mean_interval(metric, parts, groups) for metric in metrics}


def _is_mean(metric: Metric, parts: Sequence[Scored]) -> bool:
    """Return whether a metric is the mean of one value for each file, over the same files in all parts."""
    if metric.values is None:
        return False
    rows = [metric.support(part)[0] for part in parts]
    return bool(rows[0].any()) and all((row == rows[0]).all() for row in rows)


def _mean_interval(metric: Metric, parts: Sequence[Scored], groups: Ints) -> Interval:
    """Return the interval of a metric that is a mean over files."""
    rows = metric.support(parts[0])[0]
    mean = measure_mean(_mean_values(metric, parts)[rows], np.ones(int(rows.sum())), groups[rows])
    mean = replace(mean, variance=mean.variance * learning_inflation(parts))
    return share_limits(mean) if metric.is_share else loss_limits(mean, metric.limits, metric.fewest)


def _mean_values(metric: Metric, parts: Sequence[Scored]) -> Floats:
    assert metric.values is not None
    return np.asarray(np.mean([metric.values(part) for part in parts], axis=0), float)


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
    groups = number_groups(known.groups)
    if _is_mean(metric, parts_a + parts_b):
        rows, most = metric.support(parts_a[0])[0], metric.limits[1] - metric.limits[0]
        apart = (_mean_values(metric, parts_a) - _mean_values(metric, parts_b))[rows]
        if np.ptp(apart):
            return mean_interval(apart, groups[rows], (-most, most))
    masks = [mask for part in parts_a + parts_b for mask in metric.support(part)]
    support = support_of_masks(masks, groups, len(metric.support(parts_a[0])), metric.is_share)

    def difference(weights: Floats) -> Floats:
        return np.asarray(_values([metric], parts_a, weights)[0] - _values([metric], parts_b, weights)[0])

    value = float(difference(np.ones((1, len(groups))))[0])
    spread = np.concatenate(over_resamples(difference, known.groups, resamples, seed))
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
    numbers = number_groups(groups)
    value = _difference(metrics, a, b, np.ones((1, len(numbers))))[:, 0]
    draws = over_resamples(lambda weights: _difference(metrics, a, b, weights), groups, resamples, seed)
    spread, by_name = np.concatenate(draws, axis=1), {}
    for i, metric in enumerate(metrics):
        masks = [_spread_out(mask, side.rows) for side in (a, b) for mask in metric.support(side.scored)]
        support = support_of_masks(masks, numbers, len(metric.support(a.scored)), metric.is_share)
        by_name[metric.name] = build_difference(float(value[i]), spread[i], support, metric.limits)
    return by_name


def _difference(metrics: Sequence[Metric], a: Side, b: Side, weights: Floats) -> Floats:
    """Return (M, B): each metric of a minus that of b, for each row of weights."""
    first, second = (_values(metrics, [side.scored], weights.T[side.rows].T) for side in (a, b))
    return np.asarray(first - second)


def _spread_out(mask: Mask, rows: Mask) -> Mask:
    """Turn a mask over the rows of one side into a mask over all rows."""
    out = np.zeros(len(rows), bool)
    out[rows] = mask
    return out
