"""What was read of files and seen between films, kept in one SQLite file, so that a stopped run goes on."""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxkit.errors import DataError
from fxkit.index.copies.candidates import CANDIDATES_VERSION
from fxkit.index.copies.compare import EVIDENCE_VERSION, Evidence
from fxkit.index.copies.features import FEATURES_VERSION, Features
from fxkit.index.dicom import DicomIds
from fxkit.index.facts import FileFacts
from preprocess.images import decode_image, encode_jpeg, to_grey8

MAGIC, OURS = b"SQLite format 3\0", b"fxki"  # what a cache begins with, and its application_id

FORMAT = 6  # of the file; another is made anew

QUALITY = 95  # of the pictures, as JPEG: a film takes some 35 kB

TABLES = """
CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY, state TEXT, sha256 TEXT, width INT, height INT, status BLOB, facts TEXT, ids TEXT
);
CREATE TABLE IF NOT EXISTS features (
    sha256 TEXT PRIMARY KEY, picture BLOB, points BLOB, descriptors BLOB, enlarged REAL
);
CREATE TABLE IF NOT EXISTS evidence (pair TEXT PRIMARY KEY, found TEXT);
CREATE TABLE IF NOT EXISTS candidates (films TEXT PRIMARY KEY, pairs BLOB);
CREATE TABLE IF NOT EXISTS figures (data TEXT PRIMARY KEY, found TEXT);
CREATE TABLE IF NOT EXISTS versions (filled TEXT PRIMARY KEY, versions TEXT);
"""

# The algorithms whose output each table holds, by their versions. A cache that names none was filled by version 1.
VERSIONS = {
    "features": (FEATURES_VERSION,),
    "candidates": (FEATURES_VERSION, CANDIDATES_VERSION),
    "evidence": (FEATURES_VERSION, EVIDENCE_VERSION),
}


Hashes = tuple[str, str]

Candidate = tuple[int, int, float]  # two films by their numbers, and the votes for them


@dataclass(frozen=True)
class Reading:
    """What reading a file gave."""

    sha256: str
    width: int
    height: int
    status: str  # "ok", or why it cannot be read
    facts: FileFacts | None = None  # None where it cannot be read
    ids: DicomIds | None = None  # None where it is no DICOM


class Store:
    """Readings by path and state (size and time of change), features by SHA-256, evidence by pairs of those."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def readings(self) -> dict[str, tuple[str, Reading]]:
        """Return state and reading of every known path."""
        rows = self._database.execute("SELECT path, state, sha256, width, height, status, facts, ids FROM files")
        return {
            _text(path): (state, Reading(sha256, width, height, _text(status), _facts(_text(path), facts), _ids(ids)))
            for path, state, sha256, width, height, status, facts, ids in rows
        }

    def add_file(self, path: str, state: str, reading: Reading, features: Features | None) -> None:
        """Keep what was read of a file."""
        facts = reading.facts and {name: value for name, value in asdict(reading.facts).items() if name != "path"}
        ids = reading.ids and asdict(reading.ids)
        row = (_bytes(path), state, reading.sha256, reading.width, reading.height, _bytes(reading.status))
        self._database.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, json.dumps(facts), json.dumps(ids))
        )
        if features is not None:
            picture = encode_jpeg(features.picture, QUALITY)
            packed = (zlib.compress(array.tobytes(), 1) for array in (features.points, features.descriptors))
            self._database.execute(
                "INSERT OR REPLACE INTO features VALUES (?, ?, ?, ?, ?)",
                (reading.sha256, picture, *packed, features.enlarged),
            )

    def commit(self) -> None:
        """Write to disk what was added."""
        self._database.commit()

    def known(self) -> set[str]:
        """Return the hashes whose features are kept."""
        return {sha256 for (sha256,) in self._database.execute("SELECT sha256 FROM features")}

    def features(self, sha256: str) -> Features:
        """Return the features of a file."""
        wanted = "SELECT picture, points, descriptors, enlarged FROM features WHERE sha256 = ?"
        picture, points, descriptors, enlarged = self._database.execute(wanted, (sha256,)).fetchone()
        return Features(
            to_grey8(decode_image("picture.jpg", picture)),
            np.frombuffer(zlib.decompress(points), np.float32).reshape(-1, 2),
            _descriptors(descriptors),
            enlarged,
        )

    def descriptors(self, hashes: Iterable[str]) -> Iterator[NDArray[np.uint8]]:
        """Yield the descriptors of files, (n, 128) uint8, in the order of the hashes."""
        for sha256 in hashes:
            (packed,) = self._database.execute(
                "SELECT descriptors FROM features WHERE sha256 = ?", (sha256,)
            ).fetchone()
            yield _descriptors(packed)

    def candidates(self, films: str) -> list[Candidate] | None:
        """Return what `keep_candidates` kept under this name of a set of films; None where that was another."""
        row = self._database.execute("SELECT pairs FROM candidates WHERE films = ?", (films,)).fetchone()
        if row is None:
            return None
        values = np.frombuffer(zlib.decompress(row[0]), np.float64).reshape(-1, 3)
        return [(int(low), int(high), weight) for low, high, weight in values.tolist()]

    def keep_candidates(self, films: str, found: Sequence[Candidate]) -> None:
        """Keep the candidates among a set of films in place of those of any other with the same first word."""
        self._database.execute("DELETE FROM candidates WHERE films LIKE ?", (films.split()[0] + " %",))
        packed = zlib.compress(np.array(found, np.float64).tobytes(), 1)
        self._database.execute("INSERT INTO candidates VALUES (?, ?)", (films, packed))

    def figures(self, data: str) -> Any:
        """Return the values that `keep_figures` kept under this name of some data; None where that was another."""
        row = self._database.execute("SELECT found FROM figures WHERE data = ?", (data,)).fetchone()
        return None if row is None else json.loads(row[0])

    def keep_figures(self, data: str, found: Any) -> None:
        """Keep values that JSON can hold, in place of those of any other data."""
        self._database.execute("DELETE FROM figures")
        self._database.execute("INSERT INTO figures VALUES (?, ?)", (data, json.dumps(found)))

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


def _facts(path: str, found: str) -> FileFacts | None:
    values = json.loads(found)
    return None if values is None else FileFacts(path, **values)


def _ids(found: str) -> DicomIds | None:
    values = json.loads(found)
    return None if values is None else DicomIds(**values)


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
        DataError: it cannot be opened, is no cache of ours, or fails while it is used.
    """
    if path is not None:
        _prepare(path)
    try:
        with closing(sqlite3.connect(path or ":memory:")) as database:
            marks = f"PRAGMA application_id = {int.from_bytes(OURS, 'big')}; PRAGMA user_version = {FORMAT};"
            database.executescript(f"BEGIN; {TABLES} {marks} COMMIT;")
            _empty_outdated(database)
            yield Store(database)
            database.commit()
    except sqlite3.Error as error:
        raise _unusable(path, error) from error


def _empty_outdated(database: sqlite3.Connection) -> None:
    """Empty the tables that another version of an algorithm filled."""
    kept = dict(database.execute("SELECT filled, versions FROM versions"))
    for table, versions in VERSIONS.items():
        if kept.get(table, json.dumps([1] * len(versions))) != json.dumps(versions):
            database.execute(f"DELETE FROM {table}")
        database.execute("INSERT OR REPLACE INTO versions VALUES (?, ?)", (table, json.dumps(versions)))


def _unusable(path: Path | None, error: Exception) -> DataError:
    return DataError(f"{path}: cannot be used as a cache ({error}); delete it, or give another --cache")


def _prepare(path: Path) -> None:
    """Make the folder; refuse another program's file, and remove a cache of another format."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and _format_of(path) not in (0, FORMAT):
            path.unlink()
    except OSError as error:
        raise _unusable(path, error) from error


def _format_of(path: Path) -> int:
    """Return the format of a cache, 0 of an empty file.

    Only the head is looked at, as SQLite itself may change a file, such as one that another program is at work on.

    Source: "Database File Format" of SQLite, section 1.3.
    """
    with path.open("rb") as file:
        head = file.read(100)
    if head and (head[:16] != MAGIC or head[68:72] != OURS):
        raise DataError(
            f"{path}: not a cache that fxkit made, so it is left as it is; give the name of a new file with --cache"
        )
    return int.from_bytes(head[60:64], "big")
