"""Only predictions by models that did not train on the film or its group are read."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fxkit.data.manifest import read_manifest
from fxkit.errors import DataError, RunError
from fxkit.evaluation.films.tested import describe_films, read_tested_films
from fxkit.metrics.predictions import Predictions

MakeRun = Callable[..., Path]


def test_test_films_are_read(make_run: MakeRun) -> None:
    tested = read_tested_films(make_run())
    assert describe_films(tested) == "18 films of 6 groups, predictions of test films"
    assert tested.paths[3] == ("test/03.png",)
    assert tested.threshold == 0.5


def test_films_of_a_group_in_training_are_left_out(make_run: MakeRun) -> None:
    run = make_run()
    leaking = replace(read_manifest(run / "manifest.csv")[0], path="test/copy.png", split="test", sha256="other")
    tested = read_tested_films(make_run("leaking", extra=(leaking,)))
    assert tested.n_left_out == 1
    assert "test/copy.png" not in tested.files.paths
    assert "1 file was left out, because training has seen films of their group" in describe_films(tested)


def test_out_of_fold_predictions_are_read_besides_those_of_test_films(make_run: MakeRun) -> None:
    tested = read_tested_films(make_run(folds=2))
    assert describe_films(tested) == "30 films of 10 groups, out-of-fold predictions and predictions of test films"
    assert tested.files.folds is not None
    assert set(tested.files.folds.tolist()) == {0, 1, 2}


def test_a_film_whose_group_is_in_another_fold_is_left_out(make_run: MakeRun) -> None:
    run = make_run(folds=2)
    predictions = Predictions.read_csv(run / "out_of_fold.csv")
    assert predictions.folds is not None
    folds = predictions.folds.copy()
    folds[0] = 1 - folds[0]  # the other films of this patient stay in their fold
    replace(predictions, folds=folds).write_csv(run / "out_of_fold.csv")
    assert read_tested_films(run).n_left_out == 3


def test_copies_count_as_one_film(make_run: MakeRun) -> None:
    run = make_run()
    original = next(r for r in read_manifest(run / "manifest.csv") if r.path == "test/05.png")
    copied = make_run("copied", extra=(replace(original, path="test/05-copy.png"),))
    tested = read_tested_films(copied)
    (row,) = (n for n, paths in enumerate(tested.paths) if len(paths) == 2)
    assert tested.paths[row] == ("test/05.png", "test/05-copy.png")
    both = [tested.files.probabilities[tested.files.paths.index(path)] for path in tested.paths[row]]
    assert np.allclose(tested.films.probabilities[row], np.mean(both, axis=0))


def test_training_films_are_refused(make_run: MakeRun) -> None:
    with pytest.raises(DataError, match=r"splits.train.predictions\.csv: the model has learnt these films and repeats"):
        read_tested_films(make_run(), part="splits/train")


def test_other_data_with_training_films_are_refused(make_run: MakeRun) -> None:
    run = make_run()
    folder = run / "evaluations" / "other"
    folder.mkdir(parents=True)
    (folder / "predictions.csv").write_bytes((run / "predictions.csv").read_bytes())
    (folder / "metrics.json").write_text(json.dumps({"root": "/elsewhere", "overlap": {"files": 0, "films": 0}}))
    tested = read_tested_films(run, part="evaluations/other")
    assert (tested.root, tested.kind, tested.records) == (Path("/elsewhere"), "predictions of other", {})
    (folder / "metrics.json").write_text(json.dumps({"overlap": {"files": 2, "films": 2}}))
    with pytest.raises(
        DataError, match="training has seen some of these films, and which ones is not stored; evaluate"
    ):
        read_tested_films(run, part="evaluations/other")


def test_a_run_without_predictions_is_refused(make_run: MakeRun) -> None:
    run = make_run()
    (run / "predictions.csv").unlink()
    with pytest.raises(
        RunError, match=r"predictions\.csv: no such file, and no out_of_fold\.csv; make it with `fxkit ev"
    ):
        read_tested_films(run)
    with pytest.raises(RunError, match="no such file; expected a folder that `fxkit evaluate` wrote"):
        read_tested_films(run, part="evaluations/none")


def test_films_without_a_class_are_refused(make_run: MakeRun) -> None:
    run = make_run()
    predictions = Predictions.read_csv(run / "predictions.csv")
    replace(predictions, labels=np.full(len(predictions), -1)).write_csv(run / "predictions.csv")
    with pytest.raises(DataError, match="no file has a known class; expected predictions of labelled films"):
        read_tested_films(run)
