"""95 % intervals whose unit is the group (patient or film), not the file."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fxkit.errors import DataError
from fxkit.predictions import Predictions
from fxkit.scores import Floats, Mask, Metric, Scored, scored

RESAMPLES = 1000
LEVEL = 0.95
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
Limits = tuple[float, float]
CHUNK = 4_000_000  # weights held at once: 32 MB


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; NaN where undefined.

    Attributes:
        n_groups: independent groups behind the value (for the sensitivity: those with a positive file).
        left_out: resamples in which the value was undefined and which were left out.
        n: files (or films, or groups: what a row of the predictions is) behind the value.
    """

    value: float
    low: float
    high: float
    n_groups: int
    left_out: int = 0
    n: int = 0


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


def wilson(value: float, n: float) -> tuple[float, float]:
    """Return the 95 % score interval of a share seen in n independent trials.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    centre = (value + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(max(0.0, value * (1 - value)) / n + Z * Z / (4 * n * n))
    return max(0.0, min(value, centre - half)), min(1.0, max(value, centre + half))


def effective_size(value: float, variance: float, support: "Support") -> float:
    """Return how many independent trials would leave a share of `value` as uncertain as the groups leave it.

    `variance` is that of the bootstrap. It is unknown (0) where all resamples agree, as for a sensitivity of
    1.0: then a group counts as one trial, which is right for files that are alike and wide otherwise.
    Source: Korn and Graubard 1998, "Confidence intervals for proportions with small expected number of
    positive counts estimated from survey data": t quantiles for few groups, no more trials than files.
    """
    n = support.smallest
    if n < 2 or variance < 1e-12:
        return float(max(1, n))
    trials = value * (1 - value) / variance * (n - 1) / n
    return min(trials, support.trials) * (Z / float(stats.t.ppf((1 + LEVEL) / 2, support.freedom))) ** 2


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


@dataclass(frozen=True)
class Support:
    """How much stands behind a metric."""

    groups: int  # in all files that it needs
    smallest: int  # groups in the smallest set of files that it needs
    freedom: int  # degrees of freedom: groups less one a set
    trials: float  # no more independent trials than these
    rows: int = 0  # files that it needs


def support_of(metric: Metric, parts: Sequence[Scored], groups: NDArray[np.str_]) -> Support:
    """Return what stands behind a metric of parts that are of the same files."""
    masks = [mask for part in parts for mask in metric.support(part)]
    return support_of_masks(masks, groups, len(metric.support(parts[0])), metric.is_share)


def support_of_masks(masks: Sequence[Mask], groups: NDArray[np.str_], sets: int, is_share: bool) -> Support:
    """Return what stands behind a figure that needs each of these sets of files; `sets` of them are distinct."""
    together = np.any(masks, axis=0)
    sizes = [len(np.unique(groups[mask])) for mask in (together, *masks)]
    freedom = max(1, min(sizes) - 1, sizes[0] - sets)
    rows = int(together.sum())
    return Support(sizes[0], min(sizes), freedom, float(rows) if is_share else math.inf, rows)


def _variance(spread: Floats) -> float:
    """Variance over the resamples that are defined; 0, as unknown, where most are not."""
    defined = spread[~np.isnan(spread)]
    return float(defined.var()) if 2 * len(defined) >= len(spread) and len(defined) else 0.0


def build_interval(value: float, spread: Floats, support: Support, limits: Limits = (0.0, 1.0)) -> Interval:
    """Return a value with Wilson's limits where it lies in 0..1; other values with those of `build_difference`."""
    if limits != (0.0, 1.0):
        return _t_interval(value, spread, support, limits, unknown=math.inf)
    low, high = math.nan, math.nan
    if not math.isnan(value):
        low, high = wilson(value, effective_size(value, _variance(spread), support))
    return Interval(value, low, high, support.groups, int(np.isnan(spread).sum()), support.rows)


def build_difference(value: float, spread: Floats, support: Support, limits: Limits = (0.0, 1.0)) -> Interval:
    """Return a difference of two values within limits, with t quantiles; Newcombe's where all resamples agree."""
    most = limits[1] - limits[0]
    unknown = 1 - wilson(1.0, max(1, support.smallest))[0] if math.isfinite(most) else math.inf
    return _t_interval(value, spread, support, (-most, most), unknown)


def _t_interval(value: float, spread: Floats, support: Support, limits: Limits, unknown: float) -> Interval:
    """Limits by t quantiles; `unknown` to both sides where the resamples do not tell."""
    half, n, variance = unknown, support.smallest, _variance(spread)
    if n >= 2 and variance >= 1e-12:
        half = float(stats.t.ppf((1 + LEVEL) / 2, support.freedom)) * math.sqrt(variance * n / (n - 1))
    low, high = (float(np.clip(end, *limits)) for end in (value - half, value + half))
    return Interval(value, low, high, support.groups, int(np.isnan(spread).sum()), support.rows)
