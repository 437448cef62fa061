"""Export: the file predicts what the model predicts, describes its use, and is not kept if it differs."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fxkit.config import ModelConfig
from fxkit.data.preprocessing import Preprocessing
from fxkit.errors import RunError
from fxkit.models import export
from fxkit.models.classifier import build_classifier
from fxkit.models.export import (
    TOLERANCE,
    describe_export,
    export_model,
    measure_difference,
    select_check_films,
    write_exported,
)
from fxkit.models.exported import FORMATS, ExportedCard, load_exported
from fxkit.models.model_json import ModelCard
from fxkit.models.run_folder import Run
from fxkit.models.saved import Model, load_model
from preprocess.errors import OutputError

CLASSES = ("a", "b", "c")


def build_model(backbone: str, size: int, **args: object) -> Model:
    torch.manual_seed(0)
    config = ModelConfig(backbone=backbone, pretrained=False, hidden=16, args=args)
    classifier = build_classifier(config, len(CLASSES), load=False, image_size=size).eval()
    preprocessing = Preprocessing(size, "pad", (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    bias = tuple(0.3 * i for i in range(len(CLASSES)))
    card = ModelCard(CLASSES, config, preprocessing, None, threshold=0.3, temperature=0.05, bias=bias)
    return Model(classifier, card)


def random_films(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size), np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("file_format", FORMATS)
def test_an_export_predicts_what_the_model_predicts(
    trained: Run, exported: Path, tmp_path: Path, file_format: str
) -> None:
    if file_format == "openvino":
        pytest.importorskip("openvino")
    export = export_model(trained.folder, file_format, tmp_path / f"model{FORMATS[file_format]}")
    assert export.from_run
    assert export.n_films == 12
    assert export.difference < 1e-5
    network, onnx_network = load_exported(export.path), load_exported(exported)
    assert network.card == onnx_network.card
    films = random_films(5, 64)
    assert np.allclose(network.probabilities(films), onnx_network.probabilities(films), atol=1e-5)


def test_an_export_contains_no_path_of_this_machine(exported: Path, trained: Run) -> None:
    content = exported.read_bytes()
    for folder in (Path(export.__file__).parent, trained.root, trained.folder, Path(torch.__file__).parent.parent):
        assert str(folder).encode() not in content


def test_the_export_contains_temperature_bias_and_normalisation(tmp_path: Path, trained: Run) -> None:
    model = build_model("test_resnet", 64)
    card = replace(describe_export(trained.folder, model), classes=CLASSES)
    file = tmp_path / "a.onnx"
    write_exported(model, card, "onnx", file)
    films = random_films(7, 64)
    assert measure_difference(model, file, films) < 1e-5
    other_temperature = Model(model.classifier, replace(model.card, temperature=1.0))
    assert measure_difference(other_temperature, file, films) > TOLERANCE
    other_bias = Model(model.classifier, replace(model.card, bias=()))
    assert measure_difference(other_bias, file, films) > TOLERANCE
    assert load_exported(file).card.bias == card.bias
    preprocessing = replace(model.card.preprocessing, mean=(0.0, 0.0, 0.0))
    other_mean = Model(model.classifier, replace(model.card, preprocessing=preprocessing))
    assert measure_difference(other_mean, file, films) > 1e-4


SWIN = {"embed_dim": 16, "depths": [1, 1, 2, 1], "num_heads": [1, 1, 2, 2], "window_size": 2}
FAMILIES: dict[str, dict[str, object]] = {
    "test_resnet": {},
    "test_efficientnet": {},
    "mobilenetv2_100": {},
    "densenet121": {"block_config": [2, 2, 2, 2], "growth_rate": 8},
    "test_convnext": {},
    "swin_tiny_patch4_window7_224": SWIN,
    "test_vit": {},
    "test_maxvit": {},
}


@pytest.mark.slow
@pytest.mark.parametrize("backbone", FAMILIES)
@pytest.mark.parametrize("file_format", FORMATS)
def test_backbones_of_all_families_can_be_exported(
    backbone: str, file_format: str, trained: Run, tmp_path: Path
) -> None:
    if file_format == "openvino":
        pytest.importorskip("openvino")
    model = build_model(backbone, 64, **FAMILIES[backbone])
    path = tmp_path / f"model{FORMATS[file_format]}"
    write_exported(model, describe_export(trained.folder, model), file_format, path)
    assert measure_difference(model, path, random_films(5, 64)) < 1e-4


class Branching(nn.Module):
    """Treats blank films differently, which cannot be exported."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.inner = classifier

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.inner(images)
        return logits + torch.tensor([9.0, 0.0]) if float(images.std()) > 0 else logits


@pytest.fixture
def branching(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(folder: Path) -> Model:
        model = load_model(folder)
        return Model(Branching(model.classifier), model.card)  # type: ignore[arg-type]

    monkeypatch.setattr(export, "load_model", load)


def test_an_export_that_differs_is_refused_and_deleted(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_other_model(model: Model, card: ExportedCard, file_format: str, path: Path) -> None:
        other = Model(model.classifier, replace(model.card, temperature=0.01))
        write_exported(other, card, file_format, path)

    monkeypatch.setattr(export, "write_exported", write_other_model)
    expected = (
        r"model\.onnx: not kept: its probabilities differ by up to 0\.\d+ from .* over 12 films; expected at most"
    )
    with pytest.raises(RunError, match=expected):
        export_model(trained.folder, "onnx", tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("branching")
def test_a_network_that_cannot_be_exported_is_refused(trained: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"test_resnet: cannot be exported as onnx \(.+\); try openvino"):
        export_model(trained.folder, "onnx", tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_probabilities_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(RunError, match=r"differ by up to nan from the model's over 3 films"):
        export._check_difference(Path("model.onnx"), float("nan"), 3)


def test_synthetic_films_replace_missing_films_of_the_run(run_folder: Path, tmp_path: Path) -> None:
    manifest = json.loads((run_folder / "manifest.json").read_text())
    (run_folder / "manifest.json").write_text(json.dumps(manifest | {"root": str(tmp_path / "gone")}))
    films, from_run = select_check_films(run_folder, load_model(run_folder))
    assert not from_run
    assert films.shape == (8, 64, 64)
    assert len({film.tobytes() for film in films}) == 8


def test_a_file_name_with_a_wrong_ending_is_refused(trained: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"model\.pt: expected a name that ends in \.onnx for onnx; correct --out"):
        export_model(trained.folder, "onnx", tmp_path / "model.pt")


def test_an_unwritable_folder_is_reported(trained: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"model\.onnx: cannot be written \(.+\); free some space or choose another"):
        export_model(trained.folder, "onnx", tmp_path / "file" / "model.onnx")
