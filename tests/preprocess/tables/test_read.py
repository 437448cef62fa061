"""A table is opened in any usual encoding and with any usual separator, or refused in one line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocess.errors import DataError
from preprocess.tables.read import read_table

ROWS = [{"path": "a/1.png", "label": "ä; b, c"}, {"path": 'a/"2".png', "label": ""}]


def write(folder: Path, data: bytes) -> Path:
    (folder / "t.csv").write_bytes(data)
    return folder / "t.csv"


def read(folder: Path, data: bytes) -> list[dict[str, str]]:
    return [row.values for row in read_table(write(folder, data), "do this").rows]


def quoted(separator: str, end: str = "\n") -> str:
    lines = [["path", "label"], ["a/1.png", "ä; b, c"], ['a/""2"".png', ""]]
    return "".join(separator.join(f'"{cell}"' for cell in line) + end for line in lines)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_separators_and_line_ends_are_recognised(
    tmp_path: Path, separator: str, encoding: str, end: str
) -> None:
    assert read(tmp_path, quoted(separator, end).encode(encoding)) == ROWS


def test_the_note_says_how_the_file_was_read(tmp_path: Path) -> None:
    data = {
        "": quoted(",").encode("utf-8-sig"),
        "read as columns separated by semicolons": quoted(";").encode(),
        "read as UTF-16-LE": quoted(",").encode("utf-16"),
        "read as UTF-16-BE with columns separated by tabs": quoted("\t").encode("utf-16-be"),
    }
    for note, content in data.items():
        file = write(tmp_path, content)
        assert read_table(file, "").note == (f"{file}: {note}" if note else "")


def test_excel_may_name_the_separator_in_the_first_line(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, b"sep=;\r\npath;label\r\n1.png;a,b\r\n"), "")
    assert [(row.line, row.values) for row in table.rows] == [(3, {"path": "1.png", "label": "a,b"})]


def test_a_single_column_is_a_table(tmp_path: Path) -> None:
    assert read(tmp_path, b"path\n1.png\n") == [{"path": "1.png"}]


def test_blank_rows_and_columns_are_skipped_and_rows_keep_their_numbers(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, b"\n,path,label,,\n0,1.png,a,,\n , ,,\n\n1,2.png\n"), "")
    assert table.columns == ("(column 1)", "path", "label")
    assert [(row.line, row.values.get("label")) for row in table.rows] == [(3, "a"), (6, None)]


def test_a_repeated_heading_is_left_out_and_told(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, b"path;label\n1.png;a\npath;label\n2.png;b\n"), "")
    assert [row.line for row in table.rows] == [2, 4]
    assert table.note.endswith("read as columns separated by semicolons; 1 row repeats the heading and is left out")


def test_a_heading_that_is_not_utf8_is_read_as_windows_1252(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "path,größe\n1.png,3\n".encode("cp1252")), "")
    assert (table.columns, table.rows[0].values["größe"]) == (("path", "größe"), "3")
    assert table.note.endswith("read as Windows-1252")


def test_bytes_that_are_not_utf8_are_kept(tmp_path: Path) -> None:
    assert read(tmp_path, b"path,label\n\xff.png,a\n") == [{"path": "\udcff.png", "label": "a"}]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", r"no rows and no heading; do this"),
        (b" \n,,\n", r"no rows and no heading; do this"),
        (b"path,label\n1\0.png,a\n", r"t\.csv, row 2: holds a NUL character, so it is damaged or not a CSV file; do"),
        (b'path,label\n"1.png,a\n2.png,b\n', r"row 2: not a CSV file \(a double quote is opened and not closed\); do"),
        (b'path,label\n"1.png"x,a\n', r"row 2: not a CSV file \(',' expected after '\"'\); do this"),
        (b"path,label\n1.png,a,b\n", r"row 2: 3 values for 2 columns; put a value that contains the separator in"),
        (b"path,label,path\n1.png,a,b\n", r"two columns are called `path`; give each column its own name"),
        (b"path,label\n" + b"a" * 200_000 + b",x\n", r"row 2: not a CSV file \(a cell has more than 131072 char"),
        (b"PK\x03\x04rest", r"is an Excel workbook or zip file, not a CSV file; save the table as CSV in UTF-8"),
        (b"\xff\xfea", r"is damaged UTF-16-LE text \(truncated data\); save it in UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", r"is a PNG image, not a CSV file; save the table as CSV in UTF-8"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html>", r"is a web page, not a CSV file; do this"),
        (b'[\n {"path": "a"}]', r"is a JSON file, not a CSV file; do this"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(tmp_path, data)


def test_a_missing_file_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: cannot be read \(No such file or directory\); do this"):
        read_table(tmp_path / "none.csv", "do this")
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory\)"):
        read_table(tmp_path, "do this")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_a_known_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    try:
        table = read_table(write(tmp_path_factory.mktemp("t"), data), "")
    except DataError:
        return
    assert all({*row.values} <= {*table.columns} for row in table.rows)
