"""What a model says of each file, beside the truth: the rows that every figure is computed from."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxkit.errors import DataError
from preprocess.files import write_atomic

FIXED_COLUMNS = ("path", "label", "film", "group", "prediction")

PREFIX = "p_"

UNKNOWN = -1

SUM_TOLERANCE = 1e-3  # float32 and half-precision softmax, and files rounded to four decimals


@dataclass(frozen=True, eq=False)
class Predictions:
    """Probabilities of N files (or films) over C classes.

    Attributes:
        classes: C names; of two, index 1 is the positive one.
        paths: N names relative to the image root.
        labels: (N,) int64, indices into classes, -1 where the class is not known.
        probabilities: (N, C) float64, each row adds up to 1.
        films: N names; copies of one film share theirs.
        groups: N names; what shares one is not independent (a patient, or a film).
    """

    classes: tuple[str, ...]
    paths: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    films: tuple[str, ...]
    groups: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", np.asarray(self.labels, np.int64))
        object.__setattr__(self, "probabilities", np.asarray(self.probabilities, np.float64))
        _check_sizes(self)
        _check_probabilities(self)

    def __len__(self) -> int:
        return len(self.paths)

    def predicted(self, threshold: float = 0.5) -> NDArray[np.int64]:
        """Return (N,) class indices: of two, 1 where p(positive) >= threshold; of more, the likeliest."""
        return decisions(self.probabilities, threshold)

    def known(self) -> "Predictions":
        """Return the rows whose class is known."""
        return self.take(np.flatnonzero(self.labels >= 0))

    def take(self, rows: NDArray[np.int64]) -> "Predictions":
        """Return the rows with these indices, in their order."""
        return Predictions(
            classes=self.classes,
            paths=tuple(self.paths[i] for i in rows),
            labels=self.labels[rows],
            probabilities=self.probabilities[rows],
            films=tuple(self.films[i] for i in rows),
            groups=tuple(self.groups[i] for i in rows),
        )

    def by_film(self) -> "Predictions":
        """Return one row a film, with the mean probability of its copies; its path is the film's name.

        Copies that disagree in class or group make one row for each, in the order of first appearance.
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
        )

    def by_group(self) -> "Predictions":
        """Return one row a group, with the mean probability of its films; its path is the group's name.

        A group with films of several classes has no class of its own (-1): of a patient with a broken and a whole
        bone, no single probability is right.
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
        )

    def write_csv(self, path: str | Path, *, threshold: float = 0.5) -> None:
        """Write path, label, film, group, prediction and p_<class>...; an unknown label is an empty field.

        Probabilities are written so that reading gives the same bits.

        Raises:
            OutputError: the disk is full, or the place cannot be written.
        """
        out = io.StringIO(newline="")
        # Names are quoted always: a carriage return would else stand bare and break its row.
        writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow([*FIXED_COLUMNS, *(PREFIX + name for name in self.classes)])
        labels = ["" if i < 0 else self.classes[i] for i in self.labels]
        decisions = [self.classes[i] for i in self.predicted(threshold)]
        names = zip(self.paths, labels, self.films, self.groups, decisions, strict=True)
        rows = zip(names, self.probabilities.tolist(), strict=True)
        writer.writerows([*fixed, *values] for fixed, values in rows)
        write_atomic(path, out.getvalue())

    @classmethod
    def read_csv(cls, path: str | Path) -> "Predictions":
        """Read what `write_csv` wrote; the column `prediction` is not needed.

        Raises:
            DataError: no such file, a column missing, a ragged row, no number, an unknown class.
        """
        path = Path(path)
        header, rows = _read_rows(path)
        classes = tuple(name.removeprefix(PREFIX) for name in header if name.startswith(PREFIX))
        _check_header(path, header, classes)
        columns = {name: [row[i] for row in rows] for i, name in enumerate(header)}
        try:
            return cls(
                classes=classes,
                paths=tuple(columns["path"]),
                labels=_read_labels(path, columns["label"], classes),
                probabilities=_read_numbers(path, columns, classes),
                films=tuple(columns["film"]),
                groups=tuple(columns["group"]),
            )
        except DataError as error:
            raise DataError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error


def decisions(probabilities: NDArray[np.float64], threshold: float = 0.5) -> NDArray[np.int64]:
    """Return (N,) class indices for (N, C) probabilities: of two, 1 where p >= threshold; of more, the likeliest."""
    if probabilities.shape[1] == 2:
        return np.asarray(probabilities[:, 1] >= threshold, np.int64)
    return np.asarray(probabilities.argmax(axis=1), np.int64)


def _check_sizes(p: Predictions) -> None:
    n, c = len(p.paths), len(p.classes)
    sizes = (p.labels.shape, p.probabilities.shape, len(p.films), len(p.groups))
    if sizes != ((n,), (n, c), n, n):
        raise ValueError(f"predictions of {n} paths and {c} classes: labels, probabilities, films, groups {sizes}")
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
            "add up to 1; if they are not numbers the training diverged: train again with lower rates"
        )


def _read_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            header, *rows = list(csv.reader(file, strict=True)) or [[]]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); make it with `fxkit evaluate`") from error
    except csv.Error as error:
        raise DataError(f"{path}: not a CSV file ({error}); make it again with `fxkit evaluate`") from error
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise DataError(
                f"{path}, row {number}: {len(row)} fields; expected {len(header)} as in the first row; "
                "the file was cut short or edited: make it again with `fxkit evaluate`"
            )
    return header, rows


def _check_header(path: Path, header: list[str], classes: tuple[str, ...]) -> None:
    missing = [name for name in FIXED_COLUMNS[:-1] if name not in header]
    if missing:
        raise DataError(
            f"{path}: column {missing[0]!r} is missing; expected {', '.join(FIXED_COLUMNS)} and one "
            "p_<class> for each class; make it with `fxkit evaluate`"
        )
    if len(classes) < 2 or len(set(header)) < len(header):
        raise DataError(
            f"{path}: columns {', '.join(header)}; expected each once and p_<class> for two classes or more; "
            "make it with `fxkit evaluate`"
        )


def _read_labels(path: Path, labels: list[str], classes: tuple[str, ...]) -> NDArray[np.int64]:
    number = {"": UNKNOWN} | {name: i for i, name in enumerate(classes)}
    for row, label in enumerate(labels, start=2):
        if label not in number:
            raise DataError(
                f"{path}, row {row}: label {label!r}; expected one of {', '.join(classes)}, "
                "or nothing if unknown; correct the file"
            )
    return np.array([number[label] for label in labels], np.int64)


def _read_numbers(path: Path, columns: dict[str, list[str]], classes: tuple[str, ...]) -> NDArray[np.float64]:
    values = np.zeros((len(columns["path"]), len(classes)))
    for i, name in enumerate(classes):
        for row, text in enumerate(columns[PREFIX + name]):
            try:
                values[row, i] = float(text)
            except ValueError as error:
                raise DataError(
                    f"{path}, row {row + 2}: {PREFIX + name} is {text!r}; expected a number from 0 to 1"
                ) from error
    return values
