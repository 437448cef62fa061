"""Let only one process at a time write a folder or file."""

import inspect
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from preprocess.errors import OutputError
from preprocess.files import real_path, remove_parts_of

P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 10  # to make a lock file whose folder another process removes

_held: Counter[Path] = Counter()  # locks of this process, which may take one of them again

_command = ["another process of fxkit"]  # what this process calls itself in its locks


def name_command(name: str) -> None:
    """Set what the locks of this process say about it, such as "fxkit train"."""
    _command[0] = name


def locked(parameter: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Make a function hold the lock of a folder or file while it runs.

    Args:
        parameter: name of the function's parameter that gives the folder or file.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        signature = inspect.signature(function)

        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> T:
            with lock(Path(signature.bind(*args, **kwargs).arguments[parameter])):
                return function(*args, **kwargs)

        return run

    return decorate


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock of a folder or file: the file .NAME.lock beside it, which is removed at the end.

    The system frees the lock when the process ends, however it ends. Where the folder cannot be written, or the drive
    knows no locks, none is taken. Folders that had to be made for the lock file are removed if they are still empty.

    Raises:
        OutputError: another process holds the lock.
    """
    file = real_path(path)
    file = file.parent / f".{file.name}.lock"
    missing = [folder for folder in file.parents if not folder.exists()]
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
            with suppress(OSError):
                for folder in missing:
                    folder.rmdir()


def _acquire(file: Path, path: Path) -> int | None:
    """Return the open and locked file; None if it cannot be locked."""
    for _ in range(ATTEMPTS):
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # its last holder removed the folder in between
            continue
        except OSError:
            return None
        try:
            is_free = _try_lock(handle)
        except OSError:  # the drive knows no locks
            os.close(handle)
            return None
        if is_free and _is_same_file(handle, file):
            with suppress(OSError):  # a full disk
                os.ftruncate(handle, 0)
                os.write(handle, _describe_holder().encode())
            remove_parts_of(path)
            return handle
        holder = "" if is_free else os.read(handle, 300).decode(errors="replace").strip()
        os.close(handle)
        if not is_free:
            raise _refusal(path, holder)
    return None


def _describe_holder() -> str:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    return f"{_command[0]} (process {os.getpid()} on {platform.node()}, since {since})"


def _refusal(path: Path, holder: str) -> OutputError:
    return OutputError(
        f"{path}: {holder or 'another process of fxkit'} is writing here; wait until it ends, or give another output; "
        "the lock is released when that process ends, even if it is killed"
    )


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
