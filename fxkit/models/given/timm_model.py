"""Open a classifier in timm's format: from timm's own list, the Hugging Face hub or a folder."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn

from fxkit.errors import ConfigError, RunError, WeightsError
from fxkit.models.backbones import check_backbone, check_hub, hub_error
from fxkit.models.classifier import forward_films
from fxkit.models.given.film_input import FilmInput
from fxkit.models.given.network import FilmModel, GivenCard, constant_note, probe_pictures
from fxkit.models.given.options import NO_OPTIONS, GivenOptions, Resize, repeat
from fxkit.models.given.outputs import as_matrix, name_outputs
from fxkit.models.hub import TIMM, find_hub_model
from fxkit.models.predict_records import choose_device
from preprocess.files import sha256_of
from preprocess.images import Array
from preprocess.words import amount

ELSEWHERE = "download config.json and model.safetensors elsewhere, and give their folder as local-dir:FOLDER"

RESIZES: Mapping[str, Resize] = {"center": "crop", "squash": "stretch", "border": "pad"}


def open_timm(name: str, options: GivenOptions = NO_OPTIONS, device: str = "auto") -> FilmModel:
    """Open timm:NAME, hf-hub:OWNER/NAME or local-dir:FOLDER, and try it on test pictures.

    Raises:
        ConfigError: timm does not know the network, an option contradicts it, or its classes are not named.
        WeightsError: the weights are missing, do not fit, or cannot be downloaded.
        RunError: it fails on test pictures.
    """
    model, settings, sha256 = _load_listed(name) if name.startswith(TIMM) else _load_found(name)
    model = model.eval().to(choose_device(device))
    film_input = _film_input(name, settings, options)

    def run(prepared: Sequence[Array]) -> NDArray[Any]:
        return _forward(name, model, prepared)

    pictures = [film_input.prepare(picture) for picture in probe_pictures()]
    probe = as_matrix(run(pictures), name, len(pictures))
    names = settings.get("label_names")
    outputs = name_outputs(
        name, probe.shape[1], options.scale or "logit", tuple(map(str, names)) if names else None, options
    )
    outputs.to_probabilities(probe, len(pictures))
    card = GivenCard(outputs.classes, 0.5 if options.threshold is None else options.threshold, sha256)
    return FilmModel(card, outputs, run, film_input, constant_note(probe))


def _load_listed(name: str) -> tuple[nn.Module, Mapping[str, Any], str]:
    """Return a network of timm's own list with its classifier, its settings, and the hash of its weights."""
    listed = name.removeprefix(TIMM)
    check_backbone(listed)
    check_hub(listed, ELSEWHERE)
    try:
        model = timm.create_model(listed, pretrained=True)
    except RuntimeError as error:
        raise WeightsError(f"{name}: {str(error).splitlines()[0]}; choose a name with weights") from error
    except OSError as error:
        raise hub_error(listed, error, ELSEWHERE) from error
    digest = hashlib.sha256()
    for key, tensor in model.state_dict().items():
        digest.update(key.encode() + tensor.cpu().numpy().tobytes())
    return cast(nn.Module, model), model.pretrained_cfg, digest.hexdigest()


def _load_found(name: str) -> tuple[nn.Module, Mapping[str, Any], str]:
    """Return a network from the hub or a folder, its settings, and the hash of its weights."""
    found = find_hub_model(name)
    assert found.weights is not None
    check_backbone(found.architecture)
    try:
        classes = int(found.settings.get("num_classes", 1000))
        model = timm.create_model(found.architecture, pretrained=False, **{"num_classes": classes, **found.args})
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise ConfigError(f"{name}: timm cannot build {found.architecture} with its arguments ({error})") from error
    try:
        model.load_state_dict(load_file(found.weights))
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(f"{found.weights}: damaged, or does not fit {found.architecture} ({reason})") from error
    return cast(nn.Module, model), found.settings, sha256_of(Path(found.weights))


def _film_input(name: str, settings: Mapping[str, Any], options: GivenOptions) -> FilmInput:
    channels, height, width = settings.get("test_input_size") or settings.get("input_size") or (3, 224, 224)
    if options.channels not in (None, channels) or channels not in (1, 3):
        raise ConfigError(
            f"{name}: takes {amount(channels, 'channel')}; expected 1 or 3, as --channels says if it is given"
        )
    if options.input_size is not None:
        height, width = options.input_size
    mean, std = (options.mean or settings["mean"], options.std or settings["std"])
    resize = options.resize or RESIZES.get(str(settings.get("crop_mode") or "center"), "crop")
    own_fraction = settings.get("test_crop_pct") or settings.get("crop_pct") or 1.0
    fraction = options.crop_fraction if options.resize is not None else own_fraction
    return FilmInput(
        int(height),
        int(width),
        int(channels),
        value_range=options.value_range or (0.0, 1.0),
        mean=repeat(mean, channels, "--mean"),
        std=repeat(std, channels, "--std"),
        resize=resize,
        crop_fraction=float(fraction or 1.0),
    )


@torch.inference_mode()
def _forward(name: str, model: nn.Module, prepared: Sequence[Array]) -> NDArray[Any]:
    device = next(model.parameters()).device
    films = torch.from_numpy(np.stack(prepared)).to(device)
    try:
        return np.asarray(forward_films(model, films).float().cpu().numpy())
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise RunError(f"{name}: fails on films of {tuple(films.shape[1:])} ({reason}); check --input-size") from error
