"""What of other data training has seen: the same bytes, cleaned or not, or not to be told."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fxkit.data.index import index_data
from fxkit.data.manifest import usable
from fxkit.errors import DataError
from fxkit.evaluate import evaluate_other
from fxkit.overlap import Overlap, has_hashes, overlap_with_training
from fxkit.run import Run
from fxkit.synth import Synthetic
from preprocess.clean import clean_folder


@pytest.fixture
def folder(trained: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained.folder, tmp_path / "run"))


def test_training_films_among_other_data_are_counted(trained: Run, folder: Path, tmp_path: Path) -> None:
    seen = [r for r in usable(trained.records) if r.split != "test"]
    fresh = [replace(r, sha256="") for r in usable(trained.records, "test")]
    found = overlap_with_training(trained, [*seen[:3], *fresh], trained.root)
    assert found == Overlap(3, len({r.film for r in seen[:3]}))
    with pytest.raises(
        DataError,
        match=rf"^again: {len(seen)} files .*; expected films that training has not seen; leave them out, or",
    ):
        evaluate_other(folder, trained.records, trained.root, "again")
    result = evaluate_other(folder, trained.records, trained.root, "again", allow_leaks=True)
    assert result.stamp.startswith(f"leaking data: {len(seen)} files (")


def test_cleaned_training_films_are_known_again(trained: Run, made: Synthetic, tmp_path: Path) -> None:
    clean_folder(made.root, tmp_path / "clean", markers=made.root / "markers.json")
    other = index_data(tmp_path / "clean", split="none")
    assert overlap_with_training(trained, other.records, tmp_path / "clean").files == sum(
        r.split in ("train", "val") for r in trained.records
    )


def test_a_run_without_hashes_cannot_tell(trained: Run) -> None:
    bare = replace(trained, records=tuple(replace(r, sha256=f"{i}") for i, r in enumerate(trained.records)))
    found = overlap_with_training(bare, trained.records, trained.root)
    assert found == Overlap(0, 0, known=False)
    assert found.note.startswith("whether training has seen these films cannot be told: the model came without")
    assert overlap_with_training(trained, bare.records, trained.root).note == ""
    assert (has_hashes(trained.records), has_hashes(bare.records)) == (True, False)
