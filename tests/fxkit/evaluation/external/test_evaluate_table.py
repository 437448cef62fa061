"""A table of predictions is evaluated as a run is, and its folder is read as a run's folder is."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from fxkit.audit.evidence import read_evidence
from fxkit.audit.verdict import answer_questions
from fxkit.errors import DataError, RunError
from fxkit.evaluation.analyses import AnalysisOptions
from fxkit.evaluation.compare_runs import compare_runs
from fxkit.evaluation.evaluate import evaluate_run
from fxkit.evaluation.external.calibrate import calibrate_table
from fxkit.evaluation.external.evaluate import evaluate_table
from fxkit.evaluation.external.options import TableOptions
from fxkit.metrics.operating_points import parse_target
from fxkit.models.run_folder import open_results, open_run
from fxkit.report.build import build_report

SAME_ANSWERS = ("score", "leak", "size", "calibration", "subgroups")


def test_the_same_predictions_give_the_same_figures_pages_and_answers(run_folder: Path, tmp_path: Path) -> None:
    evaluate_run(run_folder)
    out = tmp_path / "table"
    manifest = run_folder / "manifest.csv"
    threshold = json.loads((run_folder / "model.json").read_text())["threshold"]
    options = TableOptions(films=manifest, trained_on=manifest, threshold=threshold)
    evaluate_table(run_folder / "predictions.csv", out, options)
    mine, theirs = (json.loads((folder / "metrics.json").read_text()) for folder in (run_folder, out))
    differing = {key for key in {*mine, *theirs} if mine.get(key) != theirs.get(key)}
    assert differing <= {"notes", "made_from"}  # how the table was read, and the hash of the model
    assert (out / "predictions.csv").read_text() == (run_folder / "predictions.csv").read_text()
    tables = [
        build_report(folder).read_text().split("<h2>Evaluation</h2>")[1].split("</table>")[0]
        for folder in (run_folder, out)
    ]
    assert tables[0] == tables[1]
    answers = [
        {a.key: (a.colour, a.reason, a.facts) for a in answer_questions(read_evidence(folder)) if a.key in SAME_ANSWERS}
        for folder in (run_folder, out)
    ]
    assert answers[0] == answers[1]


def test_equal_file_names_in_other_folders_are_a_hint_and_no_leak(tmp_path: Path) -> None:
    rows = [f"north/{n}.png,P{n},{('no', 'yes')[n % 2]},{0.3 + n % 2 * 0.4 + n / 1000}" for n in range(40)]
    (tmp_path / "own.csv").write_text("\n".join(["path,patient,label,probability", *rows]))
    (tmp_path / "train.csv").write_text("path,patient\nsouth/1.jpg,Q1\nsouth/2.png,Q2\nsouth/99.png,Q3\n")
    result = evaluate_table(tmp_path / "own.csv", tmp_path / "out", TableOptions(trained_on=tmp_path / "train.csv"))
    assert result.stamp == ""
    (note,) = (note for note in result.notes if "file name" in note)
    assert note.startswith("2 test films have the file name of a training film in another folder; whether they are")
    answer = next(a for a in answer_questions(read_evidence(tmp_path / "out")) if a.key == "leak")
    assert answer.colour == "green"
    assert answer.reason.endswith("2 files have the name of a training film in another folder, which is no proof.")
    assert ("further files with the file name of a training film; no pixels were compared", "2") in answer.facts


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Predictions of 60 patients with two films each, in the splits val and test."""
    rng = np.random.default_rng(3)
    rows = ["image_id,patient_id,label,prob,split,sex"]
    for n in range(120):
        positive = n // 2 % 3 == 0
        logit = rng.normal(1.5 if positive else -1.5, 1.0) * 0.4
        split = "val" if n < 50 else "test"
        label = "fracture" if positive else "normal"
        rows.append(f"f{n:03d},P{n // 2:02d},{label},{1 / (1 + np.exp(-logit)):.6f},{split},{'MF'[n % 2]}")
    (tmp_path / "preds.csv").write_text("\n".join(rows))
    return tmp_path / "preds.csv"


def test_rows_of_val_choose_thresholds_and_other_columns_are_subgroups(table: Path, tmp_path: Path) -> None:
    analyses = AnalysisOptions(targets=(parse_target("sensitivity=0.9"),))
    result = evaluate_table(table, tmp_path / "out", TableOptions(analyses=analyses))
    assert (result.evaluation.n_files, result.evaluation.n_groups) == (70, 35)
    (point,) = result.analyses.operating_points
    assert (point.chosen_on, point.chosen_films, point.chosen_groups) == ("val", 50, 25)
    assert {part.attribute for part in result.analyses.subgroups} == {"sex"}


def test_a_target_without_validation_rows_is_refused(table: Path, tmp_path: Path) -> None:
    table.write_text(table.read_text().replace(",val,", ",test,"))
    analyses = AnalysisOptions(targets=(parse_target("sensitivity=0.9"),))
    with pytest.raises(DataError, match="no row of the split val to choose a threshold on"):
        evaluate_table(table, tmp_path / "out", TableOptions(analyses=analyses))


def test_calibration_is_fitted_on_val_and_improves_test(table: Path, tmp_path: Path) -> None:
    evaluate_table(table, tmp_path / "out")
    result = calibrate_table(tmp_path / "out")
    assert result.after["log_loss"] < result.before["log_loss"]
    assert result.formula.startswith("logit(calibrated) = logit(p) / ")
    rows = (tmp_path / "out" / "calibration.csv").read_text().splitlines()
    assert rows[0] == "probability,calibrated"
    assert len(rows) == 102
    with pytest.raises(DataError, match="the test films judge the calibration"):
        calibrate_table(tmp_path / "out", split="test")
    with pytest.raises(RunError, match="expected predictions of the split train"):
        calibrate_table(tmp_path / "out", split="train")


def test_two_tables_are_compared_at_their_own_thresholds(table: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text(table.read_text().replace("prob,", "prob,").replace(",0.4", ",0.6"))
    evaluate_table(table, tmp_path / "a")
    evaluate_table(other, tmp_path / "b", TableOptions(threshold=0.7))
    comparison = compare_runs(tmp_path / "a", tmp_path / "b")
    assert comparison.thresholds == (0.5, 0.7)
    assert comparison.n_films == 70


def test_scores_that_are_no_probabilities_have_no_calibration(table: Path, tmp_path: Path) -> None:
    from fxkit.evaluation.external.columns import ColumnChoice

    options = TableOptions(columns=ColumnChoice(scale="score"), threshold=0.5)
    result = evaluate_table(table, tmp_path / "out", options)
    assert not {"brier", "log_loss"} & {*result.evaluation.film.figures}
    assert result.analyses.calibration == {}
    with pytest.raises(DataError, match="are of scale 'score' and no probabilities"):
        calibrate_table(tmp_path / "out")
    build_report(tmp_path / "out")
    assert {a.key: a.colour for a in answer_questions(read_evidence(tmp_path / "out"))}["calibration"] == "grey"


def test_scores_of_the_wrong_class_are_warned_of(table: Path, tmp_path: Path) -> None:
    lines = table.read_text().splitlines()
    turned = [lines[0]] + [
        ",".join([*row.split(",")[:3], f"{1 - float(row.split(',')[3]):.6f}", *row.split(",")[4:]]) for row in lines[1:]
    ]
    table.write_text("\n".join(turned))
    notes = evaluate_table(table, tmp_path / "out").notes
    assert any("have lower scores than the others" in note for note in notes)


def test_training_films_are_known_by_patient_name_and_bytes(table: Path, tmp_path: Path) -> None:
    train = tmp_path / "train.csv"
    train.write_text("file,patient\nold1,p30\nx/f101.png,\nnew,P999\n")
    result = evaluate_table(table, tmp_path / "out", TableOptions(trained_on=train))
    assert "of 70 test files" in result.stamp
    leak = {a.key: a for a in answer_questions(read_evidence(tmp_path / "out"))}["leak"]
    assert leak.colour == "red"


def test_without_training_films_the_leak_is_not_tested(table: Path, tmp_path: Path) -> None:
    evaluate_table(table, tmp_path / "out")
    answers = {a.key: a for a in answer_questions(read_evidence(tmp_path / "out"))}
    grey = {key for key, answer in answers.items() if answer.colour == "grey"}
    assert grey >= {"leak", "markers", "selection", "initialisation", "metadata", "external"}
    assert "--trained-on" in answers["leak"].command


def test_a_folder_of_predictions_is_no_run(table: Path, tmp_path: Path) -> None:
    evaluate_table(table, tmp_path / "out")
    with pytest.raises(RunError, match="holds predictions of a model that was made elsewhere"):
        open_run(tmp_path / "out")
    assert open_results(tmp_path / "out").classes == ("normal", "fracture")


@pytest.mark.slow
def test_the_leaks_of_a_public_split_are_found(shared_data: Path, tmp_path: Path) -> None:
    """Film 4 is in both parts; of the rotated copies of the other films none is compared here, to save time."""
    data = shared_data / "forearm"
    for part in ("training", "testing"):
        films = sorted(p.relative_to(data / part).as_posix() for p in (data / part).glob("*/*.*"))
        films = [path for path in films if "-rotated" not in path or path.startswith("not_fractured/4-rotated1.")]
        films += [p.relative_to(data / part).as_posix() for p in sorted((data / part).glob("not_fractured/4-*"))[:3]]
        rows = [f"{path},{path.split('/')[0]},{n % 97 / 97:.4f}" for n, path in enumerate(dict.fromkeys(films))]
        (tmp_path / f"{part}.csv").write_text("path,label,prob\n" + "\n".join(rows))
    options = TableOptions(trained_on=tmp_path / "training.csv", trained_root=data / "training", root=data / "testing")
    result = evaluate_table(tmp_path / "testing.csv", tmp_path / "out", options)
    assert result.stamp.startswith("leaking split: of ")
    leak = {a.key: a for a in answer_questions(read_evidence(tmp_path / "out"))}["leak"]
    assert leak.colour == "red"


def test_rows_of_other_splits_and_missing_patients_are_told(table: Path, tmp_path: Path) -> None:
    lines = table.read_text().splitlines()
    lines[1:11] = [line.replace(",val,", ",train,") for line in lines[1:11]]
    table.write_text("\n".join(lines))
    notes = "\n".join(evaluate_table(table, tmp_path / "out").notes)
    assert "the 40 rows of the split val only choose thresholds and calibrate" in notes
    assert "the 10 rows of the split train are training films and have no part in the figures" in notes
    assert "have no patient" not in notes
    lines[-6:] = [re.sub(r",P\d+,", ",,", line) for line in lines[-6:]]
    table.write_text("\n".join(lines))
    notes = "\n".join(evaluate_table(table, tmp_path / "out", TableOptions(overwrite=True)).notes)
    assert "WARNING: 6 of 70 test films have no patient" in notes
