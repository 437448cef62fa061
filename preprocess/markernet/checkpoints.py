"""Write the checkpoints of a training so that a kill or a full disk leaves one to continue from, and find that one."""

import io
import logging
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO

from preprocess.errors import OutputError
from preprocess.files import write_atomic
from preprocess.folder.resume import remove_partial_writes

BEST = "best.ckpt"

LAST = "last.ckpt"

PREVIOUS = "previous.ckpt"  # the last checkpoint but one

NEXT = "next.ckpt"  # complete, but not yet in the place of the last one

log = logging.getLogger(__name__)


class SafeCheckpoints(TorchCheckpointIO):
    """Write each checkpoint beside its place, and move it there once the disk holds it.

    Lightning itself writes into the temporary folder and copies from there, over the checkpoint before, if that folder
    is on another file system. Here a checkpoint is only ever replaced by a complete one, and the last but one is kept.
    """

    def __init__(self, advice: str) -> None:
        """Store what an error text advises after "free some space, then"."""
        self.advice = advice

    def save_checkpoint(
        self, checkpoint: Mapping[str, Any], path: str | Path, storage_options: object | None = None
    ) -> None:
        """Write a checkpoint, completely or not at all.

        Args:
            storage_options: without effect; Lightning gives it.
        Raises:
            OutputError: the disk is full, or the path cannot be written. The checkpoint before is untouched.
        """
        path = Path(path)
        content = io.BytesIO()
        torch.save(checkpoint, content)
        place = path.with_name(NEXT) if path.name == LAST else path
        try:
            write_atomic(place, [content.getvalue()], durable=True)
            if path.name == LAST:
                if path.exists():
                    path.replace(path.with_name(PREVIOUS))
                place.replace(path)
        except (OutputError, OSError) as error:
            cause = error.__cause__ if isinstance(error, OutputError) else error
            kept = "the checkpoint before it is kept; " if path.exists() else ""
            reason = getattr(cause, "strerror", error)
            raise OutputError(
                f"{path}: cannot be written ({reason}); {kept}free some space, then {self.advice}"
            ) from error


def find_checkpoint(folder: Path) -> Path | None:
    """Return the last whole checkpoint of a folder, None if there is none.

    A damaged checkpoint is named in the log, with what the training does instead.
    """
    whole, damaged = _search(folder)
    for path in damaged:
        instead = "starts this phase again" if whole is None else f"continues from {whole.name}, the one before"
        log.warning("warning: %s: is damaged; the training %s", path, instead)
    return whole


def has_checkpoint(folder: Path) -> bool:
    """Return whether a folder has a whole checkpoint to continue from."""
    return _search(folder)[0] is not None


def _search(folder: Path) -> tuple[Path | None, list[Path]]:
    """Return the last whole checkpoint, and the damaged files that were passed over."""
    best = folder / BEST
    damaged: list[Path] = []
    if best.is_file() and not is_whole(best):
        return None, [best]  # only a training from the start writes an epoch that is past again
    for path in (folder / LAST, folder / PREVIOUS):
        if path.is_file() and is_whole(path):
            return path, damaged
        if path.is_file():
            damaged.append(path)
    return None, damaged


def is_whole(path: Path) -> bool:
    """Return whether a checkpoint has all its parts, each with its checksum; torch itself checks no checksums."""
    try:
        with zipfile.ZipFile(path) as parts:
            return parts.testzip() is None
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError):
        return False


def remove_leftovers(folder: Path, *, finished: bool = False) -> None:
    """Remove the files that a kill during writing left; of a finished training also the last checkpoint but one."""
    remove_partial_writes(folder)
    for name in (NEXT, PREVIOUS) if finished else (NEXT,):
        (folder / name).unlink(missing_ok=True)
