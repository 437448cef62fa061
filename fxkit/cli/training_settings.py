"""Build the training settings from the command-line options that describe them."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fxkit.config import Config

# Command-line option -> dotted key of the setting that it changes.
SETTINGS = {
    "backbone": "model.backbone",
    "weights": "model.weights",
    "finetune_from": "model.finetune_from",
    "image_size": "data.image_size",
    "positive": "data.positive",
    "batch_size": "data.batch_size",
    "workers": "data.workers",
    "seed": "seed",
    "precision": "trainer.precision",
    "accelerator": "trainer.accelerator",
    "devices": "trainer.devices",
    "num_nodes": "trainer.num_nodes",
    "strategy": "trainer.strategy",
    "deterministic": "trainer.deterministic",
    "logger": "trainer.loggers",
    "loss": "optim.loss",
    "label_smoothing": "optim.label_smoothing",
    "class_weights": "optim.class_weights",
    "mixup": "augment.mixup_alpha",
    "cutmix": "augment.cutmix_alpha",
    "ema": "optim.ema_decay",
    "clip": "optim.gradient_clip",
    "accumulate": "optim.accumulate",
    "layer_decay": "optim.layer_decay",
    "unfreeze_every": "optim.unfreeze_every",
}


PARSED_AS_YAML = ("devices",)  # their text may be a number or a word


def build_config(
    preset: str | None, settings: tuple[str, ...], epochs: str | None, no_pretrained: bool, **options: Any
) -> "Config":
    """Build the training settings from the preset, the options and --set. Later ones replace earlier ones.

    ``--weights RUN`` also takes over the backbone, normalisation and image size of that run.
    """
    from fxkit.config import load_config

    given = {key: value for key, value in options.items() if value not in (None, ())}
    assignments = _settings_of_weights(given.get("weights"))
    assignments += [
        f"{SETTINGS[key]}={value if key in PARSED_AS_YAML else json.dumps(value)}" for key, value in given.items()
    ]
    if epochs is not None and not re.fullmatch(r"\d+,\d+", epochs.replace(" ", "")):
        raise click.UsageError(f"--epochs {epochs}: expected HEAD,FINETUNE, such as 5,15")
    if epochs is not None:
        assignments.append(f"optim.epochs=[{epochs}]")
    if no_pretrained:
        assignments.append("model.pretrained=false")
    config = load_config(preset, [*assignments, *settings])
    if ":" not in config.model.backbone:
        return config
    from fxkit.models.hub import resolve_backbone

    return resolve_backbone(config)


def take_config(options: dict[str, Any]) -> "Config":
    """Build the training settings from the options that describe them, and remove these options."""
    names = [name for name in ("preset", "settings", "epochs", "no_pretrained", *SETTINGS) if name in options]
    return build_config(**{name: options.pop(name) for name in names})


def _settings_of_weights(weights: str | None) -> list[str]:
    """Return the settings that a run folder prescribes, as KEY=VALUE; none for a file of weights."""
    if weights is None or not Path(weights).is_dir():
        return []
    from fxkit.models.model_json import read_run_settings

    return [f"{key}={json.dumps(value)}" for key, value in read_run_settings(Path(weights)).items()]
