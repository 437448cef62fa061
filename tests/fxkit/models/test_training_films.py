"""Films of other data that a run was trained on: recognised by their bytes, also if they were cleaned."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fxkit.cli.training_settings import build_config
from fxkit.config import load_config
from fxkit.data.manifest import usable
from fxkit.errors import DataError, RunError
from fxkit.evaluation.evaluate import EvaluationOptions, evaluate_other
from fxkit.evaluation.overlap import compare_with_run
from fxkit.index.build import IndexOptions, index_data
from fxkit.index.fingerprints import read_fingerprints, write_fingerprints
from fxkit.models.run_folder import Run, create_run, open_run
from fxkit.models.training_films import (
    find_pretraining_run,
    has_hashes,
    list_training_films,
    write_pretraining_films,
)
from fxkit.synth.dataset import Synthetic, SynthOptions, synth
from fxkit.training.train import TrainOptions, train
from preprocess.folder.clean_folder import FolderOptions, clean_folder


def test_training_films_among_other_data_are_counted(trained: Run, run_folder: Path, tmp_path: Path) -> None:
    seen = [r for r in usable(trained.records) if r.split != "test"]
    fresh = [replace(r, sha256="") for r in usable(trained.records, "test")]
    overlap = compare_with_run(trained, [*seen[:3], *fresh], trained.root).overlap
    assert (overlap.files, overlap.films, overlap.copies) == (3, len({r.film for r in seen[:3]}), 0)
    assert (overlap.test_files, overlap.n_files, overlap.pixels_compared) == (len(fresh), 3 + len(fresh), True)
    with pytest.raises(
        DataError,
        match=rf"^again: {len(seen)} files .*; expected films that training has not seen; leave them out \(.*seen",
    ):
        evaluate_other(run_folder, trained.records, trained.root, "again")
    result = evaluate_other(run_folder, trained.records, trained.root, "again", EvaluationOptions(allow_leaks=True))
    assert result.stamp.startswith(f"leaking data: {len(seen)} files (")


@pytest.mark.slow
def test_cleaned_training_films_are_recognised(trained: Run, made: Synthetic, tmp_path: Path) -> None:
    clean_folder(made.root, tmp_path / "clean", FolderOptions(markers=made.root / "markers.json"))
    other = index_data(tmp_path / "clean", IndexOptions(split="none"))
    assert compare_with_run(trained, other.records, tmp_path / "clean").overlap.files == sum(
        r.split in ("train", "val") for r in trained.records
    )


def test_without_hashes_the_overlap_is_unknown(trained: Run) -> None:
    bare = replace(trained, records=tuple(replace(r, sha256=f"{i}") for i, r in enumerate(trained.records)))
    overlap = compare_with_run(bare, trained.records, trained.root).overlap
    assert (overlap.files, overlap.known) == (0, False)
    assert overlap.notes[-2].startswith(
        "unknown whether the training has seen these files: the SHA-256 of its films is not known"
    )
    assert compare_with_run(trained, bare.records, trained.root).overlap.known
    assert (has_hashes(trained.records), has_hashes(bare.records)) == (True, False)


def test_options_override_the_settings_of_the_run_which_override_the_preset(trained: Run) -> None:
    config = build_config("baseline", (), None, False, weights=str(trained.folder))
    assert (config.model.backbone, config.data.image_size) == ("test_resnet", 64)
    assert config.model.hidden == 512
    config = build_config(None, (), None, False, weights=str(trained.folder), image_size=96)
    assert (config.model.weights, config.data.image_size) == (str(trained.folder), 96)


def test_weights_that_are_not_of_a_run_have_no_pretraining_run(tmp_path: Path) -> None:
    assert find_pretraining_run(load_config("tiny")) is None
    assert find_pretraining_run(load_config("tiny", [f"model.weights={tmp_path / 'w.safetensors'}"])) is None
    with pytest.raises(RunError, match="not a run folder"):
        find_pretraining_run(load_config("tiny", [f"model.weights={tmp_path}"]))


def test_weights_trained_on_test_films_are_refused(trained: Run, tmp_path: Path) -> None:
    config = load_config("tiny", ["data.image_size=64", f"model.weights={trained.folder}"])
    files = sum(r.split == "val" for r in trained.records)
    with pytest.raises(
        DataError, match=rf"^--weights .*: \d+ files of val and test were in its training set \({files} by their bytes"
    ):
        train(config, trained.root, trained.records, tmp_path / "run", TrainOptions(allow_leaks=True))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_records_the_films_of_its_pretraining_run(trained: Run, tmp_path: Path) -> None:
    other = index_data(synth(tmp_path / "films", SynthOptions(films=18, size_px=96, seed=7)).root)
    config = load_config("tiny", ["data.image_size=64", "optim.epochs=[1, 0]", f"model.weights={trained.folder}"])
    train(config, other.root, other.records, tmp_path / "run")
    run = open_run(tmp_path / "run")
    assert {r.sha256 for r in list_training_films(trained)} < {r.sha256 for r in list_training_films(run)}
    with pytest.raises(
        DataError, match="of this run or of a run that its backbone weights come from; expected films that training has"
    ):
        evaluate_other(run.folder, trained.records, trained.root, "before")


def test_a_run_records_the_films_of_earlier_pretraining_runs(trained: Run, tmp_path: Path) -> None:
    for name, source in (("b", trained.folder), ("c", tmp_path / "b")):
        config = load_config("tiny", [f"model.weights={source}"])
        create_run(tmp_path / name, config, tmp_path, [replace(trained.records[0], split="test")])
        write_pretraining_films(tmp_path / name, config)
    overlap = compare_with_run(open_run(tmp_path / "c"), trained.records, trained.root).overlap
    assert overlap.files == sum(r.split in ("train", "val") for r in trained.records)


def test_fingerprints_of_some_training_films_are_not_enough(trained: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(trained.folder, folder)
    stored = read_fingerprints(folder)
    assert stored is not None
    run = replace(open_run(folder), root=tmp_path / "moved")
    first = next(r.sha256 for r in usable(trained.records, "train") if r.sha256 in stored)
    write_fingerprints(folder, {digest: film for digest, film in stored.items() if digest != first})
    overlap = compare_with_run(run, trained.records, trained.root).overlap
    assert not overlap.pixels_compared
    assert any("no fingerprints of some of the training films" in note for note in overlap.notes)
    assert compare_with_run(run, trained.records, trained.root, trained_on=trained.root).overlap.pixels_compared
    assert (read_fingerprints(folder) or {}).keys() >= stored.keys()
