"""All figures of one set of predictions, by file, by film and by group, with intervals over groups.

The formulas stand in `fxkit.metrics.scores`, the intervals in `fxkit.metrics.bootstrap`.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fxkit.metrics.bootstrap import RESAMPLES, intervals
from fxkit.metrics.intervals import Interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import Ints, metrics_for


@dataclass(frozen=True)
class Level:
    """The figures at one level: each file counted, or each film, or each group."""

    n: int
    n_groups: int
    counts: dict[str, int]  # a class, and of two classes also tp, fp, tn, fn
    figures: dict[str, Interval]
    confusion: tuple[tuple[int, ...], ...]  # rows: truth, columns: decision
    report: dict[str, Any]  # scikit-learn's classification report


@dataclass(frozen=True)
class Evaluation:
    """All figures of one set of predictions by file, film (mean over its copies) and group (mean over its films)."""

    classes: tuple[str, ...]
    threshold: float
    seed: int
    resamples: int
    n_files: int
    n_films: int
    n_groups: int
    n_unknown: int
    file: Level
    film: Level
    group: Level | None  # None where no group has a class of its own
    n_mixed: int  # groups with films of several classes, which no figure by group counts

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, dicts and numbers for metrics.json; undefined figures are None."""
        plain: dict[str, Any] = as_json(asdict(self))
        return plain


def as_json(value: Any) -> Any:
    """Return nested values as plain dicts, lists and numbers, with None for what is undefined."""
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if isinstance(value, (int, str)) or value is None:
        return value
    return float(value) if math.isfinite(value) else None


def evaluate_predictions(
    predictions: Predictions, *, threshold: float = 0.5, seed: int = 0, resamples: int = RESAMPLES
) -> Evaluation:
    """Return all figures by file, by film and by group, with intervals over groups.

    Rows of unknown class are counted, and else left out.

    Raises:
        DataError: no row has a known class.
    """
    known = predictions.known()
    films, groups = known.by_film(), known.by_group()
    pure = groups.known()

    def level(part: Predictions) -> Level:
        return _level(part, threshold=threshold, seed=seed, resamples=resamples)

    return Evaluation(
        classes=predictions.classes,
        threshold=threshold,
        seed=seed,
        resamples=resamples,
        n_files=len(known),
        n_films=len(films),
        n_groups=len(groups),
        n_unknown=len(predictions) - len(known),
        file=level(known),
        film=level(films),
        group=level(pure) if len(pure) else None,
        n_mixed=len(groups) - len(pure),
    )


def _level(part: Predictions, *, threshold: float, seed: int, resamples: int) -> Level:
    metrics = metrics_for(part.classes)
    figures = intervals(metrics, part, threshold=threshold, seed=seed, resamples=resamples)
    confusion = confusion_matrix(part, threshold)
    counts = {name: int((part.labels == k).sum()) for k, name in enumerate(part.classes)}
    if len(part.classes) == 2:
        counts |= dict(zip(("tn", "fp", "fn", "tp"), confusion.ravel().tolist(), strict=True))
    return Level(
        n=len(part),
        n_groups=len(set(part.groups)),
        counts=counts,
        figures=figures,
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        report=classification_report(part, threshold),
    )


def confusion_matrix(predictions: Predictions, threshold: float = 0.5) -> Ints:
    """Return (C, C) counts of the labelled rows: truth by row, decision by column."""
    from sklearn.metrics import confusion_matrix as count

    known = predictions.known()
    indices = list(range(len(known.classes)))
    return np.asarray(count(known.labels, known.predicted(threshold), labels=indices), np.int64)


def classification_report(predictions: Predictions, threshold: float = 0.5) -> dict[str, Any]:
    """Return scikit-learn's precision, recall, F1 and support of each class and their means, as a dict."""
    from sklearn.metrics import classification_report as describe

    known = predictions.known()
    report: dict[str, Any] = describe(
        known.labels,
        known.predicted(threshold),
        labels=list(range(len(known.classes))),
        target_names=list(known.classes),
        output_dict=True,
        zero_division=np.nan,
    )
    return report
