"""The run folder: training writes it, the other commands read it and add to it.

Written by train: config.yaml, environment.json, manifest.csv, manifest.json (image root, hash, stamp), history.csv,
validation.json, model.safetensors, model.json, and Lightning's checkpoints/ and logs/.
Added by evaluate, cam and ablate: predictions.csv, metrics.json, figures/, report.html, evaluations/, splits/, cam/,
ablation.json.

A folder of results has no model: `fxkit evaluate --predictions` and `--model` write manifest.csv, manifest.json and
source.json into it, besides what evaluate adds to a run.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from fxkit.config import Config, write_config
from fxkit.data.leaks import leak_stamp
from fxkit.data.manifest import Record, manifest_hash, read_manifest, usable, write_manifest
from fxkit.data.positive import order_classes, order_classes_as_before, positive_class
from fxkit.errors import RunError
from fxkit.models.environment import describe_environment
from fxkit.models.predictions_source import FILE as SOURCE_FILE
from preprocess.files import sha256_of, write_atomic
from preprocess.folder.resume import PARTIAL_WRITE, remove_partial_writes
from preprocess.json_files import describe_error, parse_json
from preprocess.yaml_files import check_settings, read_yaml


@dataclass(frozen=True, kw_only=True)
class Results:
    """What a folder of results says about its films, with or without a model."""

    folder: Path
    root: Path  # folder of the images; Path() in a folder of predictions whose films are not at hand
    records: tuple[Record, ...]
    cleaning: Mapping[str, Any] | None = None  # settings of clean-labels; None if root holds raw images
    folds: int = 0  # number of cross-validation folds; 0: one model
    classes: tuple[str, ...] = ()  # in the order of the probabilities; of two, the second is the positive class

    @property
    def has_films(self) -> bool:
        """Whether the folder of the images is known."""
        return self.root != Path()

    @cached_property
    def stamp(self) -> str:
        """The warning shown with every figure of these films if their split leaks; else ""."""
        return leak_stamp(self.records)


@dataclass(frozen=True, kw_only=True)
class Run(Results):
    """What a run folder says about its training."""

    config: Config

    @property
    def order_note(self) -> str:
        """What to say if the run's positive class is not the one that a new run would have; else ""."""
        now = order_classes((r.label for r in usable(self.records)), self.config.data.positive)
        if len(now) != 2 or now == self.classes or set(now) != set(self.classes):
            return ""
        return (
            f"{self.folder}: was trained by an older version, and its positive class stays "
            f"{positive_class(self.classes)!r}; a new run would take {positive_class(now)!r}: train again to change it"
        )


class ManifestJson(BaseModel):
    """The content of manifest.json: where the films of a run are, and what its manifest was at training time."""

    root: str  # "" in a folder of results whose films are not at hand
    sha256: str
    cleaning: dict[str, Any] | None = None
    folds: int = Field(0, ge=0)
    classes: tuple[str, ...] | None = None  # in the order of the probabilities; None in runs of version 0.1.0
    stamp: str = ""


def create_run(
    folder: Path,
    config: Config,
    root: Path,
    records: Sequence[Record],
    *,
    cleaning: Mapping[str, Any] | None = None,
    folds: int = 0,
    pretrained_tag: str | None = None,
    overwrite: bool = False,
) -> None:
    """Make a run folder, and write the settings, the manifest and the environment of the training run.

    Args:
        pretrained_tag: tag of the timm weights that the training starts from, such as a1_in1k; "" for other weights,
            None if unknown.
        overwrite: delete an existing run folder first.
    Raises:
        RunError: the folder exists and `overwrite` is not given, or it is not a run folder.
    """
    if folder.exists() and not _is_unfinished(folder):
        if not overwrite:
            raise RunError(f"{folder}: already exists; choose another --name, or give --resume or --overwrite")
        if not (folder / "config.yaml").is_file():
            raise RunError(f"{folder}: is not a run folder, so it is not overwritten; choose another --name")
        shutil.rmtree(folder)
    classes = order_classes((r.label for r in usable(records)), config.data.positive)
    write_manifest_json(folder, root, records, classes, cleaning=cleaning, folds=folds)
    source = {"pretrained_tag": pretrained_tag, "weights_sha256": hash_weights(config.model.weights)}
    write_json(folder / "environment.json", describe_environment() | source)
    write_config(folder / "config.yaml", config)  # the last file, because it makes the folder a run


def _is_unfinished(folder: Path) -> bool:
    """Return whether a folder is empty, or holds no more than a process that was killed in `create_run` left."""
    names = {path.name for path in folder.iterdir() if not PARTIAL_WRITE.fullmatch(path.name)}
    unfinished = not names or "manifest.json" in names <= {"manifest.json", "manifest.csv", "environment.json"}
    if unfinished:
        remove_partial_writes(folder)
    return unfinished


def hash_weights(weights: str | None) -> str:
    """Return the SHA-256 of a file of initial weights, or of the weights in a run folder; "" if there is none."""
    if not weights:
        return ""
    path = Path(weights)
    file = path / "model.safetensors" if path.is_dir() else path
    return sha256_of(file) if file.is_file() else ""


def write_manifest_json(
    folder: Path,
    root: Path | None,
    records: Sequence[Record],
    classes: Sequence[str],
    *,
    cleaning: Mapping[str, Any] | None = None,
    folds: int = 0,
) -> None:
    """Write manifest.json with the hash of the manifest, then manifest.csv.

    Args:
        root: folder of the images; None if they are not at hand.
        classes: in the order of the probabilities.
    """
    values = ManifestJson(
        root=str(root.resolve()) if root else "",
        sha256=manifest_hash(records),
        cleaning=dict(cleaning) if cleaning is not None else None,
        folds=folds,
        classes=tuple(classes),
        stamp=leak_stamp(records),
    )
    write_json(folder / "manifest.json", values.model_dump())
    write_manifest(folder / "manifest.csv", records)


def open_run(folder: str | Path) -> Run:
    """Read a run folder.

    Raises:
        RunError: it is not a run folder, or a file in it is missing or was changed.
        ConfigError: its settings are not valid.
    """
    folder = Path(folder)
    if (folder / SOURCE_FILE).is_file() and not (folder / "config.yaml").is_file():
        raise RunError(
            f"{folder}: holds predictions of a model that was made elsewhere, and no model; expected a run of `fxkit "
            "train`; only audit, report, compare, calibrate, errors and label-errors read such a folder"
        )
    if not folder.exists():
        raise RunError(f"{folder}: no such folder; expected one that `fxkit train` or `fxkit evaluate` wrote")
    if not (folder / "config.yaml").is_file():
        raise RunError(f"{folder}: not a run folder (config.yaml is missing); make one with `fxkit train`")
    config = read_run_config(folder / "config.yaml")
    return Run(config=config, **_read_results(folder))


def open_results(folder: str | Path) -> Results:
    """Read a run folder, or a folder of predictions that were made elsewhere.

    Raises:
        RunError: it is neither, or a file in it is missing or was changed.
        ConfigError: the settings of a run are not valid.
    """
    folder = Path(folder)
    if (folder / SOURCE_FILE).is_file() and not (folder / "config.yaml").is_file():
        return Results(**_read_results(folder))
    return open_run(folder)


def _read_results(folder: Path) -> dict[str, Any]:
    """Return the fields of `Results`."""
    manifest = _read_manifest_json(folder / "manifest.json")
    records = tuple(read_manifest(folder / "manifest.csv"))
    if manifest_hash(records) != manifest.sha256:
        raise RunError(f"{folder / 'manifest.csv'}: was changed after the training; restore it or train again")
    return {
        "folder": folder,
        "root": Path(manifest.root),
        "records": records,
        "cleaning": manifest.cleaning,
        "folds": manifest.folds,
        "classes": read_classes(folder, records),
    }


def _read_manifest_json(path: Path) -> ManifestJson:
    try:
        return ManifestJson.model_validate(read_json(path))
    except ValueError as error:
        raise RunError(f"{path}: damaged ({describe_error(error)}); restore the file or train again") from error


def read_classes(folder: Path, records: Sequence[Record]) -> tuple[str, ...]:
    """Return the classes in the order of the model; an unfinished run of an older version does not store it."""
    for name in ("model.json", "manifest.json"):
        stored = read_json(folder / name).get("classes") if (folder / name).is_file() else None
        if isinstance(stored, list):
            return tuple(map(str, stored))
    return order_classes_as_before(r.label for r in usable(records))


def read_run_config(path: Path) -> Config:
    """Read the settings of a run. The removed TorchScript format in trainer.export is ignored.

    Raises:
        ConfigError: the settings are not valid.
    """
    values = read_yaml(path)
    trainer = values.get("trainer")
    if isinstance(trainer, dict) and trainer.get("export") == "torchscript":
        values["trainer"] = {key: value for key, value in trainer.items() if key != "export"}
    return check_settings(Config, values, str(path))


def check_resumable(
    folder: Path,
    config: Config,
    root: Path,
    records: Sequence[Record],
    *,
    cleaning: Mapping[str, Any] | None = None,
    folds: int = 0,
) -> None:
    """Raise RunError unless a run was started with the same films, settings and folds. Trainer settings may differ."""
    run = open_run(folder)
    if run.root != root.resolve() or run.cleaning != cleaning:
        raise RunError(f"{folder}: was started with the films in {run.root}; give the same folder, or --overwrite")
    if run.folds != folds:
        started = f"with --folds {run.folds}" if run.folds else "without --folds"
        raise RunError(f"{folder}: was started {started}; give the same, or --overwrite")
    if run.records != tuple(records):
        raise RunError(f"{folder}: was started with another manifest; give the same data, or --overwrite")
    before, now = run.config.model_dump(), config.model_dump()
    changed = [key for key in before if key != "trainer" and before[key] != now[key]]
    if changed:
        raise RunError(f"{folder}: was started with other {changed[0]!r} settings; give the same, or --overwrite")


def write_json(path: str | Path, values: Any) -> None:
    """Write values as JSON."""
    write_atomic(path, json.dumps(values, indent=1) + "\n")


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        RunError: the file is missing or damaged, or holds something else.
    """
    try:
        values = parse_json(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error}); the run is incomplete") from error
    if not isinstance(values, dict):
        raise RunError(f"{path}: holds a {type(values).__name__}; expected a JSON object")
    return values
