"""All metrics of one set of predictions by file, by film and by group, with intervals over groups.

`fxkit.metrics.scores` has the formulas, `fxkit.metrics.bootstrap` the intervals.
"""

import math
from typing import Any

import numpy as np
from pydantic import Field, computed_field

from fxkit.data.positive import positive_class
from fxkit.metrics.bootstrap import RESAMPLES, intervals
from fxkit.metrics.intervals import Interval
from fxkit.metrics.json_result import JsonResult, Number
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import AUROC, MACRO_AUROC, Ints, metrics_for

HEADLINES = (AUROC.name, MACRO_AUROC.name)


class ClassScores(JsonResult):
    """Precision, recall and F1 of one class, without intervals; NaN where undefined."""

    precision: Number
    recall: Number
    f1: Number = Field(alias="f1-score")
    support: Number  # rows of the class


class Level(JsonResult):
    """The figures at one level: each file counts, or each film, or each group.

    Attributes:
        counts: rows of each class, and with two classes also tp, fp, tn and fn.
        figures: metric -> value with interval.
        confusion: (C, C) counts: truth by row, decision by column.
        report: scikit-learn's classification report: class or mean -> scores; and the accuracy.
    """

    n: int
    n_groups: int = 0
    counts: dict[str, int] = Field({})
    figures: dict[str, Interval]
    confusion: tuple[tuple[int, ...], ...]
    report: dict[str, ClassScores | Number]

    @property
    def headline_metric(self) -> str:
        """The metric that needs no threshold: auroc or macro_auroc."""
        return next(name for name in HEADLINES if name in self.figures)

    @property
    def headline(self) -> Interval:
        """The value of the headline metric."""
        return self.figures[self.headline_metric]

    @property
    def fewest_groups(self) -> int:
        """Number of groups of the rarest class."""
        recalls = {"sensitivity", "specificity"} & set(self.figures)
        recalls = recalls or {name for name in self.figures if name.startswith("recall_")}
        return min((self.figures[name].n_groups for name in recalls), default=0)

    def class_scores(self, name: str) -> ClassScores:
        """Return the scores of a class, or of "macro avg" or "weighted avg"."""
        scores = self.report[name]
        if not isinstance(scores, ClassScores):
            raise KeyError(name)
        return scores


class Evaluation(JsonResult):
    """All figures of one set of predictions by file, by film (mean over its copies) and by group (mean over its films).

    Attributes:
        n_unknown: files of unknown class, which no figure counts.
        group: None if no group has films of one class only.
        n_mixed: groups with films of several classes, which no figure by group counts.
    """

    classes: tuple[str, ...]
    threshold: Number
    seed: int = 0
    resamples: int = RESAMPLES
    n_files: int
    n_films: int
    n_groups: int
    n_unknown: int
    file: Level
    film: Level
    group: Level | None = None
    n_mixed: int = 0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def positive(self) -> str:
        """The positive class, to which sensitivity and PPV refer; "" unless there are two classes."""
        return positive_class(self.classes)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def single_class(self) -> str:
        """The class of all files if it is the same; figures that compare classes are then undefined. Else ""."""
        present = [name for name, row in zip(self.classes, self.file.confusion, strict=True) if any(row)]
        return present[0] if len(present) == 1 else ""


class FoldScore(JsonResult):
    """The headline figure of one model on the fold that it did not train on, by film."""

    fold: int
    score: Interval = Field(alias="found")
    n_files: int
    n_films: int


class FoldScores(JsonResult):
    """The headline figure of each fold, by film.

    Attributes:
        metric: AUROC, or its mean over classes if there are more than two.
        mean: mean over the folds, so that only films of one fold are compared with each other.
        spread: standard deviation of the folds' figures. Few films and the randomness of training both add to it.
        ranking: how pooled figures that rank films, and their curves, treat the folds; "" in results of fxkit 0.1.0.
    """

    metric: str
    mean: Interval
    spread: Number
    ranking: str = ""
    each: tuple[FoldScore, ...]


def evaluate_predictions(
    predictions: Predictions, *, threshold: float = 0.5, seed: int = 0, resamples: int = RESAMPLES
) -> Evaluation:
    """Compute all metrics by file, by film and by group, with intervals over groups.

    Rows with an unknown class are counted but otherwise ignored.

    Raises:
        DataError: no row has a known class.
    """
    known = predictions.known()
    films, groups = known.by_film(), known.by_group()
    pure = groups.known()

    def level(part: Predictions) -> Level:
        return _level(part, threshold=threshold, seed=seed, resamples=resamples)

    by_file = level(known)
    return Evaluation(
        classes=predictions.classes,
        threshold=threshold,
        seed=seed,
        resamples=resamples,
        n_files=len(known),
        n_films=len(films),
        n_groups=len(groups),
        n_unknown=len(predictions) - len(known),
        file=by_file,
        film=by_file if len(films) == len(known) else level(films),
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
    """Return (C, C) counts of the labelled rows: true class by row, predicted class by column."""
    from sklearn.metrics import confusion_matrix as count

    known = predictions.known()
    indices = list(range(len(known.classes)))
    return np.asarray(count(known.labels, known.predicted(threshold), labels=indices), np.int64)


def classification_report(predictions: Predictions, threshold: float = 0.5) -> dict[str, Any]:
    """Return scikit-learn's classification report as a dict: precision, recall, F1 and support of classes and means.

    With rows of one class, precision and F1 score are NaN.
    """
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
    if len(set(known.labels.tolist())) == 1:  # the precision of the only class is 1 whatever the model does
        for scores in (report[name] for name in report if name != "accuracy"):
            scores |= {"precision": math.nan, "f1-score": math.nan}
        report["macro avg"]["recall"] = math.nan
    return report
