"""The classifier and its trainable stages, for each family of backbones; ensembles."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from fxkit.config import ModelConfig
from fxkit.data.preprocessing import Preprocessing
from fxkit.errors import ConfigError, RunError
from fxkit.explain.explain import ExplainOptions, explain
from fxkit.explain.films import Film
from fxkit.explain.maps import find_target_layer, heat_map
from fxkit.models.classifier import (
    FILMS_PER_THREAD,
    Classifier,
    Ensemble,
    build_classifier,
    default_finetune_stage,
    forward_films,
    set_train_mode,
    set_trainable,
)
from fxkit.models.model_json import ModelCard, write_card
from fxkit.models.predict_records import predict_tensor
from fxkit.models.run_folder import read_json, write_json
from fxkit.models.saved import Model, load_model, save_model
from preprocess.images import write_image

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
def test_logits_have_one_column_per_class(backbone: str) -> None:
    model = build_classifier(config(backbone), 5).eval()
    assert model(torch.zeros(2, 3, 160, 160)).shape == (2, 5)


def test_transformers_accept_another_image_size() -> None:
    model = build_classifier(config("test_vit"), 2, image_size=96).eval()
    assert model(torch.zeros(1, 3, 96, 96)).shape == (1, 2)


@pytest.mark.parametrize(("backbone", "stage"), (STAGES | LARGE).items())
def test_the_default_first_stage_to_fine_tune(backbone: str, stage: str) -> None:
    assert default_finetune_stage(build_classifier(config(backbone), 2).backbone) == stage


@pytest.mark.parametrize("backbone", STAGES)
def test_a_step_changes_only_trainable_weights_and_statistics(backbone: str) -> None:
    torch.manual_seed(0)
    model = build_classifier(config(backbone), 2)
    stage = default_finetune_stage(model.backbone)
    set_trainable(model, stage)
    set_train_mode(model)
    before = {key: tensor.clone() for key, tensor in model.backbone.state_dict().items()}
    _one_step(model)
    changed = [key for key, tensor in model.backbone.state_dict().items() if not torch.equal(tensor, before[key])]
    names = list(before)
    first = next(i for i, key in enumerate(names) if key.startswith(f"{stage}."))
    assert changed
    assert min(names.index(key) for key in changed) >= first


def test_training_the_head_does_not_change_the_backbone() -> None:
    model = build_classifier(config("test_resnet"), 2)
    set_trainable(model, None)
    set_train_mode(model)
    backbone = {key: tensor.clone() for key, tensor in model.backbone.state_dict().items()}
    head = {key: tensor.clone() for key, tensor in model.head.state_dict().items()}
    _one_step(model)
    assert all(torch.equal(tensor, backbone[key]) for key, tensor in model.backbone.state_dict().items())
    assert not any(torch.equal(tensor, head[key]) for key, tensor in model.head.state_dict().items())


def test_an_unknown_stage_is_refused_with_the_modules() -> None:
    model = build_classifier(config("test_resnet"), 2)
    with pytest.raises(ConfigError, match=r"model.finetune_from = 'layer9'.*expected one of conv1.*layer4"):
        set_trainable(model, "layer9")


def test_a_stage_name_does_not_match_longer_names() -> None:
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
@pytest.mark.parametrize("films", [1, FILMS_PER_THREAD, 2 * FILMS_PER_THREAD + 1])
def test_small_batches_give_the_same_logits(backbone: str, films: int) -> None:
    torch.manual_seed(0)
    model = build_classifier(config(backbone), 3).eval()
    images, batches = torch.randn(films, 3, 160, 160), []
    model.backbone.register_forward_hook(lambda _m, inputs, _out: batches.append(inputs[0]))
    with torch.inference_mode():
        logits, expected = forward_films(model, images), model(images)
    assert torch.allclose(logits, expected, atol=1e-5)
    assert all(len(part) <= FILMS_PER_THREAD * torch.get_num_threads() for part in batches[:-1])
    assert all(part.is_contiguous(memory_format=torch.channels_last) for part in batches[:-1])


def test_features_are_run_in_one_batch() -> None:
    model = build_classifier(config("test_resnet"), 3).eval()
    features = torch.randn(9, model.head[1].in_features)
    assert torch.equal(forward_films(model.head, features), model.head(features))


CONFIG = ModelConfig(backbone="test_resnet", pretrained=False, hidden=16)
PLAIN = Preprocessing(64, "stretch", (0.5,) * 3, (0.25,) * 3)


def build(count: int, classes: int = 2) -> list[Classifier]:
    torch.manual_seed(0)
    return [build_classifier(CONFIG, classes).eval() for _ in range(count)]


def ensemble(count: int = 3) -> Model:
    card = ModelCard(("no", "yes"), CONFIG, PLAIN, None, members=count)
    biases = [(), (0.5, -0.5), (-1.0, 1.0)][:count]
    return Model(Ensemble(build(count), [1.0, 2.0, 0.5][:count], biases).eval(), card)


@pytest.mark.parametrize("classes", [2, 5])
def test_an_ensemble_outputs_the_log_of_the_mean_probability(classes: int) -> None:
    members = build(3, classes)
    images = torch.randn(4, 3, 64, 64)
    with torch.no_grad():
        output = Ensemble(members).eval()(images)
        mean = torch.stack([member(images).softmax(1) for member in members]).mean(0)
    torch.testing.assert_close(output.exp(), mean)
    torch.testing.assert_close(output.softmax(1), mean)


def test_an_ensemble_of_certain_but_opposite_members_is_finite() -> None:
    members = build(2)
    for member, sign in zip(members, (1.0, -1.0), strict=True):
        torch.nn.init.zeros_(member.head[-1].weight)
        member.head[-1].bias.data = torch.tensor([sign, -sign]) * 500
    output = Ensemble(members).eval()(torch.zeros(1, 3, 64, 64))
    torch.testing.assert_close(output.softmax(1), torch.tensor([[0.5, 0.5]]))


def test_each_member_has_its_own_temperature_and_bias() -> None:
    model = ensemble()
    images = torch.randn(2, 3, 64, 64)
    by_member = [predict_tensor(member, images) for member in model.members]
    assert [member.card.temperature for member in model.members] == [1.0, 2.0, 0.5]
    assert [member.card.bias for member in model.members] == [(0.0, 0.0), (0.5, -0.5), (-1.0, 1.0)]
    np.testing.assert_allclose(predict_tensor(model, images), np.mean(by_member, axis=0), atol=1e-6)


def test_a_single_model_is_its_only_member() -> None:
    model = Model(build(1)[0], ModelCard(("no", "yes"), CONFIG, PLAIN, None))
    assert model.members == [model]


def test_a_saved_ensemble_is_loaded_unchanged(tmp_path: Path) -> None:
    model = ensemble()
    save_model(tmp_path, model)
    loaded = load_model(tmp_path)
    assert read_json(tmp_path / "model.json")["members"] == 3
    assert loaded.card == replace(model.card, weights_sha256=loaded.card.weights_sha256)
    images = torch.randn(2, 3, 64, 64)
    assert np.array_equal(predict_tensor(loaded, images), predict_tensor(model, images))


def test_an_ensemble_of_version_0_1_has_no_biases(tmp_path: Path) -> None:
    model = ensemble()
    save_model(tmp_path, model)
    state = {k: v for k, v in load_file(tmp_path / "model.safetensors").items() if k != "biases"}
    save_file(state, tmp_path / "model.safetensors")
    write_card(tmp_path, model.card)
    assert [member.card.bias for member in load_model(tmp_path).members] == [(0.0, 0.0)] * 3


def test_a_wrong_number_of_members_is_refused(tmp_path: Path) -> None:
    save_model(tmp_path, ensemble())
    write_json(tmp_path / "model.json", read_json(tmp_path / "model.json") | {"members": 2})
    with pytest.raises(RunError, match=r"model\.safetensors: does not fit model\.json"):
        load_model(tmp_path)
    write_json(tmp_path / "model.json", read_json(tmp_path / "model.json") | {"members": 0})
    with pytest.raises(RunError, match=r"model\.json: not a model description .*members: "):
        load_model(tmp_path)


def test_the_heat_map_of_an_ensemble_is_the_mean_over_members(tmp_path: Path) -> None:
    model = replace(ensemble(), card=replace(ensemble().card, classes=("a", "b")))
    film = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    write_image(tmp_path / "film.png", film)
    mask = np.zeros((64, 64), bool)
    mask[:32] = True
    films = [Film(tmp_path / "film.png", "film", mask=mask)]
    row = explain(model, films, tmp_path / "cam", ExplainOptions(device="cpu")).rows[0]
    image = torch.tensor(film / 255.0, dtype=torch.float32).sub(0.5).div(0.25).expand(3, -1, -1)
    index = model.card.classes.index(row.predicted)
    heats = [heat_map(member, image, index, [find_target_layer(member)]) for member in model.members]
    heat = np.mean(heats, axis=0)
    assert row.marker_attention_share == pytest.approx(heat[:32].sum() / heat.sum(), abs=0.01)
    assert (tmp_path / "cam" / "0000.png").is_file()
