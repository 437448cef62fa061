"""Let only one process at a time write a folder or file."""

import os
import platform
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from preprocess.errors import OutputError
from preprocess.files import real_path

_held: Counter[Path] = Counter()  # locks of this process, which may take one of them again


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock of a folder or file: the file .NAME.lock beside it, which is removed at the end.

    The system frees the lock when the process ends, however it ends. Where the folder cannot be written, or the drive
    knows no locks, none is taken.

    Raises:
        OutputError: another process holds the lock.
    """
    file = real_path(path)
    file = file.with_name(f".{file.name}.lock")
    handle = None if _held[file] else _acquire(file, path)
    if handle is None and not _held[file]:
        yield
        return
    _held[file] += 1
    try:
        yield
    finally:
        _held[file] -= 1
        if handle is not None:
            with suppress(OSError):
                file.unlink()
            os.close(handle)


def _acquire(file: Path, path: Path) -> int | None:
    """Return the open and locked file; None if it cannot be locked."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        while True:
            handle = os.open(file, os.O_RDWR | os.O_CREAT)
            if not _try_lock(handle):
                holder = os.read(handle, 200).decode(errors="replace").strip()
                os.close(handle)
                raise OutputError(
                    f"{path}: another process of fxkit is writing here ({holder or 'unknown'}); wait until it ends, "
                    "or give another output"
                )
            if _is_same_file(handle, file):
                break
            os.close(handle)  # its last holder removed it in between
    except OSError:
        return None
    os.ftruncate(handle, 0)
    os.write(handle, f"process {os.getpid()} on {platform.node()}".encode())
    return handle


def _is_same_file(handle: int, file: Path) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.fstat(handle), file.stat())
    return False


if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        """Lock a file without waiting; return whether no other process holds it."""
        try:
            os.lseek(handle, 1 << 20, os.SEEK_SET)  # beyond the text, which others may read
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        """Lock a file without waiting; return whether no other process holds it. Forked processes do not inherit it.

        Raises:
            OSError: the drive knows no locks.
        """
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return True
