"""Read the attributes of films, such as sex and age, from a CSV file with one row for each film."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fxkit.data.manifest import COLUMNS
from fxkit.errors import DataError
from preprocess.tables.cells import clean_cell, is_unknown, label_key, read_number
from preprocess.tables.columns import find_columns, find_named
from preprocess.tables.names import meaning_of, plain_name
from preprocess.tables.paths import loose_path, plain_path
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


def read_attributes(file: Path, paths: Sequence[str], columns: Sequence[str] = ()) -> TableAttributes:
    """Read attributes from the columns of a CSV file with a row for each film.

    A row belongs to the film whose path ends with the path in the row, or the other way round. If no path does, case,
    Unicode form and image extension are ignored.

    Args:
        file: CSV file with a column path, or another name that means a path (`preprocess.tables.names`).
        paths: paths of the films.
        columns: columns to read; default: all columns with 2 to 12 values or with numbers, except those of a manifest.
    Raises:
        DataError: the file cannot be read, has no column of paths or lacks a given column, a given column has one value
            or too many, no row matches a film, a row matches several films, or a film has rows that differ.
    """
    table = read_table(file, "expected a CSV file with a row for each film")
    keys, notes = find_columns(table, ["path"])
    if "path" not in keys:
        raise DataError(f"{file}: no column `path`; its columns are: {', '.join(table.columns)}; name one `path`")
    matched = _match(table, keys["path"], paths)
    wanted = _named(table, columns) if columns else [name for name in table.columns if _is_attribute(name, keys)]
    cells, values, left_out = CellReader(table), dict[str, Attribute](), list[str]()
    for name in wanted:
        column = {path: cells.read(row, name, _is_missing) for path, row in matched.items()}
        grouped, spellings = _group_values(column, f"value of {clean_cell(name)}")
        problem = _problem(grouped, MOST_NAMED_VALUES if columns else MOST_VALUES)
        if problem and columns:
            raise DataError(
                f"{file}: column {name!r} has {problem}; expected numbers, or 2 to {MOST_NAMED_VALUES} values"
            )
        if problem:
            left_out.append(f"{clean_cell(name)} ({problem})")
        else:
            values[clean_cell(name)] = grouped
            notes += spellings
    notes += _omissions(table, left_out, [] if columns else [*wanted, keys["path"]], len(paths) - len(matched))
    return TableAttributes(values, tuple(filter(None, [table.note, *notes, *cells.notes()])))


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


# ---- rows


def _match(table: Table, key: str, paths: Sequence[str]) -> dict[str, Row]:
    """Return path -> its row, for the films that have one."""
    rows = _rows_by_path(table, key)
    matched: dict[str, Row] = {}
    for form in (str, loose_path):
        index = _index(rows, form)
        films = [path for path in paths if path not in matched]
        matched |= {path: row for path in films if (row := _find(table, index, form(path), path)) is not None}
    _refuse_shared_rows(table, matched)
    if not matched:
        raise DataError(f"{table.path}: no row matches a film; expected paths such as {paths[0]} in column {key!r}")
    return matched


def _rows_by_path(table: Table, key: str) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for row in table.rows:
        path = plain_path(row.values.get(key, ""))
        first = rows.setdefault(path, row)
        differing = [name for name in table.columns if name != key and _text(first, name) != _text(row, name)]
        if path and differing:
            raise DataError(
                f"{table.path}, row {row.line}: {path} has another {differing[0]!r} than in row {first.line}; expected "
                "one row for each film"
            )
    return {path: row for path, row in rows.items() if path}


def _text(row: Row, name: str) -> str:
    return clean_cell(row.values.get(name, ""))


def _index(rows: Mapping[str, Row], form: Callable[[str], str]) -> tuple[dict[str, Row], dict[str, list[Row]]]:
    """Return the rows by their paths, and by all ends of their paths."""
    by_path, by_end = dict[str, Row](), defaultdict[str, list[Row]](list)
    for path, row in rows.items():
        by_path.setdefault(form(path), row)
        for end in _ends(form(path)):
            by_end[end].append(row)
    return by_path, by_end


def _find(
    table: Table, index: tuple[Mapping[str, Row], Mapping[str, Sequence[Row]]], form: str, path: str
) -> Row | None:
    by_path, by_end = index
    shorter = next((by_path[end] for end in _ends(form) if end in by_path), None)
    longer = by_end.get(form, ())
    if shorter is None and len(longer) > 1:
        raise DataError(
            f"{table.path}, rows {longer[0].line} and {longer[1].line}: both may mean {path}; expected one row for "
            "each film; write the paths as they are in the manifest"
        )
    return shorter if shorter is not None else longer[0] if longer else None


def _ends(path: str) -> list[str]:
    """Return a path and its ends after each slash, the longest first."""
    return [path, *(path[i + 1 :] for i, letter in enumerate(path) if letter == "/")]


def _refuse_shared_rows(table: Table, matched: Mapping[str, Row]) -> None:
    films: dict[int, str] = {}
    for path, row in matched.items():
        first = films.setdefault(row.line, path)
        if first != path:
            raise DataError(
                f"{table.path}, row {row.line}: may mean {first} or {path}; write the path so that it fits one film"
            )


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
