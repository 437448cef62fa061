"""The optimizer's groups: every trainable weight once, and rates that fall towards the input."""

import itertools

import pytest

from fxkit.config import ModelConfig, OptimConfig
from fxkit.model import build_classifier, finetune_stage, set_trainable
from fxkit.training.optimizer import backbone_groups, build_optimizer

BACKBONES = ["test_resnet", "test_efficientnet", "test_convnext", "test_vit", "test_nfnet"]


def optim(layer_decay: float = 1.0) -> OptimConfig:
    return OptimConfig(head_lr=1e-2, finetune_head_lr=1e-3, finetune_backbone_lr=1e-4, layer_decay=layer_decay)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("decay", [1.0, 0.5])
def test_each_trainable_weight_is_in_one_group(backbone: str, decay: float) -> None:
    model = build_classifier(ModelConfig(backbone=backbone, pretrained=False, hidden=8), 2)
    set_trainable(model, finetune_stage(model.backbone))
    held = [id(p) for group in build_optimizer(model, optim(decay), "finetune").param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_rates_fall_by_the_factor_from_layer_to_layer(backbone: str) -> None:
    model = build_classifier(ModelConfig(backbone=backbone, pretrained=False, hidden=8), 2)
    set_trainable(model, finetune_stage(model.backbone))
    rates = {id(p): group["lr"] for group in backbone_groups(model.backbone, optim(0.5)) for p in group["params"]}
    in_order = [rates[id(p)] for p in model.backbone.parameters() if p.requires_grad]
    assert in_order == sorted(in_order)
    assert in_order[-1] == pytest.approx(1e-4)
    distinct = sorted(set(in_order))
    assert len(distinct) > 1
    assert all(later == pytest.approx(2 * earlier) for earlier, later in itertools.pairwise(distinct))


def test_the_head_has_a_rate_of_its_own_in_each_phase() -> None:
    model = build_classifier(ModelConfig(backbone="test_resnet", pretrained=False, hidden=8), 2)
    set_trainable(model, None)
    assert [g["lr"] for g in build_optimizer(model, optim(0.5), "head").param_groups] == [1e-2]
    set_trainable(model, "layer3")
    assert [g["lr"] for g in build_optimizer(model, optim(), "finetune").param_groups] == [1e-3, 1e-4]
