"""Open an output folder: refuse one of another kind, and keep what an earlier run did that still holds."""

import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import Any

from preprocess.errors import DetectorError, OutputError
from preprocess.files import sha256_of, write_atomic
from preprocess.ledger import LEDGER, Ledger, LedgerRow, open_ledger
from preprocess.settings import NETWORK, SETTINGS_FILE, CleanSettings

PART = re.compile(r"\.[0-9a-f]{8}\.\d+\.\d+\.part")  # what an interrupted `write_atomic` leaves behind

PACKAGES = ("fxkit", "numpy", "opencv-python-headless", "onnxruntime", "rapidocr", "easyocr")


@dataclass(frozen=True)
class Mode:
    """What must be the same for a run to go on in a folder."""

    settings: CleanSettings
    masks_only: bool
    markers_sha256: str

    def as_json(self) -> dict[str, Any]:
        """Return the content of clean.json, versions of packages included."""
        return {
            "settings": self.settings.model_dump(),
            "masks_only": self.masks_only,
            "markers_sha256": self.markers_sha256,
            "weights_sha256": self._weights_sha256(),
            "versions": {name: _version(name) for name in PACKAGES},
        }

    def _weights_sha256(self) -> str:
        """The network's, where it decides what is a marker: a tuned one may change under the same name."""
        if self.markers_sha256 or self.settings.detector not in ("markernet", "union"):
            return ""
        file = Path(self.settings.weights or NETWORK)
        try:
            return sha256_of(file)
        except OSError as error:
            raise DetectorError(
                f"{file}: cannot be read ({error.strerror}); give an .onnx of `fxkit markernet`"
            ) from error


def rows_that_hold(out: Path, root: Path, paths: Iterable[str], mode: Mode, *, overwrite: bool = False) -> Ledger:
    """Return the rows of an output folder that a run can keep; nothing is written.

    A row holds when source and output are still as it says; rows of files outside `paths` are kept while their
    source exists.

    Raises:
        OutputError: not empty and no cleaned folder; or, without `overwrite`, made with other settings, or with
            outputs of files that are not below `root`.
    """
    fresh = _must_start_anew(out, mode, overwrite)
    old = _ledger(out)
    if not overwrite:
        _refuse_to_lose(out, root, old)
    here = set(paths)
    return old.only(() if fresh else (row.path for row in old.rows() if _holds(row, out, root, row.path in here)))


def open_out(out: Path, mode: Mode, kept: Ledger) -> Ledger:
    """Make or take up an output folder, and return its ledger, which holds the kept rows.

    Outputs of other rows are removed, to be made again.
    """
    _remove_leftovers(out, _ledger(out), kept)
    write_atomic(out / SETTINGS_FILE, json.dumps(mode.as_json(), indent=1) + "\n")
    return kept.sorted_into(out / LEDGER)


def _ledger(out: Path) -> Ledger:
    return open_ledger(out) if (out / LEDGER).exists() else Ledger(out / LEDGER)


def _must_start_anew(out: Path, mode: Mode, overwrite: bool) -> bool:
    """Whether rows of an earlier run, if there are any, cannot be kept."""
    if not (out / SETTINGS_FILE).exists() and _others(out):
        raise OutputError(
            f"{out}: is not empty and not made by clean-labels (there is no {SETTINGS_FILE}); "
            "choose another folder with --out"
        )
    difference = _difference(out, mode)
    if difference and not overwrite:
        raise OutputError(f"{out}: {difference}; choose another folder with --out, or use --overwrite")
    return bool(difference)


def _difference(out: Path, mode: Mode) -> str:
    try:
        found = json.loads((out / SETTINGS_FILE).read_bytes())
        old, new = {**found, **found["settings"]}, {**mode.as_json(), **mode.settings.model_dump()}
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"its {SETTINGS_FILE} is damaged ({type(error).__name__})"
    names = [name for name in new if name not in ("settings", "versions") and old.get(name) != new[name]]
    changes = (f"{name} {old.get(name)!r} (now {new[name]!r})" for name in names)
    return f"was cleaned with {', '.join(changes)}" if names else ""


def _others(out: Path) -> bool:
    return out.is_dir() and any(not PART.fullmatch(entry.name) for entry in out.iterdir())


def _refuse_to_lose(out: Path, root: Path, old: Ledger) -> None:
    """Outputs that this run cannot make again may be all that is left of their films, or of another folder's."""
    lost = sorted(row.path for row in old.rows() if not os.path.exists(root / row.path) and _has_output(row, out))
    if lost:
        more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
        raise OutputError(
            f"{out}: holds cleaned films that are not in {root}: {', '.join(lost[:3])}{more}; "
            "choose another folder with --out, or remove them with --overwrite"
        )


def _has_output(row: LedgerRow, out: Path) -> bool:
    return row.output != "" and os.path.lexists(_below(out, row.output))


def _holds(row: LedgerRow, out: Path, root: Path, asked: bool) -> bool:
    if row.status == "failed":
        return False
    output = _below(out, row.output)
    if not asked:
        return os.path.exists(root / row.path)
    return _is(root / row.path, row.sha256) and _is(output, row.output_sha256)


def _is(file: Path, sha256: str) -> bool:
    try:
        return sha256_of(file) == sha256
    except OSError:
        return False


def _remove_leftovers(out: Path, old: Ledger, kept: Ledger) -> None:
    """Nothing of an interrupted or outdated run may stay beside the new files."""
    others = sorted(old.places.keys() - kept.places.keys())
    unwanted = {row.output for row in old.rows(others) if row.output}
    unwanted.difference_update(row.output for row in kept.rows())
    _remove([_below(out, output) for output in unwanted])
    remove_parts(out)


def remove_parts(out: Path) -> None:
    """Remove what interrupted writes left; workers of a killed run may have written on for a moment."""
    _remove(file for file in list(out.rglob(".*.part")) if PART.fullmatch(file.name))


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        with suppress(FileNotFoundError, NotADirectoryError):
            file.unlink()


def _below(out: Path, output: str) -> Path:
    """A ledger that was tampered with must not lead to files elsewhere."""
    parts = PurePosixPath(output).parts
    if not parts or parts[0] == "/" or ".." in parts:
        raise OutputError(f"{out / LEDGER}: output {output!r} leads out of its folder; clean into a new folder")
    return out / output


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
