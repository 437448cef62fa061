"""Predictions: decisions, rows by film, and the CSV file."""

import csv
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxkit.errors import DataError
from fxkit.metrics.predictions import Predictions


def make(
    probabilities: list[list[float]],
    labels: list[int] | None = None,
    films: str | list[str] | None = None,
    groups: str | list[str] | None = None,
    classes: tuple[str, ...] = ("intact", "fractured"),
) -> Predictions:
    n = len(probabilities)
    return Predictions(
        classes=classes,
        paths=tuple(f"a/{i}.png" for i in range(n)),
        labels=np.array([0] * n if labels is None else labels),
        probabilities=np.array(probabilities, float).reshape(n, len(classes)),
        films=tuple(films or [f"film{i}" for i in range(n)]),
        groups=tuple(groups or films or [f"group{i}" for i in range(n)]),
    )


def test_with_two_classes_a_probability_at_the_threshold_is_positive():
    p = make([[0.5, 0.5], [0.7, 0.3], [0.2, 0.8]])
    assert p.predicted().tolist() == [1, 0, 1]
    assert p.predicted(0.3).tolist() == [1, 1, 1]
    assert p.predicted(0.81).tolist() == [0, 0, 0]


def test_with_more_classes_the_most_probable_is_predicted():
    p = make([[0.2, 0.3, 0.5], [0.4, 0.35, 0.25]], classes=("a", "b", "c"))
    assert p.predicted(0.9).tolist() == [2, 0]


def test_a_film_has_the_mean_probability_of_its_copies():
    p = make([[0.2, 0.8], [0.6, 0.4], [0.9, 0.1]], [1, 1, 0], ["A", "A", "B"], ["P", "P", "Q"])
    films = p.by_film()
    assert films.paths == films.films == ("A", "B")
    assert films.groups == ("P", "Q")
    assert films.labels.tolist() == [1, 0]
    assert films.probabilities == pytest.approx(np.array([[0.4, 0.6], [0.9, 0.1]]))


def test_copies_with_different_classes_or_groups_form_separate_rows():
    p = make([[0.2, 0.8], [0.6, 0.4], [0.9, 0.1]], [1, 0, 1], ["A", "A", "A"], ["P", "P", "Q"])
    films = p.by_film()
    assert films.films == ("A", "A", "A")
    assert films.labels.tolist() == [1, 0, 1]
    assert films.groups == ("P", "P", "Q")


def test_known_leaves_out_rows_without_a_class():
    p = make([[0.2, 0.8], [0.6, 0.4]], [-1, 1])
    assert p.known().paths == ("a/1.png",)
    assert len(make([[0.2, 0.8]], [-1]).known()) == 0


names = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(names, st.integers(-1, 1), st.floats(0, 1), names, names), min_size=0, max_size=6
    )
)  # fmt: skip
def test_predictions_are_read_back_unchanged(tmp_path_factory, rows):
    p = Predictions(
        classes=("keine Fraktur", 'a "b", c'),
        paths=tuple(r[0] for r in rows),
        labels=np.array([r[1] for r in rows]),
        probabilities=np.array([[1 - r[2], r[2]] for r in rows]).reshape(-1, 2),
        films=tuple(r[3] for r in rows),
        groups=tuple(r[4] for r in rows),
    )
    path = tmp_path_factory.mktemp("p") / "predictions.csv"
    p.write_csv(path)
    q = Predictions.read_csv(path)
    assert (q.classes, q.paths, q.films, q.groups) == (p.classes, p.paths, p.films, p.groups)
    assert q.labels.tolist() == p.labels.tolist()
    assert q.probabilities.tobytes() == p.probabilities.tobytes()


def test_names_that_are_not_utf8_are_read_back_unchanged(tmp_path):
    p = make([[0.5, 0.5]], films=["f\udcff"])
    p.write_csv(tmp_path / "p.csv")
    assert Predictions.read_csv(tmp_path / "p.csv").films == ("f\udcff",)


def test_the_file_contains_the_decision_at_the_threshold(tmp_path):
    make([[0.6, 0.4]], [-1]).write_csv(tmp_path / "p.csv", threshold=0.4)
    rows = list(csv.DictReader((tmp_path / "p.csv").open()))
    assert rows == [
        {
            "path": "a/0.png",
            "label": "",
            "film": "film0",
            "group": "group0",
            "prediction": "fractured",
            "p_intact": "0.6",
            "p_fractured": "0.4",
        }
    ]


HEADER = "path,label,film,group,prediction,p_no,p_yes\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "",
            r"p.csv: no rows and no heading; make it with `fxkit evaluate`",
        ),
        ("path,label,film,p_a,p_b\n", "column 'group' is missing"),
        (
            "path,label,film,group,p_a\n",
            "columns path, label, film, group, p_a; expected p_<class> for two or more classes",
        ),
        ("path,label,film,group,p_a,p_a\n", "two columns are called `p_a`; give each column its own name"),
        (HEADER + "a,no,f,g,no,0.5\n", "p.csv, row 2: 6 fields; expected 7 as in the first row"),
        (
            HEADER + "a,maybe,f,g,no,0.5,0.5\n",
            "p.csv, row 2: label 'maybe'; expected one of no, yes, or an empty field",
        ),
        (HEADER + "a,no,f,g,no,0.5,half\n", "p.csv, row 2: p_yes is 'half'; expected a number from 0 to 1"),
        (
            HEADER + "a,no,f,g,no,0.5,0.9\n",
            r"p.csv: a: probabilities \[0.5, 0.9\]; expected numbers from 0 to 1",
        ),
        (HEADER + "a,no,f,g,no,nan,nan\n", "the training diverged: train again with lower learning rates"),
        (HEADER + "a,no,f,g,no,-0.1,1.1\n", "expected numbers from 0 to 1 that add up to 1"),
        (
            HEADER + 'a,no,f,g,no,0.5,"0.5\n',
            r"p.csv, row 2: not a CSV file \(a double quote is opened and not closed\); make it",
        ),
    ],
)
def test_a_malformed_file_is_refused(tmp_path, text, message):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        Predictions.read_csv(tmp_path / "p.csv")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"p.csv: cannot be read \(No such file.*make it with `fxkit evaluate`"):
        Predictions.read_csv(tmp_path / "p.csv")


def test_the_error_for_invalid_probabilities_names_the_file():
    with pytest.raises(DataError, match=r"^a/1.png: probabilities \[nan, nan\]"):
        make([[0.5, 0.5], [math.nan, math.nan]])


def test_arrays_of_different_lengths_and_unknown_labels_are_refused():
    with pytest.raises(ValueError, match="predictions of 1 paths and 2 classes"):
        make([[0.5, 0.5]], [0, 1])
    with pytest.raises(ValueError, match="labels from 0 to 2; expected -1 to 1"):
        make([[0.5, 0.5], [0.5, 0.5]], [0, 2])
    with pytest.raises(ValueError, match="predictions over 1 classes; expected two or more"):
        make([[1.0]], classes=("a",))


def test_folds_are_kept_in_the_file(tmp_path):
    names = ("a", "b", "c")
    p = Predictions(("no", "yes"), names, np.array([0, 1, 1]), np.full((3, 2), 0.5), names, names, np.array([2, 0, 2]))
    p.write_csv(tmp_path / "p.csv")
    again = Predictions.read_csv(tmp_path / "p.csv")
    assert again.folds is not None
    assert again.folds.tolist() == [2, 0, 2]
    assert (tmp_path / "p.csv").read_text().splitlines()[0].endswith('"p_yes","fold"')
    (tmp_path / "p.csv").write_text("path,label,film,group,p_no,p_yes,fold\na,no,a,a,0.5,0.5,first\n")
    with pytest.raises(DataError, match="row 2: fold is 'first'; expected a whole number from 0"):
        Predictions.read_csv(tmp_path / "p.csv")
