"""Read predictions that any program wrote, and what a second table says about the films."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxkit.errors import DataError
from fxkit.evaluation.external.columns import (
    BY_NAME,
    ColumnChoice,
    Columns,
    Scale,
    find_facts,
    find_key,
    find_prediction_columns,
)
from preprocess.errors import first_few
from preprocess.tables.cells import clean_cell, is_empty, is_no_patient, is_unknown, label_key, read_number
from preprocess.tables.match_rows import match_rows
from preprocess.tables.paths import plain_path
from preprocess.tables.placeholders import CellReader
from preprocess.tables.read import Row, Table, read_table
from preprocess.words import amount, part_of

EXPECTED = "expected a CSV or Parquet file with a row for each film: its path or id, and its scores"

MISSING: Mapping[str, Callable[[str], bool]] = {
    "label": is_empty,
    "patient": is_no_patient,
    "site": is_unknown,
    "split": is_unknown,
    "film": is_unknown,
    "group": is_unknown,
    "sha256": is_unknown,
    "fold": is_unknown,
    "width": is_unknown,
    "height": is_unknown,
}


@dataclass(frozen=True)
class Film:
    """What tables say about one film; "" where nothing is known.

    Attributes:
        key: its path or id, with forward slashes.
        split: as written.
    """

    key: str
    label: str = ""
    patient: str = ""
    site: str = ""
    split: str = ""
    film: str = ""
    group: str = ""
    sha256: str = ""
    fold: str = ""
    width: str = ""
    height: str = ""


@dataclass(frozen=True, eq=False)
class ForeignPredictions:
    """The predictions of a table.

    Attributes:
        films: N films, in the order of the table.
        scores: (N, K) float64 as written; one column for each class, or one of the positive class.
        classes: the K classes; ("",) if the only column does not name its class.
        columns: the columns of the table that were read.
        notes: messages for the user.
    """

    file: Path
    films: tuple[Film, ...]
    scores: NDArray[np.float64]
    classes: tuple[str, ...]
    columns: Columns
    notes: tuple[str, ...]

    @property
    def scale(self) -> Scale:
        """The scale of the scores."""
        return self.columns.scale


def read_predictions(file: Path, choice: ColumnChoice = BY_NAME) -> ForeignPredictions:
    """Read a table of predictions: CSV in any usual form, or Parquet.

    Raises:
        DataError: the file cannot be read, its columns are unclear, a key is missing or stands twice with different
            values, or a score is missing or not a finite number.
    """
    table = read_table(file, EXPECTED)
    if not table.rows:
        raise DataError(f"{file}: no rows; {EXPECTED}")
    columns = find_prediction_columns(table, choice)
    rows, repeated = _rows_by_key(table, columns)
    cells = CellReader(table)
    films = tuple(_read_film(key, row, columns.facts, cells) for key, row in rows.items())
    scores = _read_scores(table, list(rows.values()), columns)
    notes = [table.note, *columns.notes, *cells.notes(), *repeated]
    return ForeignPredictions(file, films, scores, tuple(columns.scores.values()), columns, tuple(filter(None, notes)))


def _rows_by_key(table: Table, columns: Columns) -> tuple[dict[str, Row], list[str]]:
    """Return key -> row, and a note on repeated rows."""
    rows: dict[str, Row] = {}
    empty, differing, n_repeated = [], Counter[str](), 0
    for row in table.rows:
        key = plain_path(row.values.get(columns.key, ""))
        if not key or is_empty(key):
            empty.append(row.line)
        elif key not in rows:
            rows[key] = row
        elif _same(rows[key], row, columns.used):
            n_repeated += 1
        else:
            differing[key] += 1
    if empty:
        raise DataError(
            f"{table.path}, row {empty[0]}: no {columns.key}; {amount(len(empty), 'row has', 'rows have')} none; fill "
            "it in or delete them"
        )
    if differing:
        raise DataError(
            f"{table.path}: {amount(len(differing), 'key stands', 'keys stand')} in several rows with different "
            f"values: {first_few(differing)}; expected one row for each film; keep one, or average them"
        )
    notes = (
        [f"{table.path}: {amount(n_repeated, 'repeated row is', 'repeated rows are')} ignored"] if n_repeated else []
    )
    return rows, notes


def _same(first: Row, second: Row, columns: Sequence[str]) -> bool:
    return all(clean_cell(first.values.get(c, "")) == clean_cell(second.values.get(c, "")) for c in columns)


def _read_film(key: str, row: Row, facts: Mapping[str, str], cells: CellReader) -> Film:
    return Film(key, **{meaning: cells.read(row, column, MISSING[meaning]) for meaning, column in facts.items()})


def _read_scores(table: Table, rows: Sequence[Row], columns: Columns) -> NDArray[np.float64]:
    """Return (N, K) the scores as written; raise DataError with counts if some are no numbers."""
    scores = np.full((len(rows), len(columns.scores)), np.nan)
    sign = "%" if columns.scale == "percent" else ""
    wrong: list[str] = []
    for i, row in enumerate(rows):
        for k, column in enumerate(columns.scores):
            text = clean_cell(row.values.get(column, ""))
            try:
                scores[i, k] = read_number(text.removesuffix(sign).rstrip())
            except ValueError:
                wrong.append(f"row {row.line}: {text!r}" if text else f"row {row.line}: nothing")
    if wrong:
        raise DataError(
            f"{table.path}: {amount(len(wrong), 'score is', 'scores are')} no finite number: {first_few(wrong)}; "
            "expected one in each row; a model that skips films cannot be judged by the others"
        )
    return scores


# ---- the second table


def join_films(predictions: ForeignPredictions, file: Path, truth: str | None = None) -> ForeignPredictions:
    """Add what a second table says about the films: the true class, patient, site, split, film and group.

    Its rows are matched by path or id (`match_rows`). Where both tables hold a value, it must be the same.

    Raises:
        DataError: the table cannot be read, predictions have no row in it or differ from it, or films of the table have
            no prediction.
    """
    table = read_table(file, "expected a CSV or Parquet file with a row for each film: its path or id, and its class")
    key, key_notes = find_key(table)
    facts, notes = find_facts(table, truth, key)
    rows = match_rows(table, key, [film.key for film in predictions.films])
    lost = [film.key for film in predictions.films if film.key not in rows]
    if lost:
        n = len(predictions.films)
        raise DataError(
            f"{file}: no row for {part_of(len(lost), n, 'prediction')}: {first_few(lost)}; expected a row for each "
            f"film of {predictions.file}; add them, or delete the predictions"
        )
    cells = CellReader(table)
    added = [_read_film(film.key, rows[film.key], facts, cells) for film in predictions.films]
    _refuse_unpredicted(table, key, facts, rows, predictions, cells)
    films = tuple(_merge(film, other) for film, other in zip(predictions.films, added, strict=True))
    _refuse_contradictions(predictions, added, file)
    further = filter(None, [table.note, *key_notes, *notes, *cells.notes()])
    return replace(predictions, films=films, notes=(*predictions.notes, *further))


def _merge(film: Film, other: Film) -> Film:
    return replace(film, **{f.name: getattr(film, f.name) or getattr(other, f.name) for f in fields(Film)})


def _refuse_contradictions(predictions: ForeignPredictions, added: Sequence[Film], file: Path) -> None:
    for name in ("label", "patient", "group", "split"):
        pairs = [(a.key, getattr(a, name), getattr(b, name)) for a, b in zip(predictions.films, added, strict=True)]
        differing = [pair for pair in pairs if pair[1] and pair[2] and label_key(pair[1]) != label_key(pair[2])]
        if differing:
            key, first, second = differing[0]
            raise DataError(
                f"{file}: the {name} of {part_of(len(differing), len(pairs), 'film')} differs from that in "
                f"{predictions.file}: {key} is {second!r} here and {first!r} there; correct one of the tables"
            )


def _refuse_unpredicted(
    table: Table,
    key: str,
    facts: Mapping[str, str],
    matched: Mapping[str, Row],
    predictions: ForeignPredictions,
    cells: CellReader,
) -> None:
    """Refuse a table with films that have no prediction, unless their split or status says why."""
    lines = {row.line for row in matched.values()}
    predicted = {_split(row, facts, cells) for row in matched.values()}
    status = next((name for name in table.columns if clean_cell(name).lower() == "status"), None)
    left_out = [
        plain_path(row.values.get(key, ""))
        for row in table.rows
        if row.line not in lines
        and _split(row, facts, cells) in predicted
        and (status is None or clean_cell(row.values.get(status, "")).lower() in ("", "ok"))
    ]
    if left_out:
        raise DataError(
            f"{predictions.file}: no prediction for {amount(len(left_out), 'film')} of {table.path}: "
            f"{first_few(left_out)}; a score over a choice of films misleads; predict them too, or delete their rows "
            "if they do not belong to the test"
        )


def _split(row: Row, facts: Mapping[str, str], cells: CellReader) -> str:
    return cells.read(row, facts["split"], is_unknown).lower() if "split" in facts else ""
