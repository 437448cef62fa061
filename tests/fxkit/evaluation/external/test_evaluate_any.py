"""`fxkit.evaluate`: arrays, DataFrames and files give the command's figures, or one line that says what is wrong."""

import gc
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import fxkit
from fxkit.cli import fxkit as command
from fxkit.errors import ConfigError, DataError
from fxkit.evaluation.result import EvaluationResult
from preprocess.errors import KnownError, OutputError


@pytest.fixture(scope="module")
def table() -> dict[str, list[Any]]:
    """Predictions of 80 patients with two films each, with an age and a site."""
    rng = np.random.default_rng(3)
    broken = [n // 2 % 3 == 0 for n in range(160)]
    return {
        "image_id": [f"f{n:03d}" for n in range(160)],
        "patient_id": [f"P{n // 2:02d}" for n in range(160)],
        "label": ["fracture" if positive else "normal" for positive in broken],
        "prob": [float(1 / (1 + np.exp(-rng.normal(0.6 if positive else -0.6)))) for positive in broken],
        "sex": ["MF"[n % 2] for n in range(160)],
    }


@pytest.fixture(scope="module")
def result(table: dict[str, list[Any]]) -> EvaluationResult:
    return fxkit.evaluate(table)


def run(*arguments: str | Path) -> None:
    done = CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output


def figures_of(folder: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    return {key: value for key, value in values.items() if key not in ("made_from", "notes")}


def write_csv(table: dict[str, list[Any]], path: Path) -> Path:
    rows = zip(*table.values(), strict=True)
    path.write_text("\n".join([",".join(table), *(",".join(map(str, row)) for row in rows)]))
    return path


def test_a_table_in_memory_gives_the_files_of_the_command(table: dict[str, list[Any]], tmp_path: Path) -> None:
    trained = {"image_id": ["f003", "g1"], "patient_id": ["P01", "Q1"]}
    fxkit.evaluate(table, trained_on=trained, out=tmp_path / "mine", targets=["0.4"], prevalence=0.1)
    preds, train = write_csv(table, tmp_path / "preds.csv"), write_csv(trained, tmp_path / "train.csv")
    options = ("--trained-on", train, "--target", "0.4", "--prevalence", "0.1")
    run("evaluate", "--predictions", preds, "--out", tmp_path / "theirs", *options)
    assert figures_of(tmp_path / "mine") == figures_of(tmp_path / "theirs")
    leaks = figures_of(tmp_path / "mine")["leaks"]["test"]
    assert (leaks["files"], leaks["leaked_files"], leaks["grouped_files"]) == (160, 1, 2)  # f003 and the other of P01
    for name in ("predictions.csv", "manifest.csv", "figures/roc.png"):
        assert (tmp_path / "mine" / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes()


def test_the_folder_can_be_made_again_by_the_command(table: dict[str, list[Any]], tmp_path: Path) -> None:
    first = fxkit.evaluate(table, out=tmp_path / "out")
    assert (first.folder, first.temporary) == (tmp_path / "out", None)
    before = figures_of(tmp_path / "out")
    run("evaluate", "--predictions", tmp_path / "out" / "given.csv", "--out", tmp_path / "out")
    assert figures_of(tmp_path / "out") == before
    fxkit.evaluate(table, out=tmp_path / "out")  # the same predictions again
    with pytest.raises(
        OutputError, match=r"holds figures of other predictions; choose another out=, or give overwrite=$"
    ):
        fxkit.evaluate(table | {"prob": table["prob"][::-1]}, out=tmp_path / "out")
    assert figures_of(tmp_path / "out") == before


def test_a_file_and_a_dataframe_give_the_same_figures(
    table: dict[str, list[Any]], result: EvaluationResult, tmp_path: Path
) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from_file = fxkit.evaluate(write_csv(table, tmp_path / "preds.csv"))
    from_frame = fxkit.evaluate(pyarrow.table(table))
    assert from_file.evaluation == from_frame.evaluation == result.evaluation
    assert from_file.analyses.subgroups == from_frame.analyses.subgroups == result.analyses.subgroups


def test_arrays_give_the_figures_of_the_table(table: dict[str, list[Any]], result: EvaluationResult) -> None:
    films = {name: table[name] for name in ("image_id", "patient_id", "sex", "label")}
    from_arrays = fxkit.evaluate(table["label"], table["prob"], films=films, positive="fracture")
    assert from_arrays.evaluation == result.evaluation
    assert from_arrays.analyses.subgroups == result.analyses.subgroups


def test_arrays_alone_give_the_figures_of_intervals(table: dict[str, list[Any]]) -> None:
    y = np.array(table["label"]) == "fracture"
    p = np.stack([1 - np.array(table["prob"]), table["prob"]], axis=1)
    evaluated = fxkit.evaluate(y, p, groups=table["patient_id"])
    assert evaluated.evaluation.film.figures == dict(fxkit.intervals(y, p, groups=table["patient_id"]))
    assert evaluated["auroc"].n_groups == 80


def test_three_classes_and_unknown_ones() -> None:
    p = np.random.default_rng(0).dirichlet([1, 1, 1], 60)
    y = [str(name) for name in np.array(["a", "b", "c"])[p.argmax(axis=1)]]
    found = fxkit.evaluate([None, *y[1:]], p, classes=["a", "b", "c"])
    assert (found.evaluation.n_files, found.evaluation.n_unknown) == (59, 1)
    assert found["accuracy"].value == 1


def test_logits_and_other_scores_have_a_scale(table: dict[str, list[Any]], result: EvaluationResult) -> None:
    logits = np.log(table["prob"]) - np.log1p(-np.array(table["prob"]))
    y = np.array(table["label"]) == "fracture"
    from_logits = fxkit.evaluate(y, logits, groups=table["patient_id"], scale="logit")
    assert from_logits["brier"].value == pytest.approx(result["brier"].value)
    scores = fxkit.evaluate(y, logits, groups=table["patient_id"], scale="score", threshold=0)
    assert "brier" not in scores.to_columns()["metric"]
    assert scores["sensitivity"].value == result["sensitivity"].value


def test_copies_of_training_films_stamp_the_result(table: dict[str, list[Any]]) -> None:
    leaking = fxkit.evaluate(table, trained_on={"image_id": ["f003"]})
    assert leaking.stamp
    assert str(leaking).startswith(leaking.stamp)
    assert 'class="stamp"' in leaking._repr_html_()


def test_a_temporary_folder_lives_as_long_as_the_result(table: dict[str, list[Any]]) -> None:
    found = fxkit.evaluate(table)
    folder = found.folder
    assert (folder / "metrics.json").is_file()
    del found
    gc.collect()
    assert not folder.parent.exists()


def test_the_notebook_shows_tables_and_pictures_and_no_path(result: EvaluationResult) -> None:
    html = result._repr_html_()
    assert html.count("data:image/png;base64,") == 5
    assert result["auroc"].text in html
    assert "sex = F" in html
    for foreign in ("<script", "http", "/tmp", str(result.folder)):
        assert foreign not in html + str(result)
    columns = result.to_columns()
    assert columns["value"][0] == result["auroc"].value
    assert json.dumps(result.to_dict())


def test_a_run_folder_is_shown_the_same_way(run_folder: Path) -> None:
    html = fxkit.evaluate_run(run_folder)._repr_html_()
    assert html.count("data:image/png;base64,") == 5


@pytest.mark.parametrize(
    ("change", "options", "text"),
    [
        ({"prob": [0.5] * 160}, {}, "table: all 160 films have the same score"),
        (
            {"prob": [7.0] * 159 + [-1]},
            {},
            "table: the scores of 160 of 160 films lie outside of 0 to 1 .* give scale= logit",
        ),
        ({"prob": [None] + [0.5] * 159}, {}, "table: 1 score is no finite number"),
        ({"label": ["normal"] * 160}, {}, "all films are of class 'normal', .* give positive= \"normal\""),
        ({"image_id": ["f"] * 160}, {}, "table: 1 key stands in several rows with different values"),
        ({}, {"key": "nonsense"}, "table: no column 'nonsense'; its columns are: `image_id`"),
        ({}, {"scores": ["nonsense"]}, "table: no column 'nonsense'"),
        ({}, {"truth": "nonsense"}, "table: no column 'nonsense'"),
        ({}, {"targets": ["sensitivity=0.9"]}, "no row of the split val to choose a threshold on; .* give targets= a"),
        ({}, {"films": {"image_id": ["f000"], "age": [3]}}, "films: no row for 159 of 160 predictions"),
        ({}, {"trained_on": {"name of it": ["a"]}}, "trained_on: no column `path` or `id`; .* name one with key=$"),
        ({}, {"scale": "score"}, "scale= score: give threshold=, the score from which a film counts as positive"),
    ],
)
def test_wrong_tables_are_refused_in_the_words_of_python(
    table: dict[str, list[Any]], change: dict[str, Any], options: dict[str, Any], text: str
) -> None:
    with pytest.raises(KnownError, match=text) as error:
        fxkit.evaluate(table | change, **options)
    assert "/tmp" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_other_values_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.csv: cannot be read \(No such file or directory\)"):
        fxkit.evaluate(tmp_path / "none.csv")
    with pytest.raises(DataError, match="table is of type int; expected arrays y_true and y_score, a DataFrame"):
        fxkit.evaluate(5)
    with pytest.raises(DataError, match="trained_on is of type int; expected a folder, a table in memory"):
        fxkit.evaluate([0, 1], [0.1, 0.2], trained_on=5)
    with pytest.raises(TypeError, match="unexpected keyword argument 'treshold'"):
        fxkit.evaluate([0, 1], [0.1, 0.2], treshold=0.5)  # type: ignore[call-arg]


def test_arguments_of_the_other_source_are_refused(table: dict[str, list[Any]]) -> None:
    y, p = [0, 1, 1], [0.1, 0.2, 0.8]
    with pytest.raises(ConfigError, match="groups and classes belong to the arrays y_true and y_score"):
        fxkit.evaluate(table, groups=[1, 2])
    with pytest.raises(ConfigError, match="truth names a column of a table"):
        fxkit.evaluate(y, p, truth="label")
    with pytest.raises(ConfigError, match=r"films='films\.csv': a file cannot be matched with the rows of arrays"):
        fxkit.evaluate(y, p, films="films.csv")
    with pytest.raises(DataError, match="films has 2 rows and y_true 3"):
        fxkit.evaluate(y, p, films={"age": [1, 2]})
    with pytest.raises(DataError, match="films is of type list; expected a DataFrame or a mapping"):
        fxkit.evaluate(y, p, films=[1, 2, 3])
    with pytest.raises(ConfigError, match="groups and a column `group` of films are given"):
        fxkit.evaluate(y, p, films={"group": [1, 2, 3]}, groups=[1, 2, 3])
