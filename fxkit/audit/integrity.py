"""Whether the figures of a run still belong to its files: hashes, and the headline figure computed again."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fxkit.errors import DataError
from fxkit.metrics.names import metric_name
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import ranking_metric, scored
from fxkit.models.made_from import find_changes
from fxkit.report.results import Metrics

TOLERANCE = 1e-6  # of the headline figure; JSON and CSV keep all digits

CALIBRATION = "model.json"  # `fxkit calibrate` rewrites it


@dataclass(frozen=True)
class Integrity:
    """What was found.

    Attributes:
        broken: why the figures are not those of the run's model and predictions; "" if nothing contradicts them.
        outdated: why the figures are those of an earlier calibration; "" if they are not.
        unknown: what cannot be told, because the figures record no hashes; "" if they do.
    """

    broken: str = ""
    outdated: str = ""
    unknown: str = ""


def check_figures(run: Path, figures: Path, predictions: Path, metrics: Metrics) -> Integrity:
    """Compare figures with the files that they were made from.

    Args:
        run: the run folder.
        figures: the file that the metrics were read from.
        predictions: the predictions that they were computed from.
    """
    contradiction = _compare_headline(figures, predictions, metrics)
    if metrics.made_from is None:
        unknown = "the figures record no hashes, as in version 0.1.0, so changed files cannot be told"
        return Integrity(broken=contradiction, unknown="" if contradiction else unknown)
    changed = find_changes(run, predictions, metrics.made_from)
    others = [name for name in changed if name != CALIBRATION]
    if others:
        return Integrity(broken=f"{_list(others)} changed or removed after the evaluation")
    outdated = f"{CALIBRATION} was changed after the evaluation, for example by `fxkit calibrate`" if changed else ""
    return Integrity(broken=contradiction, outdated=outdated)


def _list(names: Sequence[str]) -> str:
    return f"{' and '.join(names)} {'was' if len(names) == 1 else 'were'}"


def _compare_headline(figures: Path, predictions: Path, metrics: Metrics) -> str:
    """Return how the headline figure by film differs from the one that the predictions give; "" if it does not.

    Out-of-fold predictions are stored without calibration, so their figures can differ a little; they are skipped.
    """
    if predictions.name != "predictions.csv" or not predictions.is_file():
        return ""
    try:
        stored = Predictions.read_csv(predictions)
    except DataError as error:
        return f"the predictions cannot be read ({error})"
    metric, level = ranking_metric(stored.classes), metrics.film
    if metric.name != level.headline_metric:
        return ""
    films = scored(stored.known().by_film(), metrics.threshold)
    value = float(metric.compute(films, np.ones((1, len(films.labels))))[0])
    if math.isnan(value) or abs(value - level.headline.value) <= TOLERANCE:
        return ""
    return (
        f"{figures.name} gives {metric_name(metric.name)} {level.headline.value:.3f}, and {predictions.name} gives "
        f"{value:.3f}"
    )
