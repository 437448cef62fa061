"""The figures of a run: metrics.json and metrics_out_of_fold.json, with the pictures drawn beside them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import model_validator

from fxkit.html import picture_uri
from fxkit.metrics.analyses import Analyses
from fxkit.metrics.intervals import Interval
from fxkit.metrics.json_result import JsonResult, read_optional_json
from fxkit.metrics.names import metric_name
from fxkit.metrics.summary import HEADLINES, ClassScores, Evaluation, FoldScores
from fxkit.models.made_from import MadeFrom
from fxkit.models.training_films import Overlap

PICTURES = ("roc", "precision_recall", "confusion", "reliability", "decision_curve")


class LeakStamp(JsonResult):
    """The entry "leaks" of a file of figures."""

    stamp: str = ""


class Metrics(Evaluation, Analyses):
    """All that metrics.json holds.

    Attributes:
        leaks: the stamp shown with the figures.
        made_from: hashes of the files that the figures were made from; None in figures of version 0.1.0.
        overlap: for other data, how much of it was in the training set.
    """

    leaks: LeakStamp = LeakStamp()
    made_from: MadeFrom | None = None
    overlap: Overlap = Overlap(0, 0)

    @model_validator(mode="after")
    def _check_complete(self) -> "Metrics":
        for name, level in (("file", self.file), ("film", self.film)):
            missing = [key for key in self.classes if not isinstance(level.report.get(key), ClassScores)]
            if missing:
                raise ValueError(f"{name}.report: class {missing[0]!r} is missing")
            if not set(HEADLINES) & set(level.figures):
                raise ValueError(f"{name}.figures: {' or '.join(HEADLINES)} is missing")
        if set(self.file.figures) != set(self.film.figures):
            raise ValueError("file.figures and film.figures hold different metrics")
        return self


class OutOfFoldMetrics(Metrics):
    """All that metrics_out_of_fold.json holds: figures pooled over the folds, and those of each fold."""

    folds: FoldScores


@dataclass(frozen=True)
class Scores:
    """Figures and the pictures drawn with them.

    Attributes:
        name: the folder of other data or of a split; "" for the run's own test films.
        pictures: those of PICTURES that exist, as data URIs.
    """

    name: str
    metrics: Metrics
    pictures: Mapping[str, str]

    @property
    def stamp(self) -> str:
        """The warning shown with all figures; "" if nothing leaks."""
        return self.metrics.leaks.stamp

    @property
    def was_seen(self) -> bool:
        """Whether training has seen some of these films."""
        return self.metrics.overlap.leaks

    @property
    def rows(self) -> list[tuple[str, Interval, Interval]]:
        """Each figure's name, by film and by file."""
        by_file = self.metrics.file.figures
        return [(metric_name(key), figure, by_file[key]) for key, figure in self.metrics.film.figures.items()]


def headline_text(scores: Scores) -> str:
    """Return the headline figure by film with its name, such as "AUROC 0.91 (0.88 to 0.93)"."""
    level = scores.metrics.film
    return f"{metric_name(level.headline_metric)} {level.headline.text}"


@dataclass(frozen=True)
class OutOfFoldScores:
    """Pooled out-of-fold figures, and those of each fold."""

    pooled: Scores
    folds: FoldScores


def read_scores(folder: Path, name: str = "") -> Scores | None:
    """Read FOLDER/metrics.json and its pictures; return None if the folder was not evaluated."""
    metrics = read_optional_json(folder / "metrics.json", Metrics.model_validate)
    return Scores(name, metrics, read_pictures(folder / "figures")) if metrics else None


def read_scores_below(folder: Path) -> tuple[Scores, ...]:
    """Read FOLDER/*/metrics.json; each is named after its folder."""
    scores = (read_scores(file.parent, file.parent.name) for file in sorted(folder.glob("*/metrics.json")))
    return tuple(filter(None, scores))


def read_folds(run: Path) -> OutOfFoldScores | None:
    """Read RUN/metrics_out_of_fold.json and its pictures; return None if the run has no folds."""
    metrics = read_optional_json(run / "metrics_out_of_fold.json", OutOfFoldMetrics.model_validate)
    if metrics is None:
        return None
    return OutOfFoldScores(Scores("", metrics, read_pictures(run / "figures" / "out_of_fold")), metrics.folds)


def read_pictures(folder: Path, read: Callable[[Path], str | None] = picture_uri) -> dict[str, str]:
    """Return those of PICTURES that are in a folder, as data URIs.

    Args:
        read: returns a file as a data URI; None if there is no such file.
    """
    uris = {name: read(folder / f"{name}.png") for name in PICTURES}
    return {name: uri for name, uri in uris.items() if uri}
