"""Groups keep what an older manifest gave them."""

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


def test_files_are_known_by_path_bytes_or_patient(older: Path) -> None:
    moved = replace(record("elsewhere/2.png", "x"), sha256="bytes of 2.png")
    changed = replace(record("1.png", "1"), sha256="others")
    found = read_frozen(older, [changed, moved, record("9.png", "p3", patient="p3"), record("5.png", "5")])
    assert found.splits == {"1": "train", "x": "val", "p3": "test"}
    assert found.folds == {"1": "0", "x": "1"}
    assert found.n_folds == 2
    assert found.notes == (f"{older}: 3 of 4 files are of groups that keep their split; 1 groups are new",)


def test_a_group_of_several_splits_is_test_and_told_of(older: Path) -> None:
    found = read_frozen(older, [record(path, "joined") for path in ("1.png", "3.png", "new.png")])
    assert found.splits == {"joined": "test"}
    assert found.folds == {}
    assert found.notes[1] == (
        f"WARNING: 1 groups hold films that {older} has in several splits: joined (test, train: now test); they go to "
        "test if any of their films was there, else to val; scores of models trained with that manifest are not honest "
        "for them"
    )


def test_a_group_of_several_folds_takes_the_lowest_and_is_told_of(older: Path) -> None:
    found = read_frozen(older, [record("1.png", "joined"), record("4.png", "joined")])
    assert (found.splits, found.folds) == ({"joined": "train"}, {"joined": "0"})
    assert found.notes[1].startswith(f"WARNING: 1 groups hold films that {older} has in several folds: joined; each")


def test_a_manifest_of_other_films_is_refused(older: Path) -> None:
    with pytest.raises(DataError, match=r"older\.csv: has a split for none of these 1 files; expected an older manif"):
        read_frozen(older, [record("other.png", "other")])
