"""Index a data set: list its files, read each one, group copies, split by group, and collect notes for the user."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fxkit.data.film_names import film_keys
from fxkit.data.groups import assign_groups, join_all
from fxkit.data.label_verdicts import apply_label_verdicts, read_label_verdicts
from fxkit.data.manifest import Record, manifest_text, usable, write_manifest
from fxkit.data.positive import ClassOrder, choose_order
from fxkit.data.site_classes import find_site_classes
from fxkit.errors import DataError
from fxkit.index.cache import Reading, open_store
from fxkit.index.dicom import select_usable_ids
from fxkit.index.facts import FileFacts
from fxkit.index.find_copies import NO_COPIES, Copies, Verdicts, find_copies, read_verdicts
from fxkit.index.notes import copy_notes, leak_notes, torn_names, twin_notes, unknown_patients
from fxkit.index.read_files import read_files
from fxkit.index.scan import Scan, ScannedFile, film_path, first_few, scan, scan_roots
from fxkit.index.splits.assign import FRACTIONS
from fxkit.index.splits.divide import SplitOptions, check_split_options, divide_records
from preprocess.errors import OutputError, keep_notes
from preprocess.folder.backends import open_workers
from preprocess.image_files import MAX_PIXELS
from preprocess.known_markers import KnownMarkers
from preprocess.one_value import one_value_notes
from preprocess.tables.cells import label_key
from preprocess.tables.paths import FilmPaths
from preprocess.tables.spellings import SITES, join_spellings
from preprocess.words import none_of


@dataclass(frozen=True)
class IndexOptions:
    """How `index_data` reads, groups and splits a data set.

    Attributes:
        root: folder that the paths in a CSV file are relative to. Default: the folder of the CSV file.
        split: "grouped" divides groups by the fractions. "keep" takes the split of the folders or of the CSV file; if
            it has no val part, groups are moved from train to val. "random" divides files and ignores groups, as many
            published results did, to show how that changes a score. "given" takes the split of the data unchanged, if
            there is one. "none" makes no split: all files are for testing.
        fractions: fractions of train, val and test.
        seed: seed of the split.
        folds: number of folds that train and val are divided into, by group; 0 makes no folds.
        stratify: what to balance in addition to the class: "site", "marker", or both.
        markers: known markers of the films. Needed to stratify by "marker".
        frozen: an older manifest. Its groups keep their split and fold.
        hold_out: site that becomes the test part. The other sites are divided into train and val.
        max_pixels: larger images are listed as unreadable.
        jobs: number of processes.
        backend: "loky" starts processes on this machine; "dask" uses all workers of a cluster.
        scheduler: address of the Dask scheduler.
        copies: whether to compare pixels to find copies. If not, names, bytes and ids alone show copies.
        dicom_ids: whether to group by the patients, studies and films that DICOM files name.
        cache: SQLite file that keeps readings and comparisons for the next run. None keeps nothing.
        accept: CSV file of pairs that are copies, whatever their pixels show; see `read_verdicts`.
        reject: CSV file of pairs that are not copies; see `read_verdicts`.
        positive: the positive class of two; None for the one whose name means a finding.
        labels: CSV files of verdicts on labels, applied in this order; see `apply_label_verdicts`.
    """

    root: str | Path | None = None
    split: str = "grouped"
    fractions: tuple[float, ...] = FRACTIONS
    seed: int = 0
    folds: int = 0
    stratify: tuple[str, ...] = ()
    markers: KnownMarkers | None = None
    frozen: Path | None = None
    hold_out: str = ""
    max_pixels: int = MAX_PIXELS
    jobs: int = 1
    backend: str = "loky"
    scheduler: str | None = None
    copies: bool = True
    dicom_ids: bool = True
    cache: Path | None = None
    accept: Path | None = None
    reject: Path | None = None
    positive: str | None = None
    labels: tuple[Path, ...] = ()

    @property
    def division(self) -> SplitOptions:
        """The options that `divide_records` needs."""
        return SplitOptions(
            self.split, self.fractions, self.seed, self.folds, self.stratify, self.markers, self.frozen, self.hold_out
        )


DEFAULTS = IndexOptions()

Grouped = tuple[list[Record], list[str]]  # a record for each file, and notes

Progress = Callable[[str, int, int], None]  # "files" or "copies", the number done, the number of all


@dataclass(frozen=True)
class Index:
    """The rows of the manifest, and what else `index_data` learned about the data set."""

    root: Path  # folder that the paths of the records are relative to
    records: tuple[Record, ...]
    notes: tuple[str, ...]  # messages for the user
    facts: tuple[FileFacts, ...] = ()  # one for each readable file
    copies: Copies = NO_COPIES  # copies found by comparing pixels
    positive: str | None = None  # the positive class of two; None for the one whose name means a finding

    @property
    def order(self) -> ClassOrder:
        """The classes of the readable files, in order."""
        return choose_order((record.label for record in usable(self.records)), self.positive)


def index_data(
    data: str | Path | Sequence[Path], options: IndexOptions = DEFAULTS, *, progress: Progress | None = None
) -> Index:
    """Read a data set and give every file its class, film, group and split. Nothing but the cache is written.

    A file that cannot be decoded keeps its row, with the reason as its status and without a split.

    Args:
        data: a folder of CLASS/ folders or SPLIT/CLASS/ folders, or a CSV file. Of several folders, each is a site.
        options: how to read, group and split.
        progress: called with "files" or "copies", the number done and the total number.
    Raises:
        ConfigError: the options cannot be combined, or the positive class is none of two classes.
        DataError: the data is missing, its layout is unknown, no file can be read, there is only one class, a class has
            fewer groups than there are splits, or the cache or a file of verdicts cannot be read.
    """
    check_split_options(options.division)
    scanned, data_name = _scan(data, options.root, 1 if options.split in ("given", "none") else 2)
    notes = [*scanned.notes]
    with keep_notes(notes):
        readings, copies = read_scan(scanned, options, progress)
        correct = partial(_correct_labels, options.labels, scanned.root)
        records, group_notes = group_files(
            scanned.files, readings, copies, dicom_ids=options.dicom_ids, correct=correct
        )
        notes += [*unknown_patients(records, options.split), *group_notes]
        notes += one_value_notes([facts.path for facts in _facts(readings) if facts.is_blank])
        choose_order((r.label for r in usable(records)), options.positive)  # raises if it is unknown
        if options.split not in ("given", "none"):
            _check_usable(data_name, records)
            notes += torn_names(records)
        records, split_notes = _divide(data_name, records, scanned, options)
    return Index(scanned.root, tuple(records), (*notes, *split_notes), _facts(readings), copies, options.positive)


def _facts(readings: Sequence[Reading]) -> tuple[FileFacts, ...]:
    return tuple(reading.facts for reading in readings if reading.facts)


def _divide(
    data_name: str, records: list[Record], scanned: Scan, options: IndexOptions
) -> tuple[list[Record], list[str]]:
    """Return the records with their splits, and notes on these."""
    notes = []
    if options.split == "grouped" and any(file.split for file in scanned.files):
        notes.append("the data's own split is not kept; `fxkit index --keep-split` keeps it")
    try:
        divided, split_notes = divide_records(records, scanned.files, options.division)
    except DataError as error:
        raise DataError(f"{data_name}: {error}") from error
    leaks = leak_notes(divided, options.split) if options.split in ("keep", "random") else []
    sites = [f"WARNING: {text}" for text in [find_site_classes(divided)] if text]
    return divided, [*notes, *split_notes, *sites, *leaks]


def _scan(data: str | Path | Sequence[Path], root: str | Path | None, fewest_classes: int) -> tuple[Scan, str]:
    """List the files of one data set or of several folders; return them with the name of the data for errors."""
    if isinstance(data, (str, Path)):
        return scan(data, root, fewest_classes=fewest_classes), str(data)
    if len(data) == 1:
        return scan(data[0], root, fewest_classes=fewest_classes), str(data[0])
    if root is not None:
        raise DataError(
            f"{first_few(map(str, data))}: folders with --root {root}; --root belongs to a CSV file: leave it out"
        )
    return scan_roots(data), first_few(map(str, data))


def read_scan(
    scanned: Scan, options: IndexOptions = DEFAULTS, progress: Progress | None = None
) -> tuple[list[Reading], Copies]:
    """Read all files, and find copies by their pixels.

    Without `options.copies`, only files of accepted pairs are compared: these were accepted by the user.
    """
    paths = [file.path for file in scanned.files]
    on_files, on_copies = (progress and partial(progress, stage) for stage in ("files", "copies"))
    with open_store(options.cache) as store, open_workers(options.backend, options.jobs, options.scheduler) as jobs:
        read = partial(read_files, store, scanned.root, max_pixels=options.max_pixels, jobs=jobs)
        readings = read(paths, features=options.copies, progress=on_files)
        hashes = {path: reading.sha256 for path, reading in zip(paths, readings, strict=True)}
        verdicts = Verdicts(*(read_verdicts(file, hashes, scanned.root) for file in (options.accept, options.reject)))
        compared = set(hashes.values())
        if not options.copies:
            compared = {sha256 for pair in verdicts.accepted for sha256 in pair}
            read([path for path in paths if hashes[path] in compared], features=True)
        if not compared:
            return readings, NO_COPIES
        return readings, find_copies(store, compared, verdicts, jobs=jobs, progress=on_copies)


def group_files(
    files: Sequence[ScannedFile],
    readings: Sequence[Reading],
    copies: Copies,
    *,
    dicom_ids: bool = True,
    films: Sequence[str] = (),
    groups: Sequence[str] = (),
    correct: Callable[[list[Record]], Grouped] = lambda records: (records, []),
) -> Grouped:
    """Return a record with film and group for every file, and notes on copies and DICOM ids.

    Args:
        films, groups: name of the film and of the group of each file, if a table gives them; "" where it does not.
            Files with the same name belong together, besides those that are found to.
        correct: corrects the labels of the records, and returns notes.
    """
    names = film_keys([film_path(file) for file in files])
    same_film = [[r.sha256 for r in readings], [copies.groups.get(r.sha256, "") for r in readings]]
    ids = select_usable_ids(files, [r.ids if dicom_ids else None for r in readings], join_all(names, same_film))
    patients = [file.patient or patient for file, patient in zip(files, ids.patients, strict=True)]
    sites, site_notes = join_spellings(
        [file.site or site for file, site in zip(files, ids.sites, strict=True)], label_key, SITES
    )
    given_films, given_groups = ([[*names_given]] if names_given else [] for names_given in (films, groups))
    films, groups = assign_groups(
        names, patients, [*same_film, ids.films, *given_films], [ids.patients, ids.studies, *given_groups]
    )
    found = zip(files, readings, films, groups, patients, sites, strict=True)
    records = [_record(*one) for one in found]
    records, label_notes = correct(records)
    notes = [*label_notes, *twin_notes(records), *copy_notes(records, files, copies, ids.patients)]
    return records, [*notes, *ids.notes, *site_notes]


def _correct_labels(files: Sequence[Path], root: Path, records: list[Record]) -> Grouped:
    """Apply the verdicts on labels, one file after the other."""
    paths, notes = FilmPaths(root), list[str]()
    for file in files:
        records, more = apply_label_verdicts(records, read_label_verdicts(file), paths.find)
        notes += [f"{file}: {note}" for note in more]
    return records, notes


def _record(file: ScannedFile, reading: Reading, film: str, group: str, patient: str, site: str) -> Record:
    return Record(
        path=file.path,
        label=file.label,
        group=group,
        split="",
        sha256=reading.sha256,
        width=reading.width,
        height=reading.height,
        status=reading.status,
        film=film,
        patient=patient,
        site=site,
        given_label=file.given_label,
    )


def _check_usable(data_name: str, records: Sequence[Record]) -> None:
    """Raise DataError unless files of at least two classes can be read."""
    readable = usable(records)
    if not readable:
        first = records[0]
        text = f"{none_of(len(records), 'file')} can be read; the first: {first.path}: {first.status}"
        raise DataError(f"{data_name}: {text}")
    classes = sorted({r.label for r in readable})
    if len(classes) < 2:
        raise DataError(
            f"{data_name}: only one class ({classes[0]!r}) among the {len(readable)} readable files; expected two or "
            "more; repair the unreadable files or add films"
        )


def write_index(path: str | Path, index: Index, *, overwrite: bool = False) -> None:
    """Write the manifest.

    Args:
        overwrite: replace an existing manifest that has different rows.

    Raises:
        OutputError: a file with other content exists, or the file cannot be written.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        same = path.is_file() and path.read_bytes() == manifest_text(index.records).encode("utf-8", "surrogateescape")
        if not same:
            raise OutputError(f"{path}: already exists with different rows; choose another --out, or give --overwrite")
        return
    write_manifest(path, index.records)
