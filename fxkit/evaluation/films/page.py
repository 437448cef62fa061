"""Render a page of films with filters, as one self-contained HTML file."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fxkit.evaluation.films.cards import Card
from fxkit.html import load_template


@dataclass(frozen=True)
class Page:
    """What a page of films shows.

    Attributes:
        intro: lines below the title.
        how: how the films were chosen.
        classes: the classes, in the order of the probabilities.
        lists: name and meaning of each list; every card names the lists that it is in under "lists".
        other_name: what the class "other" of a card is: "suggested" or "predicted".
        films: the cards, in the order of the page.
        n_films: number of films, also of those that are not on the page.
        verdicts: whether the reader accepts or rejects the suggested class.
        stamp: warning shown above all; "" for none.
        names: names of the two models that are compared; () for one model.
    """

    title: str
    intro: Sequence[str]
    how: str
    classes: Sequence[str]
    lists: Sequence[tuple[str, str]]
    other_name: str
    films: Sequence[Card]
    n_films: int
    verdicts: bool = False
    stamp: str = ""
    names: Sequence[str] = field(default=())


def render_page(page: Page) -> str:
    """Return the page as HTML. All names and texts are escaped."""
    counts = [(name, meaning, sum(name in film["lists"] for film in page.films)) for name, meaning in page.lists]
    data = {
        "films": page.films,
        "classes": list(page.classes),
        "otherName": page.other_name,
        "verdicts": page.verdicts,
        "names": list(page.names),
    }
    pictured = sum("picture" in film for film in page.films)
    return load_template("evaluation/films/films.html").render(page=page, counts=counts, data=data, pictured=pictured)
