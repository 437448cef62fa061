"""Match the rows of a table with films by their paths."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from preprocess.errors import DataError
from preprocess.tables.cells import clean_cell
from preprocess.tables.paths import loose_path, plain_path
from preprocess.tables.read import Row, Table


def match_rows(table: Table, key: str, paths: Sequence[str]) -> dict[str, Row]:
    """Return path -> its row, for the films that have one.

    A row belongs to the film whose path ends with the path in the row, or the other way round. If no path does, case,
    Unicode form and image extension are ignored.

    Args:
        key: column of paths.
        paths: paths of the films.
    Raises:
        DataError: no row matches a film, a row matches several films, or a film has rows that differ.
    """
    rows = _rows_by_path(table, key)
    matched: dict[str, Row] = {}
    for form in (str, loose_path):
        films = [path for path in paths if path not in matched]
        if not films:
            break
        index = _index(rows, form)
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
        if first is row:
            continue
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
