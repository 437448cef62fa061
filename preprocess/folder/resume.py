"""Resume a cleaning run: check that the output folder belongs to it, and keep the rows that are still valid."""

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
from preprocess.files import has_hash, sha256_of, write_atomic
from preprocess.json_files import parse_json
from preprocess.ledger import LEDGER, Ledger, LedgerRow, open_ledger
from preprocess.markers import MarkedImage
from preprocess.settings import NETWORK, SETTINGS_FILE, CleanSettings

PARTIAL_WRITE = re.compile(
    r"\.[0-9a-f]{8}\.\d+\.\d+\.part"
)  # name of the file that an interrupted `write_atomic` leaves

PACKAGES = ("fxkit", "numpy", "opencv-python-headless", "onnxruntime", "rapidocr", "easyocr")


@dataclass(frozen=True)
class RunIdentity:
    """What two runs must have in common so that the second can continue the first.

    Args:
        settings: how markers are found and erased.
        masks_only: whether masks are written instead of images.
        markers_sha256: hash of the marker file; empty if a detector finds the markers.
        dicom_out, overlays: see `FolderOptions`. Folders of fxkit 0.1.0 do not say them; they fit any.
    """

    settings: CleanSettings
    masks_only: bool
    markers_sha256: str
    dicom_out: str = "dicom"
    overlays: str = "keep"

    def as_json(self) -> dict[str, Any]:
        """Return the content of clean.json, including the versions of the packages."""
        return {
            "settings": self.settings.model_dump(),
            "masks_only": self.masks_only,
            "markers_sha256": self.markers_sha256,
            "weights_sha256": self._weights_sha256(),
            "dicom_out": self.dicom_out,
            "overlays": self.overlays,
            "versions": {name: _version(name) for name in PACKAGES},
        }

    def _weights_sha256(self) -> str:
        """Return the hash of the network's weights if it finds the markers; a tuned file may change under its name."""
        if self.markers_sha256 or self.settings.detector not in ("markernet", "union"):
            return ""
        file = Path(self.settings.weights or NETWORK)
        try:
            return sha256_of(file)
        except OSError as error:
            raise DetectorError(
                f"{file}: cannot be read ({error.strerror}); give an .onnx file that `fxkit markernet` wrote"
            ) from error


def select_valid_rows(
    out: Path, root: Path, paths: Iterable[str], identity: RunIdentity, *, overwrite: bool = False
) -> Ledger:
    """Return the rows of an output folder that a run can keep; nothing is written.

    A row of a file in `paths` is valid if source and output still have the hashes of the row. Rows of other files are
    kept while their source exists.

    Args:
        root: folder of the films.
        paths: the files of this run, relative to the root.
        overwrite: accept a folder that was cleaned with other settings, and outputs whose source is gone.
    Raises:
        OutputError: the folder is not empty and not a cleaned folder; or, without `overwrite`, it was cleaned with
            other settings or holds outputs of films that are not below `root`.
    """
    starts_over = _must_start_over(out, identity, overwrite)
    old = _open_or_start_ledger(out)
    if not overwrite:
        _refuse_to_lose_outputs(out, root, old)
    wanted = set(paths)
    valid = (row.path for row in old.rows() if _is_valid(row, out, root, row.path in wanted))
    return old.subset(() if starts_over else valid)


def open_output_folder(out: Path, identity: RunIdentity, kept: Ledger) -> Ledger:
    """Create or reopen an output folder, and return its ledger, which holds the kept rows.

    The outputs of all other rows are removed, because they will be made again.
    """
    _remove_outdated(out, _open_or_start_ledger(out), kept)
    write_atomic(out / SETTINGS_FILE, json.dumps(identity.as_json(), indent=1) + "\n")
    return kept.write_sorted(out / LEDGER)


def read_judged(out: Path, root: Path, paths: Iterable[str], identity: RunIdentity) -> dict[str, MarkedImage]:
    """Return the markers of the films that a person judged in an earlier run, if their files have not changed.

    A run that is given another marker file than that earlier one does not use them.
    """
    if not (out / LEDGER).exists():
        return {}
    stored = parse_json((out / SETTINGS_FILE).read_bytes()) if (out / SETTINGS_FILE).exists() else {}
    if identity.markers_sha256 not in ("", stored.get("markers_sha256")):
        return {}
    old = open_ledger(out)
    rows = (row for row in old.rows(path for path in paths if path in old.offsets) if row.judged)
    return {
        row.path: MarkedImage(row.width, row.height, row.markers)
        for row in rows
        if has_hash(root / row.path, row.sha256)
    }


def add_to_settings_file(out: Path, **results: Any) -> None:
    """Add results of a finished run to clean.json."""
    content = parse_json((out / SETTINGS_FILE).read_bytes())
    write_atomic(out / SETTINGS_FILE, json.dumps({**content, **results}, indent=1) + "\n")


def _open_or_start_ledger(out: Path) -> Ledger:
    return open_ledger(out) if (out / LEDGER).exists() else Ledger(out / LEDGER)


def _must_start_over(out: Path, identity: RunIdentity, overwrite: bool) -> bool:
    """Return whether an earlier run used other settings, so that none of its rows can be kept."""
    if not (out / SETTINGS_FILE).exists() and _has_foreign_files(out):
        raise OutputError(
            f"{out}: is not empty and was not written by clean-labels (it has no {SETTINGS_FILE}); "
            "choose another folder with --out"
        )
    difference = _describe_difference(out, identity)
    if difference and not overwrite:
        raise OutputError(f"{out}: {difference}; choose another folder with --out, or use --overwrite")
    return bool(difference)


def _describe_difference(out: Path, identity: RunIdentity) -> str:
    unknown = {"dicom_out": identity.dicom_out, "overlays": identity.overlays}
    try:
        stored = parse_json((out / SETTINGS_FILE).read_bytes())
        old, new = {**unknown, **stored, **stored["settings"]}, {**identity.as_json(), **identity.settings.model_dump()}
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"its {SETTINGS_FILE} cannot be read ({type(error).__name__})"
    names = [name for name in new if name not in ("settings", "versions") and old.get(name) != new[name]]
    changes = (f"{name} {old.get(name)!r} (now {new[name]!r})" for name in names)
    return f"was cleaned with {', '.join(changes)}" if names else ""


def _has_foreign_files(out: Path) -> bool:
    return out.is_dir() and any(not PARTIAL_WRITE.fullmatch(entry.name) for entry in out.iterdir())


def _refuse_to_lose_outputs(out: Path, root: Path, old: Ledger) -> None:
    """Raise if an output has no source below `root`: it may be the last copy of a film, or belong to another folder."""
    lost = sorted(row.path for row in old.rows() if not os.path.exists(root / row.path) and _has_output(row, out))
    if lost:
        others = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
        raise OutputError(
            f"{out}: holds cleaned films that are not in {root}: {', '.join(lost[:3])}{others}; "
            "choose another folder with --out, or remove them with --overwrite"
        )


def _has_output(row: LedgerRow, out: Path) -> bool:
    return row.output != "" and os.path.lexists(output_path(out, row.output))


def _is_valid(row: LedgerRow, out: Path, root: Path, is_in_run: bool) -> bool:
    if row.status == "failed":
        return False
    output = output_path(out, row.output)
    if not is_in_run:
        return os.path.exists(root / row.path)
    return has_hash(root / row.path, row.sha256) and has_hash(output, row.output_sha256)


def _remove_outdated(out: Path, old: Ledger, kept: Ledger) -> None:
    """Remove the outputs of rows that are not kept, and files of interrupted writes."""
    dropped = sorted(old.offsets.keys() - kept.offsets.keys())
    unwanted = {row.output for row in old.rows(dropped) if row.output}
    unwanted.difference_update(row.output for row in kept.rows())
    _remove_files([output_path(out, output) for output in unwanted])
    remove_partial_writes(out)


def remove_partial_writes(out: Path) -> None:
    """Remove the files that interrupted writes left; workers of a killed run may have kept writing for a moment."""
    _remove_files(file for file in list(out.rglob(".*.part")) if PARTIAL_WRITE.fullmatch(file.name))


def _remove_files(files: Iterable[Path]) -> None:
    for file in files:
        with suppress(FileNotFoundError, NotADirectoryError):
            file.unlink()


def output_path(out: Path, output: str) -> Path:
    """Return the path of an output, and refuse one outside the folder: the ledger may have been tampered with."""
    parts = PurePosixPath(output).parts
    if not parts or parts[0] == "/" or ".." in parts:
        raise OutputError(f"{out / LEDGER}: output {output!r} leads out of its folder; clean into a new folder")
    return out / output


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
