"""The ledger: a row for each file, saying what was done to it; appended as a run goes on, so runs resume."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from preprocess.errors import OutputError
from preprocess.images import write_atomic
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


def read_ledger(place: str | Path) -> dict[str, LedgerRow]:
    """Read a ledger, or the one in a cleaned folder, as path -> row; the last row of a path counts.

    A last line torn by an interruption is left out.

    Raises:
        OutputError: not readable, or a line is no row.
    """
    file = Path(place) / LEDGER if Path(place).is_dir() else Path(place)
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise OutputError(f"{file}: no ledger can be read ({error.strerror}); run clean-labels first") from error
    rows = (_parse(file, number, line) for number, line in enumerate(lines[:-1], 1) if line.strip())
    return {row.path: row for row in rows}


def ledger_of(folder: str | Path) -> dict[str, LedgerRow]:
    """Read the ledger of a cleaned folder as path -> row; nothing for any other folder.

    Raises:
        OutputError: as `read_ledger`.
    """
    return read_ledger(folder) if (Path(folder) / LEDGER).is_file() else {}


def write_ledger(file: str | Path, rows: Iterable[LedgerRow]) -> None:
    """Write a whole ledger, sorted by path."""
    write_atomic(file, "".join(map(ledger_line, sorted(rows, key=lambda row: row.path))))


def ledger_line(row: LedgerRow) -> str:
    """Return a row as a line of JSON, with its line break."""
    return json.dumps(asdict(row)) + "\n"


def _parse(file: Path, number: int, line: bytes) -> LedgerRow:
    try:
        fields: dict[str, Any] = json.loads(line)
        markers = tuple(Marker(as_quad(marker.pop("quad")), **marker) for marker in map(dict, fields.pop("markers")))
        return LedgerRow(markers=markers, **fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise OutputError(
            f"{file}: line {number} is no ledger row ({type(error).__name__}: {error}); "
            "restore the file, or clean into another folder with --out"
        ) from error
