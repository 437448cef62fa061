"""The out-of-fold figures of a run of folds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxkit.report.findings import Scores, metric_name, scores_of
from fxkit.report.reading import Estimate, estimate, read_part


@dataclass(frozen=True)
class Fold:
    found: Estimate  # by film
    n_films: int
    n_files: int


@dataclass(frozen=True)
class Folds:
    """Figures by film, of each film by the model that did not see it."""

    scores: Scores  # pooled
    metric: str
    mean: Estimate
    spread: Estimate  # standard deviation of the folds
    each: tuple[Fold, ...]


def read_folds(run: Path) -> Folds | None:
    """Read RUN/metrics_out_of_fold.json and its pictures; None where the run is not one of folds."""
    drawn = run / "figures" / "out_of_fold"
    return read_part(run / "metrics_out_of_fold.json", lambda values: _folds(values, drawn))


def _folds(values: dict[str, Any], drawn: Path) -> Folds:
    folds = values["folds"]
    metric = metric_name(str(folds["metric"]))
    return Folds(
        scores=scores_of(values, "", drawn),
        metric=metric,
        mean=estimate(metric, folds["mean"]),
        spread=estimate("standard deviation", {"value": folds["spread"]}),
        each=tuple(
            Fold(estimate(f"fold {fold['fold']}", fold["found"]), int(fold["n_films"]), int(fold["n_files"]))
            for fold in folds["each"]
        ),
    )
