"""Index a data set: find its files, read every one, group copies, split by group, and say what was found."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fxkit.copies.find import NO_COPIES, Copies, find_copies
from fxkit.copies.store import Reading, Store, open_store
from fxkit.copies.verdicts import Verdicts, read_verdicts
from fxkit.data.copy_notes import copy_notes
from fxkit.data.divide import Division, check_division, divide
from fxkit.data.groups import assign_groups
from fxkit.data.leaks import leaks
from fxkit.data.manifest import SPLITS, Record, identical_files, manifest_text, order_classes, usable, write_manifest
from fxkit.data.readings import read_files
from fxkit.data.roots import scan_roots
from fxkit.data.scan import Scan, film_path, scan, some
from fxkit.data.split import FRACTIONS
from fxkit.errors import DataError
from preprocess.errors import OutputError
from preprocess.images import MAX_PIXELS

__all__ = ["Count", "Index", "count_splits", "index_data", "write_index"]


@dataclass(frozen=True)
class Index:
    """What `index_data` found: the rows of the manifest, and what a user should be told."""

    root: Path
    records: tuple[Record, ...]
    notes: tuple[str, ...]
    copies: Copies = NO_COPIES  # by pixels


@dataclass(frozen=True)
class Count:
    """How much a split holds."""

    split: str
    files: int
    films: int
    groups: int
    by_class: dict[str, int]  # files


def index_data(
    data: str | Path | Sequence[Path],
    *,
    root: str | Path | None = None,
    split: str = "grouped",
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
    folds: int = 0,
    stratify: Sequence[str] = (),
    markers: Path | None = None,
    frozen: Path | None = None,
    hold_out: str = "",
    max_pixels: int = MAX_PIXELS,
    jobs: int = 1,
    copies: bool = True,
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
        copies: find copies by their pixels, too.
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
    with open_store(cache) as store:
        readings = read_files(store, found.root, paths, max_pixels, jobs, progress and partial(progress, "files"))
        same = _copies(store, paths, readings, copies, jobs, accept, reject, progress)
    records = _group(found, readings, same)
    if split != "none":
        _check_usable(data, records)
    notes = [*found.notes, *_twins(records), *copy_notes(records, found.found, same)]
    if split != "none":
        notes += [*_unknown_patients(records), *_contradicting_patients(records)]
    if split == "grouped" and any(file.split for file in found.found):
        notes.append("the data's own split is not kept; `fxkit index --keep-split` keeps it")
    try:
        records, more = divide(records, found.found, how)
    except DataError as error:
        raise DataError(f"{data}: {error}") from error
    notes += more
    if split in ("keep", "random"):
        notes += _leak_notes(records, split)
    return Index(found.root, tuple(records), tuple(notes), same)


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


def _group(found: Scan, readings: Sequence[Reading], copies: Copies) -> list[Record]:
    files = found.found
    films, groups = assign_groups(
        [film_path(file) for file in files],
        [file.patient for file in files],
        [reading.sha256 for reading in readings],
        [copies.groups.get(reading.sha256, "") for reading in readings],
    )
    return [
        Record(
            path=file.path,
            label=file.label,
            group=group,
            split="",
            sha256=reading.sha256,
            width=reading.width,
            height=reading.height,
            status=reading.status,
            film=film,
            patient=file.patient,
            site=file.site,
        )
        for file, reading, film, group in zip(files, readings, films, groups, strict=True)
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


def _twins(records: Sequence[Record]) -> list[str]:
    """Tell of byte-identical files, above all of those under two classes."""
    twins = identical_files(records)
    notes = []
    if twins:
        notes.append(f"{sum(map(len, twins))} files are byte-identical to another; each set is kept in one group")
    torn = [files for files in twins if len({r.label for r in files}) > 1]
    if torn:
        shown = some([" = ".join(r.path for r in files) for files in torn])
        notes.append(
            f"WARNING: {sum(map(len, torn))} byte-identical files stand under different classes: "
            f"{shown}; find out which label is right"
        )
    return notes


def _unknown_patients(records: Sequence[Record]) -> list[str]:
    without = sum(not r.patient for r in records)
    if not without:
        return []
    if without == len(records):
        return [
            "no patients are known: films of one patient may stand in several splits; a CSV file with a column "
            "patient prevents that"
        ]
    return [f"{without} of {len(records)} files have no patient: they are grouped by film instead"]


def _contradicting_patients(records: Sequence[Record]) -> list[str]:
    """Tell of copies, by their names, that `part_films` had to part."""
    owners: dict[str, set[str]] = defaultdict(set)
    for record in records:
        name = record.film.removesuffix(f" of {record.group}")
        if name != record.film:
            owners[name].add(record.patient or "none")
    torn = [f"{name} ({some(sorted(owners[name]))})" for name in sorted(owners) if len(owners[name]) > 1]
    if not torn:
        return []
    return [
        f"{len(torn)} films have copies, by their names, of different patients: {some(torn)}; they count as different "
        "films and may stand in different splits; correct the column patient if they are copies"
    ]


def _leak_notes(records: Sequence[Record], way: str) -> list[str]:
    found = leaks(records)
    if not found.files:
        return []
    told = "the given split" if way == "keep" else "this random split of files"
    text = (
        f"{told}: {_share(found.leaked_files, found.files)} test files have a copy of the same film in "
        f"training; {_share(found.grouped_files, found.files)} share their group (patient or film); "
        f"{found.leaked_films} of {found.films} test films and {found.leaked_groups} of "
        f"{found.groups} test groups are affected"
    )
    if not found.grouped_files:
        return [text]
    return [f"WARNING: {text}. Scores on this test split are not honest"]


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.1f} %)"


def count_splits(records: Sequence[Record]) -> list[Count]:
    """Count files, films, groups and files a class of every split and fold that holds any, then of all ("all")."""
    good = usable(records)
    classes = order_classes(r.label for r in good)
    parts = [(name, [r for r in good if r.split == name]) for name in SPLITS]
    folds = sorted({r.fold for r in good if r.fold}, key=int)
    parts += [(f"fold {fold}", [r for r in good if r.fold == fold]) for fold in folds]
    return [
        Count(
            name,
            len(part),
            len({r.film for r in part}),
            len({r.group for r in part}),
            {label: sum(r.label == label for r in part) for label in classes},
        )
        for name, part in [*parts, ("all", good)]
        if part
    ]


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
