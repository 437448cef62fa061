"""Atomic writes, hashes and states of files."""

import errno
import hashlib
import os
import platform
import threading
import time
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from preprocess.errors import OutputError

SETTLED_S = 2.0  # file systems keep times in steps of up to two seconds (FAT, some network drives)


def write_atomic(path: str | Path, data: bytes | str | Iterable[bytes], *, durable: bool = False) -> None:
    """Write a file completely or not at all. Missing parent folders are created.

    Args:
        data: content; text is encoded as UTF-8. Chunks of an iterable are written one by one, so that large files need
            little memory.
        durable: wait until the disk holds the data before the file takes its place, so that a power cut leaves the
            old file or the new one.
    Raises:
        OutputError: the disk is full, or the path cannot be written.
    """
    path = Path(path)
    content = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    part = path.with_name(f"{_part_prefix(path.name)}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            part.write_bytes(content)
        else:
            with part.open("wb") as file:
                file.writelines(content)
        if durable:
            with part.open("rb+") as file:
                os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}); free some space or choose another folder"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def remove_parts_of(path: Path) -> None:
    """Remove what killed processes of this machine left when they wrote a file; no process may be writing it now."""
    for part in list(path.parent.glob(f"{_part_prefix(path.name)}.*.part")):
        with suppress(OSError):
            part.unlink()


def _part_prefix(name: str) -> str:
    """Return how the temporary names of a file begin. They differ by machine, process and thread, because the machines
    of a cluster may share the folder."""
    return f".{zlib.crc32(os.fsencode(platform.node() + name)):08x}"


def real_path(path: Path) -> Path:
    """Return an absolute path without symbolic links; the file need not exist.

    Raises:
        OutputError: the path leads through a symbolic link to itself. Since Python 3.13, Path.resolve accepts these.
    """
    try:
        path.stat()
        return path.resolve()
    except RuntimeError as error:  # of Path.resolve before Python 3.13
        loop: Exception | None = error
    except OSError as error:
        if error.errno != errno.ELOOP:
            return path.resolve()  # missing, or not readable: the command that opens it says more
        loop = error
    raise OutputError(f"{path}: is a symbolic link to itself; choose another folder") from loop


@dataclass(frozen=True)
class FileState:
    """What the file system says about a file. A file that has changed has another state.

    The modification time alone is not enough: copying programs, cameras and `touch` set it back. `changed_ns` is
    the time at which the inode changed, which no program sets; on Windows it is the time of creation.
    """

    size_bytes: int
    modified_ns: int
    changed_ns: int
    inode: int

    @property
    def age_s(self) -> float:
        """Seconds since the last change; below SETTLED_S, another change may not be seen in the times."""
        return (time.time_ns() - max(self.modified_ns, self.changed_ns)) / 1e9


def file_state(path: str | Path) -> FileState:
    """Return the state of a file.

    Raises:
        OSError: there is no such file.
    """
    stat = os.stat(path)
    return FileState(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


def has_hash(path: Path, sha256: str) -> bool:
    """Return whether a file can be read and has this SHA-256."""
    try:
        return sha256_of(path) == sha256
    except OSError:
        return False


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    Raises:
        OSError: the file cannot be read, or is a pipe, whose content would never end.
    """
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
    return hashlib.sha256(path.read_bytes()).hexdigest()
