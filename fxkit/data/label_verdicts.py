"""Verdicts on labels: films whose label a person called wrong or right, as labels.html saves them.

Accepted verdicts replace labels when the data are indexed again.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from fxkit.data.manifest import Record
from fxkit.errors import DataError
from preprocess.errors import first_few
from preprocess.tables.cells import clean_cell, label_key
from preprocess.tables.columns import find_named
from preprocess.tables.read import read_table
from preprocess.words import amount

ACCEPT, REJECT = "accept", "reject"

COLUMNS = ("film", "path", "label", "new_label", "verdict")

REQUIRED = COLUMNS[1:]

EXPECTED = f"expected a CSV file with the columns {', '.join(REQUIRED)}, as labels.html saves it"


@dataclass(frozen=True)
class LabelVerdict:
    """A person's verdict on the label of one film.

    Attributes:
        path: one file of the film.
        label: class that the film has.
        new_label: class that was suggested instead.
        verdict: "accept" if the new label is right, "reject" if the label is.
        where: file and row, for error texts.
    """

    path: str
    label: str
    new_label: str
    verdict: Literal["accept", "reject"]
    where: str


def read_label_verdicts(file: Path) -> tuple[LabelVerdict, ...]:
    """Read verdicts.csv.

    Raises:
        DataError: the file cannot be read, a column or a value is missing, or a path stands twice.
    """
    table = read_table(file, EXPECTED)
    columns = {name: find_named(table.columns, name) for name in REQUIRED}
    missing = [name for name, column in columns.items() if column is None]
    if missing:
        raise DataError(f"{file}: no column {missing[0]!r}; {EXPECTED}")
    verdicts: dict[str, LabelVerdict] = {}
    for row in table.rows:
        where = f"{file}, row {row.line}"
        path, label, new, verdict = (row.values.get(columns[name] or "", "") for name in REQUIRED)
        word = clean_cell(verdict).lower()
        if word not in (ACCEPT, REJECT):
            raise DataError(f"{where}: verdict {verdict!r}; expected {ACCEPT} or {REJECT}")
        if not clean_cell(path) or not clean_cell(label) or (word == ACCEPT and not clean_cell(new)):
            raise DataError(f"{where}: a path or a label is empty; {EXPECTED}")
        if path in verdicts:
            raise DataError(f"{where}: {path} has a verdict in an earlier row; expected one verdict for each film")
        verdicts[path] = LabelVerdict(path, label, new, "accept" if word == ACCEPT else "reject", where)
    return tuple(verdicts.values())


def apply_label_verdicts(
    records: Sequence[Record], verdicts: Sequence[LabelVerdict], find: Callable[[str, str], str] = lambda cell, _: cell
) -> tuple[list[Record], list[str]]:
    """Replace the labels of the films whose new label was accepted; all files of a film with that label change.

    A film that has the new label already stays as it is, so that the verdicts can be applied twice.

    Args:
        find: (path as written, start of the error text) -> path of a record.
    Returns:
        The records, and notes with the counts.
    Raises:
        DataError: a path is not in the records, a film has another label than its verdict says, a new label is no class
            of the records, or two verdicts give one film different labels.
    """
    by_path = {record.path: record for record in records}
    labels = [label for record in records for label in (record.given_label, record.label) if label]
    classes = {label_key(label): label for label in labels}
    changes: dict[tuple[str, str], str] = {}  # film and label -> new label
    n_same = 0
    for verdict in verdicts:
        record = by_path.get(verdict.path) or by_path.get(find(verdict.path, verdict.where))
        if record is None:
            raise DataError(
                f"{verdict.where}: {verdict.path!r} is not a film of this data set; expected paths as in labels.csv"
            )
        new = _accepted_label(record, verdict, classes)
        n_same += new == record.label
        if new is None or new == record.label:
            continue
        if changes.setdefault((record.film, record.label), new) != new:
            raise DataError(f"{verdict.where}: another row gives film {record.film} another label; keep one of them")
    changed = [_relabel(record, changes.get((record.film, record.label))) for record in records]
    return changed, _notes(records, changed, n_same)


def _accepted_label(record: Record, verdict: LabelVerdict, classes: Mapping[str, str]) -> str | None:
    """Return the label that a verdict gives a film, which may be its own; None for a rejected one."""
    if verdict.verdict == REJECT:
        return None
    new = classes.get(label_key(verdict.new_label))
    if new is None:
        listed = first_few(sorted(set(classes.values())))
        raise DataError(f"{verdict.where}: new label {verdict.new_label!r}; expected a class of the data: {listed}")
    if label_key(record.label) not in (label_key(new), label_key(verdict.label)):
        raise DataError(
            f"{verdict.where}: {verdict.path} has the label {record.label!r}, but the verdict is on {verdict.label!r}; "
            "make new verdicts with `fxkit label-errors`"
        )
    return new


def _relabel(record: Record, new: str | None) -> Record:
    if new is None:
        return record
    given = record.given_label or record.label
    return replace(record, label=new, given_label="" if new == given else given)


def _notes(before: Sequence[Record], after: Sequence[Record], n_same: int) -> list[str]:
    pairs = [(a, b) for a, b in zip(before, after, strict=True) if a.label != b.label]
    kinds = Counter(f"{a.label} to {b.label}" for a, b in pairs)
    films = len({(a.film, a.label) for a, _ in pairs})
    notes = []
    if pairs:
        listed = ", ".join(f"{kind} {n}" for kind, n in sorted(kinds.items()))
        notes.append(
            f"the labels of {amount(films, 'film')} ({amount(len(pairs), 'file')}) were replaced by accepted verdicts: "
            f"{listed}; the manifest's column given_label keeps the old ones"
        )
    if n_same:
        notes.append(f"{amount(n_same, 'accepted film has', 'accepted films have')} the new label already")
    if not pairs and not n_same:
        notes.append("no verdict on labels was accepted, so no label was replaced")
    return notes
