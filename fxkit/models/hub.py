"""Models in timm's format on the Hugging Face hub, in its cache, or in a folder: config.json and model.safetensors.

Nothing is unpickled, and no code of the model is run: the network is built by timm from its name. Needs no torch.
"""

import socket
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fxkit.config import LOADING_ARGS, Config
from fxkit.errors import ConfigError, WeightsError
from preprocess.json_files import parse_json
from preprocess.words import amount

HUB, FOLDER, TIMM = "hf-hub:", "local-dir:", "timm:"

PREFIXES = (HUB, FOLDER, TIMM)

CONFIG, WEIGHTS = "config.json", "model.safetensors"


@dataclass(frozen=True)
class HubModel:
    """A model in timm's format.

    Attributes:
        name: as the user gave it.
        architecture: timm's name of the network.
        args: further arguments of timm.create_model.
        settings: timm's pretrained_cfg: input_size, mean, std, crop_pct, crop_mode, label_names, num_classes.
        weights: file of the weights; None if they were not asked for.
    """

    name: str
    architecture: str
    args: Mapping[str, Any]
    settings: Mapping[str, Any]
    weights: Path | None


def find_hub_model(name: str, *, weights: bool = True) -> HubModel:
    """Read config.json of a model in timm's format, and find its weights; both are downloaded if need be.

    Args:
        name: hf-hub:OWNER/NAME, hf-hub:OWNER/NAME@REVISION, or local-dir:FOLDER.
        weights: find the weights, too.
    Raises:
        ConfigError: config.json is not in timm's format, or has arguments that would load other weights.
        WeightsError: a file is missing, or the hub cannot be reached.
    """
    values = _read_config(name, _find(name, CONFIG))
    settings = values.get("pretrained_cfg", values)
    architecture, args = values.get("architecture"), values.get("model_args") or {}
    if not isinstance(architecture, str) or not isinstance(settings, dict) or not isinstance(args, dict):
        raise ConfigError(f"{name}: its {CONFIG} names no architecture of timm; expected a model in timm's format")
    refused = sorted(set(args) & LOADING_ARGS)
    if refused:
        raise ConfigError(f"{name}: its {CONFIG} has the argument {refused[0]!r}, which would load other weights")
    further = {key: values[key] for key in ("num_classes", "label_names") if values.get(key) is not None}
    names = {"label_names": settings["labels"]} if "labels" in settings else {}
    return HubModel(
        name, architecture, args, {**settings, **names, **further}, _find(name, WEIGHTS) if weights else None
    )


def resolve_backbone(config: Config) -> Config:
    """Replace a backbone hf-hub:, local-dir: or timm: in the settings by timm's name, arguments, input and weights.

    The run then needs neither the hub nor the folder again; `model.hub` keeps the name.

    Raises:
        ConfigError, WeightsError: see `find_hub_model`; or the network takes other than 3 channels.
    """
    name = config.model.backbone
    if name.startswith(TIMM):
        return config.model_copy(
            update={"model": config.model.model_copy(update={"backbone": name.removeprefix(TIMM)})}
        )
    if not name.startswith(PREFIXES):
        return config
    model = config.model
    found = find_hub_model(name, weights=model.pretrained and model.weights is None)
    size = found.settings.get("input_size", (3, 224, 224))
    if size[0] != 3:
        raise ConfigError(
            f"model.backbone = {name}: takes {amount(size[0], 'channel')}; expected 3, which training uses"
        )
    changes: dict[str, Any] = {"backbone": found.architecture, "hub": name, "args": {**found.args, **model.args}}
    for key in ("mean", "std"):
        if getattr(model, key) is None and found.settings.get(key) is not None:
            changes[key] = tuple(map(float, found.settings[key]))
    if found.weights is not None:
        changes["weights"] = str(found.weights)
    image_size = config.data.image_size or int(size[-1])
    data = config.data.model_copy(update={"image_size": image_size})
    return config.model_copy(update={"model": model.model_copy(update=changes), "data": data})


def _read_config(name: str, file: Path) -> dict[str, Any]:
    try:
        values = parse_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{name}: its {CONFIG} cannot be read ({error}); expected a model in timm's format"
        ) from error
    if not isinstance(values, dict):
        raise ConfigError(f"{name}: its {CONFIG} holds no object; expected a model in timm's format")
    return values


def _find(name: str, file: str) -> Path:
    if name.startswith(FOLDER):
        path = Path(name.removeprefix(FOLDER)) / file
        if not path.is_file():
            raise WeightsError(f"{name}: {path} is missing; expected a folder with {CONFIG} and {WEIGHTS}")
        return path
    return _find_on_hub(name, file)


def _find_on_hub(name: str, file: str) -> Path:
    """Return the path of a file in the hub's cache; download it if it is not there."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError

    repository, _, revision = name.removeprefix(HUB).partition("@")
    try:
        cached = try_to_load_from_cache(repository, file, revision=revision or None)
        if isinstance(cached, str):
            return Path(cached)
        _connect(name)
        return Path(hf_hub_download(repository, file, revision=revision or None))
    except HFValidationError as error:
        raise ConfigError(f"{name}: is no name of a model on the hub; expected hf-hub:OWNER/NAME") from error
    except EntryNotFoundError as error:
        raise WeightsError(
            f"{name}: has no {file}; expected a model in timm's format with safetensors weights"
        ) from error
    except (HfHubHTTPError, OSError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise WeightsError(
            f"{name}: the hub cannot be reached or refuses the request ({reason}); download {CONFIG} and {WEIGHTS} "
            "elsewhere, and give their folder as local-dir:FOLDER"
        ) from error


def _connect(name: str) -> None:
    """Raise OSError at once if the hub cannot be reached; its own client would retry for most of a minute."""
    from huggingface_hub import constants

    if urllib.request.getproxies():
        return
    host = urlsplit(constants.ENDPOINT)
    port = host.port or (80 if host.scheme == "http" else 443)
    socket.create_connection((host.hostname or "", port), timeout=10).close()
