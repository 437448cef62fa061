"""What of other data training has seen: the same bytes, cleaned or not, or not to be told."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from fxkit.cli.options import build_config
from fxkit.config import load_config
from fxkit.data.manifest import usable
from fxkit.errors import DataError, RunError
from fxkit.evaluation.evaluate import EvaluationOptions, evaluate_other
from fxkit.index.build import IndexOptions, index_data
from fxkit.models.model_json import settings_of_run
from fxkit.models.run_folder import Run, create_run, open_run
from fxkit.models.training_films import Overlap, has_hashes, keep_learnt, learnt_by, overlap_with_training, source_run
from fxkit.synth.dataset import Synthetic, synth
from fxkit.training.train import train
from preprocess.folder.clean_folder import FolderOptions, clean_folder


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
    result = evaluate_other(folder, trained.records, trained.root, "again", EvaluationOptions(allow_leaks=True))
    assert result.stamp.startswith(f"leaking data: {len(seen)} files (")


def test_cleaned_training_films_are_known_again(trained: Run, made: Synthetic, tmp_path: Path) -> None:
    clean_folder(made.root, tmp_path / "clean", FolderOptions(markers=made.root / "markers.json"))
    other = index_data(tmp_path / "clean", IndexOptions(split="none"))
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


def test_a_run_tells_how_its_backbone_is_built_and_sees_films(trained: Run) -> None:
    found = settings_of_run(trained.folder)
    assert found["model.backbone"] == "test_resnet"
    assert found["data.image_size"] == 64
    assert set(found) == {"model.backbone", "model.args", "model.mean", "model.std", "data.image_size", "data.resize"}


def test_options_stand_over_what_the_run_brings_and_that_over_the_preset(trained: Run) -> None:
    config = build_config("baseline", (), None, False, weights=str(trained.folder))
    assert (config.model.backbone, config.data.image_size) == ("test_resnet", 64)
    assert config.model.hidden == 512
    config = build_config(None, (), None, False, weights=str(trained.folder), image_size=96)
    assert (config.model.weights, config.data.image_size) == (str(trained.folder), 96)


def test_weights_from_elsewhere_have_no_run(tmp_path: Path) -> None:
    assert source_run(load_config("tiny")) is None
    assert source_run(load_config("tiny", [f"model.weights={tmp_path / 'w.safetensors'}"])) is None
    with pytest.raises(RunError, match="not a run folder"):
        source_run(load_config("tiny", [f"model.weights={tmp_path}"]))


def test_films_that_the_backbone_has_learnt_do_not_judge_it(trained: Run, tmp_path: Path) -> None:
    config = load_config("tiny", ["data.image_size=64", f"model.weights={trained.folder}"])
    files = sum(r.split == "val" for r in trained.records)
    with pytest.raises(
        DataError, match=rf"^--weights .*: {files} files \(.* films\) of val and test were in its training"
    ):
        train(config, trained.root, trained.records, tmp_path / "run", allow_leaks=True)
    assert not (tmp_path / "run").exists()


def test_a_run_remembers_what_its_backbone_learnt_before(trained: Run, tmp_path: Path) -> None:
    other = index_data(synth(tmp_path / "films", films=18, size_px=96, seed=7).root)
    config = load_config("tiny", ["data.image_size=64", "optim.epochs=[1, 0]", f"model.weights={trained.folder}"])
    train(config, other.root, other.records, tmp_path / "run")
    run = open_run(tmp_path / "run")
    assert {r.sha256 for r in learnt_by(trained)} < {r.sha256 for r in learnt_by(run)}
    with pytest.raises(DataError, match="of this run or of one that it went on from; expected films that training has"):
        evaluate_other(run.folder, trained.records, trained.root, "before")


def test_what_came_before_the_run_before_is_remembered_too(trained: Run, tmp_path: Path) -> None:
    for name, source in (("b", trained.folder), ("c", tmp_path / "b")):
        config = load_config("tiny", [f"model.weights={source}"])
        create_run(tmp_path / name, config, tmp_path, [replace(trained.records[0], split="test")])
        keep_learnt(tmp_path / name, config)
    found = overlap_with_training(open_run(tmp_path / "c"), trained.records, trained.root)
    assert found.files == sum(r.split in ("train", "val") for r in trained.records)
