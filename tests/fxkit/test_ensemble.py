"""The ensemble: it gives the mean of its members' probabilities, through the model file and through prediction."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fxkit.cam import explain
from fxkit.cam_maps import find_target_layer, heat_map
from fxkit.config import ModelConfig
from fxkit.data.transforms import Preprocessing
from fxkit.ensemble import Ensemble
from fxkit.errors import RunError
from fxkit.explained import Film
from fxkit.inference import predict_tensor
from fxkit.model import Classifier, build_classifier
from fxkit.run import Model, ModelCard, load_model, read_json, save_model, write_json
from preprocess.images import write_image

CONFIG = ModelConfig(backbone="test_resnet", pretrained=False, hidden=16)
PLAIN = Preprocessing(64, "stretch", (0.5,) * 3, (0.25,) * 3)


def build(count: int, classes: int = 2) -> list[Classifier]:
    torch.manual_seed(0)
    return [build_classifier(CONFIG, classes).eval() for _ in range(count)]


def ensemble(count: int = 3) -> Model:
    card = ModelCard(("no", "yes"), CONFIG, PLAIN, None, members=count)
    return Model(Ensemble(build(count), [1.0, 2.0, 0.5][:count]).eval(), card)


@pytest.mark.parametrize("classes", [2, 5])
def test_the_output_is_the_log_of_the_mean_probability(classes: int) -> None:
    members = build(3, classes)
    images = torch.randn(4, 3, 64, 64)
    with torch.no_grad():
        found = Ensemble(members).eval()(images)
        mean = torch.stack([member(images).softmax(1) for member in members]).mean(0)
    torch.testing.assert_close(found.exp(), mean)
    torch.testing.assert_close(found.softmax(1), mean)


def test_members_that_are_sure_of_opposites_leave_numbers() -> None:
    members = build(2)
    for member, sign in zip(members, (1.0, -1.0), strict=True):
        torch.nn.init.zeros_(member.head[-1].weight)
        member.head[-1].bias.data = torch.tensor([sign, -sign]) * 500
    found = Ensemble(members).eval()(torch.zeros(1, 3, 64, 64))
    torch.testing.assert_close(found.softmax(1), torch.tensor([[0.5, 0.5]]))


def test_each_member_keeps_its_temperature() -> None:
    model = ensemble()
    images = torch.randn(2, 3, 64, 64)
    each = [predict_tensor(member, images) for member in model.members]
    assert [member.card.temperature for member in model.members] == [1.0, 2.0, 0.5]
    np.testing.assert_allclose(predict_tensor(model, images), np.mean(each, axis=0), atol=1e-6)


def test_a_single_model_is_its_own_member() -> None:
    model = Model(build(1)[0], ModelCard(("no", "yes"), CONFIG, PLAIN, None))
    assert model.members == [model]


def test_it_comes_back_from_its_files(tmp_path: Path) -> None:
    model = ensemble()
    save_model(tmp_path, model)
    again = load_model(tmp_path)
    assert read_json(tmp_path / "model.json")["members"] == 3
    assert again.card == model.card
    images = torch.randn(2, 3, 64, 64)
    assert np.array_equal(predict_tensor(again, images), predict_tensor(model, images))


def test_a_number_of_members_that_does_not_fit_is_told(tmp_path: Path) -> None:
    save_model(tmp_path, ensemble())
    write_json(tmp_path / "model.json", read_json(tmp_path / "model.json") | {"members": 2})
    with pytest.raises(RunError, match=r"model\.safetensors: does not fit model\.json"):
        load_model(tmp_path)
    write_json(tmp_path / "model.json", read_json(tmp_path / "model.json") | {"members": 0})
    with pytest.raises(RunError, match=r"model\.json: not a model description .*0 members; expected 1 or more"):
        load_model(tmp_path)


def test_its_map_is_the_mean_of_the_members_maps(tmp_path: Path) -> None:
    model = replace(ensemble(), card=replace(ensemble().card, classes=("a", "b")))
    film = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    write_image(tmp_path / "film.png", film)
    mask = np.zeros((64, 64), bool)
    mask[:32] = True
    row = explain(model, [Film(tmp_path / "film.png", "film", mask=mask)], tmp_path / "cam", device="cpu").rows[0]
    image = torch.tensor(film / 255.0, dtype=torch.float32).sub(0.5).div(0.25).expand(3, -1, -1)
    index = model.card.classes.index(row.predicted)
    heats = [heat_map(member, image, index, [find_target_layer(member)]) for member in model.members]
    heat = np.mean(heats, axis=0)
    assert row.marker_attention_share == pytest.approx(heat[:32].sum() / heat.sum(), abs=0.01)
    assert (tmp_path / "cam" / "0000.png").is_file()
