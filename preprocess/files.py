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
    """Write a file so that it is there whole or not at all; make its folder when that is missing.

    Args:
        data: pieces of bytes are written as they come, so that large files need little memory.
    Raises:
        OutputError: the disk is full, or the place cannot be written.
    """
    path = Path(path)
    whole = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    here = zlib.crc32(os.fsencode(platform.node() + path.name))  # machines of a cluster may write beside each other
    part = path.with_name(f".{here:08x}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(whole, bytes):
            part.write_bytes(whole)
        else:
            with part.open("wb") as file:
                file.writelines(whole)
        part.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}); free some space or choose another folder"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal; an OSError where there is none, or a pipe, which never ends."""
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
    return hashlib.sha256(path.read_bytes()).hexdigest()
