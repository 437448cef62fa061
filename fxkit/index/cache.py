"""The cache of `fxkit index`: one SQLite file with readings, features and comparisons.

An interrupted run continues where it stopped, and a later run reads only new and changed files.
"""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from fxkit.errors import DataError
from fxkit.index.copies.candidates import CANDIDATES_VERSION
from fxkit.index.copies.compare import EVIDENCE_VERSION, Evidence
from fxkit.index.copies.features import FEATURES_VERSION, Features
from fxkit.index.dicom import DicomIds
from fxkit.index.facts import FileFacts
from preprocess.errors import ImageError
from preprocess.images import decode_image, encode_jpeg, to_grey8
from preprocess.json_files import parse_json
from preprocess.locks import lock

MAGIC, APPLICATION_ID = b"SQLite format 3\0", b"fxki"  # in the header of a cache

FORMAT = 6  # of the tables; a cache of another format is deleted

QUALITY = 95  # JPEG quality of the pictures; a film takes about 35 kB

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

# Versions of the algorithms that fill each table. A cache that names no versions was filled by version 1.
GREY_VERSION = 3  # of the grey levels of films that are DICOM or have more than 8 bits

VERSIONS = {
    "features": (FEATURES_VERSION,),
    "candidates": (FEATURES_VERSION, CANDIDATES_VERSION),
    "evidence": (FEATURES_VERSION, EVIDENCE_VERSION),
}


T = TypeVar("T")

Hashes = tuple[str, str]  # SHA-256 of two files

Candidate = tuple[int, int, float]  # two films, by their numbers, and their votes


@dataclass(frozen=True)
class Reading:
    """What is known about a file after reading it."""

    sha256: str
    width: int
    height: int
    status: str  # "ok", or the reason why the file is unreadable
    facts: FileFacts | None = None  # None for an unreadable file
    ids: DicomIds | None = None  # None unless it is a DICOM file


class Store:
    """An open cache: readings by path and file state, features by SHA-256, evidence by pairs of SHA-256."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def readings(self) -> dict[str, tuple[str, Reading]]:
        """Return the file state and the reading of every known path."""
        rows = self._database.execute("SELECT path, state, sha256, width, height, status, facts, ids FROM files")
        return {
            _text(path): (
                state,
                Reading(
                    sha256,
                    width,
                    height,
                    _text(status),
                    _parse(FileFacts, facts, path=_text(path)),
                    _parse(DicomIds, ids),
                ),
            )
            for path, state, sha256, width, height, status, facts, ids in rows
        }

    def add_file(self, path: str, state: str, reading: Reading, features: Features | None) -> None:
        """Keep the reading of a file, and its features unless they are None.

        Args:
            state: text that changes when the file changes.
        """
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

    def set_state(self, path: str, state: str) -> None:
        """Keep another state of a file whose content is unchanged."""
        self._database.execute("UPDATE files SET state = ? WHERE path = ?", (state, _bytes(path)))

    def commit(self) -> None:
        """Write all additions to disk."""
        self._database.commit()

    def known(self) -> set[str]:
        """Return the SHA-256 of all files whose features are stored."""
        return {sha256 for (sha256,) in self._database.execute("SELECT sha256 FROM features")}

    def features(self, sha256: str) -> Features:
        """Return the stored features of a file; its picture was stored as a JPEG, so it is not exact."""
        wanted = "SELECT picture, points, descriptors, enlarged FROM features WHERE sha256 = ?"
        picture, points, descriptors, enlarged = self._database.execute(wanted, (sha256,)).fetchone()
        with _refuse_damaged_cell():
            decoded = to_grey8(decode_image("picture.jpg", picture))
        return Features(decoded, _unpack(points, np.float32, 2), _unpack(descriptors, np.uint8, 128), enlarged)

    def descriptors(self, hashes: Iterable[str]) -> Iterator[NDArray[np.uint8]]:
        """Yield the descriptors of each file, (n, 128) uint8, in order."""
        for sha256 in hashes:
            (packed,) = self._database.execute(
                "SELECT descriptors FROM features WHERE sha256 = ?", (sha256,)
            ).fetchone()
            yield _unpack(packed, np.uint8, 128)

    def candidates(self, key: str) -> list[Candidate] | None:
        """Return the candidates stored under this key; None if the key is unknown.

        Args:
            key: the stage of the search, a space, and a hash of its inputs.
        """
        row = self._database.execute("SELECT pairs FROM candidates WHERE films = ?", (key,)).fetchone()
        if row is None:
            return None
        return [(int(low), int(high), weight) for low, high, weight in _unpack(row[0], np.float64, 3).tolist()]

    def keep_candidates(self, key: str, candidates: Sequence[Candidate]) -> None:
        """Keep candidates, and drop those of the same stage under another key."""
        self._database.execute("DELETE FROM candidates WHERE films LIKE ?", (key.split()[0] + " %",))
        packed = zlib.compress(np.array(candidates, np.float64).tobytes(), 1)
        self._database.execute("INSERT INTO candidates VALUES (?, ?)", (key, packed))

    def figures(self, key: str) -> Any:
        """Return the values stored under this key; None if the key is unknown."""
        row = self._database.execute("SELECT found FROM figures WHERE data = ?", (key,)).fetchone()
        if row is None:
            return None
        with _refuse_damaged_cell():
            return json.loads(row[0])  # undefined scores are stored as NaN

    def keep_figures(self, key: str, values: Any) -> None:
        """Keep values that JSON can hold, and drop those under other keys."""
        self._database.execute("DELETE FROM figures")
        self._database.execute("INSERT INTO figures VALUES (?, ?)", (key, json.dumps(values)))

    def evidence(self, pairs: Sequence[Hashes]) -> dict[Hashes, Evidence | None]:
        """Return the evidence of the pairs that were compared; None for films that share too little."""
        known: dict[Hashes, Evidence | None] = {}
        for pair in pairs:
            row = self._database.execute("SELECT found FROM evidence WHERE pair = ?", (" ".join(pair),)).fetchone()
            if row is not None:
                known[pair] = _parse(Evidence, row[0])
        return known

    def add_evidence(self, evidence: Mapping[Hashes, Evidence | None]) -> None:
        """Keep the results of comparisons."""
        rows = [(" ".join(pair), json.dumps(seen and asdict(seen))) for pair, seen in evidence.items()]
        self._database.executemany("INSERT OR REPLACE INTO evidence VALUES (?, ?)", rows)


def _parse(kind: type[T], text: str, **more: Any) -> T | None:
    """Parse the JSON of one cell, and check its values against a dataclass; "null" gives None."""
    with _refuse_damaged_cell():
        values = parse_json(text)
        return None if values is None else TypeAdapter(kind).validate_python({**values, **more})


def _unpack(packed: bytes, dtype: Any, columns: int) -> NDArray[Any]:
    with _refuse_damaged_cell():
        return np.frombuffer(zlib.decompress(packed), dtype).reshape(-1, columns)


@contextmanager
def _refuse_damaged_cell() -> Iterator[None]:
    """Raise what SQLite raises for a damaged file, so that `open_store` says what to do."""
    try:
        yield
    except (ValueError, TypeError, RecursionError, zlib.error, ImageError) as error:
        raise sqlite3.DatabaseError(f"a cell is damaged: {str(error).splitlines()[0]}") from error


def _bytes(name: str) -> bytes:
    """Encode a file name, which may be invalid text; SQLite accepts only valid text."""
    return name.encode("utf-8", "surrogateescape")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


@contextmanager
def open_store(path: Path | None) -> Iterator[Store]:
    """Open a cache file; create it and its folder if they are missing.

    Args:
        path: None keeps everything in memory.

    Raises:
        DataError: the file cannot be opened, was not made by fxkit, or fails while it is used.
        OutputError: another process uses the file.
    """
    if path is not None:
        _prepare(path)
    try:
        held = nullcontext() if path is None else lock(path)
        with held, closing(sqlite3.connect(path or ":memory:")) as database:
            header = f"PRAGMA application_id = {int.from_bytes(APPLICATION_ID, 'big')}; PRAGMA user_version = {FORMAT};"
            database.executescript(f"BEGIN; {TABLES} {header} COMMIT;")
            _empty_outdated(database)
            yield Store(database)
            database.commit()
    except sqlite3.Error as error:
        raise _unusable(path, error) from error


def _empty_outdated(database: sqlite3.Connection) -> None:
    """Empty each table that other versions of its algorithms filled."""
    kept = dict(database.execute("SELECT filled, versions FROM versions"))
    if kept.get("grey levels", "1") != str(GREY_VERSION):
        _forget_deep_films(database)
        database.execute("INSERT OR REPLACE INTO versions VALUES ('grey levels', ?)", (str(GREY_VERSION),))
    for table, versions in VERSIONS.items():
        if kept.get(table, json.dumps([1] * len(versions))) != json.dumps(versions):
            database.execute(f"DELETE FROM {table}")
        database.execute("INSERT OR REPLACE INTO versions VALUES (?, ?)", (table, json.dumps(versions)))


def _forget_deep_films(database: sqlite3.Connection) -> None:
    """Delete what depends on the grey levels of films that are DICOM or have more than 8 bits, and unreadable files."""
    deep = """SELECT sha256 FROM files WHERE facts NOT LIKE '%"bits": 8,%' OR facts LIKE '%"format": "DICOM"%'"""
    database.execute(f"DELETE FROM features WHERE sha256 IN ({deep})")
    database.execute(f"DELETE FROM evidence WHERE substr(pair, 1, 64) IN ({deep}) OR substr(pair, 66) IN ({deep})")
    database.execute("DELETE FROM candidates WHERE EXISTS (" + deep + ")")
    database.execute(f"DELETE FROM files WHERE sha256 IN ({deep})")


def _unusable(path: Path | None, error: Exception) -> DataError:
    return DataError(f"{path}: cannot be used as a cache ({error}); delete it, or give another --cache")


def _prepare(path: Path) -> None:
    """Create the folder, refuse a file of another program, and delete a cache of another format."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and _format_of(path) not in (0, FORMAT):
            path.unlink()
    except OSError as error:
        raise _unusable(path, error) from error


def _format_of(path: Path) -> int:
    """Return the format of a cache, and 0 for an empty file.

    This reads the header itself, because SQLite may change a file that it opens and that another program is using.

    Source: "Database File Format" of SQLite, section 1.3.
    """
    with path.open("rb") as file:
        head = file.read(100)
    if head and (head[:16] != MAGIC or head[68:72] != APPLICATION_ID):
        raise DataError(
            f"{path}: not a cache of fxkit; it was left unchanged; give the name of a new file with --cache"
        )
    return int.from_bytes(head[60:64], "big")  # user_version
