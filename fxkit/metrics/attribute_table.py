"""Read the attributes of films, such as sex and age, from a CSV file with one row for each film."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fxkit.data.manifest import COLUMNS
from fxkit.errors import DataError
from preprocess.tables.cells import clean_cell, is_unknown, label_key, read_number
from preprocess.tables.columns import find_columns, find_named
from preprocess.tables.match_rows import match_rows
from preprocess.tables.names import meaning_of, plain_name
from preprocess.tables.placeholders import CellReader
from preprocess.tables.read import Row, Table, read_table
from preprocess.tables.spellings import Kind, join_spellings

Attribute = Mapping[str, str]  # path -> value; "" if unknown

MOST_VALUES = 12  # numeric columns with more values are divided into quarters; other columns are left out

MOST_NAMED_VALUES = 50  # of a column that the user named

INFINITE = ("inf", "infinity")

MEASURED = re.compile(r"[<>≤≥~=]*\s*([-+]?[0-9.,]+(?:e[-+]?[0-9]+)?)\s*\+?\s*([^\d\s.,+]*)", re.IGNORECASE)

YEARS = {"d": 1 / 365.25, "w": 7 / 365.25, "m": 1 / 12, "y": 1.0}  # units of an age: DICOM writes 045Y and 006M


@dataclass(frozen=True)
class TableAttributes:
    """What a table says about films.

    Attributes:
        values: name of the attribute -> path -> value.
        notes: messages for the user.
    """

    values: dict[str, Attribute]
    notes: tuple[str, ...]


def read_attributes(
    file: Path,
    paths: Sequence[str],
    columns: Sequence[str] = (),
    *,
    key: str | None = None,
    skip: Sequence[str] = (),
) -> TableAttributes:
    """Read attributes from the columns of a CSV file with a row for each film.

    A row belongs to the film whose path ends with the path in the row, or the other way round. If no path does, case,
    Unicode form and image extension are ignored.

    Args:
        file: CSV file with a column path, or another name that means a path (`preprocess.tables.names`).
        paths: paths of the films.
        columns: columns to read; default: all columns with 2 to 12 values or with numbers, except those of a manifest.
        key: column that names the film; default: the one whose name means a path.
        skip: columns that hold no attribute.
    Raises:
        DataError: the file cannot be read, has no column of paths or lacks a given column, a given column has one value
            or too many, no row matches a film, a row matches several films, or a film has rows that differ.
    """
    table = read_table(file, "expected a CSV file with a row for each film")
    keys, notes = ({"path": key}, list[str]()) if key else find_columns(table, ["path"])
    if "path" not in keys:
        raise DataError(f"{file}: no column `path`; its columns are: {', '.join(table.columns)}; name one `path`")
    matched = match_rows(table, keys["path"], paths)
    suitable = [name for name in table.columns if _is_attribute(name, keys) and name not in skip]
    wanted = _named(table, columns) if columns else suitable
    values, left_out, value_notes = _read_columns(table, matched, wanted, are_named=bool(columns))
    notes += _omissions(table, left_out, [] if columns else [*wanted, keys["path"], *skip], len(paths) - len(matched))
    return TableAttributes(values, tuple(filter(None, [table.note, *notes, *value_notes])))


def _read_columns(
    table: Table, rows: Mapping[str, Row], names: Sequence[str], *, are_named: bool
) -> tuple[dict[str, Attribute], list[str], list[str]]:
    """Return the values of the columns that form subgroups, the columns that form none and why, and notes.

    Args:
        rows: path of a film -> its row.
        are_named: whether the user named the columns; one that forms no subgroups is then refused.
    """
    cells, values, left_out, notes = CellReader(table), dict[str, Attribute](), list[str](), list[str]()
    for name in names:
        column = {path: cells.read(row, name, _is_missing) for path, row in rows.items()}
        grouped, spellings = _group_values(column, f"value of {clean_cell(name)}")
        problem = _problem(grouped, MOST_NAMED_VALUES if are_named else MOST_VALUES)
        if problem and are_named:
            raise DataError(
                f"{table.path}: column {name!r} has {problem}; expected numbers, or 2 to {MOST_NAMED_VALUES} values"
            )
        if problem:
            left_out.append(f"{clean_cell(name)} ({problem})")
        else:
            values[clean_cell(name)] = grouped
            notes += spellings
    return values, left_out, [*notes, *cells.notes()]


def _named(table: Table, columns: Sequence[str]) -> list[str]:
    named = [find_named(table.columns, name) for name in columns]
    missing = [name for name, column in zip(columns, named, strict=True) if column is None]
    if missing:
        raise DataError(f"{table.path}: column {missing[0]!r} is missing; expected one of {', '.join(table.columns)}")
    return [column for column in named if column is not None]


def _is_attribute(name: str, keys: Mapping[str, str]) -> bool:
    manifest = plain_name(name) in {*COLUMNS} - {"site"}
    return not manifest and meaning_of(name) not in ("path", "patient") and name != keys["path"]


def _omissions(table: Table, left_out: Sequence[str], read: Sequence[str], n_missing: int) -> list[str]:
    unread = [clean_cell(name) for name in table.columns if read and name not in read]
    notes = [f"{table.path}: columns that are not read: {', '.join(unread)}"] if unread else []
    if left_out:
        notes.append(f"{table.path}: columns that form no subgroups: {', '.join(left_out)}")
    if n_missing:
        notes.append(f"{table.path}: no row for {n_missing} of the films")
    return notes


# ---- values


def _is_missing(text: str) -> bool:
    """Tell whether a cell holds no value. A column of words may have a value "none", such as no implant."""
    return text != "none" and (is_unknown(text) or text.lower().lstrip("+-") in INFINITE)


def _problem(values: Mapping[str, str], most: int) -> str:
    """Say why a column defines no subgroups; "" if it does."""
    n = len({*values.values()} - {""})
    return "" if 2 <= n <= most else "1 value" if n == 1 else f"{n} values"


def _group_values(values: dict[str, str], name: str) -> tuple[dict[str, str], list[str]]:
    """Divide a column of many numbers into quarters of the films; join the spellings of other values."""
    numbers = _read_numbers(values)
    if numbers is not None and len(set(numbers.values())) > MOST_VALUES:
        return _quarters(values, numbers), []
    if numbers is not None:
        values = {path: value if path in numbers else "" for path, value in values.items()}
    kind = Kind(f"{name} is", f"{name} are".replace("value", "values", 1), "if they differ, give them other names")
    joined, notes = join_spellings([*values.values()], label_key, kind)
    return dict(zip(values, joined, strict=True)), notes


def _quarters(values: Mapping[str, str], numbers: Mapping[str, float]) -> dict[str, str]:
    ends = np.quantile(list(numbers.values()), [0.25, 0.5, 0.75])
    names = [f"1: below {ends[0]:g}", f"2: {ends[0]:g} to {ends[1]:g}", f"3: {ends[1]:g} to {ends[2]:g}"]
    names.append(f"4: {ends[2]:g} or more")
    return {
        path: names[int(np.searchsorted(ends, numbers[path], side="right"))] if path in numbers else ""
        for path in values
    }


def _read_numbers(values: Mapping[str, str]) -> dict[str, float] | None:
    """Return the numbers of a column, without unit; None if a cell is no number, or the units differ.

    Ages in days, weeks, months and years are turned into years.
    """
    numbers, units = dict[str, float](), dict[str, str]()
    for path, text in values.items():
        if text in ("", "none"):
            continue
        measured = MEASURED.fullmatch(text)
        try:
            numbers[path] = read_number(measured[1] if measured else text)
        except ValueError:
            return None
        units[path] = measured[2].lower() if measured else ""
    if len({*units.values()} - {""}) > 1:
        years = {path: YEARS.get(unit[:1]) for path, unit in units.items()}
        if None in years.values():
            return None
        return {path: number * (years[path] or 1) for path, number in numbers.items()}
    return numbers or None
