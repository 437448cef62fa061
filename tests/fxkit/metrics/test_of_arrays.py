"""Arrays become predictions with scikit-learn's names and shapes, or are refused with counts."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fxkit.errors import ConfigError, DataError
from fxkit.metrics.of_arrays import predictions_of

Y = [0, 1, 1, 0]
P = [0.1, 0.8, 0.6, 0.3]


@pytest.mark.parametrize("y", [Y, np.array(Y), [False, True, True, False], [0.0, 1.0, 1.0, 0.0], [[0], [1], [1], [0]]])
def test_scores_of_one_column_are_those_of_the_greater_label(y: Any) -> None:
    made = predictions_of(y, P)
    assert made.labels.tolist() == [0, 1, 1, 0]
    assert made.probabilities[:, 1].tolist() == P
    assert made.groups == made.films == ("0", "1", "2", "3")


def test_the_columns_are_those_of_a_fitted_model() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2))
    y = np.where(x[:, 0] + rng.normal(size=80) > 0, "fractured", "not_fractured")
    model = LogisticRegression().fit(x, y)
    p = model.predict_proba(x)
    made = predictions_of(y, p, classes=model.classes_)
    assert made.classes == ("not_fractured", "fractured")  # the finding is positive
    assert (made.probabilities[:, 1] == p[:, 0]).all()
    of_one = predictions_of(y, p[:, 1], classes=model.classes_)  # the column of the second class
    assert of_one.classes == ("fractured", "not_fractured")
    named = predictions_of(y, p[:, 0], positive="fractured")
    assert named.classes == ("not_fractured", "fractured")
    assert roc_auc_score(named.labels, named.probabilities[:, 1]) == roc_auc_score(y == "fractured", p[:, 0])


def test_labels_may_be_numbers_of_the_classes() -> None:
    made = predictions_of(Y, P, classes=["normal", "fracture"])
    assert made.classes == ("normal", "fracture")
    assert made.labels.tolist() == Y


def test_three_classes_keep_the_order_of_their_columns() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    made = predictions_of([10, 2, 9], p)
    assert made.classes == ("2", "9", "10")
    assert made.labels.tolist() == [2, 0, 1]


def test_rows_of_one_group_and_film_have_its_name() -> None:
    made = predictions_of(Y, P, groups=[7.0, 7.0, 8.0, 9.0], films=["a", "a", "b", "c"])
    assert made.groups == ("7", "7", "8", "9")
    assert made.films == ("a", "a", "b", "c")


def test_a_missing_class_is_unknown() -> None:
    assert predictions_of([0, 1, None, float("nan")], P).labels.tolist() == [0, 1, -1, -1]


def test_labels_of_one_class_of_0_and_1_have_the_other_as_well() -> None:
    assert predictions_of([1, 1], [0.2, 0.3]).classes == ("0", "1")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([0, 1], P), "y_true has 2 rows and y_score 4; expected one row of each"),
        ((Y, [0.1, float("nan"), 0.5, float("inf")]), "y_score: 2 of 4 rows hold NaN or infinity \\(rows 1, 3\\)"),
        ((Y, [0.1, 1.7, -2.0, 0.3]), "y_score: 2 of 4 rows lie outside of 0 to 1 \\(from -2 to 1.7\\)"),
        ((Y, ["a", "b", "c", "d"]), "y_score holds no numbers"),
        ((Y, []), "y_score has the shape \\(0,\\); expected"),
        (([], []), "y_score has the shape \\(0,\\); expected"),
        ((Y, np.zeros((4, 2, 2))), "y_score has the shape \\(4, 2, 2\\)"),
        (([[0, 1], [1, 0]], [0.1, 0.2]), "y_true has the shape \\(2, 2\\); expected \\(N,\\)"),
        (([None, None], [0.1, 0.2]), "y_true: all 2 classes are missing"),
        ((["a", "a"], [0.1, 0.2]), "y_true holds one class, 'a', and y_score has the shape"),
        ((["a", "b", "c"], [0.1, 0.2, 0.3]), "y_true holds 3 classes \\(a, b, c\\) and y_score one column"),
        ((Y, np.full((4, 3), 1 / 3)), "y_score has 3 columns and y_true 2 classes \\(0, 1\\); give classes="),
        ((Y, np.full((4, 2), 0.9)), "y_score: 4 of 4 rows do not add up to 1 \\(row 0: 1.8\\)"),
    ],
)
def test_wrong_arrays_are_refused_with_counts(arguments: tuple[Any, Any], text: str) -> None:
    with pytest.raises(DataError, match=text) as error:
        predictions_of(*arguments)
    assert "\n" not in str(error.value)


def test_names_need_the_class_that_the_scores_are_of() -> None:
    with pytest.raises(ConfigError, match="give positive='fractured' or positive='normal', the class that the scores"):
        predictions_of(["normal", "fractured"], [0.1, 0.9])
    with pytest.raises(ConfigError, match="positive class 'broken': not one of the classes"):
        predictions_of(["normal", "fractured"], [0.1, 0.9], positive="broken")


def test_labels_beyond_the_classes_are_refused() -> None:
    with pytest.raises(DataError, match="y_true holds c; expected one of classes \\(a, b\\)"):
        predictions_of(["a", "c"], [0.1, 0.2], classes=["a", "b"])


def test_groups_have_a_name_in_each_row() -> None:
    with pytest.raises(DataError, match="groups has 3 rows and y_true 4"):
        predictions_of(Y, P, groups=[1, 2, 3])
    with pytest.raises(DataError, match="groups: 2 of 4 values are missing \\(first in row 1\\)"):
        predictions_of(Y, P, groups=["a", None, float("nan"), "b"])


class Frame(np.ndarray):
    """An array with the headings of a DataFrame, as pandas, polars and scikit-learn's `set_output` return them."""

    columns: list[Any]


def frame(values: Any, columns: list[Any]) -> Frame:
    made = np.asarray(values, np.float64).view(Frame)
    made.columns = columns
    return made


def test_the_headings_of_a_frame_are_its_classes() -> None:
    y, p = ["normal", "fracture", "normal"], np.array([0.1, 0.9, 0.2])
    scores = frame(np.stack([1 - p, p], axis=1), ["normal", "fracture"])
    predictions = predictions_of(y, scores)
    assert predictions.classes == ("normal", "fracture")
    np.testing.assert_allclose(predictions.probabilities[:, 1], p)
    with pytest.raises(ConfigError, match="are in different orders; expected one order; leave classes out"):
        predictions_of(y, scores, classes=["fracture", "normal"])
    with pytest.raises(DataError, match="has the columns p_normal, p_fracture, which are not the classes of y_true"):
        predictions_of(y, frame(scores, ["p_normal", "p_fracture"]))


def test_numbered_headings_are_no_names() -> None:
    scores = frame([[0.1, 0.9], [0.8, 0.2]], [0, 1])
    assert predictions_of(["normal", "fracture"], scores).classes[0] in ("fracture", "normal")
    turned = predictions_of([0, 1], frame([[0.9, 0.1], [0.2, 0.8]], [1, 0]))
    np.testing.assert_allclose(turned.probabilities[:, turned.classes.index("1")], [0.9, 0.2])


class Missing:
    """Behaves as pandas.NA: comparisons have no truth value."""

    def __eq__(self, other: object) -> Any:
        return self

    __ne__ = __eq__
    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    def __str__(self) -> str:
        return "<NA>"


def test_a_missing_value_of_pandas_is_an_unknown_class() -> None:
    predictions = predictions_of(np.array([0, 1, Missing()], object), [0.1, 0.9, 0.5])
    assert predictions.labels.tolist() == [0, 1, -1]


class Index(list[int]):
    def equals(self, other: list[int]) -> bool:
        return self == other


class Series(np.ndarray):
    """An array with an index, as a column of pandas."""

    index: Index


def series(values: list[Any], index: list[int]) -> Series:
    made = np.asarray(values).view(Series)
    made.index = Index(index)
    return made


def test_series_in_different_orders_are_refused() -> None:
    y, p = series([0, 1, 1], [4, 5, 6]), series([0.1, 0.9, 0.8], [4, 5, 6])
    assert len(predictions_of(y, p)) == 3
    assert len(predictions_of(y, series([0.1, 0.9, 0.8], [0, 1, 2]))) == 3  # a reset index says nothing
    with pytest.raises(DataError, match=r"same index in different orders, .* such as y_score\.loc\[y_true\.index\]"):
        predictions_of(y, series([0.9, 0.1, 0.8], [5, 4, 6]))
    with pytest.raises(DataError, match="y_true and groups have the same index"):
        predictions_of(y, p, groups=series(["a", "b", "c"], [6, 5, 4]))
