"""Models in timm's format: found in folders, in the hub's cache and not at all; as backbones and as classifiers."""

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.data import create_transform

from fxkit.config import load_config, write_config
from fxkit.errors import ConfigError, WeightsError
from fxkit.index.build import Index
from fxkit.models.backbones import build_backbone, build_preprocessing
from fxkit.models.export import export_model
from fxkit.models.given.open import open_model
from fxkit.models.given.options import GivenOptions
from fxkit.models.hub import find_hub_model, resolve_backbone
from fxkit.models.predict_images import predict_films
from fxkit.models.run_folder import open_run, read_run_config
from fxkit.models.saved import load_model
from fxkit.training.train import train
from preprocess.errors import KnownError, one_line

ARCHITECTURE = "mobilenetv3_small_050"

SETTINGS: dict[str, Any] = {
    "input_size": [3, 64, 64],
    "mean": [0.4, 0.5, 0.6],
    "std": [0.2, 0.25, 0.3],
    "crop_pct": 1.0,
    "crop_mode": "squash",
}


def write_model(folder: Path, **changes: Any) -> torch.nn.Module:
    """Write a small network with random weights in timm's format."""
    torch.manual_seed(0)
    model = timm.create_model(ARCHITECTURE, num_classes=2)
    folder.mkdir()
    save_file(model.state_dict(), folder / "model.safetensors")
    names = ["normal", "fractured"]
    config = {"architecture": ARCHITECTURE, "num_classes": 2, "label_names": names, "pretrained_cfg": SETTINGS}
    (folder / "config.json").write_text(json.dumps({**config, **changes}))
    return model.eval()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every connection fail at once."""

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "create_connection", refuse)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_a_folder_gives_the_probabilities_of_timm(tmp_path: Path) -> None:
    network = write_model(tmp_path / "theirs")
    model = open_model(f"local-dir:{tmp_path / 'theirs'}", device="cpu")
    films = [np.random.default_rng(n).integers(0, 256, (64, 64)).astype(np.uint8) for n in range(3)]
    transform = create_transform(
        (3, 64, 64), mean=SETTINGS["mean"], std=SETTINGS["std"], crop_mode="squash", crop_pct=1.0
    )
    with torch.no_grad():
        batch = torch.stack([transform(Image.fromarray(film).convert("RGB")) for film in films])
        expected = network(batch).softmax(1).numpy()
    assert predict_films(model.network, films) == pytest.approx(expected, abs=1e-5)
    assert (model.kind, model.classes) == ("timm", ("normal", "fractured"))
    assert "input: 64 x 64 pixels, 3 channels, stretched, NCHW float32" in model.describe()


def test_a_name_in_the_cache_of_the_hub_needs_no_network(
    tmp_path: Path, no_network: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path / "theirs")
    monkeypatch.setattr(
        "huggingface_hub.try_to_load_from_cache", lambda _repository, file, **_: str(tmp_path / "theirs" / file)
    )
    assert (
        open_model("hf-hub:somebody/fractures", device="cpu").sha256
        == open_model(f"local-dir:{tmp_path / 'theirs'}", device="cpu").sha256
    )


def break_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def break_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"no tensors")


WRONG: dict[str, tuple[Any, dict[str, Any], GivenOptions, str]] = {
    "no config": (lambda f: (f / "config.json").unlink(), {}, GivenOptions(), "config.json is missing"),
    "damaged config": (break_config, {}, GivenOptions(), "its config.json cannot be read"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), {}, GivenOptions(), "model.safetensors is missing"),
    "damaged weights": (break_weights, {}, GivenOptions(), "damaged, or does not fit mobilenetv3_small_050"),
    "other network": (lambda f: None, {"architecture": "resnet18"}, GivenOptions(), "does not fit resnet18"),
    "unknown network": (lambda f: None, {"architecture": "resnet1"}, GivenOptions(), "timm has no such model"),
    "no architecture": (lambda f: None, {"architecture": None}, GivenOptions(), "names no architecture of timm"),
    "loading argument": (
        lambda f: None,
        {"model_args": {"checkpoint_path": "/x.pt"}},
        GivenOptions(),
        "has the argument 'checkpoint_path', which would load other weights",
    ),
    "unknown argument": (lambda f: None, {"model_args": {"spin": 1}}, GivenOptions(), "cannot build mobilenetv3_small"),
    "no names": (lambda f: None, {"label_names": None}, GivenOptions(), "does not name their classes; give --classes"),
    "other channels": (lambda f: None, {}, GivenOptions(channels=1), "takes 3 channels; expected 1 or 3, as"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_folder_gets_one_line(tmp_path: Path, kind: str) -> None:
    damage, changes, options, expected = WRONG[kind]
    write_model(tmp_path / "theirs", **changes)
    damage(tmp_path / "theirs")
    with pytest.raises(KnownError) as raised:
        open_model(f"local-dir:{tmp_path / 'theirs'}", options, device="cpu")
    assert expected in str(raised.value)
    assert str(raised.value) == one_line(raised.value)


@pytest.mark.parametrize("name", ["hf-hub:nobody-at-all/no-such-model", "timm:resnet18.a1_in1k"])
def test_without_a_network_one_line_says_what_to_do(name: str, no_network: None, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"the hub cannot be reached.*unreachable.*local-dir:FOLDER") as raised:
        open_model(name, GivenOptions(classes=("a", "b")), device="cpu")
    assert str(raised.value) == one_line(raised.value)


def test_a_name_that_the_hub_cannot_have_is_refused(no_network: None) -> None:
    with pytest.raises(ConfigError, match=r"is no name of a model on the hub; expected hf-hub:OWNER/NAME"):
        find_hub_model("hf-hub:a/b/c")


def test_a_backbone_is_resolved_to_timms_name_input_and_weights(tmp_path: Path) -> None:
    network = write_model(tmp_path / "theirs")
    name = f"local-dir:{tmp_path / 'theirs'}"
    config = resolve_backbone(load_config(None, [f"model.backbone={name}"]))
    assert (config.model.backbone, config.model.hub, config.data.image_size) == (ARCHITECTURE, name, 64)
    preprocessing = build_preprocessing(config.model, config.data)
    assert (preprocessing.mean, preprocessing.std) == ((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
    backbone = build_backbone(config.model.backbone, weights=config.model.weights, args=config.model.args)
    first = next(iter(backbone.state_dict().items()))
    assert torch.equal(first[1], network.state_dict()[first[0]])
    write_config(tmp_path / "config.yaml", config)
    assert read_run_config(tmp_path / "config.yaml") == config
    own = load_config(None, [f"model.backbone={name}", "model.pretrained=false", "model.mean=0.5"])
    assert resolve_backbone(own).model.weights is None
    assert resolve_backbone(own).model.mean == 0.5
    assert resolve_backbone(load_config(None, ["model.backbone=timm:resnet18"])).model.backbone == "resnet18"


def test_an_unresolved_name_says_what_to_call(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="resolve_backbone"):
        build_backbone("hf-hub:somebody/fractures")


def test_a_network_of_one_channel_is_no_backbone(tmp_path: Path) -> None:
    write_model(tmp_path / "grey", pretrained_cfg={**SETTINGS, "input_size": [1, 64, 64]})
    with pytest.raises(ConfigError, match="takes 1 channel"):
        resolve_backbone(load_config(None, [f"model.backbone=local-dir:{tmp_path / 'grey'}"]))


@pytest.mark.slow
def test_a_run_on_such_a_backbone_needs_the_folder_no_more(made_index: Index, tmp_path: Path, no_network: None) -> None:
    write_model(tmp_path / "theirs")
    name = f"local-dir:{tmp_path / 'theirs'}"
    config = resolve_backbone(load_config("tiny", ["data.image_size=64", f"model.backbone={name}"]))
    train(config, made_index.root, made_index.records, tmp_path / "run")
    shutil.rmtree(tmp_path / "theirs")
    assert open_run(tmp_path / "run").config.model.hub == name
    assert load_model(tmp_path / "run").card.model.hub == name
    exported = export_model(tmp_path / "run", "onnx", tmp_path / "run.onnx").path
    films = [np.full((40, 30), grey, np.uint8) for grey in (0, 100, 250)]
    run, file = (open_model(path, device="cpu") for path in (tmp_path / "run", exported))
    assert predict_films(run.network, films) == pytest.approx(predict_films(file.network, films), abs=1e-4)
