"""What the models of grouped folds say of the fold that each did not see: pooled, and fold by fold."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxkit.evaluation.evaluate import write_pictures
from fxkit.metrics.bootstrap import intervals
from fxkit.metrics.intervals import Interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import Floats, Metric, Scored, ranking_metric
from fxkit.metrics.summary import Evaluation, as_json, evaluate_predictions
from fxkit.models.run_folder import write_json


@dataclass(frozen=True)
class FoldFigure:
    """The headline figure of one model on the fold held out from it, by film."""

    fold: int
    found: Interval
    n_files: int
    n_films: int


@dataclass(frozen=True)
class OutOfFold:
    """The headline figures by film; all others stand in `pooled`.

    Attributes:
        metric: AUROC, or its mean over classes where there are more than two.
        pooled: of all films together. A model's probabilities are compared with another's, which is fair only where
            both are calibrated.
        mean: of the folds' own figures, where only films of one fold are compared.
        spread: standard deviation of the folds' figures, which few films and training both add to.
        stamp: the line that all figures bear; "" where nothing leaks.
    """

    metric: str
    pooled: Evaluation
    mean: Interval
    spread: float
    folds: tuple[FoldFigure, ...]
    stamp: str = ""

    @property
    def headline(self) -> Interval:
        """The pooled headline figure by film."""
        return self.pooled.film.figures[self.metric]


def pool(parts: Sequence[Predictions], paths: Sequence[str] = ()) -> Predictions:
    """Join predictions of the same classes; in the order of these paths, where they are given."""
    joined = Predictions(
        classes=parts[0].classes,
        paths=tuple(path for part in parts for path in part.paths),
        labels=np.concatenate([part.labels for part in parts]),
        probabilities=np.concatenate([part.probabilities for part in parts]),
        films=tuple(film for part in parts for film in part.films),
        groups=tuple(group for part in parts for group in part.groups),
    )
    place = {path: number for number, path in enumerate(paths)}
    order = sorted(range(len(joined)), key=lambda i: place.get(joined.paths[i], len(place)))
    return joined.take(np.array(order, np.int64))


def mean_over_folds(metric: Metric, folds: NDArray[np.int64]) -> Metric:
    """Build the mean of a metric over the folds in which it is defined.

    Args:
        folds: (N,) the fold of each row that the metric will be put to.
    Source: LeDell, Petersen and van der Laan 2015, "Computationally efficient confidence intervals for
    cross-validated area under the ROC curve estimates", for what is averaged; not for the interval.
    """
    parts = [folds == fold for fold in np.unique(folds)]

    def compute(s: Scored, weights: Floats) -> Floats:
        each = np.array([metric.compute(_rows(s, part), weights[:, part]) for part in parts])
        defined = (~np.isnan(each)).sum(axis=0)
        return np.where(defined > 0, np.nansum(each, axis=0) / np.maximum(defined, 1), np.nan)

    return Metric(f"mean_of_folds_{metric.name}", compute, metric.support, metric.is_share)


def _rows(s: Scored, part: NDArray[np.bool_]) -> Scored:
    return Scored(s.labels[part], s.probabilities[part], s.decisions[part])


def figures_of_folds(parts: Sequence[Predictions], *, threshold: float = 0.5, stamp: str = "") -> OutOfFold:
    """Compute the figures of the predictions of each fold held out, in the folds' order.

    Intervals are over groups, with the models as they are: what other folds or seeds would give is not in them.

    Raises:
        DataError: no row has a known class.
    """
    films = [part.known().by_film() for part in parts]
    metric = ranking_metric(parts[0].classes)
    each = [intervals([metric], part, threshold=threshold)[metric.name] for part in films]
    folds = np.repeat(np.arange(len(films)), [len(part) for part in films])
    mean = mean_over_folds(metric, folds)
    values = np.array([found.value for found in each])
    return OutOfFold(
        metric=metric.name,
        pooled=evaluate_predictions(pool(parts), threshold=threshold),
        mean=intervals([mean], pool(films), threshold=threshold)[mean.name],
        spread=float(np.nanstd(values, ddof=1)),
        folds=tuple(
            FoldFigure(i, found, len(part.known()), len(films[i]))
            for i, (found, part) in enumerate(zip(each, parts, strict=True))
        ),
        stamp=stamp,
    )


def write_out_of_fold(folder: Path, predictions: Predictions, found: OutOfFold) -> None:
    """Write out_of_fold.csv, metrics_out_of_fold.json and the pictures, in figures/out_of_fold/."""
    threshold = found.pooled.threshold
    predictions.write_csv(folder / "out_of_fold.csv", threshold=threshold)
    write_pictures(folder / "figures" / "out_of_fold", found.pooled, predictions, found.stamp)
    by_fold = {
        "metric": found.metric,
        "mean": asdict(found.mean),
        "spread": found.spread,
        "each": [asdict(fold) for fold in found.folds],
    }
    leaks = {"leaks": {"stamp": found.stamp}} if found.stamp else {}
    write_json(folder / "metrics_out_of_fold.json", found.pooled.to_dict() | {"folds": as_json(by_fold)} | leaks)
