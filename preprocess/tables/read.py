"""Open a CSV file that a person wrote or edited, in any usual encoding and with any usual separator; or a Parquet file.

Every table that fxkit reads is opened here, also those that fxkit wrote: people open them in a spreadsheet and save
them again.
"""

import codecs
import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from preprocess.errors import DataError
from preprocess.tables.cells import clean_cell, decode_legacy
from preprocess.tables.names import meaning_of
from preprocess.tables.parquet import START, read_parquet
from preprocess.words import amount

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

OTHER_FORMATS = (
    (b"PK\x03\x04", "an Excel workbook or zip file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"\x1f\x8b", "a gzip file"),
    (b"SQLite format 3", "an SQLite file"),
    (b"%PDF", "a PDF file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
)

OTHER_TEXTS = (  # texts in another format, by how they begin
    (re.compile(rb"\s*<(!doctype|html|head|body)\b", re.IGNORECASE), "a web page"),
    (re.compile(rb"\s*<\?xml\b"), "an XML file"),
    (re.compile(rb"""\s*[\[{]\s*["{\[\]}]"""), "a JSON file"),
)


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        line: number of the row as a spreadsheet shows it; the heading is usually row 1.
        values: column -> cell as written. Columns beyond the end of a short row are missing.
    """

    line: int
    values: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A table as written; `preprocess.tables.cells` says what its cells mean.

    Attributes:
        path: the file.
        columns: names as written, in order. A column without a name is called "(column N)", and is left out if empty.
        rows: the rows that are not blank.
        note: how the file was read, if it is a CSV file and not UTF-8 with commas, and repeated headings that are left
            out; else "".
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""


def read_table(path: str | Path, remedy: str) -> Table:
    """Read a CSV file: UTF-8, UTF-16 or UTF-32 text, with or without byte order mark, separated by , ; tab or |.

    A Parquet file is read as the CSV file with the same values would be.

    Bytes that are not UTF-8 are kept as surrogates, because file names may hold any bytes; in the heading they are
    read as Windows-1252.

    Args:
        remedy: end of the error texts: what was expected and what to do.

    Raises:
        DataError: the file cannot be read, is no table, has no heading or one with two equal names, or a row has more
            values than the heading.
    """
    path = Path(path)
    data = _read(path, remedy)
    if data.startswith(START):
        columns, cells = read_parquet(path)
        return _table(path, [(1, columns), *enumerate(cells, start=2)], "utf-8", ",", remedy)
    text, encoding = _decode(path, data, remedy)
    separator, n_skipped, text = _find_separator(text)
    lines = _parse(path, text, separator, n_skipped, remedy)
    return _table(path, lines, encoding, separator, remedy)


def _table(path: Path, lines: list[tuple[int, list[str]]], encoding: str, separator: str, remedy: str) -> Table:
    """Return the table of these lines, each with its number; the first that is not blank is the heading."""
    first = next((n for n, (_, values) in enumerate(lines) if any(map(clean_cell, values))), None)
    if first is None:
        raise DataError(f"{path}: no rows and no heading; {remedy}")
    written, rows = lines[first][1], lines[first + 1 :]
    heading = [decode_legacy(name) for name in written]
    encoding = encoding if heading == written else "Windows-1252"
    names = [name if clean_cell(name) else f"(column {n})" for n, name in enumerate(heading, start=1)]
    _check_names(path, names)
    kept = [n for n, name in enumerate(heading) if clean_cell(name) or any(n < len(v) and v[n] for _, v in rows)]
    filled = [(line, values) for line, values in rows if _has_values(path, line, values, len(names))]
    complete = len(kept) == len(names)
    records = [
        Row(line, dict(zip(names, v, strict=False)) if complete else {names[n]: v[n] for n in kept if n < len(v)})
        for line, v in filled
        if v != written
    ]
    note = _note(path, encoding, separator, n_repeated=len(filled) - len(records))
    return Table(path, tuple(names[n] for n in kept), tuple(records), note)


def _read(path: Path, remedy: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); {remedy}") from error
    for start, kind in OTHER_FORMATS:
        if data.startswith(start):
            raise DataError(f"{path}: is {kind}, not a CSV file; save the table as CSV in UTF-8")
    for pattern, kind in OTHER_TEXTS:
        if pattern.match(data.removeprefix(codecs.BOM_UTF8)):
            raise DataError(f"{path}: is {kind}, not a CSV file; {remedy}")
    return data


def _decode(path: Path, data: bytes, remedy: str) -> tuple[str, str]:
    """Return the text and its encoding."""
    mark, encoding = next((pair for pair in BYTE_ORDER_MARKS if data.startswith(pair[0])), (b"", ""))
    encoding = encoding or _guess_encoding(data)
    try:
        text = data[len(mark) :].decode(encoding, "surrogateescape" if encoding == "utf-8" else "strict")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is damaged {encoding.upper()} text ({error.reason}); save it in UTF-8") from error
    if "\0" in text:
        row = text[: text.index("\0")].count("\n") + 1
        raise DataError(f"{path}, row {row}: holds a NUL character, so it is damaged or not a CSV file; {remedy}")
    return text, encoding


def _guess_encoding(data: bytes) -> str:
    """Return UTF-16 in either byte order if the first letter is ASCII with a zero byte beside it; else UTF-8."""
    first = data[:2]
    if len(data) % 2 == 0 and len(first) == 2 and first.count(0) == 1:
        return "utf-16-le" if first[1] == 0 else "utf-16-be"
    return "utf-8"


def _find_separator(text: str) -> tuple[str, int, str]:
    """Return the separator, the number of lines to skip, and the text after these.

    Excel may name the separator in a first line such as `sep=;`. Otherwise it is the one that gives the heading the
    most known column names, then the most columns.
    """
    first, _, rest = text.partition("\n")
    named = clean_cell(first).strip('"').lower()
    if (named.startswith("sep=") and named[4:] in SEPARATORS) or named == "sep=":
        return named[4:] or "\t", 1, rest
    heading = next((line for line in text.splitlines() if clean_cell(line)), "")

    def fit(separator: str) -> tuple[int, int]:
        try:
            names = next(csv.reader([heading], delimiter=separator, strict=True))
        except csv.Error:
            return 0, 0
        return sum(bool(meaning_of(name)) for name in names), len(names)

    return max(SEPARATORS, key=fit), 0, text


def _parse(path: Path, text: str, separator: str, n_skipped: int, remedy: str) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    lines: list[tuple[int, list[str]]] = []
    try:
        for line, values in enumerate(reader, start=n_skipped + 1):
            lines.append((line, values))
    except csv.Error as error:
        row = n_skipped + len(lines) + 1
        hint = str(error)
        if "end of data" in hint:
            hint = "a double quote is opened and not closed"
        elif "field limit" in hint:
            hint = f"a cell has more than {csv.field_size_limit()} characters; is a double quote not closed?"
        raise DataError(f"{path}, row {row}: not a CSV file ({hint}); {remedy}") from error
    return lines


def _check_names(path: Path, names: list[str]) -> None:
    twice = [name for name, count in Counter(map(clean_cell, names)).items() if count > 1]
    if twice:
        raise DataError(f"{path}: two columns are called `{twice[0]}`; give each column its own name")


def _has_values(path: Path, line: int, values: list[str], n_columns: int) -> bool:
    """Tell whether a row is not blank; raise DataError if it has more values than there are columns."""
    if len(values) > n_columns and any(map(clean_cell, values[n_columns:])):
        raise DataError(
            f"{path}, row {line}: {amount(len(values), 'value')} for {amount(n_columns, 'column')}; put a value that "
            "contains the separator in double quotes"
        )
    return any(map(clean_cell, values))


def _note(path: Path, encoding: str, separator: str, n_repeated: int) -> str:
    """Say how the file was read, and how many rows are left out because they repeat the heading."""
    described = [encoding.upper() if encoding.startswith("utf") else encoding] if encoding != "utf-8" else []
    described += [f"columns separated by {SEPARATORS[separator]}"] if separator != "," else []
    notes = [f"read as {' with '.join(described)}"] if described else []
    if n_repeated:
        notes.append(
            f"{amount(n_repeated, 'row repeats the heading and is', 'rows repeat the heading and are')} left out"
        )
    return f"{path}: {'; '.join(notes)}" if notes else ""
