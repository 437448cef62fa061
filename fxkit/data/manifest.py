"""The manifest: a CSV file with one row for each image file: its class, group, split and fold.

Paths are relative to the image root, which is not stored: whoever reads images passes it.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from fxkit.data.positive import order_classes
from fxkit.errors import DataError
from preprocess.files import write_atomic
from preprocess.tables.cells import clean_cell, is_empty, is_unknown
from preprocess.tables.columns import find_named
from preprocess.tables.read import Row, read_table

SPLITS = ("train", "val", "test")

OK = "ok"


@dataclass(frozen=True)
class Record:
    """One row of the manifest.

    Attributes:
        path: path of the file relative to the image root, with forward slashes.
        label: class.
        group: name of the group; all films of a group stay in one split and one fold.
        split: "train", "val" or "test"; "" for a file that is left out.
        sha256: hash of the file's bytes in hexadecimal; "" if unknown.
        width: width in pixels; 0 if unknown.
        height: height in pixels; 0 if unknown.
        status: "ok", or the reason why the file is left out.
        film: name of the film; all copies of a film have the same name.
        patient: "" if unknown.
        site: hospital or source; "" if unknown.
        fold: "0" to "K-1"; "" for a file in no fold, such as a test file.
        given_label: class that the data gave, if a verdict on its label changed it; else "".
    """

    path: str
    label: str
    group: str
    split: str
    sha256: str
    width: int
    height: int
    status: str
    film: str
    patient: str = ""
    site: str = ""
    fold: str = ""
    given_label: str = ""


COLUMNS = tuple(f.name for f in fields(Record))

REQUIRED = ("path", "label", "group", "split")

WHOLE_NUMBER = re.compile(r"([0-9]{1,9})([.,]0+)?")  # a spreadsheet may write 1 as 1.0


@dataclass(frozen=True)
class Count:
    """Numbers of files, films, groups and patients in a set of records; `patients` is 0 if no patient is named."""

    files: int
    films: int
    groups: int
    patients: int


def count_records(records: Sequence[Record]) -> Count:
    """Count the files, films, groups and named patients of some records."""
    patients = {r.patient for r in records if r.patient}
    return Count(len(records), len({r.film for r in records}), len({r.group for r in records}), len(patients))


def usable(records: Iterable[Record], split: str | None = None) -> list[Record]:
    """Return the records with status "ok", optionally of one split only."""
    return [r for r in records if r.status == OK and (split is None or r.split == split)]


def find_identical_files(records: Iterable[Record]) -> list[list[Record]]:
    """Return sets of two or more usable files with the same bytes, in the order of the records."""
    by_hash: dict[str, list[Record]] = {}
    for record in usable(records):
        if record.sha256:
            by_hash.setdefault(record.sha256, []).append(record)
    return [files for files in by_hash.values() if len(files) > 1]


def manifest_text(records: Sequence[Record]) -> str:
    """Return the manifest as CSV text; equal records give equal text."""
    out = io.StringIO(newline="")
    # Written only if a label was changed: other manifests keep the hash that older runs have stored.
    columns = [name for name in COLUMNS if name != "given_label" or any(record.given_label for record in records)]
    # QUOTE_MINIMAL would leave a lone carriage return unquoted, and the row could not be read back.
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(columns)
    writer.writerows([getattr(record, name) for name in columns] for record in records)
    return out.getvalue()


def manifest_hash(records: Sequence[Record]) -> str:
    """Return the SHA-256 of the manifest text in hexadecimal."""
    return hashlib.sha256(manifest_text(records).encode("utf-8", "surrogateescape")).hexdigest()


def films_hash(records: Sequence[Record], *, split: bool) -> str:
    """Return a SHA-256 that is equal for two manifests with the same usable rows, whatever their order and folds.

    Args:
        split: include the splits. False gives equal hashes for runs that split the same films differently, such as
            the repeats of an ablation.
    """
    rows = [replace(r, fold="", split=r.split if split else "") for r in usable(records)]
    return manifest_hash(sorted(rows, key=lambda r: r.path))


def write_manifest(path: str | Path, records: Sequence[Record]) -> None:
    """Write the records as a CSV file."""
    write_atomic(path, manifest_text(records))


def read_manifest(path: str | Path) -> list[Record]:
    """Read a manifest; only the columns path, label, group and split are required.

    Raises:
        DataError: the file cannot be read, has no rows, lacks a required column, or holds an invalid split, fold,
            width or height.
    """
    table = read_table(path, "make a manifest with `fxkit index`")
    if not table.rows:
        raise DataError(f"{path}: no rows; expected a manifest; make one with `fxkit index`")
    columns = {name: column for name in COLUMNS if (column := find_named(table.columns, name))}
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise DataError(f"{path}: column {missing[0]!r} is missing; expected {', '.join(REQUIRED)}")
    return [_record(f"{path}, row {row.line}", row, columns) for row in table.rows]


def _record(where: str, row: Row, columns: Mapping[str, str]) -> Record:
    """Return the record of a row. Names are taken as they are written; other cells may be as a spreadsheet saves them.

    A spreadsheet writes fold 1 as 1.0, and an empty cell as nan.
    """
    values = {name: row.values[column] for name, column in columns.items() if column in row.values}
    if any(name not in values for name in REQUIRED):
        raise DataError(
            f"{where}: is cut short; expected {', '.join(REQUIRED)} and more; make the manifest again with "
            "`fxkit index`"
        )
    split = clean_cell(values["split"]).lower()
    if split not in SPLITS and not is_unknown(split):
        raise DataError(f"{where}: split {values['split']!r}; expected {', '.join(SPLITS)} or nothing")
    values["split"] = split if split in SPLITS else ""
    values["film"] = values.get("film") or values["group"]
    values["status"] = _status(values.get("status", ""))
    values["fold"] = _whole_number(where, "fold", values.get("fold", ""), "a whole number or nothing")
    sizes = {name: _whole_number(where, name, values.pop(name, "")) for name in ("width", "height")}
    sha256 = values.pop("sha256", "")
    return Record(**values, sha256=sha256, **{name: int(size or 0) for name, size in sizes.items()})  # type: ignore[arg-type]


def _status(cell: str) -> str:
    return OK if clean_cell(cell).lower() in ("", OK) else cell


def _whole_number(where: str, name: str, cell: str, expected: str = "a whole number") -> str:
    """Return a cell as digits; "" for an empty one."""
    text = clean_cell(cell)
    if is_empty(text):
        return ""
    number = WHOLE_NUMBER.fullmatch(text)
    if not number:
        raise DataError(f"{where}: {name} {cell!r}; expected {expected}")
    return number[1]


@dataclass(frozen=True)
class PartCount(Count):
    """Numbers of files, films, groups and patients in one split or fold.

    Attributes:
        split: "train", "val", "test", "fold 0" and so on, or "all".
        by_class: class -> number of files.
    """

    split: str
    by_class: dict[str, int]


def count_splits(records: Sequence[Record], classes: Sequence[str] | None = None) -> list[PartCount]:
    """Count the usable files, films, groups and patients of each split and fold that is not empty, then of all.

    Args:
        classes: order of the classes; default: that of `order_classes`.
    """
    readable = usable(records)
    classes = classes or order_classes(r.label for r in readable)
    parts = [(name, [r for r in readable if r.split == name]) for name in SPLITS]
    folds = sorted({r.fold for r in readable if r.fold}, key=int)
    parts += [(f"fold {fold}", [r for r in readable if r.fold == fold]) for fold in folds]
    return [
        PartCount(
            **asdict(count_records(part)),
            split=name,
            by_class={label: sum(r.label == label for r in part) for label in classes},
        )
        for name, part in [*parts, ("all", readable)]
        if part
    ]
