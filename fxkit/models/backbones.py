"""timm backbones with weights from the hub, a local file or a finished run. Nothing is unpickled."""

import difflib
import socket
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import timm
import torch
from torch import Tensor, nn

from fxkit.config import DataConfig, ModelConfig
from fxkit.data.preprocessing import Preprocessing
from fxkit.errors import ConfigError, WeightsError
from fxkit.models.hub import PREFIXES
from preprocess.words import amount

CHOICES = (
    "give --weights FILE (safetensors, a state dict of tensors, or a run folder), or --no-pretrained to start from "
    "random weights"
)


# Where checkpoints keep their weights, in order of preference: timm's training script evaluates the moving average.
STATE_KEYS = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model", "net")


def build_backbone(
    name: str,
    *,
    pretrained: bool = False,
    weights: str | Path | None = None,
    args: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Build a timm backbone without its classifier: (N, 3, H, W) float32 -> (N, D) float32 features.

    Args:
        name: a timm model name, with or without a tag, such as resnet50.a1_in1k.
        pretrained: load ImageNet weights from the Hugging Face hub or its cache. Ignored if `weights` is given.
        weights: a .safetensors file, a state dict of tensors saved by torch, or a run folder.
        args: further arguments of timm.create_model.
    Raises:
        ConfigError: timm does not know the backbone or the arguments.
        WeightsError: the weights are missing, cannot be read or do not fit the backbone.
    """
    check_backbone(name)
    from_hub = pretrained and weights is None
    if from_hub:
        check_hub(name)
    backbone = _create(name, from_hub, dict(args or {}))
    if weights is not None:
        load_backbone_weights(backbone, weights)
    return backbone


def load_backbone_weights(backbone: nn.Module, path: str | Path) -> None:
    """Load weights into a backbone in place. Classifier weights in the file are ignored.

    Raises:
        WeightsError: the file cannot be read, holds anything but tensors, lacks a weight, or has a weight of
            another shape.
    """
    expected = backbone.state_dict()
    state = _match_names(read_state(path), expected)
    missing = [key for key in expected if key not in state]
    if missing:
        are = "is" if len(missing) == 1 else "are"
        raise WeightsError(
            f"{path}: {len(missing)} of {amount(len(expected), 'weight')} {are} missing, such as {missing[0]!r}; "
            "expected a state dict of this backbone; check --backbone"
        )
    for key, tensor in expected.items():
        if state[key].shape != tensor.shape:
            raise WeightsError(
                f"{path}: {key} has shape {tuple(state[key].shape)}; expected {tuple(tensor.shape)}; "
                "check --backbone and model.args"
            )
    backbone.load_state_dict({key: state[key] for key in expected})


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict from a safetensors file, a torch file that holds only tensors, or a finished run.

    Raises:
        WeightsError: the file does not exist, is damaged, or holds anything but tensors; or the run has several models.
    """
    from safetensors.torch import load_file

    if Path(path).is_dir():
        path = _model_file(Path(path))
    if not Path(path).is_file():
        raise WeightsError(f"{path}: no such file; {CHOICES}")
    try:
        if Path(path).suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(
            f"{path}: damaged, or not a file of tensors only ({type(error).__name__}); save the weights as safetensors"
        ) from error
    return _only_tensors(path, state)


def _model_file(run: Path) -> Path:
    if (run / "fold-0").is_dir():
        raise WeightsError(f"{run}: averages several models; give one of them, such as {run / 'fold-0'}")
    if not (run / "model.safetensors").is_file():
        raise WeightsError(f"{run}: not a finished run (model.safetensors is missing); {CHOICES}")
    return run / "model.safetensors"


def _only_tensors(path: str | Path, state: Any) -> dict[str, Tensor]:
    for key in STATE_KEYS:
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path}: holds more than named tensors; save only the model's state_dict()")
    return cast(dict[str, Tensor], state)


def _match_names(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights under the backbone's own names, and add counters of batch norms that older files lack.

    Wrappers put prefixes before the names, also several: DataParallel `module.`, torch.compile `_orig_mod.`, Lightning
    the attribute's name. The prefix is taken from the file: the one that most of the backbone's weights have there.
    """
    prefixes = {
        key.removesuffix(name) for name in list(expected)[:9] for key in state if f".{key}".endswith(f".{name}")
    }
    prefix = max(sorted(prefixes), key=lambda p: sum(p + name in state for name in expected), default="")
    counters = {name: tensor for name, tensor in expected.items() if name.endswith(".num_batches_tracked")}
    return counters | {key.removeprefix(prefix): tensor for key, tensor in state.items() if key.startswith(prefix)}


def check_backbone(name: str) -> None:
    """Raise ConfigError, with the nearest names, if timm does not know this backbone."""
    if timm.is_model(name):
        return
    if name.startswith(PREFIXES):
        raise ConfigError(
            f"model.backbone = {name!r}: is not found yet; call fxkit.models.hub.resolve_backbone(config) first, as "
            "`fxkit train` does"
        )
    nearest = difflib.get_close_matches(name, timm.list_models(), n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(nearest)}?" if nearest else "see timm.list_models()"
    raise ConfigError(f"model.backbone = {name!r}: timm has no such model; {hint}")


def check_hub(name: str, choices: str = CHOICES) -> None:
    """Raise at once if the hub cannot be reached; its own client would retry for most of a minute."""
    if _is_cached(name) or urllib.request.getproxies():
        return
    from huggingface_hub import constants

    host = urlsplit(constants.ENDPOINT)
    try:
        port = host.port or (80 if host.scheme == "http" else 443)
        socket.create_connection((host.hostname or "", port), timeout=10).close()
    except OSError as error:
        raise hub_error(name, error, choices) from error


def _is_cached(name: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    hub_id = timm.get_pretrained_cfg(name).hf_hub_id
    if not hub_id:
        return False
    files = ("model.safetensors", "pytorch_model.bin")
    return any(isinstance(try_to_load_from_cache(hub_id, file), str) for file in files)


def hub_error(name: str, error: Exception, choices: str = CHOICES) -> WeightsError:
    """Return the error to raise if the weights of a backbone cannot be downloaded."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return WeightsError(f"ImageNet weights of {name}: the hub cannot be reached ({reason}); {choices}")


def _create(name: str, pretrained: bool, args: dict[str, Any]) -> nn.Module:
    try:
        return cast(nn.Module, timm.create_model(name, pretrained=pretrained, num_classes=0, **args))
    except TypeError as error:
        raise ConfigError(f"model.args = {args}: {name} does not accept them ({error})") from error
    except RuntimeError as error:
        if not pretrained:
            raise
        raise WeightsError(f"ImageNet weights of {name}: {str(error).splitlines()[0]}; {CHOICES}") from error
    except OSError as error:
        raise hub_error(name, error) from error


def build_preprocessing(model: ModelConfig, data: DataConfig) -> Preprocessing:
    """Return image size, resizing and normalisation from the settings, with the backbone's defaults where unset.

    Raises:
        ConfigError: timm does not know the backbone.
    """
    check_backbone(model.backbone)
    default = timm.get_pretrained_cfg(model.backbone)
    mean, std = (_of_channels(*pair) for pair in ((model.mean, default.mean), (model.std, default.std)))
    size = data.image_size or int(default.input_size[-1])
    return Preprocessing(size, data.resize, mean, std)


def _of_channels(
    setting: float | tuple[float, float, float] | None, default: Sequence[float]
) -> tuple[float, float, float]:
    """Return one value for each channel."""
    red, green, blue = (setting,) * 3 if isinstance(setting, float) else setting or default
    return red, green, blue


def pretrained_tag(model: ModelConfig) -> str:
    """Return the tag of the timm weights that a training starts from, such as a1_in1k.

    It is "" if the training starts from other weights, or if timm knows no weights of that name.
    """
    if model.weights or not model.pretrained:
        return ""
    try:
        pretrained = timm.get_pretrained_cfg(model.backbone)
    except RuntimeError:  # timm raises it for an unknown tag
        return ""
    return str(pretrained.tag or "") if pretrained else ""
