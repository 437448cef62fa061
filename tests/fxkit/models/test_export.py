"""Export: every format says what the model says, tells how to use it, and is not kept where it differs."""

import json
import shutil
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
from fxkit.models.export import TOLERANCE, compare, export_model, exported_card, parity_films, write_exported
from fxkit.models.exported import FORMATS, load_exported
from fxkit.models.model_json import ModelCard
from fxkit.models.run_folder import Run
from fxkit.models.saved import Model, load_model
from preprocess.errors import OutputError

CLASSES = ("a", "b", "c")


def model_of(backbone: str, size: int, **args: object) -> Model:
    torch.manual_seed(0)
    config = ModelConfig(backbone=backbone, pretrained=False, hidden=16, args=args)
    classifier = build_classifier(config, len(CLASSES), load=False, image_size=size).eval()
    card = ModelCard(CLASSES, config, Preprocessing(size, "pad", (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)), None, 0.3, 0.05)
    return Model(classifier, card)


def films(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size), np.uint8)


@pytest.mark.parametrize("form", ["openvino", "torchscript"])
def test_every_format_says_what_the_model_says(trained: Run, exported: Path, tmp_path: Path, form: str) -> None:
    if form == "openvino":
        pytest.importorskip("openvino")
    made = export_model(trained.folder, form, tmp_path / f"model{FORMATS[form]}")
    assert made.own
    assert made.films == 12
    assert made.difference < 1e-5
    other, own = load_exported(made.path), load_exported(exported)
    assert other.card == own.card
    given = films(5, 64)
    assert np.allclose(other.probabilities(given), own.probabilities(given), atol=1e-5)


def test_an_export_holds_no_path_of_this_machine(exported: Path, trained: Run) -> None:
    held = exported.read_bytes()
    for folder in (Path(export.__file__).parent, trained.root, trained.folder, Path(torch.__file__).parent.parent):
        assert str(folder).encode() not in held


def test_the_temperature_and_the_normalisation_are_inside(tmp_path: Path, trained: Run) -> None:
    model = model_of("test_resnet", 64)
    card = replace(exported_card(trained.folder, model), classes=CLASSES)
    write_exported(model, card, "torchscript", tmp_path / "a.pt")
    given = films(7, 64)
    assert compare(model, tmp_path / "a.pt", given) < 1e-5
    warmer = Model(model.classifier, replace(model.card, temperature=1.0))
    assert compare(warmer, tmp_path / "a.pt", given) > TOLERANCE
    other = replace(model.card.preprocessing, mean=(0.0, 0.0, 0.0))
    assert compare(Model(model.classifier, replace(model.card, preprocessing=other)), tmp_path / "a.pt", given) > 1e-4


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
@pytest.mark.parametrize("form", FORMATS)
def test_backbones_of_all_kinds_are_exported(backbone: str, form: str, trained: Run, tmp_path: Path) -> None:
    if form == "openvino":
        pytest.importorskip("openvino")
    model = model_of(backbone, 64, **FAMILIES[backbone])
    path = tmp_path / f"model{FORMATS[form]}"
    write_exported(model, exported_card(trained.folder, model), form, path)
    assert compare(model, path, films(5, 64)) < 1e-4


class Branching(nn.Module):
    """Does something else with blank films, which no trace can follow."""

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


@pytest.mark.usefixtures("branching")
def test_an_export_that_differs_is_refused_and_not_left_behind(trained: Run, tmp_path: Path) -> None:
    expected = r"model\.pt: not kept: its probabilities differ by up to 0\.\d+ from .* over 12 films; expected at most"
    with pytest.raises(RunError, match=expected):
        export_model(trained.folder, "torchscript", tmp_path / "model.pt")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("branching")
def test_a_network_that_cannot_be_exported_is_refused(trained: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"test_resnet: cannot be exported as onnx \(.+\); try another of onnx"):
        export_model(trained.folder, "onnx", tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_probabilities_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(RunError, match=r"differ by up to nan from the model's over 3 films"):
        export._refuse_difference(Path("model.onnx"), float("nan"), 3)


def test_made_films_stand_in_where_the_runs_own_are_gone(trained: Run, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(trained.folder, tmp_path / "run"))
    described = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(described | {"root": str(tmp_path / "gone")}))
    found, own = parity_films(folder, load_model(folder))
    assert not own
    assert found.shape == (8, 64, 64)
    assert len({film.tobytes() for film in found}) == 8


def test_a_name_of_another_ending_is_refused(trained: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"model\.pt: expected a name that ends in \.onnx for onnx; correct --out"):
        export_model(trained.folder, "onnx", tmp_path / "model.pt")


def test_a_place_that_cannot_be_written_is_told(trained: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"model\.onnx: cannot be written \(.+\); free some space or choose another"):
        export_model(trained.folder, "onnx", tmp_path / "file" / "model.onnx")
