"""Open the review of a cleaned folder, and write its results."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib

from preprocess.coco import write_coco
from preprocess.errors import OutputError
from preprocess.folder.clean_folder import MARKERS_FILE, LedgerImages
from preprocess.folder.one_file import CleaningPlan
from preprocess.folder.resume import add_to_settings_file, remove_partial_writes
from preprocess.folder.sources import PngNames
from preprocess.image_files import MAX_PIXELS
from preprocess.json_files import parse_json
from preprocess.ledger import LEDGER, Ledger, open_ledger
from preprocess.locks import lock
from preprocess.review.ranking import Census, sort_key, take_census
from preprocess.review.residuals import count_residuals
from preprocess.review.server.pictures import Pictures
from preprocess.review.server.sample import open_sample
from preprocess.review.server.session import CONFIRMED_FILE, Session, source_path
from preprocess.settings import SETTINGS_FILE, settings_from


@contextmanager
def open_session(
    out: Path,
    root: Path | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
    sample: int | None = None,
    seed: int = 0,
) -> Iterator[Session]:
    """Open the review of a cleaned folder and hold its lock; at the end, sort the ledger and write markers.json.

    Args:
        root: folder of the films. Default: the one that clean.json names.
        sample: show this number of films, chosen at random, to estimate how many markers were missed. Default: show all
            films, the most doubtful first.
        seed: seed of the sample.
    Raises:
        OutputError: the folder is not a cleaned folder, another process is writing into it, or its films are missing.
    """
    if not (out / SETTINGS_FILE).is_file() or not (out / LEDGER).is_file():
        raise OutputError(
            f"{out}: not a cleaned folder (it has no {SETTINGS_FILE} or {LEDGER}); run clean-labels first"
        )
    with lock(out):
        plan = _read_plan(out, root, max_pixels)
        ledger = open_ledger(out)
        _check_films(plan.root, ledger)
        census = take_census(ledger.rows())
        judged = {row.path for row in ledger.rows() if row.judged}
        drawn = None if sample is None else open_sample(out, ledger, sample, seed)
        paths = drawn.paths if drawn else _sort_films(ledger, census)
        session = Session(plan, ledger, paths, census, judged, Pictures(max_pixels), PngNames(plan.root), drawn)
        try:
            yield session
        finally:
            if session.saved:
                session.ledger = session.ledger.write_sorted(out / LEDGER)
                write_results(session)
                remove_partial_writes(out)


def _sort_films(ledger: Ledger, census: Census) -> tuple[str, ...]:
    return tuple(path for _, path in sorted((sort_key(row, census), row.path) for row in ledger.rows()))


def write_results(session: Session) -> None:
    """Write markers.json, confirmed.json and the films with markers left in clean.json."""
    with session.mutex:
        ledger, judged = session.snapshot(), set(session.judged)
    out = session.plan.out
    write_coco(out / MARKERS_FILE, LedgerImages(ledger))
    write_coco(out / CONFIRMED_FILE, LedgerImages(ledger.subset(judged)))
    add_to_settings_file(out, residual=count_residuals(ledger.rows()))


def _read_plan(out: Path, root: Path | None, max_pixels: int) -> CleaningPlan:
    file = out / SETTINGS_FILE
    try:
        content = parse_json(file.read_bytes())
        settings = settings_from(content["settings"], str(file))
        masks_only, stored = bool(content.get("masks_only", False)), content.get("root")
        dicom_out, overlays = str(content.get("dicom_out", "png")), str(content.get("overlays", "keep"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise OutputError(f"{file}: damaged ({type(error).__name__}: {error}); clean again with --overwrite") from error
    return CleaningPlan(
        root=root or _find_root(out, stored),
        out=out,
        settings=settings,
        masks_only=masks_only,
        dry_run=False,
        max_pixels=max_pixels,
        threads=joblib.cpu_count(),
        easyocr_models=None,
        marker_file="",
        dicom_out=dicom_out,
        overlays=overlays,
    )


def _find_root(out: Path, stored: Any) -> Path:
    """Return the folder of the films that clean.json names, or else the one beside NAME-clean that is called NAME."""
    real = out.resolve()
    if isinstance(stored, str):
        return Path(os.path.normpath(real / stored))
    return real.parent / real.name.removesuffix("-clean") if real.name.endswith("-clean") else real


def _check_films(root: Path, ledger: Ledger) -> None:
    films = [source_path(root, path) for path in ledger.offsets]
    if not any(os.path.exists(film) for film in films):
        raise OutputError(f"{root}: holds none of the films that were cleaned; give their folder with --root")
