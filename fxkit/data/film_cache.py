"""Decoded films at the size that training needs, kept from epoch to epoch and from run to run."""

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from preprocess.errors import OutputError
from preprocess.files import write_atomic

FORMAT = 2  # goes up whenever a film is decoded or made small in another way

SETTLED_S = 2.0  # a file changed more lately may change again within the clock's step, and look the same

SHAPE = np.dtype("<u4")  # of the height and the width, which stand before the pixels

FULL_FRACTION = 0.9  # of the limit; then the folder is halved


Grey = NDArray[np.uint8]


class FilmCache:
    """A folder of (H, W) uint8 arrays, one file each, that several processes may share.

    A film is known by its file's path, size, inode and times of change, so that neither the file nor its hash need be
    read; the time of the inode's change cannot be set back by copying or by `touch`. What is not kept, or was deleted
    or damaged, is made anew: the cache changes how long a film takes, never what it holds.
    """

    def __init__(self, folder: Path, room: int) -> None:
        self.folder = folder
        self.room = room  # bytes that this process may still add

    def get(self, path: Path, kind: str, make: Callable[[Path], Grey]) -> Grey:
        """Return make(path), kept from an earlier call where the file has not changed since.

        Args:
            kind: tells apart what is made of one file.
        """
        try:
            state = path.stat()
        except OSError:
            return make(path)  # whose error says what is wrong
        entry = self.folder / f"{_key(path, state, kind)}.film"
        kept = _read(entry)
        if kept is not None:
            return kept
        film = make(path)
        if time.time() - max(state.st_mtime, state.st_ctime) >= SETTLED_S:
            self._keep(entry, film)
        return film

    def _keep(self, entry: Path, film: Grey) -> None:
        data = np.array(film.shape, SHAPE).tobytes() + film.tobytes()
        if len(data) > self.room:
            return
        with suppress(OutputError):  # a full disk is no reason to end a training
            write_atomic(entry, data)
            self.room -= len(data)


def open_cache(folder: Path, limit: int, processes: int) -> FilmCache | None:
    """Open a folder for films, made if need be; what was not used for longest is deleted where little room is left.

    Args:
        limit: bytes that the folder may hold; 0: no cache.
        processes: how many will write, each in a copy of the returned object.
    """
    if limit == 0:
        return None
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # films are of patients
    held = _shrink_to(folder, limit)
    return FilmCache(folder, max(0, limit - held) // max(1, processes))


def _shrink_to(folder: Path, limit: int) -> int:
    """Halve a folder that is nearly full; return how many bytes it holds."""
    found = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):  # another process may have deleted it
                state = entry.stat()
                found.append((state.st_mtime, state.st_size, entry.path))
    held = sum(size for _, size, _ in found)
    if held < FULL_FRACTION * limit:
        return held
    for _, size, path in sorted(found):
        if held <= limit // 2:
            break
        with suppress(OSError):
            os.unlink(path)
            held -= size
    return held


def _key(path: Path, state: os.stat_result, kind: str) -> str:
    facts = (FORMAT, os.path.abspath(path), state.st_size, state.st_ino, state.st_mtime_ns, state.st_ctime_ns, kind)
    return hashlib.blake2b(os.fsencode(repr(facts)), digest_size=16).hexdigest()


def _read(entry: Path) -> Grey | None:
    try:
        data = entry.read_bytes()
        os.utime(entry)  # the time of its last use
        height, width = (int(side) for side in np.frombuffer(data, SHAPE, 2))
        pixels = np.frombuffer(data, np.uint8, offset=2 * SHAPE.itemsize)
        return np.array(pixels.reshape(height, width), np.uint8)
    except (OSError, ValueError):
        return None
