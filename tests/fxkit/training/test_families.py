"""Each backbone family trains its head, then its stages one by one; frozen weights do not change."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from fxkit.config import Config, load_config
from fxkit.models.classifier import Classifier, build_classifier, set_train_mode, set_trainable
from fxkit.training.learner import stage_at
from fxkit.training.optimizer import build_optimizer
from fxkit.training.phases import prepare

SWIN = "{embed_dim: 16, depths: [1, 1, 2, 1], num_heads: [1, 1, 2, 2], window_size: 2}"
FAMILIES = {
    "test_resnet": ("{}", ("layer4", "layer3")),
    "test_efficientnet": ("{}", ("blocks.4", "blocks.3")),
    "densenet121": (
        "{block_config: [2, 2, 2, 2], growth_rate: 8}",
        ("features.transition3", "features.transition2"),
    ),
    "mobilenetv2_100": ("{}", ("blocks.5", "blocks.3")),
    "test_convnext": ("{}", ("stages.3", "stages.2")),
    "swin_tiny_patch4_window7_224": (SWIN, ("layers.3", "layers.2")),
    "test_vit": ("{}", ("blocks.5", "blocks.4", "blocks.3")),
}


def settings(backbone: str) -> Config:
    args = FAMILIES[backbone][0]
    optim = ["optim.layer_decay=0.5", "optim.unfreeze_every=1"]
    return load_config("tiny", [f"model.backbone={backbone}", f"model.args={args}", *optim, "data.image_size=64"])


def step(model: Classifier, optimizer: torch.optim.Optimizer) -> set[str]:
    """Take a training step; return the names of the backbone weights that changed."""
    set_train_mode(model)
    before = {name: p.detach().clone() for name, p in model.backbone.named_parameters()}
    optimizer.zero_grad()
    cross_entropy(model(torch.randn(4, 3, 64, 64)), torch.tensor([0, 1, 0, 1])).backward()
    optimizer.step()
    return {name for name, p in model.backbone.named_parameters() if not torch.equal(p, before[name])}


@pytest.mark.parametrize("backbone", FAMILIES)
def test_each_family_is_unfrozen_stage_by_stage(backbone: str) -> None:
    torch.manual_seed(0)
    config = settings(backbone)
    model = build_classifier(config.model, 2, image_size=64)
    assert prepare("head", model, config) == ()
    assert step(model, build_optimizer(model, config.optim, "head")) == set()
    stages = prepare("finetune", model, config)
    assert stages == FAMILIES[backbone][1]
    optimizer = build_optimizer(model, config.optim, "finetune")
    changed: set[str] = set()
    for epoch in range(len(stages)):
        set_trainable(model, stage_at(stages, epoch, config.optim))
        changed_now = step(model, optimizer)
        assert any(name.startswith(f"{stages[epoch]}.") for name in changed_now)
        assert not any(name.startswith(f"{later}.") for later in stages[epoch + 1 :] for name in changed_now)
        assert changed < changed_now
        changed = changed_now
    assert stage_at(stages, 99, config.optim) == stages[-1]


@pytest.mark.parametrize("backbone", FAMILIES)
def test_frozen_modules_get_no_gradient(backbone: str) -> None:
    config = settings(backbone)
    model = build_classifier(config.model, 2, image_size=64)
    set_trainable(model, prepare("finetune", model, config)[-1])
    set_train_mode(model)
    modules = [m for m in model.backbone.modules() if list(m.parameters())]
    frozen = [m for m in modules if not any(p.requires_grad for p in m.parameters())]
    needs_grad: dict[nn.Module, bool] = {}
    for module in modules:
        module.register_forward_hook(lambda m, _inputs, out: needs_grad.update({m: out.requires_grad}))
    cross_entropy(model(torch.randn(4, 3, 64, 64)), torch.tensor([0, 1, 0, 1])).backward()
    assert sum(m in needs_grad for m in frozen) > 2
    assert not any(needs_grad[m] or m.training for m in frozen if m in needs_grad)
    assert all(p.grad is None for m in frozen for p in m.parameters())
    trained = [m for m in modules if all(p.requires_grad for p in m.parameters())]
    assert trained
    assert all(needs_grad[m] and m.training for m in trained if m in needs_grad)
    assert all(p.grad is not None for m in trained for p in m.parameters())
