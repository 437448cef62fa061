"""errors.html lists the surest mistakes, the least sure decisions, and what another model decides differently."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fxkit.errors import DataError
from fxkit.evaluation.films.cards import CardOptions
from fxkit.evaluation.films.errors import sureness, write_errors
from fxkit.metrics.predictions import Predictions

MakeRun = Callable[..., Path]
Cards = Callable[[str], list[dict[str, Any]]]


def in_list(cards: list[dict[str, Any]], name: str) -> list[str]:
    listed = [card for card in cards if name in card["lists"]]
    return [card["path"] for card in sorted(listed, key=lambda card: card["places"][name])]


def test_mistakes_are_listed_the_surest_first(make_run: MakeRun, films_on_page: Cards) -> None:
    run = make_run()
    predictions = Predictions.read_csv(run / "predictions.csv")
    probabilities = predictions.probabilities.copy()
    probabilities[4] = [0.99, 0.01]
    replace(predictions, probabilities=probabilities).write_csv(run / "predictions.csv")
    result = write_errors(run)
    cards = films_on_page(result.page.read_text())
    assert in_list(cards, "mistake") == ["test/04.png", "test/00.png"]
    assert len(in_list(cards, "unsure")) == 4  # a fifth of 18 films
    assert result.lines[1] == "2 films are predicted wrongly at the threshold 0.5 of fractured"
    assert result.n_listed == {"mistake": 2, "unsure": 4}
    assert all(card["wrong"] == ("mistake" in card["lists"]) for card in cards)


def test_films_that_another_model_decides_differently_are_listed(make_run: MakeRun, films_on_page: Cards) -> None:
    run, other = make_run(), make_run("other", wrong=(4, 7))
    result = write_errors(run, against=other)
    cards = films_on_page(result.page.read_text())
    assert sorted(in_list(cards, "disagreement")) == ["test/00.png", "test/07.png"]
    assert result.n_compared == 18
    assert result.lines[2] == "of 18 films that both predicted, 2 are decided differently by other (b)"
    card = next(card for card in cards if card["path"] == "test/00.png")
    assert (card["chances"][0][0], card["chancesB"][0][0]) == ("fractured", "intact")


def test_a_model_of_other_classes_or_films_is_refused(make_run: MakeRun) -> None:
    run, other = make_run(), make_run("other")
    predictions = Predictions.read_csv(other / "predictions.csv")
    replace(predictions, paths=tuple(f"x/{path}" for path in predictions.paths)).write_csv(other / "predictions.csv")
    with pytest.raises(DataError, match="have no tested film in common; expected predictions of the same files"):
        write_errors(run, against=other)
    replace(predictions, classes=("intact", "broken")).write_csv(other / "predictions.csv")
    with pytest.raises(DataError, match=r"has the classes intact, fractured, and .* intact, broken; expected the same"):
        write_errors(run, against=other)


def test_sureness_is_the_share_of_the_way_to_the_end_of_the_scale() -> None:
    positive = np.array([0.2, 0.6, 1.0, 0.1, 0.0])
    assert sureness(np.stack([1 - positive, positive], axis=1), 0.2) == pytest.approx([0, 0.5, 1, 0.5, 1])
    assert sureness(np.array([[0.5, 0.3, 0.2], [0.4, 0.2, 0.4]]), 0.5) == pytest.approx([0.2, 0])


def test_the_number_of_pictures_is_bounded(make_run: MakeRun, films_on_page: Cards) -> None:
    result = write_errors(make_run(), options=CardOptions(pictures=2))
    cards = films_on_page(result.page.read_text())
    assert sum("picture" in card for card in cards) == 2
    assert "on this page, 2 with pictures" in result.page.read_text()


def test_names_are_escaped(make_run: MakeRun, films_on_page: Cards) -> None:
    run = make_run()
    text = (run / "predictions.csv").read_text().replace("test/00.png", "test/<b>0.png")
    (run / "predictions.csv").write_text(text)
    page = write_errors(run).page.read_text()
    assert "<b>" not in page
    assert any(card["path"] == "test/<b>0.png" for card in films_on_page(page))


def test_a_browser_shows_lists_and_both_models(make_run: MakeRun, browse: Callable[..., str]) -> None:
    page = write_errors(make_run(), against=make_run("other", wrong=(4, 7))).page
    text = browse(page, choice="list=disagreement")
    assert text.count("<article") == 2
    assert "disagreement 1" in text
    assert ">b: intact" in text
