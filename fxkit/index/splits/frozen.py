"""Keep the splits and folds of an older manifest when films were added."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fxkit.data.manifest import Record, read_manifest, usable
from fxkit.errors import DataError
from fxkit.index.scan import some

STRICTEST = ("test", "val", "train")  # what was tested on is never trained on


@dataclass(frozen=True)
class Frozen:
    """What an older manifest says of today's groups."""

    splits: Mapping[str, str]  # group -> split
    folds: Mapping[str, str]  # group -> fold
    n_folds: int  # 0 where it has none
    notes: tuple[str, ...]


def read_frozen(path: str | Path, records: Sequence[Record]) -> Frozen:
    """Find the older split and fold of each group that has a file, or the patient, of a row there.

    A file is known again by its bytes or its path. A group whose files had several splits takes test before val
    before train, and of several folds the lowest; a note tells of it.

    Raises:
        DataError: the manifest cannot be read, or has none of the files.
    """
    older = [r for r in usable(read_manifest(path)) if r.split]
    rows = _matches(older, records)
    if not rows:
        raise DataError(
            f"{path}: has a split for none of these {len(records)} files; expected an older manifest of the same "
            "films; leave --frozen out to make a new split"
        )
    splits = {group: min((r.split for r in found), key=STRICTEST.index) for group, found in rows.items()}
    folds = {
        group: min((r.fold for r in found if r.fold), key=int)
        for group, found in rows.items()
        if splits[group] != "test" and any(r.fold for r in found)
    }
    kept = sum(r.group in rows for r in records)
    new = len({r.group for r in records} - set(rows))
    notes = [f"{path}: {kept} of {len(records)} files are of groups that keep their split; {new} groups are new"]
    n_folds = max((int(r.fold) + 1 for r in older if r.fold), default=0)
    return Frozen(splits, folds, n_folds, (*notes, *_conflicts(path, rows, splits)))


def _matches(older: Sequence[Record], records: Sequence[Record]) -> dict[str, list[Record]]:
    """Return the older rows of each group of today, without groups that have none."""
    by_mark: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for row in older:
        for mark in _marks(row):
            by_mark[mark].append(row)
    found: dict[str, dict[str, Record]] = defaultdict(dict)
    for group, mark in {(r.group, mark) for r in records for mark in _marks(r)}:
        for row in by_mark.get(mark, ()):
            found[group][row.path] = row
    return {group: list(rows.values()) for group, rows in found.items()}


def _marks(record: Record) -> list[tuple[str, str]]:
    marks = [("path", record.path), ("bytes", record.sha256), ("patient", record.patient)]
    return [(kind, value) for kind, value in marks if value]


def _conflicts(path: str | Path, rows: Mapping[str, Sequence[Record]], splits: Mapping[str, str]) -> list[str]:
    notes = []
    torn = sorted(group for group, found in rows.items() if len({r.split for r in found}) > 1)
    if torn:
        told = [f"{group} ({', '.join(sorted({r.split for r in rows[group]}))}: now {splits[group]})" for group in torn]
        notes.append(
            f"WARNING: {len(torn)} groups hold films that {path} has in several splits: {some(told)}; they go to "
            "test if any of their films was there, else to val; scores of models trained with that manifest are "
            "not honest for them"
        )
    folded = sorted(group for group, found in rows.items() if len({r.fold for r in found if r.fold}) > 1)
    if folded:
        notes.append(
            f"WARNING: {len(folded)} groups hold films that {path} has in several folds: {some(folded)}; "
            "each goes to the lowest of its folds"
        )
    return notes
