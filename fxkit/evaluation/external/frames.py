"""Tables in memory: DataFrames of any library, and mappings of columns."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from fxkit.errors import DataError
from preprocess.files import write_atomic
from preprocess.tables.parquet import cell_text
from preprocess.words import amount

Frame: TypeAlias = Any  # a DataFrame of pandas, polars, pyarrow or any library with their protocols; or a mapping

INDEX = re.compile(r"__index_level_\d+__")  # how pandas hands over an index without a name


@dataclass(frozen=True)
class Columns:
    """The columns of a table in memory as text; "" for a missing value."""

    names: tuple[str, ...]
    cells: tuple[Sequence[str], ...]

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.cells[0]) if self.cells else 0

    def write_csv(self, path: Path) -> None:
        """Write the table as CSV. `preprocess.tables.read.read_table` reads the same cells."""
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow(self.names)
        writer.writerows(zip(*self.cells, strict=True))
        write_atomic(path, out.getvalue())


def is_frame(value: object) -> bool:
    """Tell whether a value is a table in memory: a mapping of columns, or an object with a protocol of DataFrames."""
    return isinstance(value, Mapping) or any(hasattr(value, name) for name in ("__arrow_c_stream__", "__dataframe__"))


def read_columns(frame: Frame, what: str) -> Columns:
    """Read a table in memory as text, as its CSV file would hold it.

    Args:
        frame: a mapping of columns; or an object with `__arrow_c_stream__` or `__dataframe__`, such as a DataFrame of
            pandas, polars or pyarrow. Of pandas, an index with a name is a column where it hands one over.
        what: name of the table in error texts.
    Raises:
        DataError: it has no columns, columns of different lengths, a column of lists, or needs pyarrow.
    """
    pairs = list(frame.items()) if isinstance(frame, Mapping) else _hand_over(frame, what)
    names = tuple(str(name) for name, _ in pairs)
    cells = tuple(_cells(column, f"{what}, column `{name}`") for name, column in pairs)
    if not cells:
        raise DataError(f"{what}: has no columns; expected a row for each film")
    sizes = {name: len(column) for name, column in zip(names, cells, strict=True)}
    if len({*sizes.values()}) > 1:
        (first, n), (other, m) = next(
            (pair, item) for pair in sizes.items() for item in sizes.items() if pair[1] != item[1]
        )
        raise DataError(f"{what}: column `{first}` has {amount(n, 'row')} and `{other}` {m}; expected equal lengths")
    return Columns(names, cells)


def _hand_over(frame: Frame, what: str) -> list[tuple[str, Any]]:
    """Return the columns of a DataFrame through Arrow; without pyarrow, from pandas and polars by their own names."""
    try:
        import pyarrow
        from pyarrow import interchange
    except ImportError as error:
        if hasattr(frame, "columns") and hasattr(frame, "__getitem__"):
            return [(str(name), frame[name]) for name in frame.columns]
        raise DataError(
            f'{what}: a {type(frame).__name__} is read through pyarrow; install it with `pip install "fxkit[parquet]"`,'
            " or give a mapping of columns"
        ) from error
    try:
        has_stream = hasattr(frame, "__arrow_c_stream__")
        table = pyarrow.table(frame) if has_stream else interchange.from_dataframe(frame)
    except (pyarrow.ArrowException, TypeError, ValueError, NotImplementedError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{what}: a {type(frame).__name__} cannot be read as a table ({first}); give a mapping of columns"
        ) from error
    pairs = zip(table.column_names, table.columns, strict=True)
    return [(name, column.to_pylist()) for name, column in pairs if not INDEX.fullmatch(name)]


def _cells(column: Any, where: str) -> list[str]:
    values = column.tolist() if hasattr(column, "tolist") else list(column)
    nested = next((value for value in values if isinstance(value, (list, tuple, dict, set, bytes, np.ndarray))), None)
    if nested is not None:
        raise DataError(
            f"{where} holds a {type(nested).__name__}; expected text, numbers, dates or true and false; make one "
            "column of each of its values"
        )
    plain = (value.item() if isinstance(value, np.generic) else value for value in values)
    return ["" if str(value) in ("NaT", "<NA>") else cell_text(value) for value in plain]
