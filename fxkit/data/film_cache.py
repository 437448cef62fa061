"""Keep decoded films on disk, at the size that training needs, across epochs and runs."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from preprocess.errors import OutputError
from preprocess.files import SETTLED_S, FileState, file_state, write_atomic

FORMAT = 4  # increase it whenever films are decoded or reduced differently

SHAPE = np.dtype("<u4")  # type of the height and the width, which precede the pixels

FULL_FRACTION = 0.9  # of the limit; a fuller folder is halved when it is opened


Grey = NDArray[np.uint8]


class FilmCache:
    """A folder of decoded films, one file for each (H, W) uint8 array; several processes may share it.

    A film is identified by the path, size, inode and time stamps of its file, so neither the file nor its hash has to
    be read. One time stamp is that of the inode, which copying and `touch` cannot set back. A missing or damaged entry
    is decoded again, so the cache changes the speed and never the pixels.
    """

    def __init__(self, folder: Path, room_bytes: int) -> None:
        self.folder = folder
        self.room_bytes = room_bytes  # that this process may still add

    def get(self, path: Path, variant: str, decode: Callable[[Path], Grey]) -> Grey:
        """Return decode(path), from the cache if the file has not changed since an earlier call.

        Args:
            variant: name of what decode returns, such as its size; entries of different variants are kept apart.
        """
        try:
            state = file_state(path)
        except OSError:
            return decode(path)  # its error says what is wrong with the file
        entry = self.folder / f"{_key(path, state, variant)}.film"
        cached = _read(entry)
        if cached is not None:
            return cached
        film = decode(path)
        if state.age_s >= SETTLED_S:
            self._add(entry, film)
        return film

    def _add(self, entry: Path, film: Grey) -> None:
        data = np.array(film.shape, SHAPE).tobytes() + film.tobytes()
        if len(data) > self.room_bytes:
            return
        with suppress(OutputError):  # a full disk must not stop a training run
            write_atomic(entry, data)
            self.room_bytes -= len(data)


def open_film_cache(folder: Path, limit_bytes: int, processes: int) -> FilmCache | None:
    """Open a cache folder and create it if needed; if it is nearly full, delete the films that were not used longest.

    Args:
        limit_bytes: size that the folder may reach; 0 returns None, no cache.
        processes: number of processes that will add films, each with its own copy of the returned object.
    """
    if limit_bytes == 0:
        return None
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # not readable by others: films are patient data
    size = _halve_if_full(folder, limit_bytes)
    return FilmCache(folder, max(0, limit_bytes - size) // max(1, processes))


def _halve_if_full(folder: Path, limit_bytes: int) -> int:
    """Halve a folder that is nearly full, least recently used first; return its size in bytes."""
    entries = []
    with suppress(OSError), os.scandir(folder) as scan:
        for entry in scan:
            with suppress(OSError):  # another process may have deleted it
                state = entry.stat()
                entries.append((state.st_mtime, state.st_size, entry.path))
    total = sum(size for _, size, _ in entries)
    if total < FULL_FRACTION * limit_bytes:
        return total
    for _, size, path in sorted(entries):
        if total <= limit_bytes // 2:
            break
        with suppress(OSError):
            os.unlink(path)
            total -= size
    return total


def _key(path: Path, state: FileState, variant: str) -> str:
    times = (state.modified_ns, state.changed_ns)
    facts = (FORMAT, os.path.abspath(path), state.size_bytes, state.inode, *times, variant)
    return hashlib.blake2b(os.fsencode(repr(facts)), digest_size=16).hexdigest()


def _read(entry: Path) -> Grey | None:
    try:
        data = entry.read_bytes()
        os.utime(entry)  # records the last use
        height, width = (int(side) for side in np.frombuffer(data, SHAPE, 2))
        pixels = np.frombuffer(data, np.uint8, offset=2 * SHAPE.itemsize)
        return np.array(pixels.reshape(height, width), np.uint8)
    except (OSError, ValueError):
        return None
