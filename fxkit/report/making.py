"""How a model was made: its data, how they were cleaned, and how it was trained."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxkit.data.leaks import TRAINING_SPLITS, LeakCounts, count_leaks, stamp_text
from fxkit.data.manifest import PartCount, count_splits, read_manifest, usable
from fxkit.html import data_uri
from fxkit.metrics.json_result import read_optional_json
from fxkit.models.predictions_source import FILE as SOURCE
from fxkit.models.predictions_source import read_source
from fxkit.models.run_folder import read_classes
from preprocess.errors import OutputError
from preprocess.ledger import LedgerRow, read_ledger
from preprocess.yaml_files import read_yaml


@dataclass(frozen=True)
class Data:
    """Counts of a manifest.

    Attributes:
        rows: counts of each split, and of all splits together.
        films: (split, class) -> number of films.
        left_out: number of files that could not be used.
        leak: counts of the test files that leak.
        stamp: the warning shown with all figures if the split leaks; "" otherwise.
        group_word: "patients" if the manifest names the patient of each test file, else "groups of films".
        is_given: whether the model was made elsewhere.
        knows_training: whether the films are known that the model was trained on.
    """

    classes: tuple[str, ...]
    rows: tuple[PartCount, ...]
    films: Mapping[tuple[str, str], int]
    left_out: int
    leak: LeakCounts
    stamp: str
    group_word: str
    is_given: bool = False
    knows_training: bool = True


@dataclass(frozen=True)
class Cleaning:
    """Counts of files and erased markers; all counts are 0 if the ledger cannot be read."""

    detector: str
    cleaned: int = 0
    copied: int = 0
    failed: int = 0
    markers: int = 0

    @property
    def files(self) -> int:
        """Number of files."""
        return self.cleaned + self.copied + self.failed


@dataclass(frozen=True)
class Training:
    """How a model was trained.

    Attributes:
        settings: name and value of the essential settings.
        best: a sentence about the epoch that was kept; "" if unknown.
        history: the learning curves as a data URI; None if there is no history.csv.
        environment: name and version of the software.
    """

    settings: tuple[tuple[str, str], ...]
    best: str
    history: str | None
    environment: tuple[tuple[str, str], ...]


def read_data(run: Path) -> Data | None:
    """Count the files, films and groups of RUN/manifest.csv and its leaks; return None if there is no manifest."""
    if not (run / "manifest.csv").is_file():
        return None
    records = read_manifest(run / "manifest.csv")
    classes = read_classes(run, records)
    source = read_source(run) if (run / SOURCE).is_file() else None
    leaks = [count_leaks(records, part) for part in TRAINING_SPLITS]
    parts = {name: count_splits([r for r in records if r.label == name]) for name in classes}
    return Data(
        classes=classes,
        rows=tuple(count_splits(records, classes)),
        films={(count.split, name): count.films for name, counts in parts.items() for count in counts},
        left_out=len(records) - len(usable(records)),
        leak=leaks[0],  # of the test part
        stamp=stamp_text(leaks),
        group_word="patients" if all(r.patient for r in usable(records, "test")) else "groups of films",
        is_given=source is not None,
        knows_training=source is None or bool(source.n_trained),
    )


def read_cleaning(run: Path) -> Cleaning | None:
    """Count the ledger's rows of the run's files; return None if the run was trained on films that were not cleaned."""
    trained = read_optional_json(run / "manifest.json", _cleaned_root)
    if trained is None:
        return None
    root, detector = trained
    try:
        ledger = read_ledger(root)
    except (OutputError, OSError):  # the films may have been moved
        return Cleaning(detector)
    used = {r.path for r in read_manifest(run / "manifest.csv")} if (run / "manifest.csv").is_file() else set()
    return _count([row for row in ledger.values() if used & {row.path, row.output}], detector)


def _cleaned_root(values: dict[str, Any]) -> tuple[str, str] | None:
    """Return the image root and the detector if the films were cleaned."""
    settings = values.get("cleaning")
    return (str(values["root"]), str(settings.get("detector", ""))) if settings else None


def _count(rows: Sequence[LedgerRow], detector: str) -> Cleaning:
    counts = Counter(row.status for row in rows)
    markers = sum(len(row.markers) for row in rows if row.status == "cleaned")
    return Cleaning(detector, counts["cleaned"], counts["copied"], counts["failed"], markers)


SETTING_NAMES = {
    "model.backbone": "backbone",
    "model.weights": "weights",
    "model.pretrained": "pretrained",
    "data.image_size": "image size, px",
    "data.batch_size": "batch size",
    "optim.epochs": "epochs: head, fine-tuning",
    "optim.head_lr": "learning rate: head",
    "optim.finetune_head_lr": "fine-tuning: head",
    "optim.finetune_backbone_lr": "fine-tuning: backbone",
    "augment.enabled": "augmentation",
    "seed": "seed",
}


def read_training(run: Path, stamp: str = "") -> Training | None:
    """Read the essential settings, the epoch that was kept, the software, and draw the learning curves.

    Args:
        stamp: stamp on the picture of the learning curves.
    """
    if not (run / "config.yaml").is_file():
        return None
    config = read_yaml(run / "config.yaml")
    values = [(name, _lookup(config, key)) for key, name in SETTING_NAMES.items()]
    environment = read_optional_json(run / "environment.json", _versions) or ()
    return Training(
        settings=tuple((name, _plain(value)) for name, value in values if value is not None),
        best=read_optional_json(run / "phases.json", _best) or "",
        history=_history(run / "history.csv", stamp),
        environment=environment,
    )


def _lookup(config: Any, key: str) -> Any:
    for part in key.split("."):
        config = config.get(part) if isinstance(config, dict) else None
    return config


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _best(phases: dict[str, Any]) -> str:
    """Describe the epoch that was kept, which is the one with the lowest validation loss of both phases."""
    phase = min(phases, key=lambda name: float(phases[name]["val_loss"]))
    row = phases[phase]
    text = f"Epoch {int(row['epoch']) + 1} of phase {phase} was kept: validation loss {float(row['val_loss']):.3f}"
    return text + (f"; fine-tuned from {row['finetuned_from']}" if row.get("finetuned_from") else "")


def _versions(values: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    flat = {key: value for key, value in values.items() if not isinstance(value, dict)}
    flat |= values.get("packages") or {}
    return tuple((str(key), str(value)) for key, value in flat.items() if value is not None)


def _history(path: Path, stamp: str) -> str | None:
    if not path.is_file():
        return None
    from fxkit.metrics.figures.history import draw_history

    return data_uri(draw_history(path, stamp=stamp))
