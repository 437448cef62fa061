"""Predictions of other data go below the results of a model's own test films, if training has not seen the films."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fxkit.audit.evidence import read_evidence
from fxkit.audit.score_questions import ask_external
from fxkit.errors import ConfigError, DataError, RunError
from fxkit.evaluation.external.columns import ColumnChoice
from fxkit.evaluation.external.evaluate import evaluate_table
from fxkit.evaluation.external.options import TableOptions
from fxkit.evaluation.external.other import NOT_COMPARED, UNKNOWN, evaluate_other_table
from fxkit.evaluation.films.errors import write_errors
from fxkit.report.build import build_report
from preprocess.images import write_image

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a table of predictions of patients with one film each; the scores are good."""

    def make(
        name: str, n: int = 120, first: int = 0, site: str = "a", classes: tuple[str, str] = ("no", "yes")
    ) -> Path:
        rng = np.random.default_rng(first)
        rows = ["path,patient,label,probability,site"]
        for number in range(first, first + n):
            positive = number % 2
            p = np.clip(rng.normal(0.7 if positive else 0.3, 0.15), 0.01, 0.99)
            rows.append(f"{site}/{number}.png,P{number},{classes[positive]},{p:.4f},{site}")
        (tmp_path / name).write_text("\n".join(rows))
        return tmp_path / name

    return make


@pytest.fixture
def results(write: Write, tmp_path: Path) -> Path:
    """The results of the model's own test films; its training films are P900 to P919."""
    trained = write("train.csv", 20, 900)
    return evaluate_table(write("own.csv"), tmp_path / "results", TableOptions(trained_on=trained)).folder


def test_the_audit_and_the_report_read_the_figures(write: Write, results: Path) -> None:
    assert ask_external(read_evidence(results)).colour == "grey"
    result = evaluate_other_table(write("other.csv", 160, 300, "b"), results, "north")
    assert result.folder == results / "evaluations" / "north"
    assert result.evaluation.n_films == 160
    assert result.notes[-1] == NOT_COMPARED
    answer = ask_external(read_evidence(results))
    assert answer.colour == "amber"  # the pixels were not compared
    assert answer.reason.startswith("On north, the AUROC is 0.9")
    assert "run `fxkit evaluate` on them again, with --root and --trained-root" in answer.reason
    assert "north" in build_report(results).read_text()
    assert json.loads((results / "metrics.json").read_text())["n_films"] == 120  # the own figures stay
    assert write_errors(results, part="evaluations/north").lines[0].startswith("160 films of 160 groups")


@pytest.mark.slow
def test_films_at_hand_are_compared_by_their_pixels(write: Write, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for site, first, n in (("a", 0, 4), ("a", 900, 2), ("b", 300, 4)):
        for number in range(first, first + n):
            write_image(tmp_path / "films" / site / f"{number}.png", rng.integers(0, 255, (64, 64), np.uint8))
    films = tmp_path / "films"
    options = TableOptions(trained_on=write("train.csv", 2, 900), root=films, trained_root=films)
    results = evaluate_table(write("own.csv", 4), tmp_path / "results", options).folder
    other, at_hand = write("other.csv", 4, 300, "b"), TableOptions(root=films)
    result = evaluate_other_table(other, results, "new", at_hand)
    assert (result.notes[-1] != NOT_COMPARED, result.stamp) == (True, "")
    assert json.loads((result.folder / "metrics.json").read_text())["overlap"]["pixels_compared"]
    (films / "b" / "300.png").write_bytes((films / "a" / "900.png").read_bytes())
    with pytest.raises(DataError, match=r"seen: 1 file \(1 film\) is, apart from cleaning, a training or validation f"):
        evaluate_other_table(other, results, "seen", at_hand)
    for number in range(300, 304):
        (films / "b" / f"{number}.png").write_bytes((films / "a" / f"{number - 300}.png").read_bytes())
    own = evaluate_other_table(other, results, "own", at_hand)
    assert "4 files of 4 show the run's own test films, so they are not other data" in own.notes


@pytest.mark.slow
def test_training_patients_are_refused_or_stamp_the_figures(write: Write, results: Path) -> None:
    other = write("other.csv", 40, 890)
    with pytest.raises(DataError, match=r"north: 20 files belong to 20 patients with .* or give --allow-leaks"):
        evaluate_other_table(other, results, "north")
    assert (results / "evaluations" / "north" / "seen_files.csv").read_text().count("\n") == 21
    result = evaluate_other_table(other, results, "north", allow_leaks=True)
    assert result.stamp.startswith("leaking data: 20 files belong to 20 patients")
    elsewhere = evaluate_other_table(write("site.csv", 40, 890, "b"), results, "other-site")  # other people
    assert elsewhere.stamp == ""


def test_unknown_training_films_are_said(write: Write, tmp_path: Path) -> None:
    results = evaluate_table(write("own.csv"), tmp_path / "results").folder
    assert evaluate_other_table(write("other.csv", 160, 300, "b"), results, "north").notes[-1] == UNKNOWN
    answer = ask_external(read_evidence(results))
    assert (answer.colour, answer.reason.endswith("; which films training has seen is unknown.")) == ("amber", True)


def test_another_order_of_the_classes_is_put_right(write: Write, results: Path, tmp_path: Path) -> None:
    file = write("other.csv", 160, 300, "b")
    single = evaluate_other_table(file, results, "single").evaluation
    rows = [line.split(",") for line in file.read_text().splitlines()]
    both = ["path,patient,label,p_yes,p_no,site"]
    both += [",".join([*row[:4], f"{1 - float(row[3]):.4f}", *row[4:]]) for row in rows[1:]]
    (tmp_path / "both.csv").write_text("\n".join(both))
    assert evaluate_other_table(tmp_path / "both.csv", results, "both").evaluation.film == single.film


def test_each_of_many_classes_needs_scores(tmp_path: Path) -> None:
    rows = [f"{n}.png,{'abc'[n % 3]},{0.5 + n / 100},0.2,{0.3 - n / 100}" for n in range(12)]
    (tmp_path / "own.csv").write_text("\n".join(["path,label,p_a,p_b,p_c", *rows]))
    results = evaluate_table(tmp_path / "own.csv", tmp_path / "results").folder
    swapped = [",".join([*row.split(",")[:2], *row.split(",")[:1:-1]]) for row in rows]
    (tmp_path / "swapped.csv").write_text("\n".join(["path,label,p_c,p_b,p_a", *swapped]))
    other = evaluate_other_table(tmp_path / "swapped.csv", results, "swapped").folder
    assert (other / "predictions.csv").read_text() == (results / "predictions.csv").read_text()
    two = [f"{n}.png,{'ab'[n % 2]},{0.5 + n / 100},{0.5 - n / 100}" for n in range(12)]
    (tmp_path / "two.csv").write_text("\n".join(["path,label,p_a,p_b", *two]))
    with pytest.raises(DataError, match="no scores of class 'c'; expected those of a, b, c"):
        evaluate_other_table(tmp_path / "two.csv", results, "two")


def test_what_does_not_fit_is_refused(write: Write, results: Path, tmp_path: Path) -> None:
    other = write("other.csv", 40, 300, "b")
    with pytest.raises(DataError, match=r"no class of .*results \(no, yes\) is called broken, healthy; expected the"):
        evaluate_other_table(write("named.csv", 40, 300, "b", ("healthy", "broken")), results, "x")
    with pytest.raises(DataError, match=r"its scores are of scale 'score', and those of .* of 'probability'; expected"):
        evaluate_other_table(other, results, "x", TableOptions(columns=ColumnChoice(scale="score")))
    for options, name in (
        (TableOptions(trained_on=other), "--trained-on"),
        (TableOptions(threshold=0.4), "--threshold"),
        (TableOptions(positive="yes"), "--positive"),
    ):
        with pytest.raises(ConfigError, match=rf"{name}: is that of .*results; expected it with the model's own test"):
            evaluate_other_table(other, results, "x", options)
    with pytest.raises(RunError, match=r"holds no results of a model made elsewhere; .* first, without --name x"):
        evaluate_other_table(other, tmp_path / "empty", "x")
    with pytest.raises(RunError, match="--name 'a/b': expected the name of a folder, without slashes"):
        evaluate_other_table(other, results, "a/b")


def test_figures_of_other_predictions_are_kept_unless_overwritten(write: Write, results: Path) -> None:
    evaluate_other_table(write("other.csv", 40, 300, "b"), results, "north")
    changed = write("changed.csv", 60, 300, "b")
    with pytest.raises(RunError, match=r"north: holds figures of the predictions with the SHA-256 .*; choose another"):
        evaluate_other_table(changed, results, "north")
    options = replace(TableOptions(), overwrite=True)
    assert evaluate_other_table(changed, results, "north", options).evaluation.n_films == 60
