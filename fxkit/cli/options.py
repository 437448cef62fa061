"""Where the films come from: --data, or --manifest with --root. The same options for every command that takes films."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fxkit.data.manifest import Record


Command = Callable[..., Any]


def source_options(command: Command) -> Command:
    """Add --data, --manifest and --root to a command."""
    for option in reversed(
        (
            click.option("--data", type=click.Path(path_type=Path), help="Folder of class folders, or CSV file."),
            click.option("--manifest", type=click.Path(path_type=Path), help="Manifest made by `fxkit index`."),
            click.option("--root", type=click.Path(path_type=Path), help="Folder that the paths are relative to."),
        )
    ):
        command = option(command)
    return command


def load_source(
    data: Path | None, manifest: Path | None, root: Path | None, seed: int = 0, *, split: str = "grouped"
) -> "tuple[Path, list[Record]]":
    """Return the image root and the records: of a manifest as it stands, or of data indexed here."""
    if data is not None and manifest is None:
        return _indexed(data, root, seed, split)
    if manifest is None or data is not None:
        raise click.UsageError("give one of --data DIR and --manifest FILE --root DIR")
    if root is None:
        raise click.UsageError("--manifest needs --root: the folder that its paths are relative to")
    from fxkit.data.manifest import read_manifest
    from fxkit.errors import DataError

    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected the one that the paths of {manifest} are relative to")
    return root, read_manifest(manifest)


def refuse_inside(out: Path, data: Path | None) -> None:
    """Raise OutputError where out is, or lies in, the folder that data is indexed from: its files would be films next.

    Args:
        data: None where a manifest says which files are films.
    """
    from preprocess.errors import OutputError

    if data is not None and data.is_dir() and out.resolve().is_relative_to(data.resolve()):
        raise OutputError(f"{out}: lies in the data folder {data}; choose a folder outside it")


def _indexed(data: Path, root: Path | None, seed: int, split: str) -> "tuple[Path, list[Record]]":
    from fxkit.index.build import IndexOptions, index_data
    from preprocess.errors import one_line

    found = index_data(data, IndexOptions(root=root, seed=seed, split=split))
    for note in found.notes:
        click.echo(f"note: {one_line(note)}", err=True)
    unreadable = sum(r.status != "ok" for r in found.records)
    if unreadable:
        click.echo(f"note: {unreadable} unreadable files are left out; `fxkit index` lists them", err=True)
    return found.root, list(found.records)


# option -> dotted key of the setting that it stands for
SETTINGS = {
    "backbone": "model.backbone",
    "weights": "model.weights",
    "finetune_from": "model.finetune_from",
    "image_size": "data.image_size",
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


AS_YAML = ("devices",)  # a number or a word; the others are what click says they are


def build_config(
    preset: str | None, settings: tuple[str, ...], epochs: str | None, no_pretrained: bool, **options: Any
) -> Any:
    """Lay the options over the preset, and --set over both; --weights RUN brings that run's backbone and image size."""
    from fxkit.config import load_config

    given = {key: value for key, value in options.items() if value not in (None, ())}
    texts = _of_source(given.get("weights"))
    texts += [f"{SETTINGS[key]}={value if key in AS_YAML else json.dumps(value)}" for key, value in given.items()]
    if epochs is not None and not re.fullmatch(r"\d+,\d+", epochs.replace(" ", "")):
        raise click.UsageError(f"--epochs {epochs}: expected HEAD,FINETUNE, such as 5,15")
    if epochs is not None:
        texts.append(f"optim.epochs=[{epochs}]")
    if no_pretrained:
        texts.append("model.pretrained=false")
    return load_config(preset, [*texts, *settings])


def _of_source(weights: str | None) -> list[str]:
    if weights is None or not Path(weights).is_dir():
        return []
    from fxkit.models.model_json import read_run_settings

    return [f"{key}={json.dumps(value)}" for key, value in read_run_settings(Path(weights)).items()]
