"""The 95 % interval of any figure of merit, with the group as the unit of resampling."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxkit.errors import DataError
from fxkit.metrics.bootstrap import RESAMPLES
from fxkit.metrics.intervals import Interval, Limits, Support, build_interval, number_groups, variance_inflation
from fxkit.metrics.resamples import resampled_weights

Column = NDArray[Any]


def group_interval(
    figure: Callable[..., float],
    groups: Sequence[str],
    *columns: ArrayLike,
    limits: Limits = (-math.inf, math.inf),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Compute any figure with its 95 % interval by a bootstrap over groups, such as patients.

    For the metrics that fxkit knows, `fxkit.metrics.bootstrap.interval` is faster, and its intervals also account for
    the number of groups in the rarest class.

    Args:
        figure: function of the columns that returns one number; NaN where it is undefined, for example because a
            resample has one class only.
        groups: (N,) names; rows with the same name are resampled together.
        columns: arrays of length N, such as labels and probabilities; they are passed to `figure` in this order.
        limits: smallest and largest value that the figure can take. With (0, 1), the limits are Wilson's for the
            effective number of groups; otherwise they are t quantiles of the bootstrap's standard error.
    Raises:
        DataError: no rows, or columns of different lengths.
    """
    arrays = [np.asarray(column) for column in columns]
    sizes = {len(groups), *map(len, arrays)}
    if not arrays or len(sizes) > 1 or 0 in sizes:
        raise DataError(
            f"{len(groups)} groups and columns of {[*map(len, arrays)]} rows; expected equal lengths above 0"
        )
    n_rows, n_groups = len(groups), len(set(groups))
    inflation = variance_inflation(number_groups(groups))
    draws = [row for weights in resampled_weights(groups, resamples, seed) for row in weights.astype(int)]
    spread = np.array([float(figure(*(np.repeat(array, row, axis=0) for array in arrays))) for row in draws])
    support = Support(n_groups, n_groups, max(1, n_groups - 1), float(n_rows), n_rows, inflation)
    return build_interval(float(figure(*arrays)), spread, support, limits)
