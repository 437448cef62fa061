"""Folds: their splits, the files of a run with folds, resuming, and errors."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fxkit.config import Config, load_config
from fxkit.data.manifest import Record, read_manifest, usable
from fxkit.errors import ConfigError, DataError, RunError
from fxkit.evaluation.evaluate import EvaluationOptions, evaluate_run
from fxkit.evaluation.fold_predictions import stamp_of_folds
from fxkit.index.build import IndexOptions, index_data
from fxkit.index.splits.hold_out_fold import hold_out_fold
from fxkit.metrics.predictions import Predictions
from fxkit.models.predict_records import predict_records
from fxkit.models.run_folder import open_run, read_json
from fxkit.models.saved import load_model
from fxkit.synth.dataset import Synthetic
from fxkit.training import folds as module
from fxkit.training.folds import FoldsResult, add_folds, check_folds, train_folds
from fxkit.training.train import TrainOptions, train

Source = tuple[Path, list[Record]]
TINY = load_config("tiny", ["data.image_size=64", "optim.epochs=[1, 0]"])
RESUME = TrainOptions(resume=True)


@pytest.fixture(scope="module")
def source(made: Synthetic) -> Source:
    """The synthetic films. Copies are recognised by name, because comparing pixels takes longer than training."""
    index = index_data(made.root, IndexOptions(copies=False))
    return index.root, list(index.records)


@pytest.fixture(scope="module")
def run(source: Source, tmp_path_factory: pytest.TempPathFactory) -> FoldsResult:
    return train_folds(TINY, *source, tmp_path_factory.mktemp("runs") / "folds", 3)


def learned(records: list[Record]) -> list[Record]:
    return [r for r in usable(records) if r.split in ("train", "val")]


def test_the_folds_of_the_manifest_are_used_if_their_number_matches(source: Source, made: Synthetic) -> None:
    records = list(index_data(made.root, IndexOptions(copies=False, folds=4, seed=7)).records)
    unchanged, notes = add_folds(records, 4)
    assert (unchanged, notes) == (records, ["the manifest's 4 folds are used"])
    other, notes = add_folds(records, 3)
    assert {r.fold for r in learned(other)} == {"0", "1", "2"}
    assert notes[0] == "the manifest has no 3 folds: train and val were divided by group, with seed 0"
    assert add_folds(source[1], 3)[1][0].startswith("the manifest has no folds: ")


def test_folds_are_divided_by_group_as_the_index_does(source: Source, made: Synthetic) -> None:
    divided, notes = add_folds(source[1], 4)
    assert divided == list(index_data(made.root, IndexOptions(copies=False, folds=4)).records)
    assert any(note.startswith("balance of the 4 folds") for note in notes)
    folds = {(r.group, r.fold) for r in learned(divided)}
    assert len(folds) == len({group for group, _ in folds})
    assert all(r.fold == "" for r in divided if r.split == "test")


def test_each_film_is_test_in_one_fold_val_in_one_and_train_in_the_others(source: Source) -> None:
    records, _ = add_folds(source[1], 4)
    members = [hold_out_fold(records, fold, 4) for fold in range(4)]
    seen = Counter((r.path, r.split) for member in members for r in usable(member) if r.split)
    assert seen == {(r.path, s): n for r in learned(records) for s, n in (("test", 1), ("val", 1), ("train", 2))}
    assert all({r.fold for r in usable(m, "val")} == {str((i + 1) % 4)} for i, m in enumerate(members))
    assert all({r.fold for r in usable(m, "test")} == {str(i)} for i, m in enumerate(members))


def test_unreadable_files_are_in_no_split(source: Source) -> None:
    broken = [replace(source[1][0], split="", status="cut short"), *source[1][1:]]
    records, _ = add_folds(broken, 3)
    assert (records[0].fold, hold_out_fold(records, 0, 3)[0].split) == ("", "")


@pytest.mark.slow
def test_training_writes_a_run_for_each_fold_and_out_of_fold_figures(run: FoldsResult, source: Source) -> None:
    names = {path.name for path in run.folder.iterdir()}
    assert names >= {"fold-0", "fold-1", "fold-2", "model.safetensors", "model.json", "out_of_fold.csv", "config.yaml"}
    opened = open_run(run.folder)
    assert (opened.folds, opened.config) == (3, TINY.on_one_device())
    assert (opened.config.trainer.devices, run.n_test) == (1, len(usable(source[1], "test")))
    for fold in range(3):
        member = open_run(run.folder / f"fold-{fold}")
        assert list(member.records) == hold_out_fold(opened.records, fold, 3)
        assert (member.folder / "metrics.json").is_file()
    predictions = Predictions.read_csv(run.folder / "out_of_fold.csv")
    assert list(predictions.paths) == [r.path for r in learned(source[1])]
    values = read_json(run.folder / "metrics_out_of_fold.json")
    assert values["n_files"] == len(predictions)
    assert "leaks" not in values


def test_each_out_of_fold_row_comes_from_the_model_that_did_not_train_on_it(run: FoldsResult) -> None:
    pooled = Predictions.read_csv(run.folder / "out_of_fold.csv")
    probabilities = dict(zip(pooled.paths, pooled.probabilities.tolist(), strict=True))
    for fold in range(3):
        place = run.folder / f"fold-{fold}"
        fold_records = [r for r in open_run(run.folder).records if r.fold == str(fold)]
        again = predict_records(load_model(place), open_run(place).root, fold_records, TINY.data, device="cpu")
        np.testing.assert_allclose([probabilities[path] for path in again.paths], again.probabilities, atol=1e-6)


def test_the_model_of_the_run_averages_the_models_of_the_folds(run: FoldsResult) -> None:
    opened = open_run(run.folder)
    films = usable(opened.records, "test")
    result = evaluate_run(run.folder, options=EvaluationOptions(device="cpu"))
    assert result.evaluation.n_files == len(films) > 0
    predictions = Predictions.read_csv(run.folder / "predictions.csv")
    models = [load_model(run.folder / f"fold-{fold}") for fold in range(3)]
    each = [predict_records(m, opened.root, films, TINY.data, device="cpu").probabilities for m in models]
    np.testing.assert_allclose(predictions.probabilities, np.mean(each, axis=0), atol=1e-6)


@pytest.mark.parametrize("split", ["train", "val"])
def test_evaluation_on_train_or_val_is_refused(run: FoldsResult, split: str) -> None:
    with pytest.raises(DataError, match=rf"every {split} film was used to train some of its 3 models"):
        evaluate_run(run.folder, split=split)


class Stopped(Exception):
    pass


def test_a_stopped_run_resumes_to_the_same_model(
    run: FoldsResult, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, trained = module.train, []

    def stop(config: Config, root: Path, records: list[Record], folder: Path, options: TrainOptions) -> None:
        if len(trained) == 1:
            raise Stopped
        trained.append(original(config, root, records, folder, options))

    with monkeypatch.context() as patch:
        patch.setattr(module, "train", stop)
        with pytest.raises(Stopped):
            train_folds(TINY, *source, tmp_path / "run", 3)
    steps: list[str] = []
    train_folds(TINY, *source, tmp_path / "run", 3, RESUME, on_step=steps.append)
    assert steps[-1] == "training model 3 of 3, without fold 2"
    for name in ("model.safetensors", "model.json", "out_of_fold.csv", "metrics_out_of_fold.json"):
        assert (tmp_path / "run" / name).read_bytes() == (run.folder / name).read_bytes()


def test_another_run_is_not_resumed(run: FoldsResult, source: Source) -> None:
    with pytest.raises(RunError, match=r"was started with --folds 3; give the same, or --overwrite"):
        train(TINY.on_one_device(), source[0], open_run(run.folder).records, run.folder, RESUME)
    with pytest.raises(RunError, match=r"was started with --folds 3; give the same"):
        train_folds(TINY, *source, run.folder, 4, RESUME)
    with pytest.raises(RunError, match=r"already exists; choose another --name"):
        train_folds(TINY, *source, run.folder, 3)


def test_wrong_settings_write_no_folder(source: Source, tmp_path: Path) -> None:
    wrong = load_config("tiny", ["model.finetune_from=nowhere"])
    with pytest.raises(ConfigError, match=r"model\.finetune_from = 'nowhere'"):
        train_folds(wrong, *source, tmp_path / "run", 3)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("folds", [1, 2])
def test_fewer_than_three_folds_are_refused(source: Source, folds: int) -> None:
    with pytest.raises(ConfigError, match=rf"--folds {folds}: expected 3 or more: one fold is predicted, one selects"):
        add_folds(source[1], folds)


def test_more_folds_than_groups_are_refused(source: Source) -> None:
    with pytest.raises(DataError, match=r"groups for 30 folds; expected at least one group for each fold"):
        add_folds(source[1], 30)


def leaking_folds(source: Source) -> list[Record]:
    """Return records with folds, with one file of fold 0 moved to fold 1, so that one group is in both folds."""
    records, _ = add_folds(source[1], 3)
    moved = [r for r in learned(records) if r.fold == "0"][-1]
    return [replace(r, fold="1") if r == moved else r for r in records]


@pytest.mark.slow
def test_leaking_folds_are_refused_or_stamped(source: Source, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"fold 0 leaks: of \d+ test files, \d .* give --allow-leaks"):
        check_folds(leaking_folds(source), 3)
    with pytest.raises(DataError, match=r"fold 0 leaks: "):
        train_folds(TINY, source[0], leaking_folds(source), tmp_path / "run", 3)
    assert not (tmp_path / "run").exists()
    out_of_fold = train_folds(
        TINY, source[0], leaking_folds(source), tmp_path / "run", 3, TrainOptions(allow_leaks=True)
    ).out_of_fold
    assert out_of_fold.stamp == stamp_of_folds(leaking_folds(source), 3)
    assert out_of_fold.stamp.startswith("leaking folds: fold 0: of ")
    assert read_json(tmp_path / "run" / "metrics_out_of_fold.json")["leaks"]["stamp"] == out_of_fold.stamp
    assert open_run(tmp_path / "run").stamp == ""  # the test split itself does not leak
    assert read_manifest(tmp_path / "run" / "manifest.csv") == leaking_folds(source)


def test_a_leaking_split_is_refused_though_its_folds_are_clean(made: Synthetic) -> None:
    leaking = list(index_data(made.root, IndexOptions(copies=False, split="random")).records)
    with pytest.raises(DataError, match="the split leaks: of "):
        check_folds(add_folds(leaking, 3)[0], 3)


def test_a_fold_without_a_class_is_refused(source: Source) -> None:
    records, _ = add_folds(source[1], 3)
    bare = [r for r in records if (r.fold, r.label) != ("2", "fractured")]
    with pytest.raises(DataError, match="fold 2 has no usable film of class 'fractured'; expected films of every"):
        check_folds(bare, 3)
