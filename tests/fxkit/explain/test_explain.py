"""Class activation maps with known answers, all backbone families, and the files that explain writes."""

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
from fxkit.explain.attention import Attention, measure_marker_shares, sample_chance_shares, summarise_shares
from fxkit.explain.explain import (
    COLUMNS,
    MAX_CORRELATION,
    ExplainOptions,
    correlate_maps,
    describe_summary,
    explain,
    summarise_rows,
)
from fxkit.explain.films import Film
from fxkit.explain.maps import METHODS, describe_resolution, find_target_layer, heat_map, shuffle_weights
from fxkit.models.classifier import Classifier, build_classifier
from fxkit.models.model_json import ModelCard
from fxkit.models.run_folder import Run
from fxkit.models.saved import Model, load_model
from preprocess.images import read_image

PLAIN = Preprocessing(64, "stretch", (0.5,) * 3, (0.5,) * 3)


def build_model(backbone: str, size: int = 160) -> Model:
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
def test_each_family_has_a_target_layer_and_a_map(backbone: str, layer: str, cells: tuple[int, int]) -> None:
    model = build_model(backbone)
    target = find_target_layer(model)
    assert (target.name, target.cells) == (layer, cells)
    heat = heat_map(model, torch.randn(3, 160, 160), 1, [target])
    assert heat.shape == (160, 160)
    assert np.isfinite(heat).all()
    assert 0 <= heat.min() <= heat.max() <= 1


@pytest.mark.slow
def test_the_channels_last_output_of_swin_is_permuted() -> None:
    model = build_model("swin_tiny_patch4_window7_224", 224)
    target = find_target_layer(model)
    assert (target.name, target.cells) == ("layers.3", (7, 7))
    assert heat_map(model, torch.randn(3, 224, 224), 0, [target]).shape == (224, 224)


class Bright(nn.Module):
    """A backbone whose only feature is the mean brightness of 8 x 8 px cells, so its map must lie on bright areas."""

    num_features = 1

    def __init__(self) -> None:
        super().__init__()
        self.stage = nn.Conv2d(3, 1, 8, stride=8, bias=False)
        nn.init.constant_(self.stage.weight, 1 / 192)
        self.feature_info = [{"module": "stage", "reduction": 8}]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.stage(images).mean(dim=(2, 3))


def build_bright_model() -> Model:
    head = nn.Linear(1, 2, bias=False)
    head.weight.data = torch.tensor([[-1.0], [1.0]])
    config = ModelConfig(backbone="test_resnet", pretrained=False)
    return Model(Classifier(Bright(), head).eval(), ModelCard(("dark", "bright"), config, PLAIN, None))


def test_the_map_lies_on_the_area_that_determines_the_score() -> None:
    model = build_bright_model()
    image = torch.zeros(3, 64, 64)
    image[:, 8:24, 40:56] = 1.0
    heat = heat_map(model, image, 1, [find_target_layer(model)])
    mask = np.zeros((64, 64), bool)
    mask[4:28, 36:60] = True
    area, attention = measure_marker_shares(heat, mask, PLAIN)
    assert area == pytest.approx(24 * 24 / 64**2)
    assert attention is not None
    assert attention > 0.95


def test_a_map_leaves_weights_and_gradients_unchanged() -> None:
    model = build_model("test_resnet")
    before = {key: tensor.clone() for key, tensor in model.classifier.state_dict().items()}
    for parameter in model.classifier.backbone.parameters():
        parameter.requires_grad_(False)
    heat_map(model, torch.randn(3, 160, 160), 0, [find_target_layer(model)])
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.classifier.state_dict().items())
    assert all(p.grad is None for p in model.classifier.parameters())
    assert not any(p.requires_grad for p in model.classifier.backbone.parameters())


def test_a_uniform_map_has_equal_shares_of_area_and_attention() -> None:
    mask = np.zeros((128, 32), bool)
    mask[:32, :16] = True
    area, attention = measure_marker_shares(np.ones((64, 64), np.float32), mask, PLAIN)
    assert area == pytest.approx(0.125)
    assert attention == pytest.approx(0.125)


def test_padding_counts_for_neither_share() -> None:
    padded = Preprocessing(64, "pad", (0.5,) * 3, (0.5,) * 3)
    mask = np.zeros((128, 64), bool)
    mask[:64] = True
    area, attention = measure_marker_shares(np.ones((64, 64), np.float32), mask, padded)
    assert area == pytest.approx(0.5)
    assert attention == pytest.approx(0.5)


def test_an_empty_map_has_no_attention_share() -> None:
    assert measure_marker_shares(np.zeros((64, 64), np.float32), np.ones((9, 9), bool), PLAIN) == (1.0, None)


class Flat(nn.Module):
    """A backbone whose last stage has no spatial positions."""

    num_features = 3

    def __init__(self) -> None:
        super().__init__()
        self.stage = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.weight = nn.Parameter(torch.ones(1))
        self.feature_info = [{"module": "stage", "reduction": 32}]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.stage(images) * self.weight


def test_an_output_without_spatial_positions_is_refused() -> None:
    config = ModelConfig(backbone="test_resnet", pretrained=False)
    model = Model(Classifier(Flat(), nn.Linear(3, 2)).eval(), ModelCard(("a", "b"), config, PLAIN, None))
    with pytest.raises(
        ConfigError, match=r"Flat: layer stage gives an output of shape \(1, 3\).*choose a backbone of the .* family"
    ):
        find_target_layer(model)


def test_explain_writes_pictures_a_contact_sheet_and_a_table(trained: Run, tmp_path: Path) -> None:
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
    written = json.loads((tmp_path / "attention.json").read_text())
    assert (written["method"], written["n_films"], written["pointing"], written["sanity"]) == (
        "grad-cam",
        3,
        None,
        None,
    )


def test_explain_compares_maps_with_shuffled_weights_and_boxes(trained: Run, tmp_path: Path) -> None:
    record = trained.records[0]
    boxes = np.ones(read_image(trained.root / record.path).shape[:2], bool)
    film = Film(trained.root / record.path, record.path, record.label, group=record.group, boxes=boxes)
    explanation = explain(build_model("test_resnet"), [film], tmp_path, ExplainOptions(sanity=True))
    summary = explanation.summary
    assert summary.sanity is not None
    assert -1 <= summary.sanity <= 1
    assert summary.pointing is not None
    assert (summary.pointing.n_films, summary.pointing.strict.value, summary.pointing.strict_chance) == (1, 1.0, 1.0)
    assert json.loads((tmp_path / "attention.json").read_text())["pointing"]["strict_chance"] == 1.0


def test_a_mask_of_another_size_is_ignored(trained: Run, tmp_path: Path) -> None:
    record = trained.records[0]
    film = Film(trained.root / record.path, record.path, record.label, np.ones((9, 9), bool))
    assert explain(load_model(trained.folder), [film], tmp_path).rows[0].marker_area_share is None


def test_films_are_cleaned_before_they_are_explained(trained: Run, tmp_path: Path) -> None:
    shapes = []

    def clean(image: np.ndarray) -> tuple[np.ndarray, int]:
        shapes.append(image.shape)
        return np.zeros_like(image), 1

    record = trained.records[0]
    explain(
        load_model(trained.folder),
        [Film(trained.root / record.path, record.path)],
        tmp_path,
        ExplainOptions(clean=clean),
    )
    assert len(shapes) == 1
    assert read_image(tmp_path / "0000.png")[44:, :224].max() == 0


def test_the_stamp_is_drawn_above_each_picture(trained: Run, tmp_path: Path) -> None:
    record = trained.records[0]
    films = [Film(trained.root / record.path, record.path)]
    explain(load_model(trained.folder), films, tmp_path / "plain")
    stamp = "leaking split: of 1020 test files, 412 (40 %) are copies of a training film and 30 (3 %) are other films"
    explain(load_model(trained.folder), films, tmp_path / "stamped", ExplainOptions(stamp=stamp))
    for name, copies in (("0000.png", 1), ("sheet.png", 2)):
        plain, stamped = (read_image(tmp_path / kind / name) for kind in ("plain", "stamped"))
        assert stamped.shape[0] - plain.shape[0] == 40  # two lines
        width = stamped.shape[1] // copies
        assert (stamped[:40, :width] == (176, 0, 32)).all(axis=2).any()
        assert np.array_equal(stamped[40:], plain)


CHANCE = np.tile([0.02, 0.02], (4, 1))


def describe(rows: list[Attention], sanity: float | None = None) -> list[str]:
    return describe_summary(summarise_rows(rows, method="grad-cam", layer="layer4", resolution="7 x 7", sanity=sanity))


def test_the_text_compares_attention_with_area_and_chance() -> None:
    rows = [Attention("x", "", "a", 0.9, 0.02, 0.06, chance=CHANCE), Attention("y", "", "a", 0.9, None, None)]
    rows += [Attention("z", "", "a", 0.9, 0.5, None), Attention("bare", "", "a", 0.9, 0.0, 0.0)]
    lines = describe(rows)
    assert lines[0] == "4 films, 2 with known markers; grad-cam, layer layer4"
    assert lines[2] == "1 map is empty: no region supports the predicted class"
    assert "of the attention; ratio 3.0 (too few groups for an interval; the same shapes" in lines[3]
    assert "markers cover 2.00% of the area and receive 6.00% of the attention" in lines[3]
    assert lines[3].endswith("the same shapes at random positions: 1.0 to 1.0): more than by chance")


def test_shares_are_reported_by_class_and_by_correctness() -> None:
    rows = [
        Attention(f"{i}", "ab"[i % 2], "a", 0.9, 0.02, 0.02 if i % 2 else 0.1, group=f"g{i}", chance=CHANCE)
        for i in range(8)
    ]
    shares = {share.name: share for share in summarise_shares(rows)}
    assert set(shares) == {"all films with markers", "a", "b", "correct predictions", "wrong predictions"}
    assert shares["a"].ratio == pytest.approx(5)
    assert shares["b"].ratio == pytest.approx(1)
    assert (shares["b"].n_films, shares["b"].n_groups, shares["b"].verdict) == (4, 4, "as by chance")
    everything = shares["all films with markers"]
    assert everything.low < 3 < everything.high
    limits = f"ratio 3.0 (95 % interval {everything.low:.1f} to {everything.high:.1f}; the same shapes"
    assert limits in describe(rows)[2]


def test_shapes_moved_over_a_uniform_map_receive_their_share_of_the_area() -> None:
    mask = np.zeros((64, 64), bool)
    mask[4:12, 4:20] = True
    moved = sample_chance_shares(np.ones((64, 64), np.float32), mask, PLAIN, 0, n_positions=50)
    assert moved is not None
    assert moved == pytest.approx(np.full((50, 2), 8 * 16 / 64**2))
    heat = np.zeros((64, 64), np.float32)
    heat[4:12, 4:20] = 1
    concentrated = sample_chance_shares(heat, mask, PLAIN, 0, n_positions=200)
    assert concentrated is not None
    assert concentrated[:, 1].mean() < 0.2  # although the whole map lies on the marker
    assert sample_chance_shares(np.zeros((64, 64), np.float32), mask, PLAIN, 0) is None
    assert sample_chance_shares(heat, np.zeros((64, 64), bool), PLAIN, 0) is None


@pytest.mark.parametrize("method", METHODS)
def test_every_method_highlights_the_bright_area(method: str) -> None:
    model = build_bright_model()
    image = torch.zeros(3, 64, 64)
    image[:, 8:24, 40:56] = 1.0
    heat = heat_map(model, image, 1, [find_target_layer(model)], method)
    assert heat[8:24, 40:56].mean() > 5 * heat.mean()


def test_shuffled_weights_keep_their_values_and_change_the_map() -> None:
    model = build_model("test_resnet")
    shuffled = shuffle_weights(model)
    for key, tensor in dict(model.classifier.named_parameters()).items():
        other = dict(shuffled.classifier.named_parameters())[key]
        assert torch.equal(tensor.flatten().sort().values, other.flatten().sort().values)
    image = torch.randn(3, 160, 160, generator=torch.Generator().manual_seed(1))
    heats = [heat_map(each, image, 0, [find_target_layer(each)]) for each in (model, shuffled)]
    correlation = correlate_maps(heats[0], heats[1], (5, 5))
    assert correlation is not None
    assert correlation < 1
    assert correlate_maps(heats[0], heats[0], (5, 5)) == pytest.approx(1)
    assert correlate_maps(heats[0], np.zeros_like(heats[0]), (5, 5)) is None


@pytest.mark.parametrize(("correlation", "words"), [(MAX_CORRELATION, "do not trust them"), (0.1, "as they should")])
def test_the_sanity_check_is_reported(correlation: float, words: str) -> None:
    assert words in describe([], correlation)[-1]


def test_the_resolution_is_described() -> None:
    layer = find_target_layer(build_model("test_resnet"))
    assert describe_resolution(layer, 160) == "the map has 5 x 5 cells; each covers 32 x 32 px of the network's input"
