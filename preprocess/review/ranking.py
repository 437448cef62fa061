"""Which cleaned films a person should look at first, and why."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from preprocess.ledger import LedgerRow
from preprocess.markers import kind_of, place_of

LOW_CONFIDENCE = 0.6

LARGE_FRACTION = 0.05  # of the film erased; its usual markers take 1 to 2 %

RARE_FRACTION = 0.02  # of the films with markers have the style

RARE_LEAST = 50  # films with markers before any style can be rare


REASONS = {  # name -> weight, and what it means; the heaviest first
    "failed": (8.0, "could not be cleaned; nothing was written"),
    "low confidence": (4.0, f"a find below {LOW_CONFIDENCE}: perhaps no marker"),
    "large area": (3.0, f"more than {LARGE_FRACTION:.0%} of the film erased: perhaps anatomy"),
    "centre": (3.0, "erased in the middle of the film: perhaps bone, metal or a splint"),
    "none found": (2.0, "no marker, where most films have one: perhaps missed"),
    "rare style": (1.0, f"a style on less than {RARE_FRACTION:.0%} of the films"),
}


@dataclass(frozen=True)
class Census:
    """What is usual: files by status, films with markers and their markers, and films by marker style."""

    statuses: Counter[str]
    marked: int
    markers: int
    kinds: Counter[str]

    @property
    def films(self) -> int:
        """How many files did not fail."""
        return self.statuses.total() - self.statuses["failed"]


def take_census(rows: Iterable[LedgerRow]) -> Census:
    """Count what is usual among these films."""
    statuses, kinds, marked, markers = Counter[str](), Counter[str](), 0, 0
    for row in rows:
        statuses[row.status] += 1
        kinds.update({kind_of(marker) for marker in row.markers})
        marked += bool(row.markers)
        markers += len(row.markers)
    return Census(statuses, marked, markers, kinds)


def least_confidence(row: LedgerRow) -> float | None:
    """Return the least confidence of a film's markers; None where it has none."""
    return min((marker.confidence for marker in row.markers), default=None)


def reasons_of(row: LedgerRow, census: Census) -> tuple[str, ...]:
    """Return why to look at this film, of REASONS, the weightiest first."""
    least = least_confidence(row)
    central = any(place_of(marker, row.width, row.height) == "centre" for marker in row.markers)
    rare = census.marked >= RARE_LEAST and any(
        census.kinds[kind_of(marker)] < RARE_FRACTION * census.marked for marker in row.markers
    )
    holds = {
        "failed": row.status == "failed",
        "low confidence": least is not None and least < LOW_CONFIDENCE,
        "large area": row.mask_fraction > LARGE_FRACTION,
        "centre": central,
        "none found": row.status != "failed" and not row.markers and 2 * census.marked > census.films,
        "rare style": rare,
    }
    return tuple(reason for reason in REASONS if holds[reason])


def rank(row: LedgerRow, census: Census) -> tuple[float, float, str]:
    """Return what sorts films by how much they are worth a look, the most first."""
    weight = sum(REASONS[reason][0] for reason in reasons_of(row, census))
    least = least_confidence(row)
    return (-weight, 1.0 if least is None else least, row.path)
