"""A moving average of the weights, which is what is validated and kept."""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn


def build_averaging(decay: float) -> WeightAveraging:
    """Build Lightning's callback; checkpoints then hold the averaged weights, and beside them those to train on.

    The first steps count more than `decay` says, or a short training would keep the weights that it started from.
    """
    return WeightAveraging(multi_avg_fn=partial(_average, decay))


def decay_at(step: int, decay: float) -> float:
    """Return what is kept of the average at a step, counted from 0."""
    return min(decay, (1 + step) / (10 + step))


def _average(decay: float, averaged: Sequence[Tensor], current: Sequence[Tensor], count: Tensor) -> None:
    update = cast(Any, get_ema_multi_avg_fn)(decay_at(int(count), decay))
    update(averaged, current, count)
