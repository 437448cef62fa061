"""Measure how many test films were cleaned, and on how many the marker network still sees markers afterwards."""

import tempfile
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fxkit.data.manifest import Record
from fxkit.errors import DataError
from fxkit.metrics.bootstrap import intervals
from fxkit.metrics.intervals import Interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import ranking_metric
from fxkit.report.coverage import ClassCoverage, Coverage
from preprocess.errors import first_few
from preprocess.files import sha256_of
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.image_files import MAX_PIXELS
from preprocess.ledger import LedgerRow, read_ledger
from preprocess.settings import CleanSettings, read_clean_settings
from preprocess.words import amount

# The network that comes with the package, whatever the films were cleaned with. Text is not needed.
CHECK = CleanSettings(read_text=False)

Film = tuple[str, str, str]  # film, group and class, as `Predictions.by_film` divides files


def check_same_files(root: Path, cleaned: Path, records: Sequence[Record]) -> None:
    """Raise DataError unless the raw films are the files that the cleaned films were made of."""
    ledger = read_ledger(cleaned)
    lost = [record.path for record in records if not (root / record.path).is_file()]
    if lost:
        raise DataError(
            f"{root}: {len(lost)} of {amount(len(records), 'film')} not found: {first_few(lost)}; were they moved? "
            "Give the folder that their paths are relative to with --root"
        )
    for record in records:
        if sha256_of(root / record.path) != ledger[record.path].sha256:
            raise DataError(
                f"{root / record.path}: is not the file that was cleaned into {cleaned}; expected the same films in "
                "both; clean the films below the root again, or give another --cleaned"
            )


def measure_coverage(
    cleaned: Path, records: Sequence[Record], *, jobs: int = 1, max_pixels: int = MAX_PIXELS
) -> tuple[Coverage, frozenset[str]]:
    """Count the tested films of each class whose markers were erased, and look at the cleaned films for markers.

    Args:
        cleaned: folder of `clean-labels`.
        records: the tested files.
        jobs: processes that look for markers.
    Returns:
        The counts, and the names of the films without any marker that was erased or is still seen.
    Raises:
        OutputError: the ledger of the folder cannot be read.
        DetectorError: the marker network cannot be loaded.
    """
    ledger, settings = read_ledger(cleaned), read_clean_settings(cleaned) or CleanSettings()
    rows = {record.path: ledger[record.path] for record in records}
    left = find_left_markers(cleaned, list(rows.values()), jobs=jobs, max_pixels=max_pixels)
    erased = {path for path, row in rows.items() if row.status == "cleaned"}
    kept = tuple(f"--{name} {value!r}" for name in ("keep", "only") if (value := getattr(settings, name)))
    coverage = Coverage(len(erased), len(records), count_by_class(records, erased, left), kept)
    marked = {record.film for record in records if record.path in erased | left}
    return coverage, frozenset(record.film for record in records) - marked


def find_left_markers(cleaned: Path, rows: Sequence[LedgerRow], *, jobs: int, max_pixels: int) -> set[str]:
    """Return the paths of the films on which the marker network still sees markers after cleaning.

    A film that cannot be searched counts as one with markers.
    """
    path_of = {row.output: row.path for row in rows}
    with tempfile.TemporaryDirectory(prefix="fxkit-") as folder:
        options = FolderOptions(CHECK, paths=sorted(path_of), dry_run=True, jobs=jobs, max_pixels=max_pixels)
        found = clean_folder(cleaned, Path(folder) / "unused", options)
        return {path_of[row.path] for row in found.rows if row.status != "copied"}


def count_by_class(records: Sequence[Record], erased: set[str], left: set[str]) -> dict[str, ClassCoverage]:
    """Count the films of each class; a film whose files differ counts as cleaned by the share of its files."""
    files: defaultdict[Film, list[str]] = defaultdict(list)
    for record in records:
        files[record.film, record.group, record.label].append(record.path)
    by_class: dict[str, list[list[str]]] = {}
    for (_, _, label), paths in sorted(files.items()):
        by_class.setdefault(label, []).append(paths)
    return {
        label: ClassCoverage(
            n_films=len(films),
            n_erased=sum(not erased.isdisjoint(paths) for paths in films),
            n_left=sum(not left.isdisjoint(paths) for paths in films),
            cleaned=float(sum(np.mean([path in erased and path not in left for path in paths]) for paths in films)),
        )
        for label, films in by_class.items()
    }


def score_unmarked(runs: Sequence[Predictions], unmarked: Collection[str]) -> Interval | None:
    """Return the score on the tested films without any marker that was found; None if they lack a class.

    Args:
        runs: predictions by film, one for each seed, of the same films.
        unmarked: names of these films.
    """
    rows = np.flatnonzero([film in unmarked for film in runs[0].films])
    parts = [run.take(rows) for run in runs]
    if len(set(parts[0].labels.tolist())) < len(runs[0].classes):
        return None
    metric = ranking_metric(runs[0].classes)
    return replace(intervals([metric], parts)[metric.name], n=len(rows))
