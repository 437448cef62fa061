"""A manifest is read back as it was written, and errors name the damaged row."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxkit.data.manifest import (
    SPLITS,
    Record,
    manifest_hash,
    manifest_text,
    read_manifest,
    usable,
    write_manifest,
)
from fxkit.errors import DataError

RECORD = Record("a/1.png", "a", "p1", "train", "00", 3, 4, "ok", "a/1", "p1", "here")
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@given(st.lists(st.tuples(NAMES, NAMES, NAMES, st.sampled_from(SPLITS)), min_size=1, max_size=5))
def test_any_name_is_read_back_unchanged(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str, str]]
) -> None:
    records = [Record(path, label, group, split, "", 1, 2, "ok", group) for path, label, group, split in rows]
    file = tmp_path_factory.mktemp("manifest") / "manifest.csv"
    write_manifest(file, records)
    assert read_manifest(file) == records


def test_names_that_are_not_utf8_are_read_back_unchanged(tmp_path: Path) -> None:
    record = Record("a/\udcff.png", "a", "g", "test", "", 1, 1, "ok", "f")
    write_manifest(tmp_path / "m.csv", [record])
    assert read_manifest(tmp_path / "m.csv") == [record]


def test_the_hash_changes_with_the_text() -> None:
    other = Record("a/1.png", "a", "p1", "test", "00", 3, 4, "ok", "a/1", "p1", "here")
    assert manifest_hash([RECORD]) == manifest_hash([RECORD])
    assert manifest_hash([RECORD]) != manifest_hash([other])
    assert manifest_text([RECORD]).splitlines()[1].startswith('"a/1.png","a","p1","train"')


def test_optional_columns_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("path,label,group,split\n1.png,a,g,val\n")
    assert read_manifest(tmp_path / "m.csv") == [Record("1.png", "a", "g", "val", "", 0, 0, "ok", "g")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no rows and no heading; make a manifest with `fxkit index`"),
        ("path,label,group,split\n", "no rows; expected a manifest; make one with `fxkit index`"),
        ("path,label\n1.png,a\n", "column 'group' is missing; expected path, label, group, split"),
        ("path,label,group,split\n1.png,a,g,dev\n", "row 2: split 'dev'; expected train, val, test or nothing"),
        ("path,label,group,split,width\n1.png,a,g,test,wide\n", "row 2: width 'wide'; expected a whole number"),
        ("path,label,group,split,fold\n1.png,a,g,train,one\n", "row 2: fold 'one'; expected a whole number or nothing"),
        ("path,label,group,split\n1.png,a,g,test\n2.png,a\n", "row 3: is cut short; expected path, label, group"),
    ],
)
def test_errors_name_the_damaged_row(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        read_manifest(tmp_path / "m.csv")
    assert words in str(caught.value)


def test_the_error_for_a_missing_manifest_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read \(No such file.*make a manifest with `fxkit index`"):
        read_manifest(tmp_path / "m.csv")


def test_only_readable_records_are_usable() -> None:
    bad = Record("b.png", "a", "g", "", "", 0, 0, "truncated", "b")
    assert usable([RECORD, bad]) == [RECORD]
    assert usable([RECORD, bad], "test") == []
