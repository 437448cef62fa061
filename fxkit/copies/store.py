"""What was read of files and seen between films, kept in one SQLite file, so that a stopped run goes on."""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxkit.copies.compare import Evidence
from fxkit.copies.features import Features
from fxkit.errors import DataError
from preprocess.images import decode_image, encode_jpeg, to_grey8

FORMAT = 1  # of the file; another is made anew
QUALITY = 95  # of the pictures, as JPEG: a film takes some 35 kB
TABLES = """
CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, state TEXT, sha256 TEXT, width INT, height INT, status BLOB);
CREATE TABLE IF NOT EXISTS features (sha256 TEXT PRIMARY KEY, picture BLOB, points BLOB, descriptors BLOB);
CREATE TABLE IF NOT EXISTS evidence (pair TEXT PRIMARY KEY, found TEXT);
"""

Hashes = tuple[str, str]


@dataclass(frozen=True)
class Reading:
    """What reading a file gave."""

    sha256: str
    width: int
    height: int
    status: str  # "ok", or why it cannot be read


class Store:
    """Readings by path and state (size and time of change), features by SHA-256, evidence by pairs of those."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def readings(self) -> dict[str, tuple[str, Reading]]:
        """Return state and reading of every known path."""
        rows = self._database.execute("SELECT path, state, sha256, width, height, status FROM files")
        return {
            _text(path): (state, Reading(sha256, width, height, _text(status)))
            for path, state, sha256, width, height, status in rows
        }

    def add_file(self, path: str, state: str, reading: Reading, features: Features | None) -> None:
        """Keep what was read of a file."""
        row = (_bytes(path), state, reading.sha256, reading.width, reading.height, _bytes(reading.status))
        self._database.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", row)
        if features is not None:
            picture = encode_jpeg(features.picture, QUALITY)
            packed = (zlib.compress(array.tobytes(), 1) for array in (features.points, features.descriptors))
            self._database.execute(
                "INSERT OR REPLACE INTO features VALUES (?, ?, ?, ?)", (reading.sha256, picture, *packed)
            )

    def commit(self) -> None:
        """Write to disk what was added."""
        self._database.commit()

    def known(self) -> set[str]:
        """Return the hashes whose features are kept."""
        return {sha256 for (sha256,) in self._database.execute("SELECT sha256 FROM features")}

    def features(self, sha256: str) -> Features:
        """Return the features of a file."""
        wanted = "SELECT picture, points, descriptors FROM features WHERE sha256 = ?"
        picture, points, descriptors = self._database.execute(wanted, (sha256,)).fetchone()
        return Features(
            to_grey8(decode_image("picture.jpg", picture)),
            np.frombuffer(zlib.decompress(points), np.float32).reshape(-1, 2),
            _descriptors(descriptors),
        )

    def descriptors(self, hashes: Iterable[str]) -> Iterator[NDArray[np.uint8]]:
        """Yield the descriptors of files, (n, 128) uint8, in the order of the hashes."""
        for sha256 in hashes:
            (packed,) = self._database.execute(
                "SELECT descriptors FROM features WHERE sha256 = ?", (sha256,)
            ).fetchone()
            yield _descriptors(packed)

    def evidence(self, pairs: Sequence[Hashes]) -> dict[Hashes, Evidence | None]:
        """Return what is known of pairs; None where films were found to share too little."""
        found: dict[Hashes, Evidence | None] = {}
        for pair in pairs:
            row = self._database.execute("SELECT found FROM evidence WHERE pair = ?", (" ".join(pair),)).fetchone()
            if row is not None:
                found[pair] = _unpacked(json.loads(row[0]))
        return found

    def add_evidence(self, found: Mapping[Hashes, Evidence | None]) -> None:
        """Keep what was seen between films."""
        rows = [(" ".join(pair), json.dumps(seen and asdict(seen))) for pair, seen in found.items()]
        self._database.executemany("INSERT OR REPLACE INTO evidence VALUES (?, ?)", rows)


def _descriptors(packed: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(zlib.decompress(packed), np.uint8).reshape(-1, 128)


def _unpacked(values: dict[str, Any] | None) -> Evidence | None:
    return None if values is None else Evidence(**{**values, "matrix": tuple(map(tuple, values["matrix"]))})


def _bytes(name: str) -> bytes:
    """Names of files need not be valid text, which SQLite wants."""
    return name.encode("utf-8", "surrogateescape")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


@contextmanager
def open_store(path: Path | None) -> Iterator[Store]:
    """Open the file, made with its folder if need be; with None, all is kept in memory.

    Raises:
        DataError: it cannot be opened, or is no such file.
    """
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path or ":memory:")
        (known,) = database.execute("PRAGMA user_version").fetchone()
        if known not in (0, FORMAT):
            database.executescript("DROP TABLE files; DROP TABLE features; DROP TABLE evidence;")
        database.executescript(TABLES + f"PRAGMA user_version = {FORMAT};")
    except (sqlite3.Error, OSError) as error:
        raise DataError(f"{path}: cannot be used as a cache ({error}); delete it, or give another --cache") from error
    try:
        yield Store(database)
        database.commit()
    finally:
        database.close()
