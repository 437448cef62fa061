"""Out-of-fold metrics: each fold is predicted by the model that did not train on it. Pooled and by fold."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxkit.data.manifest import Record
from fxkit.errors import ConfigError, DataError
from fxkit.evaluation.analyses import DEFAULTS, AnalysisOptions, analyse, write_analysis_pictures
from fxkit.evaluation.evaluate import EvaluationOptions
from fxkit.evaluation.fold_predictions import (
    FILE,
    cross_fit,
    find_fold_predictions,
    fold_records,
    pool,
    prior_of_folds,
    stamp_of_run,
)
from fxkit.evaluation.result import EvaluationResult, write_pictures
from fxkit.metrics.analyses import Analyses
from fxkit.metrics.bootstrap import intervals
from fxkit.metrics.fold_ranks import RANKING
from fxkit.metrics.intervals import Interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import Floats, Metric, Scored, ranking_metric
from fxkit.metrics.summary import Evaluation, FoldScore, FoldScores, evaluate_predictions
from fxkit.models.made_from import KEY, hash_made_from
from fxkit.models.predict_records import predict_records
from fxkit.models.run_folder import Run, open_run, write_json
from fxkit.models.saved import Model, load_model
from preprocess.locks import locked

PICTURES = "figures/out_of_fold"


@dataclass(frozen=True)
class OutOfFold:
    """Out-of-fold results: all metrics of the pooled predictions, and the headline metric of each fold.

    Attributes:
        pooled: metrics of all folds together. The AUROC compares films of the same fold only, and each pair counts as
            much. The average precision uses ranks within the folds. The other metrics assume that the models of all
            folds are calibrated.
        folds: the headline metric of each fold, by film.
        stamp: the warning shown with all figures; "" if nothing leaks.
        analyses: calibration, decision curve, operating points and subgroups of all folds together.
    """

    pooled: Evaluation
    folds: FoldScores
    stamp: str = ""
    analyses: Analyses = field(default_factory=Analyses)

    @property
    def headline(self) -> Interval:
        """The pooled headline metric by film."""
        return self.pooled.film.figures[self.folds.metric]


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


def evaluate_folds(
    parts: Sequence[Predictions],
    *,
    threshold: float = 0.5,
    stamp: str = "",
    records: Sequence[Record] = (),
    options: AnalysisOptions = DEFAULTS,
) -> OutOfFold:
    """Compute the out-of-fold metrics.

    Intervals come from resampling groups with the trained models held fixed, and are widened because each film also
    teaches the models of the other folds (see `learning_inflation`). They do not cover the variation between other
    folds or seeds.

    Args:
        parts: the predictions of each held-out fold, in the order of the folds.
        threshold: decision threshold.
        records: records of all predicted files, in any order; without them there are no analyses.
        options: what to analyse. Thresholds have to be given: no film is left to test a chosen one on.
    Raises:
        DataError: no row has a known class, or see `analyse`.
        ConfigError: a target would have to be chosen.
    """
    pooled, analyses = pool(parts), Analyses()
    if records:
        by_path = {record.path: record for record in records}
        ordered = [by_path[path] for path in pooled.paths]
        analyses = analyse(pooled, ordered, options, threshold=threshold, predict_validation=_refuse_to_choose)
    evaluation = evaluate_predictions(pooled, threshold=threshold)
    return OutOfFold(evaluation, _score_folds(parts, threshold), stamp, analyses)


def _score_folds(parts: Sequence[Predictions], threshold: float) -> FoldScores:
    films = [part.known().by_film() for part in parts]
    metric = ranking_metric(parts[0].classes)
    scores = [intervals([metric], part, threshold=threshold)[metric.name] for part in films]
    folds = np.repeat(np.arange(len(films)), [len(part) for part in films])
    mean = mean_over_folds(metric, folds)
    return FoldScores(
        metric=metric.name,
        mean=intervals([mean], pool(films), threshold=threshold)[mean.name],
        spread=float(np.nanstd([score.value for score in scores], ddof=1)),
        ranking=RANKING,
        each=tuple(
            FoldScore(fold=i, score=score, n_files=len(part.known()), n_films=len(films[i]))
            for i, (score, part) in enumerate(zip(scores, parts, strict=True))
        ),
    )


def _refuse_to_choose() -> Predictions:
    raise ConfigError(
        "--target: a threshold that is chosen on out-of-fold films cannot be tested on the same films; give a "
        "threshold from 0 to 1, or evaluate test films or other data"
    )


@locked("run_folder")
def evaluate_out_of_fold(
    run_folder: str | Path, options: EvaluationOptions, *, root: str | Path | None = None
) -> EvaluationResult:
    """Compute the out-of-fold figures of a run with folds again, with other analyses, and rewrite their files.

    Args:
        root: folder that the manifest's paths are relative to; only used if out_of_fold.csv is missing.
    Raises:
        ConfigError: the options ask for an exported file or for averaged views, which out-of-fold predictions lack.
        DataError: the run has no folds, or see `find_fold_predictions` and `evaluate_folds`.
    """
    run, model = open_run(run_folder), load_model(run_folder)
    if options.exported is not None or options.tta is not None:
        raise ConfigError("--split out-of-fold: --exported and --tta need the averaged model; leave them out")
    if not run.folds:
        raise DataError(f"{run.folder}: was trained without folds; expected --split test, val or train")
    image_root = Path(root) if root is not None else run.root

    def predict(part: Model, records: Sequence[Record]) -> Predictions:
        return predict_records(part, image_root, records, run.config.data, device=options.device)

    result = rewrite_figures(run, model, find_fold_predictions(run, model, predict), options.analyses)
    note = f"each film is predicted by the one of {run.folds} models that did not train on it"
    return EvaluationResult(run.folder, result.pooled, result.analyses, result.stamp, (note,), PICTURES)


def rewrite_figures(
    run: Run, model: Model, parts: Sequence[Predictions], options: AnalysisOptions = DEFAULTS
) -> OutOfFold:
    """Write metrics_out_of_fold.json and its pictures for the calibration of a run's averaged model.

    Args:
        parts: the predictions of each fold as its model made them.
    """
    if model.card.temperature != 1 or any(model.card.bias):
        parts = cross_fit(parts, prior_of_folds(run, model))
    records = [record for part in fold_records(run) for record in part]
    threshold, stamp = model.card.threshold, stamp_of_run(run)
    result = evaluate_folds(parts, threshold=threshold, stamp=stamp, records=records, options=options)
    write_out_of_fold(run.folder, pool(parts), result)
    return result


def write_out_of_fold(folder: Path, predictions: Predictions, result: OutOfFold) -> None:
    """Write metrics_out_of_fold.json and the pictures in figures/out_of_fold/."""
    pictures = folder / PICTURES
    write_pictures(pictures, result.pooled, predictions, result.stamp)
    if result.analyses.calibration:
        write_analysis_pictures(pictures, result.analyses, result.stamp)
    leaks = {"leaks": {"stamp": result.stamp}} if result.stamp else {}
    made_from = {KEY: hash_made_from(folder, folder / FILE, with_model=False).to_dict()}
    entries = result.analyses.to_dict() | {"folds": result.folds.to_dict()} | leaks | made_from
    write_json(folder / "metrics_out_of_fold.json", result.pooled.to_dict() | entries)
