"""A user's verdicts on pairs of films: CSV files with the columns first and second, as groups.html writes them."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fxkit.errors import DataError

COLUMNS = ("first", "second")


@dataclass(frozen=True)
class Verdicts:
    """Pairs of SHA-256 that are copies, and that are not."""

    accepted: tuple[tuple[str, str], ...] = ()
    rejected: tuple[tuple[str, str], ...] = ()


NO_VERDICTS = Verdicts()


def read_verdicts(path: Path | None, hashes: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Read pairs of paths as pairs of SHA-256; none where path is None.

    Args:
        hashes: of each known path; empty where the file is unreadable.
    Raises:
        DataError: the file cannot be read, a column is missing, or a path is unknown or unreadable.
    """
    if path is None:
        return ()
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot be read ({reason}); expected a CSV file of pairs") from error
    pairs = []
    for line, row in enumerate(rows, start=2):
        names = [row.get(column) or "" for column in COLUMNS]
        for column, name in zip(COLUMNS, names, strict=True):
            if not hashes.get(name):
                raise DataError(
                    f"{path}, row {line}: {column} {name!r} is no readable film of this data set; expected the columns "
                    "first and second with paths as the manifest has them"
                )
        pairs.append((hashes[names[0]], hashes[names[1]]))
    return tuple(pairs)
