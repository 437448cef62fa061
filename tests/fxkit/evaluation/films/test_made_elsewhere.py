"""Folders of predictions that were made elsewhere are shown as runs are, with pictures if the films are at hand."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fxkit.audit.evidence import read_evidence
from fxkit.audit.label_question import ask_labels
from fxkit.errors import DataError
from fxkit.evaluation.external.columns import ColumnChoice
from fxkit.evaluation.external.evaluate import evaluate_table
from fxkit.evaluation.external.options import TableOptions
from fxkit.evaluation.films.errors import write_errors
from fxkit.evaluation.films.label_errors import find_label_errors
from fxkit.evaluation.films.tested import describe_films, read_tested_films
from fxkit.metrics.predictions import Predictions

MakeRun = Callable[..., Path]
Cards = Callable[[str], list[dict[str, Any]]]

NOT_AT_HAND = "the films are not at hand, so the page has no pictures; give --root, the folder that their paths are"


@pytest.fixture
def make_results(make_run: MakeRun, tmp_path: Path) -> Callable[..., Path]:
    """Write the predictions of `make_run` as a table, and evaluate it; there are no films unless a root is given."""

    def make(
        name: str = "results", *, folds: dict[str, int] | None = None, suffix: str = ".png", **options: Any
    ) -> Path:
        predictions = Predictions.read_csv(make_run(f"trained-{name}") / "predictions.csv")
        rows = [
            {
                "path": path.removesuffix(".png") + suffix,
                "patient": group,
                "label": predictions.classes[label],
                "probability": p,
                "fold": (folds or {}).get(path, number // 3 % 2),
            }
            for number, (path, group, label, p) in enumerate(
                zip(
                    predictions.paths,
                    predictions.groups,
                    predictions.labels,
                    predictions.probabilities[:, 1],
                    strict=True,
                )
            )
        ]
        file = tmp_path / f"{name}.csv"
        with file.open("w", newline="") as out:
            writer = csv.DictWriter(out, [key for key in rows[0] if key != "fold" or folds is not None])
            writer.writeheader()
            writer.writerows({key: row[key] for key in writer.fieldnames} for row in rows)
        return evaluate_table(file, tmp_path / name, TableOptions(positive="fractured", **options)).folder

    return make


def test_label_errors_are_those_of_the_run_with_these_predictions(
    make_run: MakeRun, make_results: Callable[..., Path], films_on_page: Cards
) -> None:
    run, results = find_label_errors(make_run()), find_label_errors(make_results())
    assert results.lines[:2] == run.lines
    assert results.lines[2].startswith(NOT_AT_HAND)
    assert NOT_AT_HAND in results.page.read_text()
    ranked = [
        [row["path"] for row in csv.DictReader(result.table.open()) if row["suspected"] == "yes"]
        for result in (run, results)
    ]
    assert ranked[0] == ranked[1]
    assert not any("picture" in card for card in films_on_page(results.page.read_text()))


@pytest.mark.parametrize("suffix", [".png", ""])
def test_a_root_gives_the_page_pictures(
    make_results: Callable[..., Path], films_on_page: Cards, tmp_path: Path, suffix: str
) -> None:
    results = make_results(suffix=suffix)
    page = write_errors(results, root=tmp_path / "films")
    assert not any("no pictures" in line for line in page.lines)
    assert all("picture" in card for card in films_on_page(page.page.read_text()))
    lines = write_errors(results, root=tmp_path).lines
    assert lines[-1].startswith(f"none of the films is in {tmp_path}, so the page has no pictures; give --root")


def test_films_that_were_at_hand_when_evaluated_are_shown(
    make_results: Callable[..., Path], films_on_page: Cards, tmp_path: Path
) -> None:
    page = write_errors(make_results(root=tmp_path / "films")).page.read_text()
    assert all("picture" in card for card in films_on_page(page))


def test_a_column_fold_makes_the_predictions_out_of_fold(make_results: Callable[..., Path]) -> None:
    tested = read_tested_films(make_results(folds={}))
    assert describe_films(tested) == "18 films of 6 groups, out-of-fold predictions"
    other_fold = read_tested_films(make_results("leaking", folds={"test/00.png": 1}))
    assert (other_fold.n_left_out, len(other_fold.films)) == (3, 15)


def test_films_of_training_patients_are_left_out(make_results: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("path,patient\nx/1.png,te0\n")
    tested = read_tested_films(make_results(trained_on=tmp_path / "train.csv"))
    assert tested.n_left_out == 3
    (tmp_path / "train.csv").write_text("path,patient\n" + "\n".join(f"x/{n}.png,te{n}" for n in range(6)))
    results = make_results("seen", trained_on=tmp_path / "train.csv")
    with pytest.raises(DataError, match=r"training has seen all 18 files or their groups; .* learnt: predict other fi"):
        read_tested_films(results)


def test_two_folders_are_compared(make_run: MakeRun, make_results: Callable[..., Path]) -> None:
    page = write_errors(make_results(), against=make_run("other", wrong=(0, 7)))
    assert (page.n_compared, page.n_listed["disagreement"]) == (18, 2)


def test_scores_that_are_no_probabilities_are_refused(make_results: Callable[..., Path]) -> None:
    results = make_results(columns=ColumnChoice(scale="score"), threshold=0.5)
    with pytest.raises(DataError, match="its scores are of scale 'score' and no probabilities; expected prob"):
        find_label_errors(results)
    answer = ask_labels(read_evidence(results))
    assert (answer.colour, answer.command) == ("grey", "")
    assert answer.reason == "The scores are no probabilities, so they do not show which labels may be wrong."


def test_the_audit_asks_for_the_labels(make_results: Callable[..., Path], tmp_path: Path) -> None:
    results = make_results()
    assert ask_labels(read_evidence(results)).command == f"fxkit label-errors {results}"
    find_label_errors(results)
    answer = ask_labels(read_evidence(results))
    assert (answer.colour, answer.command) == ("amber", f"fxkit label-errors {results} --verdicts verdicts.csv")
    assert answer.reason.startswith("2 of 18 (11.1 %) films are suspected to have a wrong label.")
    verdicts = tmp_path / "verdicts.csv"
    verdicts.write_text(
        "film,path,label,new_label,verdict\nx,test/00.png,intact,fractured,accept\n"
        "x,test/04.png,fractured,intact,accept\n"
    )
    find_label_errors(results, verdicts=verdicts)
    answer = ask_labels(read_evidence(results))
    assert answer.colour == "red"
    assert answer.reason == "A person called 2 of 18 (11.1 %) labels wrong, and they were not replaced."
    assert answer.command.startswith("fxkit evaluate --predictions ")
