"""Groups keep the split and fold of an older manifest."""

from dataclasses import replace
from pathlib import Path

import pytest

from fxkit.data.manifest import Record, write_manifest
from fxkit.errors import DataError
from fxkit.index.splits.frozen import read_frozen


def record(path: str, group: str, split: str = "", fold: str = "", patient: str = "", status: str = "ok") -> Record:
    return Record(path, "a", group, split, f"bytes of {path}", 1, 1, status, group, patient, fold=fold)


@pytest.fixture
def older(tmp_path: Path) -> Path:
    rows = [
        record("1.png", "1", "train", "0"),
        record("2.png", "2", "val", "1"),
        record("3.png", "p3", "test", patient="p3"),
        record("4.png", "4", "train", "1"),
        record("5.png", "5", "", status="zero bytes long"),
    ]
    write_manifest(tmp_path / "older.csv", rows)
    return tmp_path / "older.csv"


def test_groups_are_matched_by_path_bytes_or_patient(older: Path) -> None:
    moved = replace(record("elsewhere/2.png", "x"), sha256="bytes of 2.png")
    changed = replace(record("1.png", "1"), sha256="others")
    frozen = read_frozen(older, [changed, moved, record("9.png", "p3", patient="p3"), record("5.png", "5")])
    assert frozen.splits == {"1": "train", "x": "val", "p3": "test"}
    assert frozen.folds == {"1": "0", "x": "1"}
    assert frozen.n_folds == 2
    assert frozen.notes == (f"{older}: 3 of 4 files belong to groups that keep their split; 1 group is new",)


def test_a_patient_is_matched_in_any_spelling(older: Path) -> None:
    assert read_frozen(older, [record("9.png", "P-003", patient="P-003")]).splits == {"P-003": "test"}


def test_an_older_manifest_may_have_been_saved_by_a_spreadsheet(older: Path) -> None:
    text = older.read_text().replace('"', "").replace(",", ";").replace(";0\n", ";0.0\n")
    older.write_text(text, encoding="utf-16")
    assert read_frozen(older, [record("1.png", "1"), record("3.png", "x")]).splits == {"1": "train", "x": "test"}


def test_a_group_with_several_splits_becomes_test_and_gives_a_warning(older: Path) -> None:
    frozen = read_frozen(older, [record(path, "joined") for path in ("1.png", "3.png", "new.png")])
    assert frozen.splits == {"joined": "test"}
    assert frozen.folds == {}
    assert frozen.notes[1] == (
        f"WARNING: 1 group has films in several splits of {older}: joined (test, train: now test); such a group "
        "becomes test if any of its films was test, else val; scores of models trained with that manifest are not "
        "honest for such a group"
    )


def test_a_group_with_several_folds_takes_the_lowest_and_gives_a_warning(older: Path) -> None:
    frozen = read_frozen(older, [record("1.png", "joined"), record("4.png", "joined")])
    assert (frozen.splits, frozen.folds) == ({"joined": "train"}, {"joined": "0"})
    assert frozen.notes[1].startswith(f"WARNING: 1 group has films in several folds of {older}: joined; such a")


def test_a_manifest_of_other_films_is_refused(older: Path) -> None:
    with pytest.raises(DataError, match=r"older\.csv: has a split for no file; expected an older manif"):
        read_frozen(older, [record("other.png", "other")])
