"""Tables of predictions as programs and people write them: which columns are read, and as what."""

from pathlib import Path

import numpy as np
import pytest

from fxkit.errors import DataError
from fxkit.evaluation.external.columns import ColumnChoice
from fxkit.evaluation.external.probabilities import class_scores
from fxkit.evaluation.external.read_predictions import ForeignPredictions, join_films, read_predictions


@pytest.fixture
def read(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Read the text of a table."""

    def read_text(text: str, choice: ColumnChoice | None = None) -> ForeignPredictions:
        (tmp_path / "preds.csv").write_text(text)
        return read_predictions(tmp_path / "preds.csv", choice or ColumnChoice())

    return read_text


def positives(predictions: ForeignPredictions, **options: object) -> dict[str, float]:
    """Return key -> probability of the positive class."""
    scores = class_scores(predictions, **options)  # type: ignore[arg-type]
    keys = (film.key for film in predictions.films)
    return dict(zip(keys, np.round(scores.probabilities[:, 1], 4).tolist(), strict=True))


EXPECTED = {"a.png": 0.9, "b.png": 0.2}


@pytest.mark.parametrize(
    "text",
    [
        "path,label,p_fracture,p_normal\na.png,fracture,0.9,0.1\nb.png,normal,0.2,0.8\n",
        "image_id,y_true,y_prob\na.png,fracture,0.9\nb.png,normal,0.2\n",
        "id;truth;fracture_probability\na.png;fracture;0,9\nb.png;normal;0,2\n",
        "filename,target,prob_normal,prob_fracture\na.png,Fracture,0.1,0.9\nb.png,Normal,0.8,0.2\n",
        "path,gt,score_fracture,score_normal\na.png,fracture,0.9,0.1\nb.png,normal,0.2,0.8\n",
        "path,label,y_pred_fracture,y_pred_normal\na.png,fracture,0.9,0.1\nb.png,normal,0.2,0.8\n",
        "path,label,percent\na.png,fracture,90\nb.png,normal,20\n",
        "path,label,logit\na.png,fracture,2.1972246\nb.png,normal,-1.3862944\n",
        "path,label,logit_fracture,logit_normal\na.png,fracture,2.1972246,0\nb.png,normal,0,1.3862944\n",
        "path,label,p_fracture\na.png,fracture,0.9\nb.png,normal,0.2\n",
        "path,label,prediction\na.png,fracture,0.9\nb.png,normal,0.2\n",
        "path,label,prediction,probability\na.png,fracture,fracture,0.9\nb.png,normal,normal,0.2\n",
        "Path,Label,P_Fracture,P_Normal\na.png,fracture,0.9,0.1\nb.png,normal,0.2,0.8\n",
    ],
)
def test_the_usual_columns_are_found_and_told(text: str, read) -> None:  # type: ignore[no-untyped-def]
    predictions = read(text)
    assert positives(predictions) == EXPECTED
    assert any("scores are read from" in note for note in predictions.notes)


def test_the_score_of_a_negative_class_is_turned_around(read) -> None:  # type: ignore[no-untyped-def]
    text = "path,label,out1\na.png,fracture,0.1\nb.png,normal,0.8\n"
    predictions = read(text, ColumnChoice(scores=("normal=out1",)))
    assert positives(predictions, positive="fracture") == EXPECTED
    assert class_scores(predictions).classes == ("fracture", "normal")  # the class of a single column is the finding


def test_numbered_classes_fit_numbered_labels(read) -> None:  # type: ignore[no-untyped-def]
    text = "path,label,prob_0,prob_1\na.png,1.0,0.1,0.9\nb.png,0.0,0.8,0.2\n"
    assert positives(read(text)) == EXPECTED


def test_any_score_keeps_its_order_and_threshold(read) -> None:  # type: ignore[no-untyped-def]
    text = "path,label,risk\na.png,fracture,7\nb.png,normal,1\nc.png,normal,3\n"
    found = positives(read(text, ColumnChoice(scale="score")), threshold=3.0)
    assert found["c.png"] == 0.5
    assert found["a.png"] > 0.5 > found["b.png"]
    assert {0.0, 1.0} & {*found.values()}


def test_three_classes_keep_their_names_and_sum(read) -> None:  # type: ignore[no-untyped-def]
    text = "path,label,p_a,p_b,p_c\nx,a,0.5,0.3,0.2\ny,c,0.1,0.2,0.7\nz,b,0.3334,0.3333,0.3333\n"
    scores = class_scores(read(text))
    assert scores.classes == ("a", "b", "c")
    assert scores.labels.tolist() == [0, 2, 1]
    np.testing.assert_allclose(scores.probabilities.sum(axis=1), 1, atol=1e-12)


def test_decisions_are_told_from_probabilities(read) -> None:  # type: ignore[no-untyped-def]
    scores = class_scores(read("path,label,pred\na,fracture,1\nb,normal,0\nc,normal,1\n"))
    assert any("so they are decisions" in note for note in scores.notes)


def test_a_guessed_positive_class_is_a_warning(read) -> None:  # type: ignore[no-untyped-def]
    scores = class_scores(read("path,label,prob\na,cat,0.9\nb,dog,0.2\n"))
    assert scores.classes == ("cat", "dog")
    assert any("This is a guess by alphabet" in note for note in scores.notes)


def test_films_without_truth_are_counted(read) -> None:  # type: ignore[no-untyped-def]
    scores = class_scores(read("path,label,prob\na,fracture,0.9\nb,normal,0.2\nc,,0.4\n"))
    assert scores.labels.tolist() == [1, 0, -1]
    assert any("1 film has no true class" in note for note in scores.notes)


def test_a_second_table_is_joined_by_file_name_and_adds_truth(read, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    predictions = read("id,prob\na,0.9\nb,0.2\n")
    films = tmp_path / "films.csv"
    films.write_text("path,diagnosis,Patient ID,hospital\nx/b.png,normal,P2,north\nx/a.png,fracture,P1,south\n")
    joined = join_films(predictions, films)
    assert [(f.key, f.label, f.patient, f.site) for f in joined.films] == [
        ("a", "fracture", "P1", "south"),
        ("b", "normal", "P2", "north"),
    ]
    assert positives(joined) == {"a": 0.9, "b": 0.2}


def test_films_of_other_splits_need_no_prediction(read, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    predictions = read("id,prob\na,0.9\nb,0.2\n")
    films = tmp_path / "films.csv"
    films.write_text("id,label,split\na,fracture,test\nb,normal,test\nc,normal,train\n")
    assert len(join_films(predictions, films).films) == 2


def test_parquet_is_read_as_the_csv_file_with_its_values(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {"path": ["a.png", "b.png"], "label": ["fracture", "normal"], "prob": [0.9, 0.2], "age": [3, None]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "preds.parquet")
    assert positives(read_predictions(tmp_path / "preds.parquet")) == EXPECTED


@pytest.mark.parametrize("numbers", [("90%", "20%"), ("90 %", "20 %"), ("90,0%", "20,0%")])
def test_percent_signs_are_read(numbers: tuple[str, str], read) -> None:  # type: ignore[no-untyped-def]
    predictions = read(f"path;label;probability\na.png;fracture;{numbers[0]}\nb.png;normal;{numbers[1]}\n")
    assert positives(predictions) == EXPECTED
    assert any("as percentages of the positive class" in note for note in predictions.notes)


def test_a_percent_sign_in_the_heading_counts(read) -> None:  # type: ignore[no-untyped-def]
    assert positives(read("path,label,Model output (%)\na.png,fracture,90\nb.png,normal,20\n")) == EXPECTED


@pytest.mark.parametrize(
    "text",
    [
        "path,label,Normal,Fracture\na.png,fracture,0.1,0.9\nb.png,normal,0.8,0.2\n",
        "path,label,fracture\na.png,fracture,0.9\nb.png,normal,0.2\n",
        "path,label,0,1\na.png,1,0.1,0.9\nb.png,0,0.8,0.2\n",
        "path,label,0,1,fracture\na.png,1.0,0.1,0.9,yes\nb.png,0.0,0.8,0.2,no\n",
    ],
)
def test_columns_with_the_names_of_the_classes_are_their_scores(text: str, read) -> None:  # type: ignore[no-untyped-def]
    assert positives(read(text)) == EXPECTED


def test_columns_of_some_classes_are_not_taken_for_all(read) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match="no column of scores"):
        read("path,label,a,b\n1,a,0.1,0.9\n2,b,0.8,0.2\n3,c,0.5,0.5\n")


def test_confidences_in_decisions_are_warned_of(read) -> None:  # type: ignore[no-untyped-def]
    rows = [f"{n}.png,{('fracture', 'normal')[n % 2]},{0.5 + n / 50}" for n in range(20)]
    scores = class_scores(read("path,label,probability\n" + "\n".join(rows)))
    assert any("no score is below 0.5: does `probability` hold the confidence" in note for note in scores.notes)
    rows[0] = "0.png,fracture,0.49"
    scores = class_scores(read("path,label,probability\n" + "\n".join(rows)))
    assert not any("confidence" in note for note in scores.notes)
