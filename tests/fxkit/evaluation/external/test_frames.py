"""Tables in memory are read as the CSV files with their values."""

import datetime
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fxkit.errors import DataError
from fxkit.evaluation.external.frames import is_frame, read_columns
from preprocess.tables.read import read_table

COLUMNS = {
    "path": ["a.png", 'b,\n"c".png', ""],
    "p": [0.1, np.float64(1 / 3), None],
    "age": [7, np.int32(8), float("nan")],
    "sure": [True, np.bool_(False), None],
    "day": [datetime.date(2024, 1, 2), None, None],
}

CELLS = [
    ("a.png", 'b,\n"c".png', ""),
    ("0.1", repr(1 / 3), ""),
    ("7", "8", ""),
    ("True", "False", ""),
    ("2024-01-02", "", ""),
]


class WithStream:
    """A DataFrame that only has the Arrow C stream."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)


class WithInterchange:
    """A DataFrame that only has the interchange protocol."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def __dataframe__(self, nan_as_null: bool = False, allow_copy: bool = True) -> Any:
        return self.table.__dataframe__(nan_as_null, allow_copy)


def test_a_mapping_is_a_table() -> None:
    read = read_columns(COLUMNS, "table")
    assert read.names == tuple(COLUMNS)
    assert [tuple(cells) for cells in read.cells] == CELLS


@pytest.mark.parametrize("kind", [WithStream, WithInterchange, None])
def test_any_dataframe_is_read_through_its_protocol(kind: Any) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    plain = {"path": ["a", "b"], "p": [0.25, None], "n": [3, 4], "__index_level_0__": [5, 6]}
    table = pyarrow.table(plain)
    frame = kind(table) if kind else table
    assert is_frame(frame)
    read = read_columns(frame, "table")
    assert read.names == ("path", "p", "n")  # an index without a name is no column
    assert [list(cells) for cells in read.cells] == [["a", "b"], ["0.25", ""], ["3", "4"]]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_dataframes_of_the_usual_libraries(library: str) -> None:
    module = pytest.importorskip(library)
    read = read_columns(module.DataFrame({"path": ["a", "b"], "p": [0.25, 0.5], "age": [1.0, None]}), "table")
    assert [list(cells) for cells in read.cells] == [["a", "b"], ["0.25", "0.5"], ["1.0", ""]]


def test_without_pyarrow_columns_are_read_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Columnar(WithInterchange):
        columns = ("path", "p")

        def __getitem__(self, name: str) -> np.ndarray:
            return np.array({"path": ["a", "b"], "p": [0.25, np.nan]}[name])

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert [list(cells) for cells in read_columns(Columnar(None), "table").cells] == [["a", "b"], ["0.25", ""]]
    with pytest.raises(DataError, match="table: a WithStream is read through pyarrow; install it with"):
        read_columns(WithStream(None), "table")


def test_the_file_holds_the_same_cells(tmp_path: Path) -> None:
    read_columns(COLUMNS, "table").write_csv(tmp_path / "table.csv")
    table = read_table(tmp_path / "table.csv", "expected a table")
    assert table.columns == tuple(COLUMNS)
    assert [tuple(row.values[name] for row in table.rows) for name in table.columns] == [
        cells[:2] if cells[2] == "" else cells for cells in CELLS
    ]  # the last row is blank


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        ({}, "table: has no columns"),
        ({"a": [1, 2], "b": [1]}, "table: column `a` has 2 rows and `b` 1; expected equal lengths"),
        ({"a": [[1, 2]]}, "table, column `a` holds a list; expected text, numbers, dates"),
        ({"a": [b"x"]}, "table, column `a` holds a bytes"),
    ],
)
def test_wrong_tables_are_refused(frame: Any, text: str) -> None:
    with pytest.raises(DataError, match=text):
        read_columns(frame, "table")


def test_a_broken_protocol_is_reported() -> None:
    pytest.importorskip("pyarrow")

    class Broken:
        def __arrow_c_stream__(self, requested_schema: object = None) -> int:
            return 5

    with pytest.raises(DataError, match="table: a Broken cannot be read as a table"):
        read_columns(Broken(), "table")
