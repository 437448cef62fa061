"""Rank cleaned films by how urgently a person should check them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from preprocess.ledger import LedgerRow
from preprocess.markers import describe_position, describe_style

LOW_CONFIDENCE = 0.6

LARGE_FRACTION = 0.05  # of the film erased; markers usually cover 1 to 2 %

RARE_FRACTION = 0.02  # a style is rare if fewer of the films with markers have it

MIN_FILMS_FOR_RARE = 50  # with fewer films with markers, no style counts as rare

REASONS = {  # name -> weight and meaning, sorted by weight
    "failed": (8.0, "the file could not be cleaned; nothing was written"),
    "marker left": (6.0, "a marker is still found on the cleaned film"),
    "low confidence": (4.0, f"a marker with confidence below {LOW_CONFIDENCE}: perhaps a false detection"),
    "large area": (3.0, f"more than {LARGE_FRACTION:.0%} of the film was erased: perhaps anatomy"),
    "centre": (3.0, "a region in the centre of the film was erased: perhaps bone, metal or a splint"),
    "none found": (2.0, "no marker was found, although most films have one: perhaps it was missed"),
    "rare style": (1.0, f"a marker style that fewer than {RARE_FRACTION:.0%} of the films with markers have"),
}


@dataclass(frozen=True)
class Census:
    """Counts over all files of a cleaned folder.

    Args:
        statuses: number of files by status.
        marked: number of films with markers.
        markers: number of markers.
        kinds: number of films by marker style.
    """

    statuses: Counter[str]
    marked: int
    markers: int
    kinds: Counter[str]

    @property
    def films(self) -> int:
        """Number of files that did not fail."""
        return self.statuses.total() - self.statuses["failed"]


def take_census(rows: Iterable[LedgerRow]) -> Census:
    """Count files, markers and marker styles."""
    statuses, kinds, marked, markers = Counter[str](), Counter[str](), 0, 0
    for row in rows:
        statuses[row.status] += 1
        kinds.update({describe_style(marker) for marker in row.markers})
        marked += bool(row.markers)
        markers += len(row.markers)
    return Census(statuses, marked, markers, kinds)


def min_confidence(row: LedgerRow) -> float | None:
    """Return the lowest confidence of a film's markers; None if the film has no marker."""
    return min((marker.confidence for marker in row.markers), default=None)


def list_reasons(row: LedgerRow, census: Census) -> tuple[str, ...]:
    """Return the names of the REASONS to check this film, sorted by weight; none if a person judged it."""
    if row.judged:
        return ()
    lowest = min_confidence(row)
    central = any(describe_position(marker, row.width, row.height) == "centre" for marker in row.markers)
    rare = census.marked >= MIN_FILMS_FOR_RARE and any(
        census.kinds[describe_style(marker)] < RARE_FRACTION * census.marked for marker in row.markers
    )
    holds = {
        "failed": row.status == "failed",
        "marker left": bool(row.residual),
        "low confidence": lowest is not None and lowest < LOW_CONFIDENCE,
        "large area": row.mask_fraction > LARGE_FRACTION,
        "centre": central,
        "none found": row.status != "failed" and not row.markers and 2 * census.marked > census.films,
        "rare style": rare,
    }
    return tuple(reason for reason in REASONS if holds[reason])


def sort_key(row: LedgerRow, census: Census) -> tuple[float, float, str]:
    """Return the sort key that puts the films to check first at the front."""
    weight = sum(REASONS[reason][0] for reason in list_reasons(row, census))
    lowest = min_confidence(row)
    return (-weight, 1.0 if lowest is None else lowest, row.path)
