from collections import Counter
from dataclasses import replace

import pytest

from preprocess.ledger import LedgerRow
from preprocess.markers import Marker, as_quad, box_quad
from preprocess.review.ranking import Census, least_confidence, rank, reasons_of, take_census

CORNER, MIDDLE = box_quad(0, 0, 20, 10), box_quad(40, 90, 60, 110)
MIRRORED = as_quad([(20, 0), (0, 0), (0, 10), (20, 10)])
USUAL = Census(Counter(cleaned=90, copied=10), 90, 180, Counter({"lead": 80, "unknown style": 80}))


def row(path: str, *markers: Marker, share: float = 0.01) -> LedgerRow:
    return LedgerRow(path, path, "cleaned" if markers else "copied", markers, share, 100, 200)


@pytest.mark.parametrize(
    ("film", "reasons"),
    [
        (row("a", Marker(CORNER, confidence=0.9, style="lead")), ()),
        (row("a", Marker(CORNER), Marker(CORNER, confidence=0.59)), ("low confidence",)),
        (row("a", Marker(MIDDLE), share=0.06), ("large area", "centre")),
        (row("a"), ("none found",)),
        (LedgerRow("a", "", "failed", error="why"), ("failed",)),
    ],
)
def test_reasons(film: LedgerRow, reasons: tuple[str, ...]) -> None:
    assert reasons_of(film, USUAL) == reasons


def test_a_film_without_markers_is_usual_where_most_have_none() -> None:
    assert reasons_of(row("a"), replace(USUAL, marked=50)) == ()


def test_rare_styles_stand_out_in_large_folders_only() -> None:
    rows = [row(str(number), Marker(CORNER, style="lead")) for number in range(99)]
    rows.append(row("odd", Marker(MIRRORED, style="lead")))
    assert reasons_of(rows[-1], take_census(rows)) == ("rare style",)
    assert reasons_of(rows[0], take_census(rows)) == ()
    assert reasons_of(rows[-1], take_census(rows[-40:])) == ()


def test_a_census_counts_films_once() -> None:
    rows = [row("a", Marker(CORNER), Marker(MIDDLE)), row("b"), LedgerRow("c", "", "failed")]
    census = take_census(rows)
    assert (census.films, census.marked, census.markers) == (2, 1, 2)
    assert census.kinds == {"unknown style": 1}
    assert census.statuses == {"cleaned": 1, "copied": 1, "failed": 1}


def test_the_weightiest_come_first_then_the_least_certain() -> None:
    failed, unsure = LedgerRow("z", "", "failed"), row("y", Marker(CORNER, confidence=0.5))
    fair, sure = row("b", Marker(CORNER, confidence=0.7)), row("a", Marker(CORNER, confidence=0.8))
    assert sorted([sure, fair, unsure, failed], key=lambda film: rank(film, USUAL)) == [failed, unsure, fair, sure]
    assert least_confidence(failed) is None
