"""Find the columns of a table that hold the file, class, patient, site and split of a film."""

from collections.abc import Iterable, Sequence

from preprocess.errors import DataError
from preprocess.tables.cells import clean_cell
from preprocess.tables.names import meaning_of, plain_name
from preprocess.tables.read import Table


def find_named(columns: Iterable[str], name: str) -> str | None:
    """Return the column of this name: exactly, or the only one that differs in case, spaces and punctuation alone."""
    alike = [column for column in columns if plain_name(column) == plain_name(name)]
    exact = [column for column in alike if clean_cell(column) == name]
    chosen = exact or alike
    return chosen[0] if len(chosen) == 1 else None


def find_columns(table: Table, meanings: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return meaning -> column, and notes on columns that are read under another name.

    A column with the exact name wins over one that differs in case, spaces or punctuation, and that over an alias.

    Raises:
        DataError: two columns have the same meaning, and none of them has the exact name.
    """
    columns, notes = dict[str, str](), list[str]()
    for meaning in meanings:
        alike = [name for name in table.columns if plain_name(name) == meaning or meaning_of(name) == meaning]
        chosen = find_named(alike, meaning)
        if chosen is None and len(alike) > 1:
            raise DataError(
                f"{table.path}: the columns {_listed(alike)} all mean {meaning}; rename the one to use to `{meaning}`"
            )
        if not alike:
            continue
        columns[meaning] = chosen or alike[0]
        others = [name for name in alike if name != columns[meaning]]
        if others:
            notes.append(f"{table.path}: column `{columns[meaning]}` is read as {meaning}, and not {_listed(others)}")
        elif chosen is None:
            notes.append(f"{table.path}: column `{clean_cell(alike[0])}` is read as {meaning}")
    return columns, notes


def unread_note(table: Table, read: Iterable[str]) -> list[str]:
    """Name the columns that nothing is read from."""
    unread = [clean_cell(name) for name in table.columns if name not in {*read}]
    return [f"{table.path}: columns that are not read: {', '.join(unread)}"] if unread else []


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{clean_cell(name)}`" for name in names)
