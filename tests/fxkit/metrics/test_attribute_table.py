"""Attributes of films from a CSV file as people write it: rows find their films, and cells become values."""

from pathlib import Path

import pytest

from fxkit.errors import DataError
from fxkit.metrics.attribute_table import read_attributes


def write(folder: Path, text: str) -> Path:
    (folder / "table.csv").write_text(text, encoding="utf-8")
    return folder / "table.csv"


def column(folder: Path, name: str, cells: list[str], given: bool = True) -> dict[str, str]:
    """Return the values of the films 0.png, 1.png and so on in one column."""
    rows = "".join(f'{n}.png,"{cell}"\n' for n, cell in enumerate(cells))
    table = write(folder, f"path,{name}\n{rows}")
    paths = [f"{n}.png" for n in range(len(cells))]
    return dict(read_attributes(table, paths, [name] if given else []).values.get(name, {}))


def test_rows_of_a_table_are_matched_by_the_end_of_the_path(tmp_path: Path) -> None:
    ages = "\n".join(f"{i}.jpg,{i % 2},{i},x,y{i}" for i in range(40))
    table = write(tmp_path, f"image_id,hardware,age,same,name\n{ages}\n")
    paths = [f"fractured/{i}.jpg" for i in range(40)]
    read = read_attributes(table, [*paths, "unknown.jpg"])
    assert list(read.values) == ["hardware", "age"]
    assert read.values["hardware"]["fractured/3.jpg"] == "1"
    assert "unknown.jpg" not in read.values["hardware"]
    assert sorted(set(read.values["age"].values())) == [
        "1: below 9.75", "2: 9.75 to 19.5", "3: 19.5 to 29.25", "4: 29.25 or more"
    ]  # fmt: skip
    assert read.notes == (
        f"{table}: column `image_id` is read as path",
        f"{table}: columns that form no subgroups: same (1 value), name (40 values)",
        f"{table}: no row for 1 of the films",
    )
    assert list(read_attributes(table, paths, ["Hardware"]).values) == ["hardware"]


@pytest.mark.parametrize(
    "path", ["a/1.png", "./a/1.png", "/mnt/x/a/1.png", "C:\\x\\a\\1.png", "A/1.PNG", "1.png", "a/1", " a/1.png\u200b"]
)
def test_a_path_may_be_written_in_many_ways(tmp_path: Path, path: str) -> None:
    table = write(tmp_path, f"path,sex\n{path},F\na/2.png,M\n")
    assert read_attributes(table, ["a/1.png", "a/2.png"]).values["sex"] == {"a/1.png": "F", "a/2.png": "M"}


def test_placeholders_are_empty_and_counted(tmp_path: Path) -> None:
    cells = ["nan", "NA", "unknown", "-", " ", "?", "M", "m ", "F"]
    assert column(tmp_path, "sex", cells) == {f"{n}.png": v for n, v in enumerate([""] * 6 + ["M", "M", "F"])}
    notes = read_attributes(tmp_path / "table.csv", [f"{n}.png" for n in range(9)]).notes
    assert notes == (
        "WARNING: 1 value of sex is spelled in several ways and joined under one spelling: M (1 file) = m (1); if they "
        "differ, give them other names",
        f"{tmp_path / 'table.csv'}: 5 cells of column `sex` count as empty: -, ?, NA, nan, unknown",
    )


def test_none_is_a_value_among_words_but_not_among_numbers(tmp_path: Path) -> None:
    assert set(column(tmp_path, "implant", ["none", "nail", "None"]).values()) == {"none", "nail", ""}
    assert set(column(tmp_path, "age", ["none", "3", "4"]).values()) == {"", "3", "4"}


@pytest.mark.parametrize(
    "form", ["{}", "{}.0", "{},0", "{} y", "0{}Y", "{} years", "> {}", "{}+", "{}e0", "\u00a0{}\u00a0"]
)
def test_numbers_of_every_form_are_cut_into_quarters(tmp_path: Path, form: str) -> None:
    cells = ["nan", "inf", *(form.format(age) for age in range(1, 25)), ""]
    parts = column(tmp_path, "age", cells)
    assert sorted(set(parts.values())) == [
        "", "1: below 6.75", "2: 6.75 to 12.5", "3: 12.5 to 18.25", "4: 18.25 or more"
    ]  # fmt: skip


def test_ages_of_several_units_are_years(tmp_path: Path) -> None:
    parts = column(tmp_path, "age", ["006M", *(f"{n:03d}Y" for n in range(1, 16))])
    assert (parts["0.png"], parts["15.png"]) == ("1: below 3.75", "4: 11.25 or more")


def test_a_given_column_with_too_many_words_is_refused(tmp_path: Path) -> None:
    names = [f"name {n}" for n in range(60)]
    with pytest.raises(DataError, match="column 'name' has 60 values; expected numbers, or 2 to 50 values"):
        column(tmp_path, "name", names)
    assert column(tmp_path, "name", names, given=False) == {}


def test_a_row_that_may_mean_two_films_is_refused(tmp_path: Path) -> None:
    table = write(tmp_path, "path,sex\n1.png,F\n")
    with pytest.raises(DataError, match=r"row 2: may mean a/1\.png or b/1\.png; write the path so that it fits one"):
        read_attributes(table, ["a/1.png", "b/1.png"])
    table = write(tmp_path, "path,sex\n/a/1.png,F\n/b/1.png,M\n")
    with pytest.raises(DataError, match=r"rows 2 and 3: both may mean 1\.png; expected one row for each film"):
        read_attributes(table, ["1.png"])


def test_repeated_rows_must_agree(tmp_path: Path) -> None:
    table = write(tmp_path, "path,sex\n1.png,F\n./1.png,F\n2.png,M\n")
    assert read_attributes(table, ["1.png", "2.png"]).values["sex"] == {"1.png": "F", "2.png": "M"}
    with pytest.raises(DataError, match=r"row 3: 1\.png has another 'sex' than in row 2; expected one row for each"):
        read_attributes(write(tmp_path, "path,sex\n1.png,F\n1.png,M\n"), ["1.png"])


def test_columns_of_a_manifest_and_patients_are_not_read(tmp_path: Path) -> None:
    table = write(tmp_path, "path,split,Patient ID,site,sex\n1.png,test,1,east,F\n2.png,test,2,west,M\n")
    read = read_attributes(table, ["1.png", "2.png"])
    assert list(read.values) == ["site", "sex"]
    assert read.notes == (f"{table}: columns that are not read: split, Patient ID",)


@pytest.mark.parametrize(
    ("text", "columns", "words"),
    [
        ("name,x\na,1\n", [], r"table\.csv: no column `path`; its columns are: name, x; name one `path`"),
        ("path,x\na.png,1\n", ["y"], r"table\.csv: column 'y' is missing; expected one of path, x"),
        ("path,x\nz.png,1\n", [], r"table\.csv: no row matches a film; expected paths such as a\.png in column 'path'"),
        ('path,x\n"a', [], r"table\.csv, row 2: not a CSV file \(.*; expected a CSV file with a row for each film"),
    ],
)
def test_unusable_tables_are_refused(tmp_path: Path, text: str, columns: list[str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_attributes(write(tmp_path, text), ["a.png"], columns)
