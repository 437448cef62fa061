"""The site of a film that tells its class."""

import pytest

from fxkit.data.manifest import Record
from fxkit.data.site_classes import find_site_classes


def records(*parts: tuple[str, str, int]) -> list[Record]:
    """Return this number of groups of each site and class."""
    return [
        Record(f"{site}{label}{i}", label, f"{site}{label}{i}", "train", "", 9, 9, "ok", f"{site}{label}{i}", site=site)
        for site, label, n in parts
        for i in range(n)
    ]


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([("east", "a", 20), ("west", "b", 20)], "40 of 40 groups"),
        ([("east", "a", 19), ("west", "a", 1), ("west", "b", 20)], "39 of 40 groups"),
        ([("east", "a", 10), ("north", "a", 10), ("west", "b", 20)], "40 of 40 groups"),
        ([("east", "a", 90), ("west", "a", 9), ("west", "b", 15)], "105 of 114 groups"),  # shares of the class decide
        ([("east", "a", 15), ("west", "a", 5), ("west", "b", 20)], ""),
        ([("east", "a", 20), ("east", "b", 20)], ""),
        ([("east", "a", 9), ("west", "b", 9)], ""),
        ([("", "a", 20), ("", "b", 20)], ""),
        ([(f"{i}", "ab"[i % 2], 1) for i in range(40)], ""),  # a site for each patient tells nothing about the next one
    ],
)
def test_a_site_that_tells_the_class_is_told(parts: list[tuple[str, str, int]], told: str) -> None:
    text = find_site_classes(records(*parts))
    assert bool(text) == bool(told)
    assert text.startswith(f"the site tells the class of {told}" if told else "")


def test_without_films_nothing_is_told() -> None:
    assert find_site_classes([]) == ""
