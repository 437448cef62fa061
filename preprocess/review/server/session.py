"""A review of a cleaned folder: its films in order of doubt, and the corrections of a person."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from threading import RLock
from typing import Any

import joblib

from preprocess.clean_image import build_mask
from preprocess.coco import write_coco
from preprocess.errors import KnownError, OutputError, one_line
from preprocess.files import has_hash
from preprocess.folder.clean_folder import MARKERS_FILE, LedgerImages
from preprocess.folder.one_file import CleaningPlan, FileTask, clean_file
from preprocess.folder.resume import add_to_settings_file, output_path, remove_partial_writes
from preprocess.folder.sources import PngNames
from preprocess.image_files import MAX_PIXELS
from preprocess.json_files import parse_json
from preprocess.ledger import LEDGER, Ledger, LedgerRow, open_ledger
from preprocess.locks import lock
from preprocess.markers import MarkedImage, Marker
from preprocess.mask import outline_path
from preprocess.review.ranking import Census, list_reasons, sort_key, take_census
from preprocess.review.residuals import count_residuals
from preprocess.review.server.messages import Verdict, to_json, to_markers
from preprocess.review.server.pictures import Picture, Pictures
from preprocess.settings import SETTINGS_FILE, settings_from

CONFIRMED_FILE = "confirmed.json"  # the films that a person judged, as COCO: the tuning set


class ChangedError(KnownError):
    """The film is no longer the one that the person saw."""


@dataclass
class Session:
    """An open review. Films are named by their number in `paths`, so that no request can name another file.

    Args:
        plan: how the folder was cleaned.
        ledger: its ledger, to which judged films are appended.
        paths: the films in the order in which they are shown.
        census: counts over the folder at the start, for the reasons to check a film.
        judged: paths of the films that a person judged.
    """

    plan: CleaningPlan
    ledger: Ledger
    paths: tuple[str, ...]
    census: Census
    judged: set[str]
    pictures: Pictures
    names: PngNames
    mutex: Any = field(default_factory=RLock)
    saved: int = 0

    def row(self, number: int) -> LedgerRow:
        """Return the ledger row of a film.

        Raises:
            IndexError: there is no such film.
        """
        if not 0 <= number < len(self.paths):
            raise IndexError(number)
        with self.mutex:
            return self.ledger[self.paths[number]]

    def version(self, number: int) -> int:
        """Return a number that changes whenever the row of a film is written again."""
        return self.ledger.offsets[self.paths[number]]

    def source_picture(self, number: int) -> Picture:
        """Return the picture of the film before cleaning."""
        row = self.row(number)
        return self.pictures.get(source_path(self.plan.root, row.path), row.sha256)

    def output_picture(self, number: int) -> Picture:
        """Return the picture of the film after cleaning.

        Raises:
            OutputError: the film failed, so that there is none.
        """
        row = self.row(number)
        if not row.output:
            raise OutputError(f"{row.path}: was not cleaned; nothing was written")
        return self.pictures.get(output_path(self.plan.out, row.output), row.output_sha256)

    def save(self, number: int, verdict: Verdict) -> None:
        """Clean a film again with the markers of a person, and append its row.

        If the person changed no marker, the output stays as it is.

        Raises:
            ChangedError: the film was saved elsewhere, or its file changed after it was cleaned.
            KnownError: the film cannot be cleaned with these markers. Nothing was written.
        """
        with self.mutex:
            if verdict.version != self.version(number):
                raise ChangedError("this film was saved in another window; load it again")
            old = self.row(number)
            source = source_path(self.plan.root, old.path)
            if not has_hash(source, old.sha256):
                raise ChangedError(f"{old.path}: the file changed after it was cleaned; run clean-labels again")
            width, height = self.size(number)
            markers = to_markers(verdict.markers, width, height)
            row = self._confirm(old, markers) or self._clean(old, MarkedImage(width, height, markers))
            self.ledger.append(row)
            self.judged.add(row.path)
            self.saved += 1
            if old.output and old.output != row.output:
                output_path(self.plan.out, old.output).unlink(missing_ok=True)

    def size(self, number: int) -> tuple[int, int]:
        """Return the width and height of a film in pixels."""
        row = self.row(number)
        if row.width:
            return row.width, row.height
        picture = self.source_picture(number)
        return picture.width, picture.height

    def _confirm(self, old: LedgerRow, markers: tuple[Marker, ...]) -> LedgerRow | None:
        """Return the row of a film whose markers a person left as they were; None if its output must be made again."""
        before = [(marker.quad, marker.text, marker.style) for marker in old.markers]
        if before != [(marker.quad, marker.text, marker.style) for marker in markers] or old.status == "failed":
            return None
        if not has_hash(output_path(self.plan.out, old.output), old.output_sha256):
            return None
        return replace(old, markers=markers, residual=(), judged=True)

    def _clean(self, old: LedgerRow, listed: MarkedImage) -> LedgerRow:
        row = clean_file(self.plan, FileTask(old.path, self.names.of(old.path), listed, judged=True))
        if row.status == "failed":
            raise KnownError(row.error)
        return row

    def describe(self, number: int) -> dict[str, Any]:
        """Return what the page shows of a film."""
        row = self.row(number)
        try:
            width, height = self.size(number)
            error = row.error
        except KnownError as problem:
            width = height = 0
            error = str(problem)
        mask = build_mask((height, width), row.markers, self.plan.settings)
        return {
            "number": number,
            "name": one_line(row.path),
            "status": row.status,
            "error": one_line(error),
            "reasons": list_reasons(row, self.census),
            "judged": row.judged,
            "width": width,
            "height": height,
            "markers": [to_json(marker) for marker in row.markers],
            "residual": [to_json(marker) for marker in row.residual],
            "mask": outline_path(mask) if width else "",
            "version": self.version(number),
            "next": self.next_to_judge(number),
        }

    def next_to_judge(self, number: int) -> int | None:
        """Return the film after this one, or else the first one, that nobody judged; None if all are judged."""
        order = (*range(number + 1, len(self.paths)), *range(number))
        return next((other for other in order if self.paths[other] not in self.judged), None)

    def list_films(self, first: int, count: int, show: str, text: str) -> dict[str, Any]:
        """Return a page of the list of films.

        Args:
            show: all, todo or judged.
            text: part of the path, in any case; empty for all films.
        """
        wanted = {"todo": False, "judged": True}.get(show)
        matches = [
            number
            for number, path in enumerate(self.paths)
            if (wanted is None or (path in self.judged) == wanted) and text.lower() in one_line(path).lower()
        ]
        chosen = matches[first : first + count]
        return {"total": len(matches), "films": [self._list_entry(number) for number in chosen]}

    def _list_entry(self, number: int) -> dict[str, Any]:
        row = self.row(number)
        return {
            "number": number,
            "name": one_line(row.path),
            "judged": row.judged,
            "markers": len(row.markers),
            "reasons": list_reasons(row, self.census),
        }

    def progress(self) -> dict[str, Any]:
        """Return how much is judged, and the command that tunes the network with it."""
        confirmed, root = self.plan.out / CONFIRMED_FILE, self.plan.root
        command = ["fxkit", "markernet", "tune", str(confirmed), str(root), "--out", "site.onnx"]
        with self.mutex:
            n_judged = sum(path in self.judged for path in self.paths)
        return {"films": len(self.paths), "judged": n_judged, "tune": one_line(shlex.join(command))}

    def snapshot(self) -> Ledger:
        """Return the ledger as it is now, for readers in other threads."""
        with self.mutex:
            return Ledger(self.ledger.file, dict(self.ledger.offsets))


def source_path(root: Path, path: str) -> Path:
    """Return the file of a film, and refuse one outside the root: the ledger may have been tampered with."""
    parts = PurePosixPath(path).parts
    if not parts or parts[0] == "/" or ".." in parts:
        raise OutputError(f"{root}: film {path!r} leads out of this folder; clean into a new folder")
    return root / path


@contextmanager
def open_session(out: Path, root: Path | None = None, *, max_pixels: int = MAX_PIXELS) -> Iterator[Session]:
    """Open the review of a cleaned folder and hold its lock; at the end, sort the ledger and write markers.json.

    Args:
        root: folder of the films. Default: the one that clean.json names.
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
        order = sorted((sort_key(row, census), row.path) for row in ledger.rows())
        judged = {row.path for row in ledger.rows() if row.judged}
        paths = tuple(path for _, path in order)
        session = Session(plan, ledger, paths, census, judged, Pictures(max_pixels), PngNames(plan.root))
        try:
            yield session
        finally:
            if session.saved:
                session.ledger = session.ledger.write_sorted(out / LEDGER)
                write_results(session)
                remove_partial_writes(out)


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
