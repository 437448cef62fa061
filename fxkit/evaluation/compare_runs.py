"""Compare two models on the same films: differences of their figures with intervals and p values, by film."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fxkit.errors import DataError, RunError
from fxkit.metrics.bootstrap import RESAMPLES, Side, differences, intervals
from fxkit.metrics.intervals import Interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import (
    AUROC,
    AVERAGE_PRECISION,
    BRIER,
    LOG_LOSS,
    MULTI_CLASS,
    SENSITIVITY,
    SPECIFICITY,
    scored,
)
from fxkit.metrics.significance import p_value
from fxkit.models.model_json import read_card

BINARY = (AUROC, AVERAGE_PRECISION, SENSITIVITY, SPECIFICITY, BRIER, LOG_LOSS)


@dataclass(frozen=True)
class Row:
    """One figure of both runs. `difference` is a minus b."""

    metric: str
    a: Interval
    b: Interval
    difference: Interval
    p: float
    test: str  # how p was found: DeLong, permutation, or exact permutation


@dataclass(frozen=True)
class Comparison:
    """Two runs on the same films, by film (mean probability over its copies).

    Attributes:
        only_a, only_b: files that one of the runs alone has predicted, which are left out.
    """

    rows: tuple[Row, ...]
    thresholds: tuple[float, float]
    n_films: int
    n_groups: int
    only_a: int
    only_b: int


def compare_runs(
    a: str | Path, b: str | Path, *, part: str = "", seed: int = 0, resamples: int = RESAMPLES
) -> Comparison:
    """Compare the predictions that `fxkit evaluate` left in two run folders, each at its model's threshold.

    Args:
        part: folder within both: "" for the test films, or such as splits/val, evaluations/NAME.
    Raises:
        RunError: a run was not evaluated.
        DataError: the runs have no file in common, or classes, labels, films or groups differ.
    """
    folders = Path(a), Path(b)
    found = [_read(folder / part, folder) for folder in folders]
    thresholds = [read_card(folder).threshold for folder in folders]
    return compare(found[0], found[1], thresholds=(thresholds[0], thresholds[1]), seed=seed, resamples=resamples)


def _read(folder: Path, run: Path) -> Predictions:
    if not (folder / "predictions.csv").is_file():
        raise RunError(f"{folder / 'predictions.csv'}: no such file; make it with `fxkit evaluate {run}`")
    return Predictions.read_csv(folder / "predictions.csv")


def compare(
    a: Predictions,
    b: Predictions,
    *,
    thresholds: tuple[float, float] = (0.5, 0.5),
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compare two models' predictions by film.

    p of the AUROC is DeLong's where every group is a single film, since it takes films for independent. All others
    come from swapping the two models' predictions in random groups.

    Raises:
        DataError: no file in common, or classes, labels, films or groups differ.
    """
    others = set(b.paths)
    common = [path for path in a.paths if path in others]
    films_a, films_b = (_films(side, common) for side in (a, b))
    _check_same(films_a, films_b)
    metrics = BINARY if len(a.classes) == 2 else MULTI_CLASS
    everything = np.ones(len(films_a), bool)
    sides = [Side(scored(p, t), everything) for p, t in zip((films_a, films_b), thresholds, strict=True)]
    own = [
        intervals(metrics, p, threshold=t, seed=seed, resamples=resamples)
        for p, t in zip((films_a, films_b), thresholds, strict=True)
    ]
    between = differences(metrics, sides[0], sides[1], films_a.groups, seed=seed, resamples=resamples)
    scores = sides[0].scored, sides[1].scored
    rows = (
        Row(m.name, own[0][m.name], own[1][m.name], between[m.name], *p_value(m, *scores, films_a.groups, seed=seed))
        for m in metrics
    )
    n_groups = len(set(films_a.groups))
    return Comparison(tuple(rows), thresholds, len(films_a), n_groups, len(a) - len(common), len(b) - len(common))


def _films(side: Predictions, paths: Sequence[str]) -> Predictions:
    number = {path: i for i, path in enumerate(side.paths)}
    return side.take(np.array([number[path] for path in paths], np.int64)).known().by_film()


def _check_same(a: Predictions, b: Predictions) -> None:
    if not len(a):
        raise DataError("the two runs have no film of known class in common; expected predictions of the same films")
    same = (a.classes, a.paths, a.groups) == (b.classes, b.paths, b.groups)
    if not same or (a.labels != b.labels).any():
        raise DataError(
            "the two runs differ in the classes, labels, films or groups of the same files; expected runs on one "
            "manifest"
        )
