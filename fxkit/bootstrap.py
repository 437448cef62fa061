"""95 % intervals whose unit is the group (patient or film), not the file."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fxkit.errors import DataError
from fxkit.predictions import Predictions
from fxkit.scores import Floats, Metric, Scored, scored

RESAMPLES = 1000
LEVEL = 0.95
CHUNK = 4_000_000  # weights held at once: 32 MB


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; NaN where undefined.

    Attributes:
        n_groups: independent groups behind the value (for the sensitivity: those with a positive file).
        left_out: resamples in which the value was undefined and which were left out.
    """

    value: float
    low: float
    high: float
    n_groups: int
    left_out: int = 0


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


def wilson(value: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Return the score interval of a proportion seen in n independent trials.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (value + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(max(0.0, value * (1 - value)) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def expanded_tail(n_groups: int, level: float = LEVEL) -> float:
    """Return the tail share to cut from n_groups' bootstrap distribution, smaller than (1 - level) / 2.

    A bootstrap distribution of n units is too narrow by sqrt((n - 1) / n) and knows no t quantiles.
    Source: Hesterberg 2015, "What teachers should know about the bootstrap", expanded percentile interval.
    """
    if n_groups < 2:
        return 0.0
    t = float(stats.t.ppf((1 + level) / 2, n_groups - 1))
    return float(stats.norm.cdf(-math.sqrt(n_groups / (n_groups - 1)) * t))


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

    A resample in which a metric is undefined (only one class drawn) is left out of that metric's interval and
    counted. Limits are expanded percentiles (`expanded_tail`). The bootstrap is blind where all resamples
    agree, as for a sensitivity of 1.0, and unfit where over half are undefined: there the limits are Wilson's
    for as many trials as the smallest set of files behind the metric has groups. That takes a group's files
    as one trial: right where they are alike, wide otherwise. (No mean of values in [0, 1] varies more than a
    proportion.)
    Source, for Wilson's interval on the effective size of clusters: Dean and Pagano 2015, "Evaluating
    confidence interval methods for binomial proportions in clustered surveys".
    """
    runs = _aligned(predictions)
    parts = [scored(run, threshold) for run in runs]
    groups = np.asarray(runs[0].groups, object).astype(str)
    values = _values(metrics, parts, np.ones((1, len(groups))))
    draws = [_values(metrics, parts, w) for w in resampled_weights(runs[0].groups, resamples, seed)]
    spread = np.concatenate(draws, axis=1)
    return {
        metric.name: _interval(float(values[i, 0]), spread[i], _sizes(metric, parts, groups))
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

    With several predictions on a side (one a seed) its metric is their mean. Where all resamples agree (two
    perfect scores) the limits are those of Newcombe 1998, "Improved confidence intervals for the difference
    between binomial proportions based on paired data", method 10, for as many pairs as the smallest set of
    files behind the metric has groups.

    Raises:
        DataError: no labelled file, or the files, classes, labels or groups of a and b differ.
    """
    runs_a, runs_b = _as_runs(a), _as_runs(b)
    _aligned([*runs_a, *runs_b])
    parts_a, parts_b = ([scored(run.known(), threshold) for run in runs] for runs in (runs_a, runs_b))
    known = runs_a[0].known()
    groups = np.asarray(known.groups, object).astype(str)
    sizes = _sizes(metric, parts_a + parts_b, groups)

    def difference(weights: Floats) -> Floats:
        return np.asarray(_values([metric], parts_a, weights)[0] - _values([metric], parts_b, weights)[0])

    value = float(difference(np.ones((1, len(groups))))[0])
    spread = np.concatenate([difference(w) for w in resampled_weights(known.groups, resamples, seed)])
    found = _percentiles(value, spread, sizes)
    if found is not None or math.isnan(value):
        return found or _undefined(spread, sizes)
    half = 1 - wilson(1.0, max(1, min(sizes)))[0]
    low, high = max(-1.0, value - half), min(1.0, value + half)
    return replace(_undefined(spread, sizes), value=value, low=low, high=high)


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


def _sizes(metric: Metric, parts: Sequence[Scored], groups: NDArray[np.str_]) -> list[int]:
    """Groups in all files that the metric needs, then in each set of them."""
    masks = [mask for part in parts for mask in metric.support(part)]
    together = np.any(masks, axis=0)
    return [len(np.unique(groups[mask])) for mask in (together, *masks)]


def _undefined(spread: Floats, sizes: Sequence[int]) -> Interval:
    return Interval(math.nan, math.nan, math.nan, sizes[0], int(np.isnan(spread).sum()))


def _percentiles(value: float, spread: Floats, sizes: Sequence[int]) -> Interval | None:
    """The bootstrap's interval, or None where it is blind or unfit."""
    defined = spread[~np.isnan(spread)]
    if math.isnan(value) or 2 * len(defined) < len(spread) or not len(defined) or np.ptp(defined) < 1e-12:
        return None
    tail = expanded_tail(sizes[0])
    low, high = np.quantile(defined, [tail, 1 - tail])
    left_out = len(spread) - len(defined)
    return Interval(value, min(float(low), value), max(float(high), value), sizes[0], left_out)


def _interval(value: float, spread: Floats, sizes: Sequence[int]) -> Interval:
    found = _percentiles(value, spread, sizes)
    if found is not None or math.isnan(value):
        return found or _undefined(spread, sizes)
    low, high = wilson(value, max(1, min(sizes)))
    return replace(_undefined(spread, sizes), value=value, low=low, high=high)
