"""Evaluation of a run on its own splits and on other data: the files it writes and the inputs it refuses."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

from fxkit.data.manifest import usable
from fxkit.errors import DataError, RunError
from fxkit.evaluation.checks import check_classes
from fxkit.evaluation.evaluate import (
    EvaluationOptions,
    evaluate_other,
    evaluate_run,
)
from fxkit.evaluation.result import write_pictures
from fxkit.index.build import IndexOptions, index_data
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.summary import evaluate_predictions
from fxkit.models.predict_records import predict_records
from fxkit.models.run_folder import Run, open_run, read_json
from fxkit.models.saved import Model, load_model, save_model
from fxkit.synth.dataset import Synthetic, SynthOptions, synth
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.images import read_image
from preprocess.settings import CleanSettings


def test_the_test_split_is_written_into_the_run_folder(trained: Run, run_folder: Path) -> None:
    result = evaluate_run(run_folder)
    test = usable(trained.records, "test")
    assert result.folder == run_folder
    assert result.evaluation.n_files == len(test)
    assert result.evaluation.n_films == len({r.film for r in test})
    assert result.stamp == ""
    written = json.loads((run_folder / "metrics.json").read_text())
    assert written["film"]["figures"]["auroc"]["value"] == result.evaluation.film.figures["auroc"].value
    assert Predictions.read_csv(run_folder / "predictions.csv").paths == tuple(r.path for r in test)
    for name in ("roc", "precision_recall", "confusion"):
        assert read_image(run_folder / "figures" / f"{name}.png").ndim == 3


def test_another_split_has_its_own_folder(run_folder: Path) -> None:
    result = evaluate_run(run_folder, split="val")
    assert result.folder == run_folder / "splits" / "val"
    assert not (run_folder / "metrics.json").exists()


def test_moved_films_are_read_below_the_new_root(trained: Run, run_folder: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(trained.root, tmp_path / "moved"))
    from_new_root, from_old_root = evaluate_run(run_folder, root=moved).evaluation, evaluate_run(run_folder).evaluation
    assert from_new_root.to_dict() == from_old_root.to_dict()


def test_all_usable_files_of_other_data_are_evaluated(made: Synthetic, run_folder: Path) -> None:
    other = index_data(made.root, IndexOptions(split="none", copies=False))
    result = evaluate_other(run_folder, other.records, other.root, "elsewhere", EvaluationOptions(allow_leaks=True))
    assert result.folder == run_folder / "evaluations" / "elsewhere"
    assert result.evaluation.n_files == len(usable(other.records))
    assert json.loads((result.folder / "metrics.json").read_text())["root"] == str(other.root)


@pytest.mark.parametrize("name", ["", "..", "a/b"])
def test_the_name_must_be_one_folder(trained: Run, run_folder: Path, name: str) -> None:
    with pytest.raises(RunError, match=r"expected the name of a folder, without slashes"):
        evaluate_other(run_folder, trained.records, trained.root, name)


def test_figures_of_films_in_another_root_are_not_overwritten(trained: Run, run_folder: Path, tmp_path: Path) -> None:
    evaluate_other(run_folder, usable(trained.records, "test"), trained.root, "other")
    moved = Path(shutil.copytree(trained.root, tmp_path / "moved"))
    with pytest.raises(RunError, match=r"holds figures of the films in .*; choose another --name"):
        evaluate_other(run_folder, trained.records, moved, "other")


@pytest.mark.slow
def test_all_figures_of_a_run_with_a_leaking_split_carry_the_stamp(trained: Run, tmp_path: Path) -> None:
    from fxkit.config import load_config
    from fxkit.training.train import TrainOptions, train

    leaking = index_data(trained.root, IndexOptions(split="random"))
    config = load_config("tiny", ["data.image_size=64"])
    with pytest.raises(DataError, match=r"^the split leaks: of \d+ test files, .*; of \d+ val files, .*--allow-leaks"):
        train(config, leaking.root, leaking.records, tmp_path / "run")
    folder = tmp_path / "run"
    train(config, leaking.root, leaking.records, folder, TrainOptions(allow_leaks=True))
    stamp = open_run(folder).stamp
    assert stamp.startswith("leaking split: of ")
    assert read_json(folder / "manifest.json")["stamp"] == stamp
    assert read_json(folder / "validation.json")["leaks"]["stamp"] == stamp
    for split in ("test", "val"):
        with pytest.raises(DataError, match=rf"the split leaks: of \d+ {split} files, .*; this affects \d+ of"):
            evaluate_run(folder, split=split)
    assert evaluate_run(folder, split="train").stamp == stamp
    assert evaluate_run(folder, options=EvaluationOptions(allow_leaks=True)).stamp == stamp
    other = index_data(synth(tmp_path / "films", SynthOptions(films=12, size_px=96, seed=7)).root)
    assert evaluate_other(folder, other.records, other.root, "elsewhere").stamp == stamp


def test_the_stamp_is_drawn_into_every_picture(trained: Run, tmp_path: Path) -> None:
    films = predict_records(load_model(trained.folder), trained.root, usable(trained.records), trained.config.data)
    evaluation = evaluate_predictions(films, resamples=20)
    write_pictures(tmp_path / "plain", evaluation, films)
    write_pictures(tmp_path / "stamped", evaluation, films, "leaking split: 4 files")
    for name in ("confusion", "roc", "precision_recall"):
        plain, stamped = (read_image(tmp_path / kind / f"{name}.png") for kind in ("plain", "stamped"))
        assert not _contains_warning_red(plain)
        assert _contains_warning_red(stamped)


def _contains_warning_red(image: NDArray[Any]) -> bool:
    """Return whether a picture contains the red that only warnings are drawn in."""
    return bool((image == (0xB0, 0x00, 0x20)).all(axis=2).any())


def test_an_empty_split_is_refused(trained: Run, tmp_path: Path) -> None:
    from fxkit.models.run_folder import create_run

    records = [r for r in trained.records if r.split != "test"]
    create_run(tmp_path / "run", trained.config, trained.root, records)
    save_model(tmp_path / "run", load_model(trained.folder))
    with pytest.raises(DataError, match="split 'test' has no usable file"):
        evaluate_run(tmp_path / "run")


def test_a_class_that_the_model_does_not_know_is_refused(trained: Run) -> None:
    model = load_model(trained.folder)
    with pytest.raises(
        DataError, match=r"class 'sprained' is not one of the model's classes \(not_fractured, fractured\)"
    ):
        check_classes(model, [replace(trained.records[0], label="sprained")], "elsewhere")
    with pytest.raises(DataError, match="elsewhere: no usable file"):
        check_classes(model, [], "elsewhere")


def test_a_model_of_cleaned_films_needs_the_raw_option_for_uncleaned_films(run_folder: Path) -> None:
    model = load_model(run_folder)
    save_model(run_folder, Model(model.classifier, replace(model.card, cleaning=CleanSettings().model_dump())))
    with pytest.raises(DataError, match=r"is not cleaned, but the model was.*fxkit clean-labels.*--raw"):
        evaluate_run(run_folder)
    assert evaluate_run(run_folder, options=EvaluationOptions(raw=True)).evaluation.n_files


def test_films_cleaned_with_other_settings_are_refused(
    trained: Run, made: Synthetic, run_folder: Path, tmp_path: Path
) -> None:
    clean_folder(made.root, tmp_path / "clean", FolderOptions(markers=made.root / "markers.json"))
    model = load_model(run_folder)
    save_model(
        run_folder, Model(model.classifier, replace(model.card, cleaning=CleanSettings(side_px=99).model_dump()))
    )
    with pytest.raises(DataError, match="was cleaned with a different 'side_px' from the model's films"):
        evaluate_run(run_folder, root=tmp_path / "clean")
    save_model(run_folder, Model(model.classifier, replace(model.card, cleaning=CleanSettings().model_dump())))
    assert evaluate_run(run_folder, root=tmp_path / "clean").evaluation.n_files
