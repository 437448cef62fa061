"""Atomic writes and hashes of files."""

import errno
import hashlib
import os
import platform
import threading
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from preprocess.errors import OutputError


def write_atomic(path: str | Path, data: bytes | str | Iterable[bytes]) -> None:
    """Write a file completely or not at all. Missing parent folders are created.

    Args:
        data: content; text is encoded as UTF-8. Chunks of an iterable are written one by one, so that large files need
            little memory.
    Raises:
        OutputError: the disk is full, or the path cannot be written.
    """
    path = Path(path)
    content = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    # the temporary name differs by machine, process and thread, because the machines of a cluster may share the folder
    prefix = zlib.crc32(os.fsencode(platform.node() + path.name))
    part = path.with_name(f".{prefix:08x}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            part.write_bytes(content)
        else:
            with part.open("wb") as file:
                file.writelines(content)
        part.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}); free some space or choose another folder"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    Raises:
        OSError: the file cannot be read, or is a pipe, whose content would never end.
    """
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
    return hashlib.sha256(path.read_bytes()).hexdigest()
