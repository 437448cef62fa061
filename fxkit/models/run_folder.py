"""The run folder: what a training leaves behind, and what the other commands read.

config.yaml  environment.json  manifest.csv  manifest.json (image root, hash, stamp)  history.csv  validation.json
model.safetensors  model.json  checkpoints/ and logs/ (Lightning's)  then by evaluate, cam and ablate:
predictions.csv  metrics.json  figures/  report.html  evaluations/  splits/  cam/  ablation.json
"""

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fxkit import __version__
from fxkit.config import Config, write_config
from fxkit.data.leaks import leak_stamp
from fxkit.data.manifest import Record, manifest_hash, read_manifest, write_manifest
from fxkit.errors import RunError
from preprocess.files import write_atomic
from preprocess.yaml_files import check_settings, read_yaml

PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "lightning",
    "albumentations",
    "opencv-python-headless",
    "numpy",
    "pillow",
)


@dataclass(frozen=True)
class Run:
    folder: Path
    config: Config
    root: Path  # of the images
    records: tuple[Record, ...]
    cleaning: Mapping[str, Any] | None = None  # settings of clean-labels, where root holds cleaned images
    folds: int = 0  # of a run that trained a model a fold; else 0

    @property
    def stamp(self) -> str:
        """The line that every figure of this run bears; "" where its split does not leak."""
        return leak_stamp(self.records)


def create_run(
    folder: Path,
    config: Config,
    root: Path,
    records: Sequence[Record],
    *,
    cleaning: Mapping[str, Any] | None = None,
    folds: int = 0,
    overwrite: bool = False,
) -> None:
    """Make a run folder and write down what the training starts from.

    Raises:
        RunError: the folder is there already, and not to be overwritten or not a run.
    """
    if folder.exists() and any(folder.iterdir()):
        if not overwrite:
            raise RunError(f"{folder}: exists already; choose another --name, or give --resume or --overwrite")
        if not (folder / "config.yaml").is_file():
            raise RunError(f"{folder}: is no run folder, so it is not overwritten; choose another --name")
        shutil.rmtree(folder)
    write_config(folder / "config.yaml", config)
    write_manifest(folder / "manifest.csv", records)
    described = {
        "root": str(root.resolve()),
        "sha256": manifest_hash(records),
        "cleaning": cleaning,
        "folds": folds,
        "stamp": leak_stamp(records),  # of leaks
    }
    write_json(folder / "manifest.json", described)
    write_json(folder / "environment.json", environment())


def open_run(folder: str | Path) -> Run:
    """Read a run folder.

    Raises:
        RunError: no such folder, or a part of it is missing or was changed.
    """
    folder = Path(folder)
    if not (folder / "config.yaml").is_file():
        raise RunError(f"{folder}: no run folder (config.yaml is missing); make one with `fxkit train`")
    config = check_settings(Config, read_yaml(folder / "config.yaml"), str(folder / "config.yaml"))
    described = read_json(folder / "manifest.json")
    records = tuple(read_manifest(folder / "manifest.csv"))
    if manifest_hash(records) != described["sha256"]:
        raise RunError(f"{folder / 'manifest.csv'}: was changed after the training; restore it or train again")
    folds = int(described.get("folds", 0))
    return Run(folder, config, Path(described["root"]), records, described.get("cleaning"), folds)


def check_same(
    folder: Path,
    config: Config,
    root: Path,
    records: Sequence[Record],
    *,
    cleaning: Mapping[str, Any] | None = None,
    folds: int = 0,
) -> None:
    """Raise RunError unless a run to resume was started on the same films, with the same settings and folds."""
    run = open_run(folder)
    if run.root != root.resolve() or run.cleaning != cleaning:
        raise RunError(f"{folder}: was started on the films in {run.root}; give the same, or --overwrite")
    if run.folds != folds:
        started = f"with --folds {run.folds}" if run.folds else "without --folds"
        raise RunError(f"{folder}: was started {started}; do the same, or --overwrite")
    if run.records != tuple(records):
        raise RunError(f"{folder}: was started on another manifest; give the same data, or --overwrite")
    before, now = run.config.model_dump(), config.model_dump()
    changed = [key for key in before if key != "trainer" and before[key] != now[key]]
    if changed:
        raise RunError(f"{folder}: was started with other {changed[0]!r} settings; give the same, or --overwrite")


def write_json(path: str | Path, values: Any) -> None:
    write_atomic(path, json.dumps(values, indent=1) + "\n")


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        RunError: missing, damaged, or not an object.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error}); the run is not complete") from error
    if not isinstance(values, dict):
        raise RunError(f"{path}: holds a {type(values).__name__}; expected an object")
    return values


def environment() -> dict[str, Any]:
    """Return what the result may depend on: versions, machine and the checkout's commit."""
    return {
        "fxkit": __version__,
        "commit": _commit(),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of fxkit's checkout, marked where files differ from it; None where it is installed from a wheel."""
    top = Path(__file__).parents[2]
    if not (top / ".git").exists():
        return None
    try:
        shown = subprocess.run(
            ["git", "-C", str(top), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return shown.stdout.strip()
