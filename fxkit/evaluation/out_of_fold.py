"""Out-of-fold metrics: each fold is predicted by the model that did not train on it. Pooled and by fold."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxkit.errors import DataError
from fxkit.evaluation.evaluate import write_pictures
from fxkit.metrics.bootstrap import intervals
from fxkit.metrics.intervals import Interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import Floats, Metric, Scored, ranking_metric
from fxkit.metrics.summary import Evaluation, FoldScore, FoldScores, evaluate_predictions
from fxkit.models.run_folder import write_json


@dataclass(frozen=True)
class OutOfFold:
    """Out-of-fold results: all metrics of the pooled predictions, and the headline metric of each fold.

    Attributes:
        pooled: metrics of all folds together. The AUROC compares films of the same fold only, and each pair counts as
            much. The other metrics assume that the models of all folds are calibrated.
        folds: the headline metric of each fold, by film.
        stamp: the warning shown with all figures; "" if nothing leaks.
    """

    pooled: Evaluation
    folds: FoldScores
    stamp: str = ""

    @property
    def headline(self) -> Interval:
        """The pooled headline metric by film."""
        return self.pooled.film.figures[self.folds.metric]


def pool(parts: Sequence[Predictions], paths: Sequence[str] = ()) -> Predictions:
    """Join predictions with the same classes; each part becomes a fold, unless there is only one part.

    Args:
        paths: order of the rows, by path. Paths that are not listed come last, in the order of the parts.
    Raises:
        DataError: the parts differ in their classes or in their order.
    """
    orders = {part.classes for part in parts}
    if len(orders) > 1:
        texts = " and ".join(", ".join(order) for order in sorted(orders))
        raise DataError(
            f"models with the classes in different orders ({texts}) cannot be averaged, for example because an older "
            "version trained some of them; train all of them again with --overwrite"
        )
    joined = Predictions(
        classes=parts[0].classes,
        paths=tuple(path for part in parts for path in part.paths),
        labels=np.concatenate([part.labels for part in parts]),
        probabilities=np.concatenate([part.probabilities for part in parts]),
        films=tuple(film for part in parts for film in part.films),
        groups=tuple(group for part in parts for group in part.groups),
        folds=np.repeat(np.arange(len(parts)), [len(part) for part in parts]) if len(parts) > 1 else None,
    )
    position = {path: number for number, path in enumerate(paths)}
    order = sorted(range(len(joined)), key=lambda i: position.get(joined.paths[i], len(position)))
    return joined.take(np.array(order, np.int64))


def mean_over_folds(metric: Metric, folds: NDArray[np.int64]) -> Metric:
    """Build a metric that is the mean of the given metric over the folds in which it is defined.

    Args:
        folds: (N,) fold of each row that the new metric will be computed on.
    Source: LeDell, Petersen and van der Laan 2015, "Computationally efficient confidence intervals for
    cross-validated area under the ROC curve estimates". The mean is theirs; the interval is not.
    """
    parts = [folds == fold for fold in np.unique(folds)]

    def compute(s: Scored, weights: Floats) -> Floats:
        by_fold = np.array([metric.compute(_rows(s, part), weights[:, part]) for part in parts])
        n_defined = (~np.isnan(by_fold)).sum(axis=0)
        return np.where(n_defined > 0, np.nansum(by_fold, axis=0) / np.maximum(n_defined, 1), np.nan)

    return Metric(f"mean_of_folds_{metric.name}", compute, metric.support, metric.is_share)


def _rows(s: Scored, part: NDArray[np.bool_]) -> Scored:
    return Scored(s.labels[part], s.probabilities[part], s.decisions[part])


def evaluate_folds(parts: Sequence[Predictions], *, threshold: float = 0.5, stamp: str = "") -> OutOfFold:
    """Compute the out-of-fold metrics.

    Intervals come from resampling groups with the trained models held fixed, and are widened because each film also
    teaches the models of the other folds (see `learning_inflation`). They do not cover the variation between other
    folds or seeds.

    Args:
        parts: the predictions of each held-out fold, in the order of the folds.
        threshold: decision threshold.
    Raises:
        DataError: no row has a known class.
    """
    films = [part.known().by_film() for part in parts]
    metric = ranking_metric(parts[0].classes)
    scores = [intervals([metric], part, threshold=threshold)[metric.name] for part in films]
    folds = np.repeat(np.arange(len(films)), [len(part) for part in films])
    mean = mean_over_folds(metric, folds)
    fold_scores = FoldScores(
        metric=metric.name,
        mean=intervals([mean], pool(films), threshold=threshold)[mean.name],
        spread=float(np.nanstd([score.value for score in scores], ddof=1)),
        each=tuple(
            FoldScore(fold=i, score=score, n_files=len(part.known()), n_films=len(films[i]))
            for i, (score, part) in enumerate(zip(scores, parts, strict=True))
        ),
    )
    return OutOfFold(evaluate_predictions(pool(parts), threshold=threshold), fold_scores, stamp)


def write_out_of_fold(folder: Path, predictions: Predictions, result: OutOfFold) -> None:
    """Write out_of_fold.csv, metrics_out_of_fold.json and the pictures in figures/out_of_fold/."""
    predictions.write_csv(folder / "out_of_fold.csv", threshold=result.pooled.threshold)
    write_pictures(folder / "figures" / "out_of_fold", result.pooled, predictions, result.stamp)
    leaks = {"leaks": {"stamp": result.stamp}} if result.stamp else {}
    write_json(folder / "metrics_out_of_fold.json", result.pooled.to_dict() | {"folds": result.folds.to_dict()} | leaks)
