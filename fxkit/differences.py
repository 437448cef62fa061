"""Differences of figures between two sides that share groups: two models on the same films, or films and the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fxkit.bootstrap import RESAMPLES, Interval, build_difference, resampled_weights, support_of_masks
from fxkit.scores import Floats, Mask, Metric, Scored


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
