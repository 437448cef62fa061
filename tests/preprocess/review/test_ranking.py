from collections import Counter
from dataclasses import replace

import pytest

from preprocess.ledger import LedgerRow
from preprocess.markers import Marker, as_quad, box_quad
from preprocess.review.ranking import Census, list_reasons, min_confidence, sort_key, take_census

CORNER, MIDDLE = box_quad(0, 0, 20, 10), box_quad(40, 90, 60, 110)
MIRRORED = as_quad([(20, 0), (0, 0), (0, 10), (20, 10)])
TYPICAL = Census(Counter(cleaned=90, copied=10), 90, 180, Counter({"lead": 80, "unknown style": 80}))


def row(path: str, *markers: Marker, fraction: float = 0.01) -> LedgerRow:
    return LedgerRow(path, path, "cleaned" if markers else "copied", markers, fraction, 100, 200)


@pytest.mark.parametrize(
    ("film", "reasons"),
    [
        (row("a", Marker(CORNER, confidence=0.9, style="lead")), ()),
        (row("a", Marker(CORNER), Marker(CORNER, confidence=0.59)), ("low confidence",)),
        (row("a", Marker(MIDDLE), fraction=0.06), ("large area", "centre")),
        (row("a"), ("none found",)),
        (LedgerRow("a", "", "failed", error="why"), ("failed",)),
    ],
)
def test_each_reason_is_found(film: LedgerRow, reasons: tuple[str, ...]) -> None:
    assert list_reasons(film, TYPICAL) == reasons


def test_a_film_without_markers_is_no_reason_if_most_films_have_none() -> None:
    assert list_reasons(row("a"), replace(TYPICAL, marked=50)) == ()


def test_rare_styles_are_reported_in_large_folders_only() -> None:
    rows = [row(str(number), Marker(CORNER, style="lead")) for number in range(99)]
    rows.append(row("rare", Marker(MIRRORED, style="lead")))
    assert list_reasons(rows[-1], take_census(rows)) == ("rare style",)
    assert list_reasons(rows[0], take_census(rows)) == ()
    assert list_reasons(rows[-1], take_census(rows[-40:])) == ()


def test_a_census_counts_each_film_once() -> None:
    rows = [row("a", Marker(CORNER), Marker(MIDDLE)), row("b"), LedgerRow("c", "", "failed")]
    census = take_census(rows)
    assert (census.films, census.marked, census.markers) == (2, 1, 2)
    assert census.kinds == {"unknown style": 1}
    assert census.statuses == {"cleaned": 1, "copied": 1, "failed": 1}


def test_films_are_sorted_by_weight_of_reasons_then_by_confidence() -> None:
    failed, unsure = LedgerRow("z", "", "failed"), row("y", Marker(CORNER, confidence=0.5))
    fair, sure = row("b", Marker(CORNER, confidence=0.7)), row("a", Marker(CORNER, confidence=0.8))
    assert sorted([sure, fair, unsure, failed], key=lambda film: sort_key(film, TYPICAL)) == [
        failed,
        unsure,
        fair,
        sure,
    ]
    assert min_confidence(failed) is None
