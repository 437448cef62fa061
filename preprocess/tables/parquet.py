"""Read a Parquet file as a table of text, so that it means the same as the CSV file with its values."""

import math
from pathlib import Path
from typing import Any

from preprocess.errors import DataError

START = b"PAR1"


def read_parquet(path: Path) -> tuple[list[str], list[list[str]]]:
    """Return the names of the columns, and the cells of each row as text; a missing value is "".

    Raises:
        DataError: pyarrow is not installed, the file is damaged, or a column holds lists, maps or binary data.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise DataError(
            f"{path}: is a Parquet file, and pyarrow is not installed; install it with `pip install "
            '"fxkit[parquet]"`, or save the table as CSV in UTF-8'
        ) from error
    try:
        table = parquet.ParquetFile(path).read()
    except (OSError, pyarrow.ArrowException) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: is a damaged Parquet file ({first}); write it again") from error
    nested = [name for name, column in zip(table.column_names, table.columns, strict=True) if _is_nested(column.type)]
    if nested:
        raise DataError(
            f"{path}: column `{nested[0]}` holds {table.schema.field(nested[0]).type}; expected text, numbers, dates "
            "or true and false; leave the column out, or make one column of each of its values"
        )
    columns = [[cell_text(value) for value in column.to_pylist()] for column in table.columns]
    return list(table.column_names), [list(row) for row in zip(*columns, strict=True)]


def _is_nested(kind: Any) -> bool:
    from pyarrow import types

    value = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_nested(value) or types.is_binary(value) or types.is_large_binary(value))


def cell_text(value: Any) -> str:
    """Return a value as the CSV file with the same values holds it; "" for a missing one."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(value) if isinstance(value, float) else str(value)
