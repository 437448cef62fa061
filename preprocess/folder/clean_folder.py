"""Clean all films of a folder and record each file in a ledger.

Each file is read, cleaned and written on its own, and its ledger row is appended at once. A run that was stopped at
any moment therefore continues with the files that have no row yet.
"""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import joblib

from preprocess.coco import read_coco, write_coco
from preprocess.coco_names import name_films
from preprocess.errors import MarkerFileError
from preprocess.files import sha256_of
from preprocess.folder.backends import open_backend
from preprocess.folder.one_file import CleaningPlan, FileTask, check_detector, strip_folders
from preprocess.folder.resume import (
    RunIdentity,
    add_to_settings_file,
    open_output_folder,
    read_judged,
    remove_partial_writes,
    select_valid_rows,
)
from preprocess.folder.sources import PngNames, Sources, check_paths, choose_out, list_sources, relative_root
from preprocess.image_files import MAX_PIXELS
from preprocess.ledger import LEDGER, Ledger, LedgerRow, Rows
from preprocess.locks import lock
from preprocess.markers import MarkedImage
from preprocess.review.association import ClassLookup, associate, build_class_lookup, write_association
from preprocess.review.page import ReviewInputs, write_review
from preprocess.review.residuals import count_residuals
from preprocess.settings import CleanSettings
from preprocess.words import amount, none_of

MARKERS_FILE = "markers.json"

REVIEW_FILE = "review.html"

ASSOCIATION_FILE = "association.json"


@dataclass(frozen=True)
class FolderOptions:
    """Options of a cleaning run.

    Args:
        settings: how markers are found and erased.
        root: folder that the paths of a CSV file are relative to. Default: the folder of the CSV file.
        paths: clean these files only; the paths are relative to the root.
        markers: COCO file of the markers to erase; no detector runs. Files that CVAT, Label Studio or FiftyOne
            exported are accepted. Images without annotations are copied. Images that the file does not list fail.
        masks_only: write masks (255 on markers) instead of images.
        dry_run: write nothing; the rows say what would be done. Files that an earlier run finished are not
            checked again.
        overwrite: clean again the files that were cleaned with other settings, and remove the outputs of films that no
            longer exist.
        jobs: number of processes. Together they use as many threads as there are processor cores.
        backend: `loky` for processes of this machine, `dask` for all workers of a cluster. The workers must see the
            folders under the same paths.
        scheduler: address of the Dask scheduler.
        max_pixels: images with more pixels are refused.
        easyocr_models: folder of the EasyOCR model files.
        dicom_out: what becomes of DICOM files with markers: `dicom` (DICOM files whose values outside the mask and
            tags stay) or `png` (the first frame, as it is shown).
        overlays: `keep` or `erase` the overlay planes of DICOM files. fxkit does not read them, but viewers draw them
            over the film. With dicom_out png, they are left out.
    """

    settings: CleanSettings = field(default_factory=CleanSettings)
    root: str | Path | None = None
    paths: Iterable[str] | None = None
    markers: str | Path | None = None
    masks_only: bool = False
    dry_run: bool = False
    overwrite: bool = False
    jobs: int = 1
    backend: str = "loky"
    scheduler: str | None = None
    max_pixels: int = MAX_PIXELS
    easyocr_models: str | Path | None = None
    dicom_out: Literal["dicom", "png"] = "dicom"
    overlays: Literal["keep", "erase"] = "keep"


@dataclass(frozen=True)
class Summary:
    """Result of a cleaning run.

    Args:
        out: the output folder. A dry run does not create it.
        rows: one row for each file of this run, sorted by path. They are read from the ledger when accessed, and stay
            valid until another run rewrites it.
        resumed: number of these files that an earlier run had finished.
        notes: messages for the user.
    """

    out: Path
    rows: Rows
    resumed: int = 0
    notes: tuple[str, ...] = ()

    def with_status(self, status: str) -> tuple[LedgerRow, ...]:
        """Return the rows that have this status."""
        return tuple(row for row in self.rows if row.status == status)


def clean_folder(
    data: str | Path,
    out: str | Path | None = None,
    options: FolderOptions | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
    on_notes: Callable[[Sequence[str]], None] | None = None,
) -> Summary:
    """Clean the images of a folder, or those listed in a CSV file, into another folder.

    The input folder is never changed. Images with markers are written as PNG; the others are copied byte for byte.
    A file that cannot be used gets a `failed` row, and the run continues. A run with the same settings as an earlier
    one continues where that one stopped.

    Args:
        data: a folder, or a CSV file with a column `path`.
        out: output folder. Default: ROOT-clean, next to the folder of the images.
        options: how to clean, and on how many processes. Default: `FolderOptions()`.
        progress: called as progress(done, total) after each file.
        on_notes: called with the notes on `data` before the first file is read.
    Raises:
        KnownError: `data`, `out` or the marker file cannot be used, another process is writing into `out`, the
            detector is missing, the disk is full, or the workers are unavailable or were lost.
    """
    options = options or FolderOptions()
    sources = _list_chosen(data, options)
    classes = build_class_lookup(data, sources.root)
    notes = (*sources.notes, *classes.notes)
    if on_notes:
        on_notes(notes)
    plan = _make_plan(sources.root, choose_out(sources.root, out), options)
    ledger, n_resumed = _clean_sources(plan, sources, classes, options, progress)
    paths_of_run = {*sources.paths, *(path for path, _ in sources.unlisted)}
    return Summary(plan.out, Rows(ledger, tuple(sorted(paths_of_run))), n_resumed, notes)


def _clean_sources(
    plan: CleaningPlan,
    sources: Sources,
    classes: ClassLookup,
    options: FolderOptions,
    progress: Callable[[int, int], None] | None,
) -> tuple[Ledger, int]:
    """Clean the files that remain; return the ledger, and the number of files that an earlier run had finished."""
    listed = {} if options.markers is None else _read_markers(options.markers, sources)
    workers = open_backend(options.backend, options.jobs, options.scheduler)
    with nullcontext() if plan.dry_run else lock(plan.out), workers as clean_files:
        ledger, pending, judged = _open_ledger(plan, sources, options)
        n_resumed = len(sources.paths) - len(pending)
        for n_done, row in enumerate(clean_files(plan, _tasks(plan, pending, listed, judged)), n_resumed + 1):
            ledger.append(row)
            if progress:
                progress(n_done, len(sources.paths))
        if not plan.dry_run:
            ledger = _finish(plan, ledger, classes)
    return ledger, n_resumed


def _list_chosen(data: str | Path, options: FolderOptions) -> Sources:
    sources = list_sources(data, options.root)
    if options.paths is None:
        return sources
    return replace(sources, paths=check_paths(options.paths, sources.root, str(data)), unlisted=())


def _make_plan(root: Path, out: Path, options: FolderOptions) -> CleaningPlan:
    return CleaningPlan(
        root=root,
        out=out,
        settings=options.settings,
        masks_only=options.masks_only,
        dry_run=options.dry_run,
        max_pixels=options.max_pixels,
        threads=max(1, joblib.cpu_count() // options.jobs),
        easyocr_models=None if options.easyocr_models is None else str(options.easyocr_models),
        marker_file="" if options.markers is None else Path(options.markers).name,
        dicom_out=options.dicom_out,
        overlays=options.overlays,
    )


def _open_ledger(
    plan: CleaningPlan, sources: Sources, options: FolderOptions
) -> tuple[Ledger, list[str], dict[str, MarkedImage]]:
    """Open the ledger with the rows of earlier runs that are still valid.

    Returns:
        The ledger, the paths that remain to clean, and the markers of those of them that a person judged.
    """
    markers_sha256 = "" if options.markers is None else sha256_of(Path(options.markers))
    identity = RunIdentity(
        options.settings, options.masks_only, markers_sha256, dicom_out=options.dicom_out, overlays=options.overlays
    )
    kept = select_valid_rows(plan.out, plan.root, sources.paths, identity, overwrite=options.overwrite)
    pending = [path for path in sources.paths if path not in kept.offsets]
    if pending:
        check_detector(plan)
    judged = read_judged(plan.out, plan.root, pending, identity)
    ledger = _open_dry_ledger(kept) if plan.dry_run else open_output_folder(plan.out, identity, kept)
    for path, error in sources.unlisted:
        ledger.append(LedgerRow(path, "", "failed", error=strip_folders(error, plan)))
    return ledger, pending, judged


def _open_dry_ledger(kept: Ledger) -> Ledger:
    """Open a ledger for a dry run in a temporary folder, which is deleted once the ledger is no longer used."""
    folder = tempfile.mkdtemp(prefix="fxkit-")
    ledger = kept.write_sorted(Path(folder, LEDGER))
    weakref.finalize(ledger, shutil.rmtree, folder)
    return ledger


def _read_markers(markers: str | Path, sources: Sources) -> dict[str, MarkedImage]:
    listed = name_films(read_coco(markers), sources.paths, str(markers))
    if not set(listed) & set(sources.paths):
        example = next(iter(listed), "none")
        raise MarkerFileError(
            f"{markers}: {none_of(len(listed), 'image')} in it (the first: {example}) is among the "
            f"{amount(len(sources.paths), 'image')} below {sources.root}; file_name must be relative to that folder"
        )
    return listed


def _tasks(
    plan: CleaningPlan, paths: Iterable[str], listed: Mapping[str, MarkedImage], judged: Mapping[str, MarkedImage]
) -> Iterator[FileTask]:
    names = PngNames(plan.root)
    return (FileTask(path, names.of(path), judged.get(path, listed.get(path)), path in judged) for path in paths)


def _finish(plan: CleaningPlan, ledger: Ledger, classes: ClassLookup) -> Ledger:
    """Sort the ledger, then write the marker file, the association test and the review page."""
    ledger = ledger.write_sorted(plan.out / LEDGER)
    write_coco(plan.out / MARKERS_FILE, LedgerImages(ledger))
    rows = Rows(ledger, tuple(ledger.offsets))
    add_to_settings_file(plan.out, residual=count_residuals(rows), root=relative_root(plan.root, plan.out))
    association = associate(rows, classes)
    write_association(plan.out / ASSOCIATION_FILE, association)
    inputs = ReviewInputs(rows, plan.root, plan.settings, plan.max_pixels, classes, association)
    write_review(plan.out / REVIEW_FILE, inputs)
    remove_partial_writes(plan.out)
    return ledger


class LedgerImages(Mapping[str, MarkedImage]):
    """The images of a ledger that did not fail; each one is read from the ledger when it is accessed."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._paths = [row.path for row in ledger.rows() if row.status != "failed"]

    def __getitem__(self, path: str) -> MarkedImage:
        row = self._ledger[path]
        return MarkedImage(row.width, row.height, row.markers)

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)
