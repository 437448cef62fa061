"""Index a data set: find its files, read every one, group copies, split by group, and say what was found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fxkit.data.groups import assign_groups, film_keys, join_all
from fxkit.data.manifest import Part, Record, count_splits, manifest_text, order_classes, usable, write_manifest
from fxkit.errors import DataError
from fxkit.index.cache import Reading, Store, open_store
from fxkit.index.dicom import Marks, marks_of
from fxkit.index.facts import FileFacts
from fxkit.index.find_copies import NO_COPIES, Copies, Verdicts, find_copies, read_verdicts
from fxkit.index.notes import copy_notes, leak_notes, torn_names, twin_notes, unknown_patients
from fxkit.index.read_files import read_files
from fxkit.index.scan import Found, Scan, film_path, scan, scan_roots, some
from fxkit.index.splits.assign import FRACTIONS
from fxkit.index.splits.divide import Division, check_division, divide
from preprocess.errors import OutputError
from preprocess.folder.backends import open_workers
from preprocess.images import MAX_PIXELS
from preprocess.known_markers import KnownMarkers

__all__ = ["Index", "Part", "count_splits", "index_data", "write_index"]


@dataclass(frozen=True)
class Index:
    """What `index_data` found: the rows of the manifest, and what a user should be told."""

    root: Path
    records: tuple[Record, ...]
    notes: tuple[str, ...]
    facts: tuple[FileFacts, ...] = ()  # of the files that can be read
    copies: Copies = NO_COPIES  # by pixels


def index_data(
    data: str | Path | Sequence[Path],
    *,
    root: str | Path | None = None,
    split: str = "grouped",
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
    folds: int = 0,
    stratify: Sequence[str] = (),
    markers: KnownMarkers | None = None,
    frozen: Path | None = None,
    hold_out: str = "",
    max_pixels: int = MAX_PIXELS,
    jobs: int = 1,
    backend: str = "loky",
    scheduler: str | None = None,
    copies: bool = True,
    dicom_ids: bool = True,
    cache: Path | None = None,
    accept: Path | None = None,
    reject: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Index:
    """Read a data set and give every file its class, film, group and split; nothing is written.

    Files that cannot be decoded stay in the rows, with the reason as their status and no split.

    Args:
        data: CLASS/ folders, SPLIT/CLASS/ folders, or a CSV file; of several, each such folder is a site.
        root: what the CSV's paths are relative to, when that is not its folder.
        split: "grouped" divides groups by the fractions; "keep" takes the split of the folders or the CSV,
            and carves a missing val out of train by group; "random" divides files without regard to groups,
            as many published results did, to show what that does to a score; "none" leaves all in one,
            for testing on.
        fractions: of train, val and test.
        folds, stratify, markers, frozen, hold_out: see `Division`.
        jobs, backend, scheduler: processes, or a cluster; see `open_workers`.
        copies: find copies by their pixels, too.
        dicom_ids: group by the patients, studies and films that DICOM files name, too.
        cache: SQLite file that keeps what was read and compared, so that the next run need not; None keeps nothing.
        accept, reject: CSV files of pairs that the user says are copies, or are not; see `read_verdicts`.
        progress: called with "files" or "copies", what is done of them and how many they are.

    Raises:
        DataError: data is missing or of another layout, no file can be read, one class only, or a class has
            fewer groups than there are splits; or the cache or a verdict cannot be read.
    """
    how = Division(split, tuple(fractions), seed, folds, tuple(stratify), markers, frozen, hold_out)
    check_division(how)
    found, data = _scan(data, root)
    paths = [file.path for file in found.found]
    with open_store(cache) as store, open_workers(backend, jobs, scheduler) as workers:
        readings = read_files(store, found.root, paths, max_pixels, workers, progress and partial(progress, "files"))
        same = _copies(store, paths, readings, copies, workers, accept, reject, progress)
    names = film_keys([film_path(file) for file in found.found])
    alike = [[r.sha256 for r in readings], [same.groups.get(r.sha256, "") for r in readings]]
    marks = marks_of(found.found, [r.ids if dicom_ids else None for r in readings], join_all(names, alike))
    records = _group(found.found, readings, names, alike, marks)
    if split != "none":
        _check_usable(data, records)
    notes = [*found.notes, *twin_notes(records), *copy_notes(records, found.found, same, marks.patients), *marks.notes]
    if split != "none":
        notes += [*unknown_patients(records), *torn_names(records)]
    if split == "grouped" and any(file.split for file in found.found):
        notes.append("the data's own split is not kept; `fxkit index --keep-split` keeps it")
    try:
        records, more = divide(records, found.found, how)
    except DataError as error:
        raise DataError(f"{data}: {error}") from error
    notes += more
    if split in ("keep", "random"):
        notes += leak_notes(records, split)
    facts = tuple(reading.facts for reading in readings if reading.facts)
    return Index(found.root, tuple(records), tuple(notes), facts, same)


def _scan(data: str | Path | Sequence[Path], root: str | Path | None) -> tuple[Scan, str]:
    """Scan one data set or several folders, and name it for errors."""
    if isinstance(data, (str, Path)):
        return scan(data, root), str(data)
    if len(data) == 1:
        return scan(data[0], root), str(data[0])
    if root is not None:
        raise DataError(
            f"{some(map(str, data))}: folders with --root {root}; --root belongs to a CSV file: leave it out"
        )
    return scan_roots(data), some(map(str, data))


def _copies(
    store: Store,
    paths: Sequence[str],
    readings: Sequence[Reading],
    wanted: bool,
    jobs: int,
    accept: Path | None,
    reject: Path | None,
    progress: Callable[[str, int, int], None] | None,
) -> Copies:
    hashes = {path: reading.sha256 for path, reading in zip(paths, readings, strict=True)}
    verdicts = Verdicts(read_verdicts(accept, hashes), read_verdicts(reject, hashes))
    if not wanted and not verdicts.accepted:
        return NO_COPIES
    shown = hashes.values() if wanted else {name for pair in verdicts.accepted for name in pair}
    return find_copies(store, shown, verdicts, jobs=jobs, progress=progress and partial(progress, "copies"))


def _group(
    files: Sequence[Found],
    readings: Sequence[Reading],
    names: Sequence[str],
    alike: Sequence[Sequence[str]],
    marks: Marks,
) -> list[Record]:
    films, groups = assign_groups(
        names,
        [file.patient or patient for file, patient in zip(files, marks.patients, strict=True)],
        [*alike, marks.films],
        [marks.patients, marks.studies],
    )
    return [
        Record(
            path=file.path,
            label=file.label,
            group=groups[n],
            split="",
            sha256=reading.sha256,
            width=reading.width,
            height=reading.height,
            status=reading.status,
            film=films[n],
            patient=file.patient or marks.patients[n],
            site=file.site or marks.sites[n],
        )
        for n, (file, reading) in enumerate(zip(files, readings, strict=True))
    ]


def _check_usable(data: str, records: Sequence[Record]) -> None:
    good = usable(records)
    if not good:
        first = records[0]
        raise DataError(f"{data}: none of {len(records)} files can be read; the first: {first.path}: {first.status}")
    classes = order_classes(r.label for r in good)
    if len(classes) < 2:
        raise DataError(
            f"{data}: one class only ({classes[0]!r}) among the {len(good)} files that can be read; expected "
            "two or more; mend the unreadable files or add films"
        )


def write_index(path: str | Path, index: Index, *, overwrite: bool = False) -> None:
    """Write the manifest; one that is there already with other rows is kept unless `overwrite`.

    Raises:
        OutputError: another file stands there, or the place cannot be written.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        same = path.is_file() and path.read_bytes() == manifest_text(index.records).encode("utf-8", "surrogateescape")
        if not same:
            raise OutputError(f"{path}: there already, with other rows; choose another --out, or give --overwrite")
        return
    write_manifest(path, index.records)
