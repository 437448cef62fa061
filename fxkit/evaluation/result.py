"""The result of an evaluation, and its files: predictions.csv, metrics.json and figures/."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fxkit.data.leaks import leaks_as_json
from fxkit.evaluation.analyses import write_analysis_pictures
from fxkit.evaluation.temporary_folder import TemporaryFolder
from fxkit.html import load_template, small_picture_uri
from fxkit.metrics.analyses import Analyses
from fxkit.metrics.figures.curves import draw_confusion, draw_precision_recall, draw_roc
from fxkit.metrics.interval_table import counts_line, figures_text, level_columns
from fxkit.metrics.intervals import Interval
from fxkit.metrics.names import metric_name
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.summary import Evaluation
from fxkit.models.made_from import KEY, hash_made_from
from fxkit.models.run_folder import Results, write_json
from fxkit.report.build import CALIBRATION_LINES, POINT_FIGURES
from fxkit.report.results import Metrics, Scores, read_pictures
from preprocess.errors import one_line
from preprocess.files import write_atomic


@dataclass(frozen=True, repr=False)
class EvaluationResult:
    """Results of an evaluation, which are also in the folder's files.

    A notebook shows the tables and pictures of the report; `str(result)` is a short text.

    Attributes:
        folder: holds predictions.csv, metrics.json and figures/.
        stamp: the warning shown with all figures; "" if no film leaks.
        notes: limits of the figures that the user should know, and how tables were read.
        pictures: folder of the pictures within `folder`.
        temporary: a temporary folder that is deleted with this result; None if the folder stays.
    """

    folder: Path
    evaluation: Evaluation
    analyses: Analyses
    stamp: str
    notes: tuple[str, ...] = ()
    pictures: str = "figures"
    temporary: TemporaryFolder | None = field(default=None, compare=False)

    def __getitem__(self, metric: str) -> Interval:
        """Return a figure by film, such as `result["auroc"]`."""
        return self.evaluation.film.figures[metric]

    @property
    def scores(self) -> Scores:
        """The figures with their pictures, as the report shows them; the pictures have few colours."""
        values = self.evaluation.to_dict() | self.analyses.to_dict() | {"leaks": {"stamp": self.stamp}}
        return Scores("", Metrics.model_validate(values), read_pictures(self.folder / self.pictures, small_picture_uri))

    def to_columns(self) -> dict[str, list[Any]]:
        """Return the figures by film as columns of equal length, from which pandas or polars makes a table."""
        return level_columns(self.evaluation.film)

    def to_dict(self) -> dict[str, Any]:
        """Return figures and analyses as plain dicts, lists and numbers for JSON; undefined numbers are None."""
        return self.evaluation.to_dict() | self.analyses.to_dict() | {"stamp": self.stamp, "notes": list(self.notes)}

    def __str__(self) -> str:
        lines = [self.stamp, counts_line(self.evaluation), figures_text(self.evaluation)]
        lines += [f"note: {one_line(note)}" for note in (*self.notes, *self.analyses.notes)]
        return "\n".join(filter(None, lines))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return load_template("evaluation/result.html").render(
            scores=self.scores,
            counts=counts_line(self.evaluation),
            notes=(*self.notes, *self.analyses.notes),
            metric_name=metric_name,
            calibration_lines=CALIBRATION_LINES,
            point_figures=POINT_FIGURES,
        )


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
