"""The ledger: a row for each file, saying what was done to it; appended as a run goes on, so runs resume."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, overload

from preprocess.errors import OutputError
from preprocess.files import write_atomic
from preprocess.markers import Marker, as_quad

LEDGER = "ledger.jsonl"

Status = Literal["cleaned", "copied", "masked", "failed"]


@dataclass(frozen=True)
class LedgerRow:
    """What was done to one file; paths are relative and POSIX.

    Args:
        output: path below the output folder; empty when the file failed.
        status: cleaned (markers inpainted), copied (it has none), masked (only its mask was written), failed.
        mask_fraction: share of the image's pixels under the mask.
        width: of the decoded image in pixels, as is height; 0 when the file failed.
        sha256: of the source file; empty when it cannot be read.
    """

    path: str
    output: str
    status: Status
    markers: tuple[Marker, ...] = ()
    mask_fraction: float = 0.0
    width: int = 0
    height: int = 0
    sha256: str = ""
    output_sha256: str = ""
    error: str = ""


@dataclass(frozen=True)
class Ledger:
    """The rows of a ledger file, read from it when they are asked for.

    Args:
        places: path -> byte where its row begins: all that is held in memory, some 200 bytes a file.
    """

    file: Path
    places: dict[str, int] = field(default_factory=dict)

    def __getitem__(self, path: str) -> LedgerRow:
        return next(iter(self.rows([path])))

    def rows(self, paths: Iterable[str] | None = None) -> Iterator[LedgerRow]:
        """Read the rows of these paths, or all by their order.

        Raises:
            OutputError: the file cannot be read, or was changed by another run.
        """
        for path, line in self._lines(sorted(self.places) if paths is None else paths):
            row = _parse(self.file, f"byte {self.places[path]}", line)
            if row.path != path:
                raise OutputError(f"{self.file}: was changed by another run; read it anew")
            yield row

    def append(self, row: LedgerRow) -> None:
        """Write a row at the end of the file.

        Raises:
            OutputError: the disk is full, or the place cannot be written.
        """
        try:
            with self.file.open("ab") as file:
                self.places[row.path] = file.tell()
                file.write(ledger_line(row).encode())
        except OSError as error:
            raise OutputError(
                f"{self.file}: cannot be written ({error.strerror}); free some space, then go on"
            ) from error

    def only(self, paths: Iterable[str]) -> "Ledger":
        """Return the ledger of these paths alone, in the same file."""
        return Ledger(self.file, {path: self.places[path] for path in paths})

    def sorted_into(self, file: Path) -> "Ledger":
        """Write the rows, sorted by path, as a ledger of their own.

        Raises:
            OutputError: a file cannot be read or written.
        """
        places: dict[str, int] = {}

        def lines() -> Iterator[bytes]:
            place = 0
            for path, line in self._lines(sorted(self.places)):
                places[path] = place
                place += len(line)
                yield line

        write_atomic(file, lines())
        return Ledger(file, places)

    def _lines(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        if not self.places:
            return
        try:
            with self.file.open("rb") as file:
                for path in paths:
                    file.seek(self.places[path])
                    yield path, file.readline()
        except OSError as error:
            raise _unreadable(self.file, error) from error


@dataclass(frozen=True)
class Rows(Sequence[LedgerRow]):
    """Some rows of a ledger by the order of `paths`; each pass over them reads the file anew."""

    ledger: Ledger
    paths: tuple[str, ...]

    @overload
    def __getitem__(self, index: int) -> LedgerRow: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[LedgerRow, ...]: ...
    def __getitem__(self, index: int | slice) -> LedgerRow | tuple[LedgerRow, ...]:
        if isinstance(index, slice):
            return tuple(self.ledger.rows(self.paths[index]))
        return self.ledger[self.paths[index]]

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[LedgerRow]:
        return self.ledger.rows(self.paths)


def open_ledger(place: str | Path) -> Ledger:
    """Find the rows of a ledger, or of the one in a cleaned folder; the last row of a path counts.

    A last line torn by an interruption is left out.

    Raises:
        OutputError: not readable, or a line is no row.
    """
    file = _file_of(place)
    return Ledger(file, {row.path: start for start, row in _rows(file)})


def read_ledger(place: str | Path) -> dict[str, LedgerRow]:
    """Read the whole of a ledger as path -> row; see `open_ledger`."""
    return {row.path: row for _, row in _rows(_file_of(place))}


def ledger_of(folder: str | Path) -> dict[str, LedgerRow]:
    """Read the ledger of a cleaned folder as path -> row; nothing for any other folder.

    Raises:
        OutputError: as `open_ledger`.
    """
    return read_ledger(folder) if (Path(folder) / LEDGER).is_file() else {}


def ledger_line(row: LedgerRow) -> str:
    """Return a row as a line of JSON, with its line break."""
    return json.dumps(asdict(row)) + "\n"


def _file_of(place: str | Path) -> Path:
    return Path(place) / LEDGER if Path(place).is_dir() else Path(place)


def _rows(file: Path) -> Iterator[tuple[int, LedgerRow]]:
    """Each whole row, with the byte where it begins."""
    start = 0
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.endswith(b"\n") and line.strip():
                    yield start, _parse(file, f"line {number}", line)
                start += len(line)
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: OSError) -> OutputError:
    return OutputError(f"{file}: no ledger can be read ({error.strerror}); run clean-labels first")


def _parse(file: Path, where: str, line: bytes) -> LedgerRow:
    try:
        fields: dict[str, Any] = json.loads(line)
        markers = tuple(Marker(as_quad(marker.pop("quad")), **marker) for marker in map(dict, fields.pop("markers")))
        return LedgerRow(markers=markers, **fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise OutputError(
            f"{file}: {where} is no ledger row ({type(error).__name__}: {error}); "
            "restore the file, or clean into another folder with --out"
        ) from error
