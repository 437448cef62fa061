"""Index a data set: find its files, read every one, group copies, split by group, and say what was found."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from joblib import Parallel, delayed

from fxkit.data.groups import assign_groups
from fxkit.data.leaks import leaks
from fxkit.data.manifest import OK, SPLITS, Record, manifest_text, order_classes, usable, write_manifest
from fxkit.data.scan import Found, Scan, scan, some, without_split
from fxkit.data.split import FRACTIONS, assign_splits, check_fractions
from fxkit.errors import ConfigError, DataError
from preprocess.errors import ImageError, OutputError
from preprocess.images import MAX_PIXELS, read_image

__all__ = ["Count", "Index", "count_splits", "index_data", "write_index"]

SPLIT_WAYS = ("grouped", "keep", "random", "none")


@dataclass(frozen=True)
class Index:
    """What `index_data` found: the rows of the manifest, and what a user should be told."""

    root: Path
    records: tuple[Record, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Count:
    """How much a split holds."""

    split: str
    files: int
    films: int
    groups: int
    by_class: dict[str, int]  # files


@dataclass(frozen=True)
class _Reading:
    sha256: str
    width: int
    height: int
    status: str


def index_data(
    data: str | Path,
    *,
    root: str | Path | None = None,
    split: str = "grouped",
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
    max_pixels: int = MAX_PIXELS,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Index:
    """Read a data set and give every file its class, film, group and split; nothing is written.

    Files that cannot be decoded stay in the rows, with the reason as their status and no split.

    Args:
        data: CLASS/ folders, SPLIT/CLASS/ folders, or a CSV file.
        root: what the CSV's paths are relative to, when that is not its folder.
        split: "grouped" divides groups by the fractions; "keep" takes the split of the folders or the CSV,
            and carves a missing val out of train by group; "random" divides files without regard to groups,
            as many published results did, to show what that does to a score; "none" leaves all in one,
            for testing on.
        fractions: of train, val and test.
        progress: called with the number of files read and of all.

    Raises:
        DataError: data is missing or of another layout, no file can be read, one class only, or a class has
            fewer groups than there are splits.
    """
    if split not in SPLIT_WAYS:
        raise ConfigError(f"split: {split!r}; expected one of {', '.join(SPLIT_WAYS)}")
    wanted = check_fractions(fractions)
    found = scan(data, root)
    records = _group(found, _read_all(found, max_pixels, jobs, progress))
    if split != "none":
        _check_usable(data, records)
    notes = [*found.notes, *_twins(records)]
    if split != "none":
        notes += [*_unknown_patients(records), *_contradicting_patients(records)]
    if split == "grouped" and any(file.split for file in found.found):
        notes.append("the data's own split is not kept; `fxkit index --keep-split` keeps it")
    try:
        records, more = _split(records, found.found, split, wanted, seed)
    except DataError as error:
        raise DataError(f"{data}: {error}") from error
    notes += more
    if split in ("keep", "random"):
        notes += _leak_notes(records, split)
    return Index(found.root, tuple(records), tuple(notes))


def _read_all(found: Scan, max_pixels: int, jobs: int, progress: Callable[[int, int], None] | None) -> list[_Reading]:
    tasks = (delayed(_read)(found.root / file.path, max_pixels) for file in found.found)
    readings = []
    for reading in Parallel(n_jobs=jobs, return_as="generator")(tasks):
        readings.append(reading)
        if progress:
            progress(len(readings), len(found.found))
    return readings


def _read(path: Path, max_pixels: int) -> _Reading:
    digest = ""
    try:
        image = read_image(path, max_pixels=max_pixels)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except (ImageError, OSError) as error:
        reason = " ".join(str(error).removeprefix(f"{path}: ").split())
        return _Reading(digest, 0, 0, reason)
    return _Reading(digest, image.shape[1], image.shape[0], OK)


def _group(found: Scan, readings: Sequence[_Reading]) -> list[Record]:
    files = found.found
    films, groups = assign_groups(
        [without_split(file.path) for file in files],
        [file.patient for file in files],
        [reading.sha256 for reading in readings],
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


def _check_usable(data: str | Path, records: Sequence[Record]) -> None:
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
    same: dict[str, list[Record]] = defaultdict(list)
    for record in usable(records):
        same[record.sha256].append(record)
    twins = [files for files in same.values() if len(files) > 1]
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


def _split(
    records: Sequence[Record], files: Sequence[Found], way: str, fractions: tuple[float, float, float], seed: int
) -> tuple[list[Record], list[str]]:
    if way == "keep":
        return _keep(records, files, fractions, seed)
    if way == "none":
        return list(records), []
    return _divide(records, fractions, seed, grouped=way == "grouped"), []


def _divide(records: Sequence[Record], fractions: tuple[float, float, float], seed: int, grouped: bool) -> list[Record]:
    good = usable(records)
    labels, units = [r.label for r in good], [r.group if grouped else r.path for r in good]
    given = dict(zip((r.path for r in good), assign_splits(labels, units, fractions, seed), strict=True))
    return [replace(r, split=given.get(r.path, "")) for r in records]


def _keep(
    records: Sequence[Record],
    files: Sequence[Found],
    fractions: tuple[float, float, float],
    seed: int,
) -> tuple[list[Record], list[str]]:
    """Take the split that folders or CSV give; without a val, carve one out of train by group."""
    without = [file.path for file in files if not file.split]
    if without:
        raise DataError(
            f"--keep-split, but {len(without)} of {len(files)} files have no split "
            f"({some(without)}); expected SPLIT/CLASS/ folders or a CSV with a column split; leave --keep-split "
            "out to make a new split"
        )
    kept = [replace(r, split=file.split if r.status == OK else "") for r, file in zip(records, files, strict=True)]
    present = {r.split for r in usable(kept)}
    notes = [f"WARNING: the given split has no {name} part" for name in ("train", "test") if name not in present]
    if "val" in present or "train" not in present:
        return kept, notes
    return _carve(kept, fractions, seed, notes)


def _carve(
    records: Sequence[Record], fractions: tuple[float, float, float], seed: int, notes: list[str]
) -> tuple[list[Record], list[str]]:
    train = usable(records, "train")
    share = fractions[1] / max(fractions[0] + fractions[1], 1e-9)
    parts = assign_splits([r.label for r in train], [r.group for r in train], (1 - share, share, 0.0), seed)
    given = dict(zip((r.path for r in train), parts, strict=True))
    count = parts.count("val")
    notes = [
        *notes,
        f"the given split has no val part: {count} of the {len(train)} train files were taken, by group",
    ]
    return [replace(r, split=given.get(r.path, r.split)) for r in records], notes


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
    """Count files, films, groups and files a class of every split that holds any, then of all ("all")."""
    good = usable(records)
    classes = order_classes(r.label for r in good)
    parts = [(name, [r for r in good if r.split == name]) for name in SPLITS]
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
