"""Read cells as text, and count those that only stand for a missing value."""

from collections import Counter, defaultdict
from collections.abc import Callable

from preprocess.errors import DataError
from preprocess.tables.cells import clean_cell, decode_legacy, is_undecoded
from preprocess.tables.read import Row, Table

MOST_NAMED = 5  # placeholders that a note lists


class CellReader:
    """Reads the cells of a table.

    Text that is not UTF-8 is taken for Windows-1252, which spreadsheets write; paths are not read here, because file
    names may hold any bytes.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._placeholders: dict[str, Counter[str]] = defaultdict(Counter)
        self._legacy = ""  # the first text that was not UTF-8

    def read(self, row: Row, column: str, is_missing: Callable[[str], bool]) -> str:
        """Return a cell without outer space; "" for a placeholder.

        Args:
            is_missing: tells whether a text is a placeholder, such as `is_unknown`.

        Raises:
            DataError: the text is neither UTF-8 nor Windows-1252.
        """
        text = clean_cell(self._decode(row, column, row.values.get(column, "")))
        if text and is_missing(text):
            self._placeholders[column][text] += 1
            return ""
        return text

    def _decode(self, row: Row, column: str, cell: str) -> str:
        if not is_undecoded(cell):
            return cell
        text = decode_legacy(cell)
        if is_undecoded(text):
            raise DataError(
                f"{self._table.path}, row {row.line}: column `{clean_cell(column)}` is neither UTF-8 nor Windows-1252; "
                "save the file in UTF-8"
            )
        self._legacy = self._legacy or f"{text} in row {row.line}"
        return text

    def notes(self) -> list[str]:
        """Say which cells count as empty, and whether text was not UTF-8."""
        notes = [
            f"{self._table.path}: {_cells(counts.total())} of column `{clean_cell(column)}` "
            f"{'counts' if counts.total() == 1 else 'count'} as empty: {_listed(counts)}"
            for column, counts in self._placeholders.items()
        ]
        if self._legacy:
            notes.append(
                f"{self._table.path}: is not UTF-8 and is read as Windows-1252 ({self._legacy}); if that is wrong, "
                "save the file in UTF-8"
            )
        return notes


def _cells(n: int) -> str:
    return "1 cell" if n == 1 else f"{n} cells"


def _listed(counts: Counter[str]) -> str:
    names = sorted(counts)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
