"""The result of an evaluation, and its files: predictions.csv, metrics.json and figures/."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxkit.data.leaks import leaks_as_json
from fxkit.evaluation.analyses import write_analysis_pictures
from fxkit.metrics.analyses import Analyses
from fxkit.metrics.figures.curves import draw_confusion, draw_precision_recall, draw_roc
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.summary import Evaluation
from fxkit.models.made_from import KEY, hash_made_from
from fxkit.models.run_folder import Results, write_json
from preprocess.files import write_atomic


@dataclass(frozen=True)
class EvaluationResult:
    """Results of an evaluation, which are also in the folder's files.

    Attributes:
        folder: holds predictions.csv, metrics.json and figures/.
        stamp: the warning shown with all figures; "" if no film leaks.
        notes: limits of the figures that the user should know, and how tables were read.
    """

    folder: Path
    evaluation: Evaluation
    analyses: Analyses
    stamp: str
    notes: tuple[str, ...] = ()


def write_figures(
    results: Results,
    folder: Path,
    predictions: Predictions,
    evaluation: Evaluation,
    analyses: Analyses,
    stamp: str,
    entries: Mapping[str, Any],
) -> None:
    """Write predictions.csv, the pictures and metrics.json into the folder.

    Args:
        results: the run or the folder of results that the figures belong to.
        folder: this folder, or a folder in it.
        entries: further entries of metrics.json.
    """
    predictions.write_csv(folder / "predictions.csv", threshold=evaluation.threshold)
    write_pictures(folder / "figures", evaluation, predictions, stamp)
    write_analysis_pictures(folder / "figures", analyses, stamp)
    values = evaluation.to_dict() | analyses.to_dict() | dict(entries) | leaks_as_json(results.records, stamp)
    values[KEY] = hash_made_from(results.folder, folder / "predictions.csv").to_dict()
    write_json(folder / "metrics.json", values)


def write_pictures(folder: Path, evaluation: Evaluation, predictions: Predictions, stamp: str = "") -> None:
    """Draw confusion.png, roc.png and precision_recall.png into the folder, by film, each with the stamp."""
    films = predictions.known().by_film()
    write_atomic(folder / "confusion.png", draw_confusion(evaluation.film.confusion, evaluation.classes, stamp=stamp))
    write_atomic(folder / "roc.png", draw_roc(films, stamp=stamp))
    write_atomic(folder / "precision_recall.png", draw_precision_recall(films, stamp=stamp))
