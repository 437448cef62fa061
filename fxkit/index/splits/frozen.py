"""Keep the splits and folds of an older manifest when films are added to a data set."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fxkit.data.manifest import Record, read_manifest, usable
from fxkit.errors import DataError
from fxkit.index.scan import first_few
from preprocess.tables.cells import patient_key
from preprocess.words import amount, none_of

STRICTEST = ("test", "val", "train")  # a film that was once in test must never be trained on


@dataclass(frozen=True)
class FrozenSplits:
    """Splits and folds from an older manifest, for the groups of the new one.

    Attributes:
        splits: group -> split.
        folds: group -> fold.
        n_folds: number of folds in the older manifest; 0 if it has none.
        notes: messages for the user.
    """

    splits: Mapping[str, str]
    folds: Mapping[str, str]
    n_folds: int
    notes: tuple[str, ...]


def read_frozen(path: str | Path, records: Sequence[Record]) -> FrozenSplits:
    """Read an older manifest and find the split and fold of every group that has a film in it.

    A group is matched by the path, the bytes or the patient of its files. If its files had several splits, it becomes
    test if any was test, else val; of several folds, it takes the lowest. A note reports both cases.

    Raises:
        DataError: the manifest cannot be read, or has a split for none of the files.
    """
    older = [r for r in usable(read_manifest(path)) if r.split]
    rows = _older_rows(older, records)
    if not rows:
        raise DataError(
            f"{path}: has a split for {none_of(len(records), 'file')}; expected an older manifest of the same "
            "films; leave --frozen out to make a new split"
        )
    splits = {group: min((r.split for r in olds), key=STRICTEST.index) for group, olds in rows.items()}
    folds = {
        group: min((r.fold for r in olds if r.fold), key=int)
        for group, olds in rows.items()
        if splits[group] != "test" and any(r.fold for r in olds)
    }
    n_kept = sum(r.group in rows for r in records)
    n_new = len({r.group for r in records} - set(rows))
    note = (
        f"{path}: {n_kept} of {amount(len(records), 'file belongs', 'files belong')} to groups that keep their split; "
        f"{_groups(n_new, 'is', 'are')} new"
    )
    n_folds = max((int(r.fold) + 1 for r in older if r.fold), default=0)
    return FrozenSplits(splits, folds, n_folds, (note, *_conflicts(path, rows, splits)))


def _groups(n: int, one: str, many: str) -> str:
    return f"1 group {one}" if n == 1 else f"{n} groups {many}"


def _older_rows(older: Sequence[Record], records: Sequence[Record]) -> dict[str, list[Record]]:
    """Return, for each group of the new manifest, its rows in the older one; groups without any are left out."""
    by_key: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for row in older:
        for key in _keys(row):
            by_key[key].append(row)
    matches: dict[str, dict[str, Record]] = defaultdict(dict)
    for group, key in {(r.group, key) for r in records for key in _keys(r)}:
        for row in by_key.get(key, ()):
            matches[group][row.path] = row
    return {group: list(rows.values()) for group, rows in matches.items()}


def _keys(record: Record) -> list[tuple[str, str]]:
    keys = [("path", record.path), ("bytes", record.sha256), ("patient", patient_key(record.patient))]
    return [(kind, value) for kind, value in keys if value]


def _conflicts(path: str | Path, rows: Mapping[str, Sequence[Record]], splits: Mapping[str, str]) -> list[str]:
    notes = []
    torn = sorted(group for group, olds in rows.items() if len({r.split for r in olds}) > 1)
    if torn:
        texts = [
            f"{group} ({', '.join(sorted({r.split for r in rows[group]}))}: now {splits[group]})" for group in torn
        ]
        notes.append(
            f"WARNING: {_groups(len(torn), 'has', 'have')} films in several splits of {path}: {first_few(texts)}; such "
            "a group becomes test if any of its films was test, else val; scores of models trained with that manifest "
            "are not honest for such a group"
        )
    folded = sorted(group for group, olds in rows.items() if len({r.fold for r in olds if r.fold}) > 1)
    if folded:
        notes.append(
            f"WARNING: {_groups(len(folded), 'has', 'have')} films in several folds of {path}: {first_few(folded)}; "
            "such a group takes the lowest of its folds"
        )
    return notes
