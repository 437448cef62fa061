"""`fxkit.intervals`: figures of arrays with intervals over groups, as values, text, HTML and columns."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

import fxkit
from fxkit.errors import ConfigError
from fxkit.metrics.interval_table import Figures


@pytest.fixture(scope="module")
def arrays() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y, p and the patient of 200 films, two of each patient."""
    rng = np.random.default_rng(0)
    patients = np.arange(200) // 2
    y = rng.integers(0, 2, 100)[patients]
    return y, np.clip(0.3 * y + 0.7 * rng.random(100)[patients], 0, 1), patients


@pytest.fixture(scope="module")
def figures(arrays: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Figures:
    y, p, patients = arrays
    return fxkit.intervals(y, p, groups=patients)


def test_the_values_are_those_of_scikit_learn(figures: Figures, arrays: tuple[np.ndarray, ...]) -> None:
    y, p, _ = arrays
    assert figures["auroc"].value == pytest.approx(roc_auc_score(y, p))
    assert figures["average_precision"].value == pytest.approx(average_precision_score(y, p))
    assert figures["accuracy"].value == pytest.approx(np.mean((p >= 0.5) == y))


def test_two_equal_films_of_a_patient_count_once(figures: Figures, arrays: tuple[np.ndarray, ...]) -> None:
    y, p, _ = arrays
    alone = fxkit.intervals(y[::2], p[::2])
    as_if_independent = fxkit.intervals(y, p)
    width = {
        name: found["auroc"].high - found["auroc"].low
        for name, found in (("groups", figures), ("alone", alone), ("films", as_if_independent))
    }
    assert width["groups"] == pytest.approx(width["alone"], rel=0.1)
    assert width["films"] < 0.85 * width["groups"]
    assert (figures["auroc"].n, figures["auroc"].n_groups) == (200, 100)


def test_rows_of_a_film_are_averaged() -> None:
    found = fxkit.intervals([0, 0, 1, 1], [0.1, 0.9, 0.6, 0.8], films=["a", "a", "b", "b"])
    assert found.evaluation.n_films == 2
    assert found["sensitivity"].value == 1
    assert found["specificity"].value == 0  # the mean of 0.1 and 0.9 is 0.5, which is called positive


def test_the_threshold_changes_decisions_alone(arrays: tuple[np.ndarray, ...], figures: Figures) -> None:
    y, p, patients = arrays
    strict = fxkit.intervals(y, p, groups=patients, threshold=0.8)
    assert strict["auroc"] == figures["auroc"]
    assert strict["sensitivity"].value < figures["sensitivity"].value
    with pytest.raises(ConfigError, match="threshold 50 lies outside of 0 to 1"):
        fxkit.intervals(y, p, threshold=50)


def test_it_reads_like_a_mapping_and_as_columns(figures: Figures) -> None:
    assert next(iter(figures)) == "auroc"
    assert dict(figures) == figures.evaluation.film.figures
    columns = figures.to_columns()
    assert columns["metric"] == list(figures)
    assert {len(column) for column in columns.values()} == {len(figures)}
    assert figures.to_dict()["film"]["figures"]["auroc"]["value"] == figures["auroc"].value


def test_text_and_html_hold_the_same_figures(figures: Figures) -> None:
    text, html = repr(figures), figures._repr_html_()
    assert text.startswith("200 films in 100 groups\npositive class: 1\n")
    assert f"{figures['auroc']:.3f}" in text
    assert figures["auroc"].text in html
    assert "<script" not in html
    assert "http" not in html


def test_names_are_escaped() -> None:
    found = fxkit.intervals(["<b>", "a", "a", "<b>"], [0.9, 0.2, 0.1, 0.7], positive="<b>")
    html = found._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;" in html


def test_films_of_one_class_have_undefined_figures() -> None:
    found = fxkit.intervals([1, 1, 1], [0.4, 0.5, 0.6])
    assert "undefined" in str(found)
    assert "All films are of one class, 1." in found._repr_html_()
