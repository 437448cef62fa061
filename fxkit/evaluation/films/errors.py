"""Show the errors of a model: its surest mistakes, its least sure decisions, and where another model differs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxkit.errors import DataError
from fxkit.evaluation.films.cards import DEFAULTS, Card, CardOptions, FilmCards
from fxkit.evaluation.films.page import Page, render_page
from fxkit.evaluation.films.tested import TestedFilms, describe_films, read_tested_films
from fxkit.metrics.predictions import decisions
from fxkit.metrics.scores import Floats, Ints
from preprocess.files import write_atomic
from preprocess.locks import locked
from preprocess.words import amount

PAGE = "errors.html"

SUREST, UNSURE, DIFFERENT = "mistake", "unsure", "disagreement"

MEANINGS = {
    SUREST: "films predicted as another class than their label, the surest first",
    UNSURE: "films closest to the decision threshold, or with two classes almost equally probable",
    DIFFERENT: "films that the two models decide differently, the largest difference first",
}

MOST_LISTED = 1000  # films of each list

MOST_UNSURE = 100  # films, and at most a fifth of them


@dataclass(frozen=True)
class ErrorPage:
    """Results of `write_errors`.

    Attributes:
        n_listed: list -> number of films in it, before it was cut to its most films.
        n_compared: films that both models predicted; 0 without another model.
        lines: the results as text.
    """

    page: Path
    n_listed: dict[str, int]
    n_compared: int
    lines: tuple[str, ...]


@locked("folder")
def write_errors(
    folder: str | Path,
    *,
    against: str | Path | None = None,
    part: str = "",
    root: Path | None = None,
    options: CardOptions = DEFAULTS,
) -> ErrorPage:
    """Write errors.html into a run, or into a folder of predictions that were made elsewhere.

    Args:
        against: another run, to show the films that the two decide differently, each at its own threshold.
        part: folder in both runs with other predictions, such as evaluations/NAME; the page is then written there.
        root: folder of the films, if they were moved.
        options: what the page shows.
    Raises:
        RunError: there are no predictions.
        DataError: see `read_tested_films`; or the two runs have different classes or no film in common.
        OutputError: the page cannot be written.
    """
    tested = read_tested_films(folder, part=part, root=root)
    other = read_tested_films(against, part=part) if against is not None else None
    decided = _decide(tested, other)
    n_listed = {name: len(rows) for name, rows in decided.lists.items()}
    names = (tested.run.folder.resolve().name, other.run.folder.resolve().name) if other else ()
    cards = FilmCards(tested, options)
    lines = [*_describe(tested, n_listed, names, decided.n_compared), *cards.lines]
    file = tested.run.folder / part / PAGE
    write_atomic(file, _render(cards, decided, lines, names))
    return ErrorPage(file, n_listed, decided.n_compared, tuple(lines))


@dataclass(frozen=True, eq=False)
class _Decided:
    """The decisions on N films.

    Attributes:
        classes: (N,) decided class.
        sure: (N,) see `sureness`.
        matched: (N, C) probabilities of the other model; None without one.
        lists: list -> rows of its films, in order.
    """

    classes: Ints
    sure: Floats
    matched: Floats | None
    lists: dict[str, NDArray[np.intp]]

    @property
    def n_compared(self) -> int:
        """Number of films that both models predicted."""
        return 0 if self.matched is None else int(np.isfinite(self.matched[:, 0]).sum())


def _decide(tested: TestedFilms, other: TestedFilms | None) -> _Decided:
    """Decide all films, and list those to look at."""
    classes = decisions(tested.films.probabilities, tested.threshold)
    sure = sureness(tested.films.probabilities, tested.threshold)
    wrong = np.flatnonzero(classes != tested.films.labels)
    lists = {
        SUREST: wrong[np.argsort(-sure[wrong], kind="stable")],
        UNSURE: np.argsort(sure, kind="stable")[: min(MOST_UNSURE, -(-len(sure) // 5))],
    }
    if other is None:
        return _Decided(classes, sure, None, lists)
    matched = match_films(tested, other)
    lists[DIFFERENT] = _different(tested, classes, matched, other.threshold)
    return _Decided(classes, sure, matched, lists)


def sureness(probabilities: Floats, threshold: float) -> Floats:
    """Return (N,) from 0 to 1: how far a decision is from being the other one.

    With two classes, the distance of the positive probability from the threshold, as a share of the largest distance on
    its side; with more, the difference of the two highest probabilities.

    Args:
        probabilities: (N, C).
    """
    if probabilities.shape[1] != 2:
        first, second = np.sort(probabilities, axis=1)[:, :-3:-1].T
        return np.asarray(first - second)
    positive = probabilities[:, 1]
    above, below = max(1 - threshold, 1e-9), max(threshold, 1e-9)
    return np.where(positive >= threshold, (positive - threshold) / above, (threshold - positive) / below)


def match_films(tested: TestedFilms, other: TestedFilms) -> Floats:
    """Return (N, C) probabilities of the other model for each film, the mean over its files; NaN where it has none.

    Raises:
        DataError: the models differ in their classes, or have no film in common.
    """
    if tested.films.classes != other.films.classes:
        raise DataError(
            f"{tested.run.folder} has the classes {', '.join(tested.films.classes)}, and {other.run.folder} "
            f"{', '.join(other.films.classes)}; expected the same in the same order"
        )
    row_of = {path: row for row, path in enumerate(other.files.paths)}
    matched = np.full(tested.films.probabilities.shape, np.nan)
    for n, paths in enumerate(tested.paths):
        rows = [row_of[path] for path in paths if path in row_of]
        if rows:
            matched[n] = other.files.probabilities[rows].mean(axis=0)
    if np.isnan(matched).all():
        raise DataError(
            f"{tested.run.folder} and {other.run.folder} have no tested film in common; expected predictions of the "
            "same files, by their paths"
        )
    return matched


def _different(tested: TestedFilms, decided: Ints, matched: Floats, threshold: float) -> NDArray[np.intp]:
    """Return the rows of the films that the other model decides differently, the largest difference first."""
    known = np.flatnonzero(np.isfinite(matched[:, 0]))
    rows = known[decisions(matched[known], threshold) != decided[known]]
    apart = np.abs(matched[rows] - tested.films.probabilities[rows]).sum(axis=1)
    return np.asarray(rows[np.argsort(-apart, kind="stable")])


def _render(cards: FilmCards, decided: _Decided, lines: Sequence[str], names: Sequence[str]) -> str:
    tested = cards.tested
    page = Page(
        title="Errors of the model",
        intro=lines,
        how=(
            "A mistake may be the model's or the label's: compare the film with its report before you call it either. "
            "The probability is that of the whole film, the mean over its copies."
        ),
        classes=tested.films.classes,
        lists=[(name, MEANINGS[name]) for name in decided.lists],
        other_name="predicted",
        films=_cards(cards, decided),
        n_films=len(tested.films),
        stamp=tested.run.stamp,
        names=names,
    )
    return render_page(page)


def _cards(cards: FilmCards, decided: _Decided) -> list[Card]:
    """Return the cards of all listed films; the lists take turns, so that each has pictures."""
    films, classes, matched = cards.tested.films, decided.classes, decided.matched
    lists = {name: rows[:MOST_LISTED].tolist() for name, rows in decided.lists.items()}
    places = {name: {row: n for n, row in enumerate(rows, start=1)} for name, rows in lists.items()}
    listed: list[Card] = []
    for row in _take_turns(lists.values()):
        card = cards.card(row, pictured=len(listed) < cards.options.pictures)
        card |= {
            "lists": [name for name in lists if row in places[name]],
            "places": {name: rows[row] for name, rows in places.items() if row in rows},
            "other": films.classes[classes[row]],
            "p": round(float(films.probabilities[row, classes[row]]), 3),
            "score": round(float(decided.sure[row]), 3),
            "wrong": bool(classes[row] != films.labels[row]),
        }
        if matched is not None and np.isfinite(matched[row, 0]):
            order = np.argsort(-matched[row])[:4]
            card["chancesB"] = [[films.classes[k], round(float(matched[row, k]), 3)] for k in order]
        listed.append(card)
    return listed


def _take_turns(lists: Iterable[Sequence[int]]) -> list[int]:
    """Return the rows of all lists without repetition: the first of each, then the second of each, and so on."""
    turns = chain.from_iterable(zip_longest(*lists))
    return list(dict.fromkeys(row for row in turns if row is not None))


def _describe(tested: TestedFilms, n_listed: dict[str, int], names: Sequence[str], n_compared: int) -> list[str]:
    """Return the results as lines of text."""
    lines = [describe_films(tested), f"{amount(n_listed[SUREST], 'film is', 'films are')} predicted wrongly"]
    if len(tested.films.classes) == 2:
        lines[1] += f" at the threshold {tested.threshold:.3g} of {tested.films.classes[1]}"
    if names:
        lines.append(
            f"of {amount(n_compared, 'film')} that both predicted, "
            f"{amount(n_listed[DIFFERENT], 'is', 'are')} decided differently by {names[1]} (b)"
        )
    return lines
