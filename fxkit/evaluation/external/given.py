"""Tables that a caller of the Python API gives: files, or values in memory, which are written as files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from fxkit.errors import ConfigError, DataError
from fxkit.evaluation.external.columns import KEYS, TRUTHS, is_score_name
from fxkit.evaluation.external.frames import Columns, Frame, is_frame, read_columns
from fxkit.metrics.of_arrays import ScoredLabels, names_of_rows
from preprocess.tables.names import meaning_of, plain_name
from preprocess.words import amount

TRUTH, SCORE, GROUP, ROW = "y_true", "y_score", "group", "row"  # columns of the table that arrays become


@dataclass(frozen=True)
class Given:
    """A table: its file, or its columns if it is in memory.

    Attributes:
        name: how error texts call it.
    """

    name: str
    source: Path | Columns

    def file(self, folder: Path, file_name: str) -> Path:
        """Return the file, which is written into the folder if the table is in memory."""
        if isinstance(self.source, Path):
            return self.source
        self.source.write_csv(folder / file_name)
        return folder / file_name


def as_given(value: Frame | str | Path, name: str, expected: str) -> Given:
    """Return a path or a table in memory as `Given`.

    Raises:
        DataError: the value is neither, or its columns cannot be read.
    """
    if isinstance(value, (str, Path)):
        return Given(str(value), Path(value))
    if is_frame(value):
        return Given(name, read_columns(value, name))
    raise DataError(f"{name} is of type {type(value).__name__}; expected {expected}")


@dataclass(frozen=True)
class GivenArrays:
    """Arrays as a table.

    Attributes:
        scores: columns of the scores with their classes, as `ColumnChoice` takes them.
        key: the column that names the rows; None for the one of the table of films.
    """

    table: Given
    scores: tuple[str, ...]
    key: str | None


def arrays_as_table(arrays: ScoredLabels, films: Frame | str | Path | None, groups: ArrayLike | None) -> GivenArrays:
    """Return arrays, and what is said of their films, as one table.

    Args:
        films: table with the same rows in the same order. Its columns of classes and scores are left out.
        groups: (N,) names.
    Raises:
        DataError: numbers of rows differ, or a group is missing.
        ConfigError: the table of films is a file, or has a column `group`, too.
    """
    n = len(arrays.labels)
    pairs: list[tuple[str, Sequence[str]]] = _facts(films, n)
    names = [name for name, _ in pairs]
    key = None if any(meaning_of(name) == "path" or plain_name(name) in KEYS for name in names) else ROW
    if key:
        pairs.insert(0, (ROW, [str(row) for row in range(n)]))
    if groups is not None:
        if any(plain_name(name) == GROUP for name in names):
            raise ConfigError("groups and a column `group` of films are given; expected one of them")
        pairs.append((GROUP, names_of_rows(groups, n, "groups")))
    pairs.append((TRUTH, arrays.labels))
    columns = [SCORE] if arrays.scores.shape[1] == 1 else [f"{SCORE}_{k}" for k in range(len(arrays.classes))]
    of = [arrays.positive] if len(columns) == 1 else arrays.classes
    for k, column in enumerate(columns):
        pairs.append((column, [repr(value) for value in arrays.scores[:, k].tolist()]))
    table = Columns(tuple(name for name, _ in pairs), tuple(cells for _, cells in pairs))
    scores = tuple(f"{class_name}={column}" for class_name, column in zip(of, columns, strict=True))
    return GivenArrays(Given("y_true and y_score", table), scores, key)


def _facts(films: Any, n: int) -> list[tuple[str, Sequence[str]]]:
    if films is None:
        return []
    if isinstance(films, (str, Path)):
        raise ConfigError(
            f"films={str(films)!r}: a file cannot be matched with the rows of arrays; give a DataFrame or a mapping of "
            "columns with the same rows, or a table of predictions instead of arrays"
        )
    if not is_frame(films):
        raise DataError(f"films is of type {type(films).__name__}; expected a DataFrame or a mapping of columns")
    columns = read_columns(films, "films")
    if columns.n_rows != n:
        raise DataError(f"films has {amount(columns.n_rows, 'row')} and y_true {n}; expected the same films in order")
    return [pair for pair in zip(columns.names, columns.cells, strict=True) if not _is_answer(pair[0])]


def _is_answer(column: str) -> bool:
    """Tell whether a column holds what the arrays hold: true classes, scores or decisions."""
    return meaning_of(column) == "label" or plain_name(column) in TRUTHS or is_score_name(column)
