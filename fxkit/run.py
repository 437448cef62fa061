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
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

from safetensors.torch import load_file, save

from fxkit import __version__
from fxkit.config import Config, ModelConfig, read_yaml, validate, write_config
from fxkit.data.leaks import stamp_of
from fxkit.data.manifest import Record, manifest_hash, read_manifest, write_manifest
from fxkit.data.transforms import Preprocessing, preprocessing_from
from fxkit.ensemble import Ensemble
from fxkit.errors import RunError
from fxkit.model import Classifier, build_classifier
from preprocess.images import write_atomic

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
FORMAT = 1  # of model.json


@dataclass(frozen=True)
class ModelCard:
    """What model.json holds beside the weights: all that prediction needs."""

    classes: tuple[str, ...]  # in the order of the logits; of two, the second is the positive one
    model: ModelConfig
    preprocessing: Preprocessing
    cleaning: Mapping[str, Any] | None  # the settings of clean-labels, where it was trained on cleaned images
    threshold: float = 0.5  # on the positive class's probability
    temperature: float = 1.0  # logits are divided by it
    members: int = 1  # classifiers whose probabilities are averaged


@dataclass(frozen=True)
class Model:
    classifier: Classifier | Ensemble
    card: ModelCard

    @property
    def members(self) -> "list[Model]":
        """The models that an ensemble averages; of any other the model itself."""
        if not isinstance(self.classifier, Ensemble):
            return [self]
        each = zip(self.classifier.members, self.classifier.temperatures.tolist(), strict=True)
        return [Model(cast(Classifier, m), replace(self.card, temperature=t, members=1)) for m, t in each]


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
        return stamp_of(self.records)


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
        "stamp": stamp_of(records),  # of leaks
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
    config = validate(read_yaml(folder / "config.yaml"), str(folder / "config.yaml"))
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


def save_model(folder: Path, model: Model) -> None:
    """Write model.safetensors and model.json."""
    state = {key: tensor.detach().cpu().contiguous() for key, tensor in model.classifier.state_dict().items()}
    write_atomic(folder / "model.safetensors", save(state))
    write_card(folder, model.card)


def write_card(folder: Path, card: ModelCard) -> None:
    """Write model.json."""
    values = asdict(card) | {"model": card.model.model_dump(mode="json"), "format": FORMAT}
    write_json(folder / "model.json", values | {"fxkit": __version__})


def load_model(folder: str | Path) -> Model:
    """Load a finished model, in evaluation mode; nothing is unpickled.

    Raises:
        RunError: no model there, or its files are damaged or do not fit each other.
    """
    folder = Path(folder)
    if not (folder / "model.json").is_file() and not (folder / "config.yaml").is_file():
        raise RunError(f"{folder}: no run folder; make one with `fxkit train`")
    if not (folder / "model.safetensors").is_file():
        raise RunError(f"{folder}: no model.safetensors; the training did not end: go on with `fxkit train --resume`")
    card = read_card(folder)
    try:
        classifier = _build(card)
        classifier.load_state_dict(load_file(folder / "model.safetensors"))
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise RunError(f"{folder / 'model.safetensors'}: does not fit model.json ({reason}); train again") from error
    return Model(classifier.eval(), card)


def _build(card: ModelCard) -> Classifier | Ensemble:
    """Build what the card describes, with weights that the state dict is to replace."""
    size, count = card.preprocessing.image_size, len(card.classes)
    members = [build_classifier(card.model, count, load=False, image_size=size) for _ in range(card.members)]
    return members[0] if card.members == 1 else Ensemble(members)


def read_card(folder: Path) -> ModelCard:
    """Read model.json.

    Raises:
        RunError: it is missing or damaged.
    """
    path = folder / "model.json"
    values = read_json(path)
    try:
        members = int(values.get("members", 1))
        if members < 1:
            raise ValueError(f"{members} members; expected 1 or more")
        return ModelCard(
            classes=tuple(values["classes"]),
            model=ModelConfig.model_validate(values["model"]),
            preprocessing=preprocessing_from(values["preprocessing"]),
            cleaning=values["cleaning"],
            threshold=float(values["threshold"]),
            temperature=float(values["temperature"]),
            members=members,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path}: not a model description of fxkit ({error}); train again") from error


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
    top = Path(__file__).parent.parent
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
