"""Grad-CAM: answers known beforehand, all families, and what explain writes."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from fxkit.config import ModelConfig
from fxkit.data.preprocessing import Preprocessing
from fxkit.errors import ConfigError
from fxkit.explain.attention import Attention, chance_shares, marker_share, shares_of
from fxkit.explain.explain import ALIKE, COLUMNS, Explained, explain, likeness_of, summarise
from fxkit.explain.films import Film
from fxkit.explain.maps import METHODS, find_target_layer, heat_map, randomised, resolution_of
from fxkit.models.classifier import Classifier, build_classifier
from fxkit.models.model_json import ModelCard
from fxkit.models.run_folder import Run
from fxkit.models.saved import Model, load_model
from preprocess.images import read_image

PLAIN = Preprocessing(64, "stretch", (0.5,) * 3, (0.5,) * 3)


def build(backbone: str, size: int = 160) -> Model:
    config = ModelConfig(backbone=backbone, pretrained=False, hidden=8)
    preprocessing = Preprocessing(size, "stretch", (0.5,) * 3, (0.5,) * 3)
    torch.manual_seed(0)
    classifier = build_classifier(config, 2, image_size=size).eval()
    return Model(classifier, ModelCard(("a", "b"), config, preprocessing, None))


@pytest.mark.parametrize(
    ("backbone", "layer", "cells"),
    [
        ("test_resnet", "layer4", (5, 5)),
        ("test_efficientnet", "blocks.4", (5, 5)),
        ("test_convnext", "stages.3", (5, 5)),
        ("test_vit", "blocks.5.norm1", (10, 10)),
        ("test_mambaout", "stages.3", (5, 5)),
        ("densenet121", "features.norm5", (5, 5)),
        ("mobilenetv2_100", "blocks.6", (5, 5)),
    ],
)
def test_each_family_has_its_layer_and_a_map(backbone: str, layer: str, cells: tuple[int, int]) -> None:
    model = build(backbone)
    found = find_target_layer(model)
    assert (found.name, found.cells) == (layer, cells)
    heat = heat_map(model, torch.randn(3, 160, 160), 1, [found])
    assert heat.shape == (160, 160)
    assert np.isfinite(heat).all()
    assert 0 <= heat.min() <= heat.max() <= 1


@pytest.mark.slow
def test_swin_is_brought_to_channels_first() -> None:
    model = build("swin_tiny_patch4_window7_224", 224)
    found = find_target_layer(model)
    assert (found.name, found.cells) == ("layers.3", (7, 7))
    assert heat_map(model, torch.randn(3, 224, 224), 0, [found]).shape == (224, 224)


class Bright(nn.Module):
    """A backbone whose feature is the mean brightness over 8 x 8 cells: its map must lie on what is bright."""

    num_features = 1

    def __init__(self) -> None:
        super().__init__()
        self.stage = nn.Conv2d(3, 1, 8, stride=8, bias=False)
        nn.init.constant_(self.stage.weight, 1 / 192)
        self.feature_info = [{"module": "stage", "reduction": 8}]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.stage(images).mean(dim=(2, 3))


def bright_model() -> Model:
    head = nn.Linear(1, 2, bias=False)
    head.weight.data = torch.tensor([[-1.0], [1.0]])
    config = ModelConfig(backbone="test_resnet", pretrained=False)
    return Model(Classifier(Bright(), head).eval(), ModelCard(("dark", "bright"), config, PLAIN, None))


def test_the_map_lies_where_the_score_comes_from() -> None:
    model = bright_model()
    image = torch.zeros(3, 64, 64)
    image[:, 8:24, 40:56] = 1.0
    heat = heat_map(model, image, 1, [find_target_layer(model)])
    mask = np.zeros((64, 64), bool)
    mask[4:28, 36:60] = True
    area, attention = marker_share(heat, mask, PLAIN)
    assert area == pytest.approx(24 * 24 / 64**2)
    assert attention is not None
    assert attention > 0.95


def test_explaining_leaves_weights_and_gradients_alone() -> None:
    model = build("test_resnet")
    before = {key: tensor.clone() for key, tensor in model.classifier.state_dict().items()}
    for parameter in model.classifier.backbone.parameters():
        parameter.requires_grad_(False)
    heat_map(model, torch.randn(3, 160, 160), 0, [find_target_layer(model)])
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.classifier.state_dict().items())
    assert all(p.grad is None for p in model.classifier.parameters())
    assert not any(p.requires_grad for p in model.classifier.backbone.parameters())


def test_an_even_map_has_the_markers_share_of_the_area() -> None:
    mask = np.zeros((128, 32), bool)
    mask[:32, :16] = True
    area, attention = marker_share(np.ones((64, 64), np.float32), mask, PLAIN)
    assert area == pytest.approx(0.125)
    assert attention == pytest.approx(0.125)


def test_padding_counts_for_neither_share() -> None:
    padded = Preprocessing(64, "pad", (0.5,) * 3, (0.5,) * 3)
    mask = np.zeros((128, 64), bool)
    mask[:64] = True
    area, attention = marker_share(np.ones((64, 64), np.float32), mask, padded)
    assert area == pytest.approx(0.5)
    assert attention == pytest.approx(0.5)


def test_an_empty_map_has_no_share() -> None:
    assert marker_share(np.zeros((64, 64), np.float32), np.ones((9, 9), bool), PLAIN) == (1.0, None)


class Flat(nn.Module):
    """A backbone whose last stage has lost all place."""

    num_features = 3

    def __init__(self) -> None:
        super().__init__()
        self.stage = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.weight = nn.Parameter(torch.ones(1))
        self.feature_info = [{"module": "stage", "reduction": 32}]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.stage(images) * self.weight


def test_an_output_without_place_is_refused() -> None:
    config = ModelConfig(backbone="test_resnet", pretrained=False)
    model = Model(Classifier(Flat(), nn.Linear(3, 2)).eval(), ModelCard(("a", "b"), config, PLAIN, None))
    with pytest.raises(ConfigError, match=r"Flat: layer stage gives an output of shape \(1, 3\).*families"):
        find_target_layer(model)


def test_explain_writes_pictures_a_sheet_and_a_table(trained: Run, tmp_path: Path) -> None:
    records = trained.records[:3]
    mask = np.zeros(read_image(trained.root / records[0].path).shape[:2], bool)
    mask[:20, :20] = True
    films = [Film(trained.root / r.path, r.path, r.label) for r in records]
    films[0] = Film(films[0].path, films[0].name, films[0].label, mask)
    rows = explain(load_model(trained.folder), films, tmp_path).rows
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "0000.png",
        "0001.png",
        "0002.png",
        "attention.csv",
        "attention.json",
        "sheet.png",
    ]
    panel, sheet = read_image(tmp_path / "0000.png"), read_image(tmp_path / "sheet.png")
    assert panel.shape[1] == 3 * 224
    assert sheet.shape[:2] == (2 * panel.shape[0], 2 * panel.shape[1])
    with (tmp_path / "attention.csv").open() as file:
        table = list(csv.DictReader(file))
    assert tuple(table[0]) == COLUMNS
    assert float(table[0]["marker_area_share"]) == pytest.approx(rows[0].marker_area_share)
    assert table[1]["marker_area_share"] == ""
    told = json.loads((tmp_path / "attention.json").read_text())
    assert (told["method"], told["n_films"], told["pointing"], told["sanity"]) == ("grad-cam", 3, None, None)


def test_explain_compares_with_shuffled_weights_and_boxes(trained: Run, tmp_path: Path) -> None:
    record = trained.records[0]
    boxes = np.ones(read_image(trained.root / record.path).shape[:2], bool)
    film = Film(trained.root / record.path, record.path, record.label, group=record.group, boxes=boxes)
    found = explain(build("test_resnet"), [film], tmp_path, sanity=True)
    assert found.sanity is not None
    assert -1 <= found.sanity <= 1
    assert found.pointing is not None
    assert (found.pointing.n_films, found.pointing.strict.value, found.pointing.strict_chance) == (1, 1.0, 1.0)
    assert json.loads((tmp_path / "attention.json").read_text())["pointing"]["strict_chance"] == 1.0


def test_a_mask_of_another_size_is_another_films(trained: Run, tmp_path: Path) -> None:
    record = trained.records[0]
    film = Film(trained.root / record.path, record.path, record.label, np.ones((9, 9), bool))
    assert explain(load_model(trained.folder), [film], tmp_path).rows[0].marker_area_share is None


def test_films_are_cleaned_first_where_asked(trained: Run, tmp_path: Path) -> None:
    seen = []

    def clean(image: np.ndarray) -> tuple[np.ndarray, int]:
        seen.append(image.shape)
        return np.zeros_like(image), 1

    record = trained.records[0]
    explain(load_model(trained.folder), [Film(trained.root / record.path, record.path)], tmp_path, clean=clean)
    assert len(seen) == 1
    assert read_image(tmp_path / "0000.png")[44:, :224].max() == 0


def test_pictures_bear_the_stamp_above_them(trained: Run, tmp_path: Path) -> None:
    record = trained.records[0]
    films = [Film(trained.root / record.path, record.path)]
    explain(load_model(trained.folder), films, tmp_path / "plain")
    stamp = "leaking split: of 1020 test files, 412 (40 %) are copies of a training film and 30 (3 %) are other films"
    explain(load_model(trained.folder), films, tmp_path / "stamped", stamp=stamp)
    for name, copies in (("0000.png", 1), ("sheet.png", 2)):
        plain, stamped = (read_image(tmp_path / kind / name) for kind in ("plain", "stamped"))
        assert stamped.shape[0] - plain.shape[0] == 40  # two lines
        width = stamped.shape[1] // copies
        assert (stamped[:40, :width] == (176, 0, 32)).all(axis=2).any()
        assert np.array_equal(stamped[40:], plain)


CHANCE = np.tile([0.02, 0.02], (4, 1))


def summary(rows: list[Attention], sanity: float | None = None) -> list[str]:
    return summarise(Explained("grad-cam", "layer4", "7 x 7", tuple(rows), tuple(shares_of(rows)), None, sanity))


def test_the_summary_compares_attention_with_area_and_chance() -> None:
    rows = [Attention("x", "", "a", 0.9, 0.02, 0.06, chance=CHANCE), Attention("y", "", "a", 0.9, None, None)]
    rows += [Attention("z", "", "a", 0.9, 0.5, None), Attention("bare", "", "a", 0.9, 0.0, 0.0)]
    lines = summary(rows)
    assert lines[0] == "4 films, 2 of them with known markers; grad-cam at layer4"
    assert lines[2] == "1 maps are empty: nothing speaks for the predicted class"
    assert "markers take 2.00% of the area and 6.00% of the attention: 3.0 x" in lines[3]
    assert lines[3].endswith("the same shapes anywhere: 1.0 to 1.0 x): more than by chance")


def test_shares_are_told_by_class_and_by_decision() -> None:
    rows = [
        Attention(f"{i}", "ab"[i % 2], "a", 0.9, 0.02, 0.02 if i % 2 else 0.1, group=f"g{i}", chance=CHANCE)
        for i in range(8)
    ]
    found = {share.name: share for share in shares_of(rows)}
    assert set(found) == {"all films with markers", "a", "b", "decided rightly", "decided wrongly"}
    assert found["a"].ratio == pytest.approx(5)
    assert found["b"].ratio == pytest.approx(1)
    assert (found["b"].n_films, found["b"].n_groups, found["b"].verdict) == (4, 4, "as by chance")
    assert found["all films with markers"].low < 3 < found["all films with markers"].high


def test_shapes_moved_over_an_even_map_have_their_share_of_the_area() -> None:
    mask = np.zeros((64, 64), bool)
    mask[4:12, 4:20] = True
    moved = chance_shares(np.ones((64, 64), np.float32), mask, PLAIN, 0, places=50)
    assert moved is not None
    assert moved == pytest.approx(np.full((50, 2), 8 * 16 / 64**2))
    heat = np.zeros((64, 64), np.float32)
    heat[4:12, 4:20] = 1
    found = chance_shares(heat, mask, PLAIN, 0, places=200)
    assert found is not None
    assert found[:, 1].mean() < 0.2  # though all of the map lies on the marker itself
    assert chance_shares(np.zeros((64, 64), np.float32), mask, PLAIN, 0) is None
    assert chance_shares(heat, np.zeros((64, 64), bool), PLAIN, 0) is None


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_what_is_bright(method: str) -> None:
    model = bright_model()
    image = torch.zeros(3, 64, 64)
    image[:, 8:24, 40:56] = 1.0
    heat = heat_map(model, image, 1, [find_target_layer(model)], method)
    assert heat[8:24, 40:56].mean() > 5 * heat.mean()


def test_shuffled_weights_keep_their_values_and_change_the_maps() -> None:
    model = build("test_resnet")
    bare = randomised(model)
    for key, tensor in dict(model.classifier.named_parameters()).items():
        other = dict(bare.classifier.named_parameters())[key]
        assert torch.equal(tensor.flatten().sort().values, other.flatten().sort().values)
    image = torch.randn(3, 160, 160, generator=torch.Generator().manual_seed(1))
    heats = [heat_map(each, image, 0, [find_target_layer(each)]) for each in (model, bare)]
    alike = likeness_of(heats[0], heats[1], (5, 5))
    assert alike is not None
    assert alike < 1
    assert likeness_of(heats[0], heats[0], (5, 5)) == pytest.approx(1)
    assert likeness_of(heats[0], np.zeros_like(heats[0]), (5, 5)) is None


@pytest.mark.parametrize(("likeness", "words"), [(ALIKE, "do not trust them"), (0.1, "as they should")])
def test_the_sanity_check_is_told(likeness: float, words: str) -> None:
    assert words in summary([], likeness)[-1]


def test_the_resolution_is_told() -> None:
    layer = find_target_layer(build("test_resnet"))
    assert resolution_of(layer, 160) == "the map has 5 x 5 cells: one covers 32 x 32 px of the network's input"
