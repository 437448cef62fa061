"""The classifier, and which of its stages are trained, over the families."""

import pytest
import torch
from torch import nn

from fxkit.config import ModelConfig
from fxkit.errors import ConfigError
from fxkit.model import (
    AT_ONCE,
    build_classifier,
    finetune_stage,
    forward_films,
    set_train_mode,
    set_trainable,
)

STAGES = {
    "test_resnet": "layer3",
    "test_efficientnet": "blocks.3",
    "test_convnext": "stages.2",
    "test_vit": "blocks.3",
    "test_mambaout": "stages.2",
    "test_nfnet": "stages.2",
    "test_byobnet": "stages.2",
}
LARGE = {
    "resnet50": "layer3",
    "efficientnet_b0": "blocks.3",
    "densenet121": "features.transition2",
    "convnext_tiny": "stages.2",
    "vit_small_patch16_224": "blocks.6",
    "swin_tiny_patch4_window7_224": "layers.2",
    "mobilenetv2_100": "blocks.3",
    "vgg16": "features.24",
}


def config(backbone: str) -> ModelConfig:
    return ModelConfig(backbone=backbone, pretrained=False, hidden=8)


@pytest.mark.parametrize("backbone", STAGES)
def test_logits_for_any_number_of_classes(backbone: str) -> None:
    model = build_classifier(config(backbone), 5).eval()
    assert model(torch.zeros(2, 3, 160, 160)).shape == (2, 5)


def test_transformers_take_another_image_size() -> None:
    model = build_classifier(config("test_vit"), 2, image_size=96).eval()
    assert model(torch.zeros(1, 3, 96, 96)).shape == (1, 2)


@pytest.mark.parametrize(("backbone", "stage"), (STAGES | LARGE).items())
def test_the_stage_that_layer3_is_to_resnet(backbone: str, stage: str) -> None:
    assert finetune_stage(build_classifier(config(backbone), 2).backbone) == stage


@pytest.mark.parametrize("backbone", STAGES)
def test_frozen_weights_and_statistics_stay_while_later_stages_move(backbone: str) -> None:
    torch.manual_seed(0)
    model = build_classifier(config(backbone), 2)
    stage = finetune_stage(model.backbone)
    set_trainable(model, stage)
    set_train_mode(model)
    before = {key: tensor.clone() for key, tensor in model.backbone.state_dict().items()}
    _one_step(model)
    moved = [key for key, tensor in model.backbone.state_dict().items() if not torch.equal(tensor, before[key])]
    names = list(before)
    first = next(i for i, key in enumerate(names) if key.startswith(f"{stage}."))
    assert moved
    assert min(names.index(key) for key in moved) >= first


def test_the_head_phase_leaves_the_whole_backbone_alone() -> None:
    model = build_classifier(config("test_resnet"), 2)
    set_trainable(model, None)
    set_train_mode(model)
    backbone = {key: tensor.clone() for key, tensor in model.backbone.state_dict().items()}
    head = {key: tensor.clone() for key, tensor in model.head.state_dict().items()}
    _one_step(model)
    assert all(torch.equal(tensor, backbone[key]) for key, tensor in model.backbone.state_dict().items())
    assert not any(torch.equal(tensor, head[key]) for key, tensor in model.head.state_dict().items())


def test_an_unknown_stage_lists_the_modules() -> None:
    model = build_classifier(config("test_resnet"), 2)
    with pytest.raises(ConfigError, match=r"model.finetune_from = 'layer9'.*modules are conv1.*layer4"):
        set_trainable(model, "layer9")


def test_a_named_stage_is_not_taken_for_its_longer_namesake() -> None:
    model = build_classifier(config("test_vit"), 2)
    set_trainable(model, "blocks.1")
    trained = [name for name, p in model.backbone.named_parameters() if p.requires_grad]
    assert trained[0].startswith("blocks.1.")


def _one_step(model: nn.Module) -> None:
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.1)
    loss = nn.functional.cross_entropy(model(torch.randn(4, 3, 160, 160)), torch.tensor([0, 1, 0, 1]))
    loss.backward()
    optimizer.step()


@pytest.mark.parametrize("backbone", ["test_resnet", "test_efficientnet", "test_convnext", "test_vit"])
@pytest.mark.parametrize("films", [1, AT_ONCE, 2 * AT_ONCE + 1])
def test_films_in_parts_give_what_they_give_together(backbone: str, films: int) -> None:
    torch.manual_seed(0)
    model = build_classifier(config(backbone), 3).eval()
    images, given = torch.randn(films, 3, 160, 160), []
    model.backbone.register_forward_hook(lambda _m, inputs, _out: given.append(inputs[0]))
    with torch.inference_mode():
        found, expected = forward_films(model, images), model(images)
    assert torch.allclose(found, expected, atol=1e-5)
    assert all(len(part) <= AT_ONCE * torch.get_num_threads() for part in given[:-1])
    assert all(part.is_contiguous(memory_format=torch.channels_last) for part in given[:-1])


def test_features_need_no_parts() -> None:
    model = build_classifier(config("test_resnet"), 3).eval()
    features = torch.randn(9, model.head[1].in_features)
    assert torch.equal(forward_films(model.head, features), model.head(features))
