"""The ledger of a cleaned folder: one row for each file. Rows are appended during a run, so that a run can resume."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, overload

from pydantic import TypeAdapter

from preprocess.errors import OutputError
from preprocess.files import write_atomic
from preprocess.json_files import describe_error, parse_json
from preprocess.markers import Marker, Quad, as_quad

LEDGER = "ledger.jsonl"

Status = Literal["cleaned", "copied", "masked", "failed"]


@dataclass(frozen=True)
class LedgerRow:
    """What a run did to one file.

    Args:
        path: relative POSIX path of the source file.
        output: relative POSIX path of the file in the output folder; empty if the file failed.
        status: cleaned (markers were erased), copied (the film has no markers), masked (only the mask was written) or
            failed.
        markers: markers that were erased or masked.
        mask_fraction: fraction of the image's pixels under the mask.
        width: width of the decoded image in pixels; 0 if the file failed.
        height: height of the decoded image in pixels; 0 if the file failed.
        sha256: hash of the source file; empty if it cannot be read.
        output_sha256: hash of the output file; empty if there is none.
        error: why the file failed; empty if it did not.
        one_value: whether all pixels of the source file have one grey value. Older ledgers do not say it.
        residual: markers that are still found on the cleaned film. Older ledgers do not say it.
        overlays: number of overlay planes that the output file has, which viewers of DICOM draw over the film.
        judged: whether a person judged the film in `fxkit review`: it has these markers and no others.
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
    one_value: bool = False
    residual: tuple[Marker, ...] = ()
    overlays: int = 0
    judged: bool = False


@dataclass(frozen=True)
class Ledger:
    """The rows of a ledger file, which are read from the file on access.

    Args:
        file: the ledger file.
        offsets: byte at which the row of each path begins. Only these are held in memory, about 200 bytes a film.
    """

    file: Path
    offsets: dict[str, int] = field(default_factory=dict)

    def __getitem__(self, path: str) -> LedgerRow:
        return next(iter(self.rows([path])))

    def rows(self, paths: Iterable[str] | None = None) -> Iterator[LedgerRow]:
        """Read the rows of the given paths in their order, or all rows sorted by path.

        Raises:
            OutputError: the file cannot be read, or another run changed it.
        """
        for path, line in self._lines(sorted(self.offsets) if paths is None else paths):
            row = _parse(self.file, f"byte {self.offsets[path]}", line)
            if row.path != path:
                raise OutputError(f"{self.file}: another run changed this file; open it again")
            yield row

    def append(self, row: LedgerRow) -> None:
        """Append a row to the file.

        Raises:
            OutputError: the disk is full, or the file cannot be written.
        """
        try:
            with self.file.open("ab") as file:
                self.offsets[row.path] = file.tell()
                file.write(ledger_line(row).encode())
        except OSError as error:
            raise OutputError(
                f"{self.file}: cannot be written ({error.strerror}); free some space, then run again"
            ) from error

    def subset(self, paths: Iterable[str]) -> "Ledger":
        """Return a ledger of the given paths only, in the same file."""
        return Ledger(self.file, {path: self.offsets[path] for path in paths})

    def write_sorted(self, file: Path) -> "Ledger":
        """Write the rows, sorted by path, to another ledger file, and return that ledger.

        Raises:
            OutputError: a file cannot be read or written.
        """
        offsets: dict[str, int] = {}

        def lines() -> Iterator[bytes]:
            offset = 0
            for path, line in self._lines(sorted(self.offsets)):
                offsets[path] = offset
                offset += len(line)
                yield line

        write_atomic(file, lines())
        return Ledger(file, offsets)

    def _lines(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        if not self.offsets:
            return
        try:
            with self.file.open("rb") as file:
                for path in paths:
                    file.seek(self.offsets[path])
                    yield path, file.readline()
        except OSError as error:
            raise _unreadable(self.file, error) from error


@dataclass(frozen=True)
class Rows(Sequence[LedgerRow]):
    """Some rows of a ledger in the order of `paths`. Each iteration reads the file again."""

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


_ROW = TypeAdapter(LedgerRow)


def open_ledger(source: str | Path) -> Ledger:
    """Open a ledger file, or the ledger of a cleaned folder.

    If a path has several rows, the last one counts. An incomplete last line, left by an interrupted run, is ignored.

    Raises:
        OutputError: the file cannot be read, or a line is not a ledger row.
    """
    file = _file_of(source)
    return Ledger(file, {row.path: offset for offset, row in _rows(file)})


def read_ledger(source: str | Path) -> dict[str, LedgerRow]:
    """Read a whole ledger into a dictionary from path to row; see `open_ledger`."""
    return {row.path: row for _, row in _rows(_file_of(source))}


def read_ledger_if_any(folder: str | Path) -> dict[str, LedgerRow]:
    """Read the ledger of a cleaned folder as a dictionary from path to row; empty if it has no ledger.

    Raises:
        OutputError: see `open_ledger`.
    """
    return read_ledger(folder) if (Path(folder) / LEDGER).is_file() else {}


def ledger_line(row: LedgerRow) -> str:
    """Return a row as one line of JSON, line break included."""
    fields = asdict(row)
    for marker in (*fields["markers"], *fields["residual"]):
        if not marker["strokes"]:
            del marker["strokes"]
    return json.dumps(fields) + "\n"


def _file_of(source: str | Path) -> Path:
    return Path(source) / LEDGER if Path(source).is_dir() else Path(source)


def _rows(file: Path) -> Iterator[tuple[int, LedgerRow]]:
    """Yield each complete row with the byte at which it begins."""
    offset = 0
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.endswith(b"\n") and line.strip():
                    yield offset, _parse(file, f"line {number}", line)
                offset += len(line)
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: OSError) -> OutputError:
    return OutputError(f"{file}: the ledger cannot be read ({error.strerror}); run clean-labels first")


def _strokes(marker: Mapping[str, Any]) -> list[Quad]:
    return [as_quad(quad) for quad in marker.get("strokes", ())]


def _parse(file: Path, where: str, line: bytes) -> LedgerRow:
    try:
        fields: dict[str, Any] = parse_json(line)
        markers, residual = (
            [{**marker, "quad": as_quad(marker["quad"]), "strokes": _strokes(marker)} for marker in found]
            for found in (fields["markers"], fields.get("residual", []))
        )
        return _ROW.validate_python({**fields, "markers": markers, "residual": residual})
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise OutputError(
            f"{file}: {where} is not a ledger row ({describe_error(error)}); "
            "restore the file, or clean into another folder with --out"
        ) from error
