"""Predictions from arrays, with scikit-learn's names and shapes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxkit.data.positive import choose_order
from fxkit.errors import ConfigError, DataError
from fxkit.metrics.predictions import SUM_TOLERANCE, Predictions
from preprocess.errors import first_few
from preprocess.words import amount

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScoredLabels:
    """The true classes and the scores of N rows.

    Attributes:
        labels: N names of classes; "" where the class is unknown.
        classes: C names in the order of the columns of `scores`; of a single column, the second is its class.
        scores: (N, C), or (N, 1) for those of the positive class.
        positive: the class of two that sensitivity refers to; "" if there are more.
    """

    labels: tuple[str, ...]
    classes: tuple[str, ...]
    scores: Floats
    positive: str


def read_labels_and_scores(
    y_true: ArrayLike, y_score: ArrayLike, *, classes: Sequence[Any] | None = None, positive: Any = None
) -> ScoredLabels:
    """Read arrays as scikit-learn's metrics do.

    Args:
        y_true: (N,) names, numbers or booleans. Missing ones (None, NaN or "") are unknown classes.
        y_score: (N,) scores of the positive class, or (N, C) one for each class.
        classes: classes in the order of the columns, such as `model.classes_`; y_true may then hold their numbers from
            0. Default: the headings of a DataFrame, or the sorted values of y_true. Scores of shape (N,) are those of
            the second.
        positive: class that scores of shape (N,) are of. Needed if y_true holds names and `classes` is not given.
    Raises:
        DataError: lengths differ, there is no row, a score is no finite number, classes and columns do not fit, or two
            series have one index in different orders.
        ConfigError: `positive` is missing, or none of the classes; or `classes` contradicts the headings.
    """
    _check_index(y_true, y_score, "y_score")
    scores = _read_scores(y_score)
    values = [_plain(value) for value in np.asarray(_one_column(y_true, "y_true"), object).tolist()]
    if len(values) != len(scores):
        raise DataError(
            f"y_true has {amount(len(values), 'row')} and y_score {len(scores)}; expected one row of each for each film"
        )
    known = [value for value in values if value is not None]
    if not known:
        raise DataError(f"y_true: all {amount(len(values), 'class', 'classes')} are missing; expected some known ones")
    classes = _named_by_headings(y_score, known) if classes is None else _check_headings(y_score, classes)
    named = classes is not None
    names = [str(_plain(value)) for value in classes] if classes is not None else _sorted_names(known)
    labels = _names_of(values, names, named=named)
    wanted = None if positive is None else str(_plain(positive))
    if scores.shape[1] > 1:
        _check_columns(scores.shape[1], names, named=named)
        return ScoredLabels(labels, tuple(names), scores, _positive_of_columns(names, wanted))
    pair = _two_classes(names, known, wanted, named=named)
    return ScoredLabels(labels, pair, scores, pair[1])


def predictions_of(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    films: ArrayLike | None = None,
    classes: Sequence[Any] | None = None,
    positive: Any = None,
) -> Predictions:
    """Return predictions of arrays; of two classes, the positive one comes last.

    Args:
        y_true, y_score, classes, positive: see `read_labels_and_scores`; the scores are probabilities.
        groups: (N,) names or numbers of patients or other groups; None if each film is a group of its own.
        films: (N,) name or number of the film of each row; None if each row is a film of its own.
    Raises:
        DataError: as `read_labels_and_scores`; or a score lies outside of 0 to 1, or rows do not add up to 1.
        ConfigError: as `read_labels_and_scores`.
    """
    _check_index(y_true, groups, "groups")
    _check_index(y_true, films, "films")
    read = read_labels_and_scores(y_true, y_score, classes=classes, positive=positive)
    probabilities = _probabilities(read.scores)
    order = list(read.classes)
    if read.positive and read.positive != order[1]:
        order, probabilities = order[::-1], probabilities[:, ::-1]
    n = len(read.labels)
    paths = tuple(str(row) for row in range(n))
    films_of = paths if films is None else names_of_rows(films, n, "films")
    return Predictions(
        classes=tuple(order),
        paths=paths,
        labels=np.array([order.index(name) if name else -1 for name in read.labels], np.int64),
        probabilities=probabilities,
        films=films_of,
        groups=films_of if groups is None else names_of_rows(groups, n, "groups"),
    )


def names_of_rows(values: ArrayLike, n: int, what: str) -> tuple[str, ...]:
    """Return N values as names.

    Raises:
        DataError: there are not N, or some are missing.
    """
    plain = [_plain(value) for value in np.asarray(_one_column(values, what), object).tolist()]
    if len(plain) != n:
        raise DataError(f"{what} has {amount(len(plain), 'row')} and y_true {n}; expected one for each film")
    missing = [row for row, value in enumerate(plain) if value is None]
    if missing:
        raise DataError(
            f"{what}: {len(missing)} of {amount(n, 'value')} are missing (first in row {missing[0]}); expected a name "
            "in each row; give rows that are known to be independent a name of their own"
        )
    return tuple(map(str, plain))


def _check_index(y_true: Any, other: Any, what: str) -> None:
    """Refuse two pandas series with the same rows in a different order, because arrays are paired by position."""
    mine: Any = getattr(y_true, "index", None)
    theirs: Any = getattr(other, "index", None)
    if not hasattr(mine, "equals") or not hasattr(theirs, "equals") or mine.equals(theirs):
        return
    if sorted(map(str, mine)) == sorted(map(str, theirs)):
        raise DataError(
            f"y_true and {what} have the same index in different orders, and rows are paired by position; expected one "
            f"order, such as {what}.loc[y_true.index]"
        )


def _headings(y_score: Any) -> list[Any]:
    """Return the headings of a DataFrame; none for an array, or for a single column."""
    headings = list(getattr(y_score, "columns", ()))
    return headings if len(headings) > 1 else []


def _named_by_headings(y_score: Any, known: Sequence[Any]) -> list[Any] | None:
    """Return the headings of a DataFrame if they are the classes; None if they are only numbers, or there are none."""
    headings = _headings(y_score)
    if headings and {str(value) for value in known} <= {str(_plain(heading)) for heading in headings}:
        return headings
    if any(isinstance(heading, str) for heading in headings):
        raise DataError(
            f"y_score has the columns {first_few(map(str, headings), 8)}, which are not the classes of y_true "
            f"({first_few(_sorted_names(known), 8)}); give classes=[...] with the class of each column"
        )
    return None


def _check_headings(y_score: Any, classes: Sequence[Any]) -> Sequence[Any]:
    names, headings = ([str(_plain(value)) for value in values] for values in (classes, _headings(y_score)))
    if names != headings and sorted(names) == sorted(headings):
        raise ConfigError(
            f"classes={names} and the columns {', '.join(headings)} of y_score are in different orders; expected one "
            "order; leave classes out"
        )
    return classes


def _one_column(values: ArrayLike, what: str) -> Any:
    array = np.asarray(values, None if hasattr(values, "dtype") else object)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(f"{what} has the shape {array.shape}; expected (N,), one value for each film")
    return array


def _plain(value: Any) -> Any:
    """Return a value without its numpy type, 1.0 as 1, and None for a missing one."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or str(value) in ("", "NaT", "<NA>") or value != value:  # pandas.NA can only be printed
        return None
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _read_scores(y_score: ArrayLike) -> Floats:
    try:
        scores = np.asarray(y_score, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"y_score holds no numbers ({error}); expected an array of (N,) or (N, C) numbers") from error
    scores = scores[:, None] if scores.ndim == 1 else scores
    if scores.ndim != 2 or not scores.size:
        raise DataError(f"y_score has the shape {np.shape(y_score)}; expected (N,) or (N, C) with N above 0")
    wrong = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if len(wrong):
        raise DataError(
            f"y_score: {len(wrong)} of {amount(len(scores), 'row')} {'holds' if len(wrong) == 1 else 'hold'} NaN or "
            f"infinity (rows {first_few(map(str, wrong))}); expected a finite number in each; a model that skips films "
            "cannot be judged by the others"
        )
    return scores


def _sorted_names(known: Sequence[Any]) -> list[str]:
    """Return the classes in scikit-learn's order: numbers by value, names by alphabet."""
    numeric = all(isinstance(value, (int, float)) for value in known)
    return [str(value) for value in (sorted(set(known)) if numeric else sorted({str(value) for value in known}))]


def _names_of(values: Sequence[Any], names: Sequence[str], *, named: bool) -> tuple[str, ...]:
    """Return the name of the class of each row, which may be written as its number in `classes`."""
    present = {str(value) for value in values if value is not None}
    numbers = {str(number): name for number, name in enumerate(names)}
    if present <= {*names}:
        numbers = {}
    elif not (named and present <= {*numbers}):
        foreign = sorted(present - {*names})
        raise DataError(
            f"y_true holds {first_few(foreign)}; expected one of classes ({first_few(names, 8)}), or their numbers"
            " from 0"
        )
    return tuple("" if value is None else numbers.get(str(value), str(value)) for value in values)


def _check_columns(n_columns: int, names: Sequence[str], *, named: bool) -> None:
    if n_columns == len(names):
        return
    source = "classes" if named else "y_true"
    raise DataError(
        f"y_score has {n_columns} columns and {source} {amount(len(names), 'class', 'classes')} "
        f"({first_few(names, 8)}); give classes=[...] with the class of each column, such as model.classes_"
    )


def _positive_of_columns(names: Sequence[str], positive: str | None) -> str:
    """Return the positive of two classes: the given one, the one that means a finding, or else the second."""
    order = choose_order(names, positive)
    if len(names) != 2:
        return ""
    return names[1] if order.guessed else order.classes[1]


def _two_classes(names: list[str], known: Sequence[Any], positive: str | None, *, named: bool) -> tuple[str, str]:
    """Return the negative and the positive class behind a single column of scores."""
    is_truth = all(isinstance(value, (bool, int)) for value in known) and {*names} <= {"0", "1", "False", "True"}
    if len(names) == 1 and is_truth and not named:
        names = ["False", "True"] if isinstance(known[0], bool) else ["0", "1"]
    if len(names) == 1:
        raise DataError(
            f"y_true holds one class, {names[0]!r}, and y_score has the shape (N,); give classes=[NEGATIVE, POSITIVE]"
        )
    if len(names) > 2:
        raise DataError(
            f"y_true holds {len(names)} classes ({first_few(names, 8)}) and y_score one column; expected (N, C) scores "
            "with a column for each class"
        )
    if positive is None and not named and not all(isinstance(value, (bool, int, float)) for value in known):
        raise ConfigError(
            f"y_score has the shape (N,) and the classes are {names[0]!r} and {names[1]!r}; give positive={names[0]!r} "
            f"or positive={names[1]!r}, the class that the scores are of"
        )
    negative, chosen = choose_order(names, positive or names[1]).classes
    return negative, chosen


def _probabilities(scores: Floats) -> Floats:
    """Return (N, C) probabilities, or raise DataError with counts."""
    outside = (scores < 0) | (scores > 1 + SUM_TOLERANCE)
    if outside.any():
        raise DataError(
            f"y_score: {int(outside.any(axis=1).sum())} of {amount(len(scores), 'row')} lie outside of 0 to 1 (from "
            f"{scores.min():g} to {scores.max():g}); expected probabilities; for logits or other scores use "
            'fxkit.evaluate(y_true, y_score, scale="logit") or scale="score"'
        )
    clipped = np.clip(scores, 0, 1)
    if clipped.shape[1] == 1:
        return np.concatenate([1 - clipped, clipped], axis=1)
    sums = clipped.sum(axis=1)
    off = np.abs(sums - 1) > SUM_TOLERANCE * clipped.shape[1]
    if off.any():
        first = int(np.flatnonzero(off)[0])
        raise DataError(
            f"y_score: {int(off.sum())} of {amount(len(sums), 'row')} do not add up to 1 (row {first}: "
            f"{sums[first]:.3g}); expected one probability for each class; give the column of the positive class alone "
            "if the classes are independent findings"
        )
    rounded = np.abs(sums - 1) > 1e-9  # rows that were written with few digits
    return np.asarray(np.where(rounded[:, None], clipped / sums[:, None], clipped), np.float64)
