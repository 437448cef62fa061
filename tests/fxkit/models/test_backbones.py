"""Backbones and their weights, with real timm models and files."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from fxkit.errors import ConfigError, WeightsError
from fxkit.models import backbones as module
from fxkit.models.backbones import build_backbone
from fxkit.models.run_folder import Run
from fxkit.models.saved import load_model


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return dict(timm.create_model("test_resnet", num_classes=7).state_dict())


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "module.",
        "backbone.",
        "module.model.",
        "_orig_mod.",
        "module.module.",
        "model._orig_mod.module.",
        "net.",
        "x.",
    ],
)
def test_safetensors_weights_load_with_and_without_wrapper_prefixes(
    tmp_path: Path, state: dict[str, torch.Tensor], prefix: str
) -> None:
    save_file({prefix + key: tensor for key, tensor in state.items()}, tmp_path / "w.safetensors")
    backbone = build_backbone("test_resnet", weights=tmp_path / "w.safetensors")
    assert all(torch.equal(tensor, state[key]) for key, tensor in backbone.state_dict().items())


def test_counters_of_batch_norms_may_be_missing(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    kept = {key: tensor for key, tensor in state.items() if "num_batches_tracked" not in key}
    save_file(kept, tmp_path / "w.safetensors")
    loaded = build_backbone("test_resnet", weights=tmp_path / "w.safetensors").state_dict()
    assert all(torch.equal(loaded[key], kept[key]) for key in loaded if key in kept)


def test_other_weights_in_the_file_are_ignored(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    averaged = {"n_averaged": torch.tensor(7)} | {f"module.{key}": tensor for key, tensor in state.items()}
    both = averaged | {f"teacher.{key}": tensor + 1 for key, tensor in list(state.items())[:5]}
    save_file(both, tmp_path / "w.safetensors")
    loaded = build_backbone("test_resnet", weights=tmp_path / "w.safetensors").state_dict()
    assert all(torch.equal(loaded[key], state[key]) for key in loaded)


def test_the_moving_average_in_a_checkpoint_is_preferred(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    average = {key: tensor + 1 for key, tensor in state.items()}
    torch.save({"epoch": 3, "state_dict": state, "state_dict_ema": average}, tmp_path / "w.pt")
    backbone = build_backbone("test_resnet", weights=tmp_path / "w.pt")
    assert torch.equal(backbone.state_dict()["conv1.0.weight"], average["conv1.0.weight"])


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "model_state_dict"])
def test_weights_load_from_a_state_dict_of_tensors(
    tmp_path: Path, state: dict[str, torch.Tensor], wrapper: str | None
) -> None:
    torch.save(state if wrapper is None else {wrapper: state}, tmp_path / "w.pt")
    backbone = build_backbone("test_resnet", weights=tmp_path / "w.pt")
    assert torch.equal(backbone.state_dict()["conv1.0.weight"], state["conv1.0.weight"])


class Payload:
    """Unpickling this object writes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.write_text, (self.target, "run")


def test_a_pickle_with_other_objects_is_never_executed(tmp_path: Path) -> None:
    torch.save({"state_dict": Payload(tmp_path / "evidence")}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match=r"damaged, or not a file of tensors only \(UnpicklingError\)"):
        build_backbone("test_resnet", weights=tmp_path / "w.pt")
    assert not (tmp_path / "evidence").exists()


def test_a_file_of_other_values_than_tensors_is_refused(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="holds more than named tensors"):
        build_backbone("test_resnet", weights=tmp_path / "w.pt")


def test_missing_weights_are_refused_with_their_number_and_a_name(
    tmp_path: Path, state: dict[str, torch.Tensor]
) -> None:
    del state["conv1.0.weight"]
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"1 of \d+ weights is missing, such as 'conv1.0.weight'.*--backbone"):
        build_backbone("test_resnet", weights=tmp_path / "w.safetensors")


def test_weights_of_another_shape_are_refused(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    state["conv1.0.weight"] = state["conv1.0.weight"][:1].contiguous()
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"conv1.0.weight has shape \(1, .*expected \("):
        build_backbone("test_resnet", weights=tmp_path / "w.safetensors")


def test_a_missing_weights_file_is_refused_with_the_alternatives() -> None:
    with pytest.raises(WeightsError, match=r"no such file; give --weights FILE .*--no-pretrained"):
        build_backbone("test_resnet", weights="nowhere.safetensors")


def test_a_run_folder_provides_its_backbone(trained: Run) -> None:
    loaded = build_backbone("test_resnet", weights=trained.folder).state_dict()
    expected = load_model(trained.folder).classifier.backbone.state_dict()
    assert all(torch.equal(tensor, expected[key]) for key, tensor in loaded.items())


def test_a_run_without_exactly_one_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"not a finished run \(model.safetensors is missing\); give --weights FILE"):
        build_backbone("test_resnet", weights=tmp_path)
    (tmp_path / "fold-0").mkdir()
    with pytest.raises(WeightsError, match=r"averages several models; give one of them, such as .*fold-0"):
        build_backbone("test_resnet", weights=tmp_path)


def test_an_unreachable_hub_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(module.socket, "create_connection", refuse)
    monkeypatch.setattr(module.urllib.request, "getproxies", dict)
    with pytest.raises(WeightsError) as caught:
        build_backbone("resnet50", pretrained=True)
    text = str(caught.value)
    assert text.startswith("ImageNet weights of resnet50: the hub cannot be reached (Name or service not known)")
    assert "--weights FILE" in text
    assert "--no-pretrained" in text
    assert "\n" not in text


def test_a_failed_download_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise FileNotFoundError("cannot find the requested files in the local cache")

    monkeypatch.setattr(module, "check_hub", lambda name: None)
    monkeypatch.setattr(module.timm, "create_model", fail)
    with pytest.raises(WeightsError, match="the hub cannot be reached"):
        build_backbone("resnet50", pretrained=True)


def test_an_unknown_tag_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"Invalid pretrained tag.*--no-pretrained"):
        module._create("resnet50.nosuchtag", True, {})


def test_an_unknown_backbone_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(ConfigError, match="timm has no such model; did you mean resnet50"):
        build_backbone("resnet5")


def test_unknown_arguments_of_a_backbone_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"model.args = {'zz': 1}: test_resnet does not accept them"):
        build_backbone("test_resnet", args={"zz": 1})


def test_real_imagenet_weights_load(shared_data: Path) -> None:
    file = shared_data / "weights" / "mobilenetv2_100_in1k.safetensors"
    backbone = build_backbone("mobilenetv2_100", weights=file, args={"pad_type": "same", "bn_eps": 1e-3})
    features = backbone.eval()(torch.zeros(1, 3, 224, 224))
    assert features.shape == (1, 1280)
    assert torch.isfinite(features).all()
