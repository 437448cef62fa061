"""A review of a cleaned folder: its films in the order in which they are shown, and the corrections of a person."""

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from threading import RLock
from typing import Any

from preprocess.clean_image import build_mask
from preprocess.errors import KnownError, OutputError, one_line
from preprocess.files import has_hash
from preprocess.folder.one_file import CleaningPlan, FileTask, clean_file
from preprocess.folder.resume import output_path
from preprocess.folder.sources import PngNames
from preprocess.ledger import Ledger, LedgerRow
from preprocess.markers import STYLES, MarkedImage, Marker
from preprocess.mask import outline_path
from preprocess.review.ranking import Census, list_reasons
from preprocess.review.server.messages import Verdict, to_json, to_markers
from preprocess.review.server.pictures import Picture, Pictures
from preprocess.review.server.sample import Sample

CONFIRMED_FILE = "confirmed.json"  # the films that a person judged, as COCO: the tuning set


class HiddenError(KnownError):
    """In a sample, a person must look at the cleaned film before the markers are shown."""


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
        sample: the random sample that the films belong to; None if all films are shown.
    """

    plan: CleaningPlan
    ledger: Ledger
    paths: tuple[str, ...]
    census: Census
    judged: set[str]
    pictures: Pictures
    names: PngNames
    sample: Sample | None = None
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
        """Return the picture of the film before cleaning.

        Raises:
            HiddenError: a person must judge the cleaned film first.
        """
        row = self.row(number)
        if self.is_hidden(row.path):
            raise HiddenError("look at the cleaned film first")
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
            old = self._check_version(number, verdict)
            if self.is_hidden(old.path):
                raise HiddenError("look at the cleaned film first")
            source = source_path(self.plan.root, old.path)
            if not has_hash(source, old.sha256):
                raise ChangedError(f"{old.path}: the file changed after it was cleaned; run clean-labels again")
            width, height = self.size(number)
            markers = to_markers(verdict.markers, width, height, old.markers)
            row = self._confirm(old, markers) or self._clean(old, MarkedImage(width, height, markers))
            if self.sample:
                self.sample.judge(row, self.plan.settings)
            self.ledger.append(row)
            self.judged.add(row.path)
            self.saved += 1
            if old.output and old.output != row.output:
                output_path(self.plan.out, old.output).unlink(missing_ok=True)

    def look(self, number: int, verdict: Verdict) -> None:
        """Record what a person sees on the cleaned film of a sample; from then on its markers are shown.

        Raises:
            ChangedError: the film was saved elsewhere.
            KnownError: this is no sample, or the film was looked at before.
        """
        with self.mutex:
            row = self._check_version(number, verdict)
            if self.sample is None:
                raise KnownError("this is not a sample; start fxkit review with --sample")
            self.sample.look(row, to_markers(verdict.markers, row.width, row.height))

    def is_hidden(self, path: str) -> bool:
        """Return whether the markers of a film must not be shown yet."""
        return self.sample is not None and self.sample.is_hidden(path)

    def _check_version(self, number: int, verdict: Verdict) -> LedgerRow:
        row = self.row(number)
        if verdict.version != self.version(number):
            raise ChangedError("this film was saved in another window; load it again")
        return row

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
        hidden = {"status": "", "reasons": (), "markers": [], "residual": [], "mask": "", "hidden": True}
        left = self.sample.film(row.path).left if self.sample and not row.judged else None
        return {
            "number": number,
            "name": one_line(row.path),
            "status": row.status,
            "error": one_line(error),
            "reasons": self.reasons(row),
            "judged": row.judged,
            "width": width,
            "height": height,
            "markers": [to_json(marker) for marker in row.markers],
            "residual": [to_json(marker) for marker in row.residual],
            "mask": outline_path(mask) if width else "",
            "version": self.version(number),
            "next": self.next_to_judge(number),
            "hidden": False,
            "left": left or [],
        } | (hidden if self.is_hidden(row.path) else {})

    def reasons(self, row: LedgerRow) -> tuple[str, ...]:
        """Return the reasons to check a film; in a sample there are none."""
        return () if self.sample else list_reasons(row, self.census)

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
        } | ({} if self.is_hidden(row.path) else {"markers": len(row.markers), "reasons": self.reasons(row)})

    def progress(self) -> dict[str, Any]:
        """Return how much is judged, and the command that tunes the network with it."""
        confirmed, root = self.plan.out / CONFIRMED_FILE, self.plan.root
        command = ["fxkit", "markernet", "tune", str(confirmed), str(root), "--out", "site.onnx"]
        with self.mutex:
            n_judged = sum(path in self.judged for path in self.paths)
        recall = "" if self.sample is None else self.sample.describe()
        return {
            "films": len(self.paths),
            "judged": n_judged,
            "tune": one_line(shlex.join(command)),
            "recall": recall,
            "styles": STYLES,
        }

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
