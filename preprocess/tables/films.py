"""Read a CSV file that lists films: one row for each file, with its class, patient, site and split if known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from preprocess.errors import DataError, keep_notes
from preprocess.tables.cells import ROUNDED, is_empty, is_no_patient, is_unknown
from preprocess.tables.columns import find_columns, find_named, unread_note
from preprocess.tables.paths import FilmPaths
from preprocess.tables.placeholders import CellReader
from preprocess.tables.read import Row, Table, read_table

# Meaning of a column -> which of its cells are placeholders. A class may be called "none" or "unknown".
MISSING: dict[str, Callable[[str], bool]] = {
    "label": is_empty,
    "patient": is_no_patient,
    "site": is_unknown,
    "split": is_unknown,
    "group": is_unknown,
    "given_label": is_empty,
}

EXACT = ("group", "given_label")  # columns of a manifest; no other name is read as these

CLASS_COLUMNS = ("label", "patient", "group")  # what cleaning reads: markers are counted by class, patient or group

MOST_ROWS = 5  # rows that an error names


@dataclass(frozen=True)
class FilmRow:
    """What one row says about a film; "" where nothing is known."""

    line: int
    path: str  # relative to the root, with /
    label: str = ""
    patient: str = ""
    site: str = ""
    split: str = ""  # as written
    group: str = ""
    given_label: str = ""  # class before a verdict changed it


@dataclass(frozen=True)
class FilmTable:
    """The rows of a table of films.

    Attributes:
        names: the names of all columns.
        columns: meaning (path, or a key of MISSING) -> column that it is read from, if there is one.
        notes: messages for the user: columns under other names, columns that are not read, placeholders, and paths
            that differ from their files.
    """

    names: tuple[str, ...]
    columns: dict[str, str]
    rows: tuple[FilmRow, ...]
    notes: tuple[str, ...]


def read_film_table(file: Path, root: Path, meanings: Sequence[str], remedy: str) -> FilmTable:
    """Read a CSV file that lists films.

    Args:
        root: folder that the paths are relative to.
        meanings: what is read besides the path; a column with another meaning is named as not read.
        remedy: end of the error texts: what was expected and what to do.

    Raises:
        DataError: the file or the root cannot be read, there is no column of paths, two columns mean the same, there is
            no row, or a row has no path or one outside of the root.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected the folder that the paths in {file} are relative to")
    table = read_table(file, remedy)
    with keep_notes([table.note] if table.note else []):
        return _film_table(table, root, meanings, remedy)


def _film_table(table: Table, root: Path, meanings: Sequence[str], remedy: str) -> FilmTable:
    file = table.path
    columns, notes = find_columns(table, ["path", *(meaning for meaning in meanings if meaning not in EXACT)])
    columns |= {name: column for name in EXACT if name in meanings and (column := find_named(table.columns, name))}
    if "path" not in columns:
        raise DataError(f"{file}: no column `path`; its columns are: {', '.join(table.columns)}; {remedy}")
    if not table.rows:
        raise DataError(f"{file}: no rows; {remedy}")
    paths, cells = FilmPaths(root), CellReader(table)
    with keep_notes(notes):
        rows = tuple(_film_row(row, table, columns, paths, cells) for row in table.rows)
    notes = [table.note, *notes, *unread_note(table, columns.values()), *cells.notes(), *paths.notes(file)]
    return FilmTable(
        table.columns, columns, rows, tuple(note for note in notes + _rounded_patients(file, rows) if note)
    )


def _film_row(row: Row, table: Table, columns: dict[str, str], paths: FilmPaths, cells: CellReader) -> FilmRow:
    path = paths.find(row.values.get(columns["path"], ""), f"{table.path}, row {row.line}")
    values = {
        meaning: cells.read(row, columns[meaning], is_missing)
        for meaning, is_missing in MISSING.items()
        if meaning in columns
    }
    return FilmRow(row.line, path, **values)


def check_labels(file: Path, rows: Sequence[FilmRow]) -> None:
    """Raise DataError if rows have no label."""
    lines = [str(row.line) for row in rows if not row.label]
    if lines:
        more = f" and {len(lines) - MOST_ROWS} more" if len(lines) > MOST_ROWS else ""
        rows_text = f"row {lines[0]}" if len(lines) == 1 else f"rows {', '.join(lines[:MOST_ROWS])}{more}"
        raise DataError(f"{file}, {rows_text}: no label (cells such as nan are none); fill it in or delete the row")


def _rounded_patients(file: Path, rows: Sequence[FilmRow]) -> list[str]:
    """Warn of patients that a spreadsheet rounded: different ones may have become one."""
    rounded = sorted({row.patient for row in rows if ROUNDED.fullmatch(row.patient)})
    if not rounded:
        return []
    return [
        f"WARNING: {file}: the patient {rounded[0]} is a number that a spreadsheet has rounded, so different patients "
        "may have the same one; export the column as text"
    ]
