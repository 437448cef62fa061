"""How the model came about: the data, its cleaning and the training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxkit.config import read_yaml
from fxkit.data.index import leaks
from fxkit.data.manifest import SPLITS, Record, order_classes, read_manifest, usable
from fxkit.report.reading import data_uri, picture_uri, read_part
from preprocess.ledger import LEDGER, LedgerRow, read_ledger


@dataclass(frozen=True)
class SplitRow:
    name: str
    files: int
    films: int
    groups: int
    by_class: tuple[tuple[int, int], ...]  # files and films of each class


@dataclass(frozen=True)
class Data:
    classes: tuple[str, ...]
    rows: tuple[SplitRow, ...]
    left_out: int  # files that could not be read
    test_files: int
    leaked_files: int
    group_word: str  # what a group is: patients, where the manifest names them
    root: str


@dataclass(frozen=True)
class Cleaning:
    cleaned: int
    copied: int
    failed: int
    markers: int
    detector: str
    sheet: str | None


COUNTS = ("cleaned", "copied", "failed", "markers")


@dataclass(frozen=True)
class Training:
    settings: tuple[tuple[str, str], ...]
    best: str
    history: str | None
    environment: tuple[tuple[str, str], ...]


def read_data(run: Path) -> Data | None:
    """Count files, films and groups of RUN/manifest.csv, and the test files with a copy in training."""
    if not (run / "manifest.csv").is_file():
        return None
    records = read_manifest(run / "manifest.csv")
    classes = order_classes(r.label for r in usable(records))
    leak = leaks(records)
    return Data(
        classes=classes,
        rows=tuple(_split_row(split, usable(records, split), classes) for split in SPLITS),
        left_out=len(records) - len(usable(records)),
        test_files=leak.test_files,
        leaked_files=leak.leaked_files,
        group_word="patients" if all(r.patient for r in usable(records, "test")) else "groups of films",
        root=read_part(run / "manifest.json", lambda values: str(values["root"])) or "",
    )


def _split_row(split: str, records: Sequence[Record], classes: Sequence[str]) -> SplitRow:
    parts = [[r for r in records if r.label == name] for name in classes]
    return SplitRow(
        name=split,
        files=len(records),
        films=len({r.film for r in records}),
        groups=len({r.group for r in records}),
        by_class=tuple((len(part), len({r.film for r in part})) for part in parts),
    )


def read_cleaning(run: Path, data: Data | None) -> Cleaning | None:
    """Read RUN/cleaning.json, or count the ledger of the image root."""
    sheet = picture_uri(run / "cleaning_sheet.png")
    told = read_part(run / "cleaning.json", lambda values: _cleaning_of(values, sheet))
    if told is not None:
        return told
    if data is None or not data.root or not (Path(data.root) / LEDGER).is_file():
        return None
    used = {r.path for r in read_manifest(run / "manifest.csv")}
    rows = [row for path, row in read_ledger(data.root).items() if path in used]
    detector = read_part(Path(data.root) / "clean.json", lambda v: str(v["settings"]["detector"])) or ""
    return _count(rows, detector, sheet)


def _cleaning_of(values: dict[str, Any], sheet: str | None) -> Cleaning:
    cleaned, copied, failed, markers = (int(values.get(key, 0)) for key in COUNTS)
    return Cleaning(cleaned, copied, failed, markers, str(values.get("detector", "")), sheet)


def _count(rows: Sequence[LedgerRow], detector: str, sheet: str | None) -> Cleaning:
    def having(status: str) -> int:
        return sum(row.status == status for row in rows)

    markers = sum(len(row.markers) for row in rows if row.status == "cleaned")
    return Cleaning(having("cleaned"), having("copied"), having("failed"), markers, detector, sheet)


SHOWN = {
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


def read_training(run: Path) -> Training | None:
    """Read the essentials of RUN/config.yaml, the best epoch and the history."""
    if not (run / "config.yaml").is_file():
        return None
    config = read_yaml(run / "config.yaml")
    found = [(word, _lookup(config, key)) for key, word in SHOWN.items()]
    environment = read_part(run / "environment.json", _versions) or ()
    return Training(
        settings=tuple((word, _plain(value)) for word, value in found if value is not None),
        best=read_part(run / "phases.json", _best) or "",
        history=_history(run / "history.csv"),
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
    """The epoch that was kept, as the training tells it for each phase."""
    phase = min(phases, key=lambda name: float(phases[name]["val_loss"]))
    row = phases[phase]
    text = f"Epoch {int(row['epoch']) + 1} of phase {phase} was kept: validation loss {float(row['val_loss']):.3f}"
    return text + (f"; fine-tuned from {row['finetuned_from']}" if row.get("finetuned_from") else "")


def _versions(values: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    flat = {key: value for key, value in values.items() if not isinstance(value, dict)}
    flat |= values.get("packages") or {}
    return tuple((str(key), str(value)) for key, value in flat.items() if value is not None)


def _history(path: Path) -> str | None:
    if not path.is_file():
        return None
    from fxkit.figures import draw_history

    return data_uri(draw_history(path))
