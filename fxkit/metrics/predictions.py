"""Predictions: the probabilities and the true class of each file, from which all figures are computed."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxkit.errors import DataError
from preprocess.files import write_atomic
from preprocess.tables.cells import clean_cell, is_empty, label_key, read_number
from preprocess.tables.read import Table, read_table
from preprocess.words import amount

FIXED_COLUMNS = ("path", "label", "film", "group", "prediction")

PREFIX = "p_"

FOLD = "fold"

UNKNOWN = -1

SUM_TOLERANCE = 1e-3  # for float32 and half-precision softmax, and for files rounded to four decimals


@dataclass(frozen=True, eq=False)
class Predictions:
    """Probabilities of N files (or films) over C classes.

    Attributes:
        classes: C names; with two classes, the second one is positive.
        paths: N paths relative to the image root.
        labels: (N,) int64 indices into classes; -1 if the class is unknown.
        probabilities: (N, C) float64; each row adds up to 1.
        films: N names; copies of a film have the same name.
        groups: N names; files of one group (a patient, or a film) are not independent.
        folds: (N,) int64 fold of each file, if each fold was predicted by a model of its own; None if one model
            predicted all files. Scores of different models are not compared with each other.
    """

    classes: tuple[str, ...]
    paths: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    films: tuple[str, ...]
    groups: tuple[str, ...]
    folds: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", np.asarray(self.labels, np.int64))
        object.__setattr__(self, "probabilities", np.asarray(self.probabilities, np.float64))
        _check_sizes(self)
        _check_probabilities(self)

    def __len__(self) -> int:
        return len(self.paths)

    def predicted(self, threshold: float = 0.5) -> NDArray[np.int64]:
        """Return (N,) predicted class indices, as `decisions` does."""
        return decisions(self.probabilities, threshold)

    def known(self) -> "Predictions":
        """Return the rows with a known class."""
        is_known = self.labels >= 0
        return self if is_known.all() else self.take(np.flatnonzero(is_known))

    def take(self, rows: NDArray[np.int64]) -> "Predictions":
        """Return the rows with these indices, in this order."""
        numbers = np.asarray(rows).tolist()
        return Predictions(
            classes=self.classes,
            paths=tuple(map(self.paths.__getitem__, numbers)),
            labels=self.labels[rows],
            probabilities=self.probabilities[rows],
            films=tuple(map(self.films.__getitem__, numbers)),
            groups=tuple(map(self.groups.__getitem__, numbers)),
            folds=None if self.folds is None else self.folds[rows],
        )

    def by_film(self) -> "Predictions":
        """Return one row for each film, with the mean probability of its copies and the film's name as path.

        Copies with different classes or groups form separate rows. Rows are in the order of first appearance.
        """
        keys = list(zip(self.films, self.groups, self.labels.tolist(), strict=True))
        number = {key: i for i, key in enumerate(dict.fromkeys(keys))}
        members = np.array([number[key] for key in keys], np.int64)
        sums = np.zeros((len(number), len(self.classes)))
        np.add.at(sums, members, self.probabilities)
        return Predictions(
            classes=self.classes,
            paths=tuple(film for film, _, _ in number),
            labels=np.array([label for _, _, label in number], np.int64),
            probabilities=sums / np.bincount(members, minlength=len(number))[:, None],
            films=tuple(film for film, _, _ in number),
            groups=tuple(group for _, group, _ in number),
            folds=_common_folds(self.folds, members, len(number)),
        )

    def by_group(self) -> "Predictions":
        """Return one row for each group, with the mean probability of its films and the group's name as path.

        A group with films of several classes has an unknown class (-1): for a patient with one broken and one intact
        bone, no single probability is correct.
        """
        films = self.by_film()
        names, members = np.unique(np.asarray(films.groups, object).astype(str), return_inverse=True)
        sums = np.zeros((len(names), len(self.classes)))
        np.add.at(sums, members, films.probabilities)
        low, high = (np.full(len(names), start, np.int64) for start in (len(self.classes), UNKNOWN))
        np.minimum.at(low, members, films.labels)
        np.maximum.at(high, members, films.labels)
        groups = tuple(map(str, names))
        return Predictions(
            classes=self.classes,
            paths=groups,
            labels=np.where(low == high, low, UNKNOWN),
            probabilities=sums / np.bincount(members, minlength=len(names))[:, None],
            films=groups,
            groups=groups,
            folds=_common_folds(films.folds, members, len(names)),
        )

    def write_csv(self, path: str | Path, *, threshold: float = 0.5) -> None:
        """Write the columns path, label, film, group, prediction and p_<class>; unknown labels are empty.

        Out-of-fold predictions have a last column, fold.

        Probabilities keep all their digits, so that `read_csv` returns the same numbers.

        Raises:
            OutputError: the file cannot be written, for example because the disk is full.
        """
        out = io.StringIO(newline="")
        # Quote all names: an unquoted carriage return would break the row.
        writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        last = [] if self.folds is None else [FOLD]
        writer.writerow([*FIXED_COLUMNS, *(PREFIX + name for name in self.classes), *last])
        labels = ["" if i < 0 else self.classes[i] for i in self.labels]
        decisions = [self.classes[i] for i in self.predicted(threshold)]
        names = zip(self.paths, labels, self.films, self.groups, decisions, strict=True)
        folds = [[]] * len(self) if self.folds is None else self.folds[:, None].tolist()
        rows = zip(names, self.probabilities.tolist(), folds, strict=True)
        writer.writerows([*fixed, *values, *fold] for fixed, values, fold in rows)
        write_atomic(path, out.getvalue())

    @classmethod
    def read_csv(cls, path: str | Path) -> "Predictions":
        """Read a file that `write_csv` wrote. The columns prediction and fold are optional.

        Raises:
            DataError: the file or a column is missing, a row has too few or too many fields, a probability is not a
                number, or a class is unknown.
        """
        path = Path(path)
        table = read_table(path, "make it with `fxkit evaluate`")
        header, rows = table.columns, _full_rows(table)
        classes = tuple(name.removeprefix(PREFIX) for name in header if name.startswith(PREFIX))
        _check_header(path, header, classes)
        columns = {name: [row[name] for row in rows] for name in header}
        try:
            return cls(
                classes=classes,
                paths=tuple(columns["path"]),
                labels=_read_labels(path, columns["label"], classes),
                probabilities=_read_numbers(path, columns, classes),
                films=tuple(columns["film"]),
                groups=tuple(columns["group"]),
                folds=_read_folds(path, columns.get(FOLD)),
            )
        except DataError as error:
            raise DataError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from error


def _common_folds(folds: NDArray[np.int64] | None, members: NDArray[np.int64], n: int) -> NDArray[np.int64] | None:
    """Return (n,) the fold of each set of rows; None if the rows of a set are in several folds.

    Args:
        members: (N,) number of the set that each row belongs to.
    """
    if folds is None:
        return None
    common = np.zeros(n, np.int64)
    common[members] = folds
    return common if (common[members] == folds).all() else None


def decisions(probabilities: NDArray[np.float64], threshold: float = 0.5) -> NDArray[np.int64]:
    """Return the predicted class indices (N,) for probabilities (N, C).

    With two classes, 1 where p(positive) >= threshold. With more, the class with the highest probability.
    """
    if probabilities.shape[1] == 2:
        return np.asarray(probabilities[:, 1] >= threshold, np.int64)
    return np.asarray(probabilities.argmax(axis=1), np.int64)


def _check_sizes(p: Predictions) -> None:
    n, c = len(p.paths), len(p.classes)
    sizes = (p.labels.shape, p.probabilities.shape, len(p.films), len(p.groups))
    if sizes != ((n,), (n, c), n, n) or (p.folds is not None and p.folds.shape != (n,)):
        raise ValueError(
            f"predictions of {n} paths and {c} classes: labels, probabilities, films and groups have sizes {sizes}; "
            f"expected {((n,), (n, c), n, n)}"
        )
    if c < 2:
        raise ValueError(f"predictions over {c} classes; expected two or more")
    if n and (p.labels.min() < UNKNOWN or p.labels.max() >= c):
        raise ValueError(f"labels from {p.labels.min()} to {p.labels.max()}; expected -1 to {c - 1}")


def _check_probabilities(p: Predictions) -> None:
    low, high = p.probabilities.min(axis=1, initial=0.0), p.probabilities.max(axis=1, initial=0.0)
    total = p.probabilities.sum(axis=1)
    with np.errstate(invalid="ignore"):
        good = (low >= 0) & (high <= 1 + SUM_TOLERANCE) & (np.abs(total - 1) <= SUM_TOLERANCE)
    if not good.all():
        i = int(np.flatnonzero(~good)[0])
        raise DataError(
            f"{p.paths[i]}: probabilities {p.probabilities[i].tolist()}; expected numbers from 0 to 1 that "
            "add up to 1; if they are not numbers, the training diverged: train again with lower learning rates"
        )


def _full_rows(table: Table) -> list[dict[str, str]]:
    for row in table.rows:
        if len(row.values) != len(table.columns):
            raise DataError(
                f"{table.path}, row {row.line}: {amount(len(row.values), 'field')}; expected {len(table.columns)} as "
                "in the first row; the file was cut short or edited; make it again with `fxkit evaluate`"
            )
    return [row.values for row in table.rows]


def _check_header(path: Path, header: Sequence[str], classes: tuple[str, ...]) -> None:
    missing = [name for name in FIXED_COLUMNS[:-1] if name not in header]
    if missing:
        raise DataError(
            f"{path}: column {missing[0]!r} is missing; expected {', '.join(FIXED_COLUMNS)} and one "
            "p_<class> for each class; make it with `fxkit evaluate`"
        )
    if len(classes) < 2:
        raise DataError(
            f"{path}: columns {', '.join(header)}; expected p_<class> for two or more classes; make it with "
            "`fxkit evaluate`"
        )


def _read_labels(path: Path, labels: list[str], classes: tuple[str, ...]) -> NDArray[np.int64]:
    number = {name: i for i, name in enumerate(classes)}
    similar = {label_key(name): i for i, name in enumerate(classes)}  # a spreadsheet turns 0 into 0.0, true into TRUE
    indices = []
    for row, label in enumerate(labels, start=2):
        index = number.get(label, similar.get(label_key(label)) if label else UNKNOWN)
        if index is None and not is_empty(clean_cell(label)):
            raise DataError(
                f"{path}, row {row}: label {label!r}; expected one of {', '.join(classes)}, "
                "or an empty field if it is unknown; correct the file"
            )
        indices.append(UNKNOWN if index is None else index)
    return np.array(indices, np.int64)


def _read_folds(path: Path, folds: list[str] | None) -> NDArray[np.int64] | None:
    if folds is None:
        return None
    for row, text in enumerate(folds, start=2):
        if not text.isdecimal():
            raise DataError(
                f"{path}, row {row}: fold is {text!r}; expected a whole number from 0; correct the file, or leave out "
                "the column fold if one model predicted all files"
            )
    return np.array(folds, np.int64)


def _read_numbers(path: Path, columns: dict[str, list[str]], classes: tuple[str, ...]) -> NDArray[np.float64]:
    values = np.zeros((len(columns["path"]), len(classes)))
    for i, name in enumerate(classes):
        for row, text in enumerate(columns[PREFIX + name]):
            try:
                values[row, i] = np.nan if is_empty(clean_cell(text)) else read_number(clean_cell(text))
            except ValueError as error:
                raise DataError(
                    f"{path}, row {row + 2}: {PREFIX + name} is {text!r}; expected a number from 0 to 1; "
                    "correct the file"
                ) from error
    return values
