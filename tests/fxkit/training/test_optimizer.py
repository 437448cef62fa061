"""The parameter groups of the optimizer: each trainable weight once, and rates that decrease towards the input."""

import itertools

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from fxkit.config import ModelConfig, OptimConfig
from fxkit.models.classifier import build_classifier, default_finetune_stage, set_trainable
from fxkit.training.optimizer import build_averaging, build_backbone_groups, build_optimizer, decay_at

BACKBONES = ["test_resnet", "test_efficientnet", "test_convnext", "test_vit", "test_nfnet"]


def optim(layer_decay: float = 1.0) -> OptimConfig:
    return OptimConfig(head_lr=1e-2, finetune_head_lr=1e-3, finetune_backbone_lr=1e-4, layer_decay=layer_decay)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("decay", [1.0, 0.5])
def test_each_trainable_weight_is_in_one_group(backbone: str, decay: float) -> None:
    model = build_classifier(ModelConfig(backbone=backbone, pretrained=False, hidden=8), 2)
    set_trainable(model, default_finetune_stage(model.backbone))
    grouped = [
        id(p) for group in build_optimizer(model, optim(decay), "finetune").param_groups for p in group["params"]
    ]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_rates_decrease_by_the_factor_from_layer_to_layer(backbone: str) -> None:
    model = build_classifier(ModelConfig(backbone=backbone, pretrained=False, hidden=8), 2)
    set_trainable(model, default_finetune_stage(model.backbone))
    rates = {id(p): group["lr"] for group in build_backbone_groups(model.backbone, optim(0.5)) for p in group["params"]}
    in_order = [rates[id(p)] for p in model.backbone.parameters() if p.requires_grad]
    assert in_order == sorted(in_order)
    assert in_order[-1] == pytest.approx(1e-4)
    distinct = sorted(set(in_order))
    assert len(distinct) > 1
    assert all(later == pytest.approx(2 * earlier) for earlier, later in itertools.pairwise(distinct))


def test_each_phase_has_its_own_rate_for_the_head() -> None:
    model = build_classifier(ModelConfig(backbone="test_resnet", pretrained=False, hidden=8), 2)
    set_trainable(model, None)
    assert [g["lr"] for g in build_optimizer(model, optim(0.5), "head").param_groups] == [1e-2]
    set_trainable(model, "layer3")
    assert [g["lr"] for g in build_optimizer(model, optim(), "finetune").param_groups] == [1e-3, 1e-4]


def averaged(model: nn.Module, decay: float) -> AveragedModel:
    return AveragedModel(model, use_buffers=True, **build_averaging(decay)._kwargs)


@pytest.mark.parametrize(("step", "decay", "expected"), [(0, 0.9, 0.1), (8, 0.9, 0.5), (1000, 0.9, 0.9)])
def test_the_first_steps_have_a_smaller_decay(step: int, decay: float, expected: float) -> None:
    assert decay_at(step, decay) == pytest.approx(expected)


def test_the_average_follows_the_formula() -> None:
    model = nn.Linear(1, 1, bias=False)
    average, expected = averaged(model, 0.5), 0.0
    for step, value in enumerate([1.0, 2.0, -4.0, 8.0]):
        nn.init.constant_(model.weight, value)
        average.update_parameters(model)
        decay = decay_at(step, 0.5) if step else 0.0
        expected = decay * expected + (1 - decay) * value
    assert average.module.get_parameter("weight").item() == pytest.approx(expected)


def test_frozen_weights_and_statistics_do_not_change_by_a_bit() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
    average = averaged(model, 0.999)
    for _ in range(50):
        average.update_parameters(model)
    averages = average.module.state_dict()
    assert all(torch.equal(averages[key], tensor) for key, tensor in model.state_dict().items())
