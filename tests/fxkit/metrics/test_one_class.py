"""Films of one class: the figure of that class with its interval, and nothing that compares the classes."""

import math

import numpy as np
import pytest

from fxkit.metrics.predictions import Predictions
from fxkit.metrics.summary import Evaluation, evaluate_predictions

COMPARING = {"auroc", "average_precision", "balanced_accuracy", "ppv", "npv", "f1"}


def films_of(label: int, classes: tuple[str, ...] = ("NoFracture", "Fracture")) -> Predictions:
    """Return 12 films of one class, of which the model recognises 9."""
    names = tuple(map(str, range(12)))
    called = np.where(np.arange(12) < 9, label, 1 - label)
    probabilities = np.full((12, len(classes)), 0.2 / (len(classes) - 1))
    probabilities[np.arange(12), called] = 0.8
    return Predictions(classes, names, np.full(12, label), probabilities, names, names)


@pytest.mark.parametrize(
    ("label", "defined", "other"), [(1, "sensitivity", "specificity"), (0, "specificity", "sensitivity")]
)
def test_the_figure_of_the_only_class_has_its_interval(label: int, defined: str, other: str) -> None:
    figures = evaluate_predictions(films_of(label), resamples=50).film.figures
    assert figures[defined].value == 0.75
    assert figures[defined].low < 0.75 < figures[defined].high
    assert {name for name, figure in figures.items() if math.isnan(figure.value)} == COMPARING | {other}


def test_the_json_names_the_only_class_and_can_be_read_back() -> None:
    result = evaluate_predictions(films_of(1), resamples=50)
    written = result.to_dict()
    assert (written["positive"], written["single_class"]) == ("Fracture", "Fracture")
    assert written["film"]["figures"]["auroc"]["value"] is None
    assert written["film"]["report"]["Fracture"] == {"precision": None, "recall": 0.75, "f1-score": None, "support": 12}
    read = Evaluation.model_validate(written)
    assert (read.positive, read.single_class) == ("Fracture", "Fracture")


def test_three_classes_of_which_one_is_there() -> None:
    figures = evaluate_predictions(films_of(1, ("a", "b", "c")), resamples=50).film.figures
    assert figures["recall_b"].value == 0.75
    assert all(math.isnan(figures[name].value) for name in ("macro_auroc", "macro_f1", "precision_b", "recall_a"))


def test_films_of_both_classes_have_no_single_class() -> None:
    both = films_of(1)
    mixed = Predictions(both.classes, both.paths, np.arange(12) % 2, both.probabilities, both.films, both.groups)
    assert evaluate_predictions(mixed, resamples=50).single_class == ""
