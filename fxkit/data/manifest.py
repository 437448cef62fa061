"""The manifest: one row a file, with its class, group and split. Paths are relative; the image root is an argument."""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from fxkit.errors import DataError
from preprocess.files import write_atomic

SPLITS = ("train", "val", "test")

OK = "ok"


@dataclass(frozen=True)
class Record:
    path: str  # relative to the image root, with /
    label: str  # class
    group: str  # films that must stay together
    split: str  # train, val, test, or "" where the file is left out
    sha256: str
    width: int
    height: int
    status: str  # "ok", or why the file is left out
    film: str  # copies of one film share it
    patient: str = ""
    site: str = ""
    fold: str = ""  # 0 to K-1, or "" where the file is in no fold, as test files are


COLUMNS = tuple(f.name for f in fields(Record))

REQUIRED = ("path", "label", "group", "split")


@dataclass(frozen=True)
class Count:
    """How much there is of something; `patients` is 0 where none is named."""

    files: int
    films: int
    groups: int
    patients: int


def count(records: Sequence[Record]) -> Count:
    """Count files, films, groups and patients."""
    patients = {r.patient for r in records if r.patient}
    return Count(len(records), len({r.film for r in records}), len({r.group for r in records}), len(patients))


def usable(records: Iterable[Record], split: str | None = None) -> list[Record]:
    """Return the records that can be read, of one split or of all."""
    return [r for r in records if r.status == OK and (split is None or r.split == split)]


def identical_files(records: Iterable[Record]) -> list[list[Record]]:
    """Return the sets of usable files with the same bytes, in the records' order."""
    same: dict[str, list[Record]] = {}
    for record in usable(records):
        if record.sha256:
            same.setdefault(record.sha256, []).append(record)
    return [files for files in same.values() if len(files) > 1]


def manifest_text(records: Sequence[Record]) -> str:
    """Return the manifest as CSV text; the same records give the same bytes."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)  # minimal leaves a lone CR bare
    writer.writerow(COLUMNS)
    writer.writerows([getattr(record, name) for name in COLUMNS] for record in records)
    return out.getvalue()


def manifest_hash(records: Sequence[Record]) -> str:
    """Return the SHA-256 of the manifest's text in hexadecimal."""
    return hashlib.sha256(manifest_text(records).encode("utf-8", "surrogateescape")).hexdigest()


def films_hash(records: Sequence[Record], *, split: bool) -> str:
    """Return the SHA-256 of the usable rows without their folds; without their parts too if these don't matter.

    So it is the same for a run that drew folds of its own, and for an ablation that divides the films anew.
    """
    rows = [replace(r, fold="", split=r.split if split else "") for r in usable(records)]
    return manifest_hash(sorted(rows, key=lambda r: r.path))


def write_manifest(path: str | Path, records: Sequence[Record]) -> None:
    write_atomic(path, manifest_text(records))


def read_manifest(path: str | Path) -> list[Record]:
    """Read a manifest; columns that only describe a file may be missing.

    Raises:
        DataError: no such file, a required column missing, a number, split or fold that is none, or no rows.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); make one with `fxkit index`") from error
    if not rows:
        raise DataError(f"{path}: no rows; expected a manifest; make one with `fxkit index`")
    missing = [name for name in REQUIRED if name not in rows[0]]
    if missing:
        raise DataError(f"{path}: column {missing[0]!r} is missing; expected {', '.join(REQUIRED)}")
    return [_record(path, number, row) for number, row in enumerate(rows, start=2)]


def _record(path: Path, line: int, row: dict[str, str]) -> Record:
    if any(row.get(name) is None for name in REQUIRED):
        raise DataError(f"{path}, row {line}: is cut short; expected {', '.join(REQUIRED)} and more; make it again")
    given = {name: row[name] for name in COLUMNS if row.get(name) is not None}
    given.setdefault("film", given["group"])
    given.setdefault("status", OK)
    given.setdefault("sha256", "")
    if given["split"] not in (*SPLITS, ""):
        raise DataError(f"{path}, row {line}: split {given['split']!r}; expected {', '.join(SPLITS)} or nothing")
    if given.get("fold") and not given["fold"].isdecimal():
        raise DataError(f"{path}, row {line}: fold {given['fold']!r}; expected a whole number or nothing")
    sizes = {}
    for name in ("width", "height"):
        text = given.pop(name, "") or "0"
        if not text.isdecimal():
            raise DataError(f"{path}, row {line}: {name} {text!r}; expected a whole number")
        sizes[name] = int(text)
    return Record(**given, **sizes)  # type: ignore[arg-type]


def order_classes(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the classes in index order: sorted, but of two the negative one first, so that index 1 is positive.

    A class counts as negative when its name is, or opens with, a word such as "not", "no", "non" or "normal".
    """
    classes = sorted(set(labels))
    if len(classes) == 2:
        classes.sort(key=lambda name: (not _is_negative(name), name))
    return tuple(classes)


def _is_negative(name: str) -> bool:
    first = name.lower().replace("-", "_").replace(" ", "_").split("_")[0]
    return first in {
        "not",
        "no",
        "non",
        "normal",
        "negative",
        "neg",
        "healthy",
        "intact",
        "control",
        "unfractured",
        "0",
    }


@dataclass(frozen=True)
class Part(Count):
    """How much a split or fold holds."""

    split: str
    by_class: dict[str, int]  # files


def count_splits(records: Sequence[Record]) -> list[Part]:
    """Count files, films, groups and files a class of every split and fold that holds any, then of all ("all")."""
    good = usable(records)
    classes = order_classes(r.label for r in good)
    parts = [(name, [r for r in good if r.split == name]) for name in SPLITS]
    folds = sorted({r.fold for r in good if r.fold}, key=int)
    parts += [(f"fold {fold}", [r for r in good if r.fold == fold]) for fold in folds]
    return [
        Part(
            **asdict(count(part)),
            split=name,
            by_class={label: sum(r.label == label for r in part) for label in classes},
        )
        for name, part in [*parts, ("all", good)]
        if part
    ]
