"""Clean a folder of films and keep a ledger of it.

Files stream: each is read, cleaned and written by itself, then gets its row in the ledger, so that a run
which was stopped at any moment goes on where it was.
"""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import joblib

from preprocess.clean_image import Cleaned, clean_image, erase, mask_of
from preprocess.coco import read_coco, write_coco
from preprocess.coco_names import name_films
from preprocess.detectors.build import build_detector
from preprocess.errors import MarkerFileError
from preprocess.files import sha256_of
from preprocess.folder.backends import open_backend
from preprocess.folder.one_file import Plan, Task, check_detector, short
from preprocess.folder.resume import Mode, open_out, remove_parts, rows_that_hold
from preprocess.folder.sources import PngNames, Sources, checked_paths, choose_out, list_sources
from preprocess.images import MAX_PIXELS
from preprocess.ledger import LEDGER, Ledger, LedgerRow, Rows
from preprocess.markers import MarkedImage
from preprocess.review.association import ClassOf, associate, class_of, write_association
from preprocess.review.page import write_review
from preprocess.settings import CleanSettings, read_clean_settings, settings_from

__all__ = [
    "CleanSettings",
    "Cleaned",
    "Summary",
    "build_detector",
    "clean_folder",
    "clean_image",
    "erase",
    "mask_of",
    "read_clean_settings",
    "settings_from",
]


MARKERS_FILE = "markers.json"

REVIEW_FILE = "review.html"

ASSOCIATION_FILE = "association.json"


@dataclass(frozen=True)
class Summary:
    """What a run over a folder did.

    Args:
        rows: of every file of this run, sorted by path; they are read from the ledger, and hold until it is
            written anew.
        resumed: how many of them an earlier run had done.
        out: the output folder; a dry run does not make it.
    """

    out: Path
    rows: Rows
    resumed: int = 0

    def having(self, status: str) -> tuple[LedgerRow, ...]:
        """Return the rows of one status."""
        return tuple(row for row in self.rows if row.status == status)


def clean_folder(
    data: str | Path,
    out: str | Path | None = None,
    *,
    settings: CleanSettings | None = None,
    root: str | Path | None = None,
    paths: Iterable[str] | None = None,
    markers: str | Path | None = None,
    masks_only: bool = False,
    dry_run: bool = False,
    overwrite: bool = False,
    jobs: int = 1,
    backend: str = "loky",
    scheduler: str | None = None,
    max_pixels: int = MAX_PIXELS,
    easyocr_models: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Clean the images of a folder, or those a CSV names, into another folder; the input is never changed.

    Images with markers become PNGs, the others are copied byte for byte. A file that cannot be used becomes a
    `failed` row and the run goes on. An earlier run with the same settings is gone on with.

    Args:
        data: a folder, or a CSV file with a column `path`.
        out: by default ROOT-clean, beside the folder of the images.
        root: what a CSV's paths are relative to; by default its own folder.
        paths: only these, relative to the root.
        markers: a COCO file of the markers to erase, instead of detecting them, also as CVAT, Label Studio or
            FiftyOne write it. Images without annotations in it are copied; images that it does not list fail.
        masks_only: write masks (255 on markers), no images.
        dry_run: write nothing; the rows say what would be done. What an earlier run did is not looked at again.
        overwrite: clean anew what was cleaned with other settings, and remove the outputs of films that are no
            longer there.
        jobs: processes; together they use as many threads as there are processor cores.
        backend: loky, processes of this machine; or dask, all workers of a cluster, which share the folders.
        scheduler: address of the Dask cluster's scheduler.
        progress: called as progress(done, total) after each file.
    Raises:
        KnownError: data, out or markers cannot be used, the detector is missing, the disk is full, or workers
            cannot be had or were lost.
    """
    settings = settings or CleanSettings()
    sources = list_sources(data, root)
    if paths is not None:
        sources = Sources(sources.root, checked_paths(paths, str(data)))
    given = {} if markers is None else _given(markers, sources)
    plan = Plan(
        root=sources.root,
        out=choose_out(sources.root, out),
        settings=settings,
        masks_only=masks_only,
        dry_run=dry_run,
        max_pixels=max_pixels,
        threads=max(1, joblib.cpu_count() // jobs),
        easyocr_models=None if easyocr_models is None else str(easyocr_models),
        markers="" if markers is None else Path(markers).name,
    )
    mode = Mode(settings, masks_only, "" if markers is None else sha256_of(Path(markers)))
    with open_backend(backend, jobs, scheduler) as run:
        kept = rows_that_hold(plan.out, plan.root, sources.paths, mode, overwrite=overwrite)
        todo = [path for path in sources.paths if path not in kept.places]
        if todo:
            check_detector(plan)
        ledger = _dry(kept) if dry_run else open_out(plan.out, mode, kept)
        for path, error in sources.unlisted:
            ledger.append(LedgerRow(path, "", "failed", error=short(error, plan)))
        done = len(sources.paths) - len(todo)
        for number, row in enumerate(run(plan, _tasks(plan, todo, given)), done + 1):
            ledger.append(row)
            if progress:
                progress(number, len(sources.paths))
    if not dry_run:
        ledger = _finish(plan, ledger, class_of(data))
    mine = {*sources.paths, *(path for path, _ in sources.unlisted)}
    return Summary(plan.out, Rows(ledger, tuple(sorted(mine))), done)


def _dry(kept: Ledger) -> Ledger:
    """A ledger for the rows of a dry run, beside which nothing is written; it goes when it is no longer used."""
    folder = tempfile.mkdtemp(prefix="fxkit-")
    ledger = kept.sorted_into(Path(folder, LEDGER))
    weakref.finalize(ledger, shutil.rmtree, folder)
    return ledger


def _given(markers: str | Path, sources: Sources) -> dict[str, MarkedImage]:
    given = name_films(read_coco(markers), sources.paths, str(markers))
    if not set(given) & set(sources.paths):
        example = next(iter(given), "none")
        raise MarkerFileError(
            f"{markers}: none of its {len(given)} images (the first: {example}) is among the "
            f"{len(sources.paths)} below {sources.root}; file_name must be relative to that folder"
        )
    return given


def _tasks(plan: Plan, paths: Iterable[str], given: Mapping[str, MarkedImage]) -> Iterator[Task]:
    names = PngNames(plan.root)
    return (Task(path, names.of(path), given.get(path)) for path in paths)


def _finish(plan: Plan, ledger: Ledger, classes: ClassOf) -> Ledger:
    ledger = ledger.sorted_into(plan.out / LEDGER)
    write_coco(plan.out / MARKERS_FILE, Seen(ledger))
    everything = Rows(ledger, tuple(ledger.places))
    association = associate(everything, classes)
    write_association(plan.out / ASSOCIATION_FILE, association)
    write_review(plan.out / REVIEW_FILE, everything, plan.root, plan.settings, plan.max_pixels, classes, association)
    remove_parts(plan.out)
    return ledger


class Seen(Mapping[str, MarkedImage]):
    """The images of a ledger that did not fail, each read from it when it is asked for."""

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
