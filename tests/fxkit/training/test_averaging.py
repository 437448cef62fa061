"""The moving average: its formula, its first steps, and that what does not move stays to the last bit."""

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from fxkit.training.averaging import build_averaging, decay_at


def averaged(model: nn.Module, decay: float) -> AveragedModel:
    return AveragedModel(model, use_buffers=True, **build_averaging(decay)._kwargs)


@pytest.mark.parametrize(("step", "decay", "expected"), [(0, 0.9, 0.1), (8, 0.9, 0.5), (1000, 0.9, 0.9)])
def test_the_first_steps_count_more(step: int, decay: float, expected: float) -> None:
    assert decay_at(step, decay) == pytest.approx(expected)


def test_the_average_is_the_formula() -> None:
    model = nn.Linear(1, 1, bias=False)
    average, expected = averaged(model, 0.5), 0.0
    for step, value in enumerate([1.0, 2.0, -4.0, 8.0]):
        nn.init.constant_(model.weight, value)
        average.update_parameters(model)
        kept = decay_at(step, 0.5) if step else 0.0
        expected = kept * expected + (1 - kept) * value
    assert average.module.get_parameter("weight").item() == pytest.approx(expected)


def test_frozen_weights_and_statistics_stay_to_the_last_bit() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
    average = averaged(model, 0.999)
    for _ in range(50):
        average.update_parameters(model)
    kept = average.module.state_dict()
    assert all(torch.equal(kept[key], tensor) for key, tensor in model.state_dict().items())
