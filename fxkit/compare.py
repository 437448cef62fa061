"""Compare two models on the same films: differences of their figures with intervals and p values, by film."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from fxkit.bootstrap import RESAMPLES, Interval, intervals
from fxkit.delong import delong_p
from fxkit.differences import Side, differences
from fxkit.errors import DataError, RunError
from fxkit.predictions import Predictions
from fxkit.run import load_model
from fxkit.scores import (
    AUROC,
    AVERAGE_PRECISION,
    BRIER,
    LOG_LOSS,
    MACRO_AUROC,
    MULTI_CLASS,
    SENSITIVITY,
    SPECIFICITY,
    Floats,
    Metric,
    Scored,
    scored,
)

BINARY = (AUROC, AVERAGE_PRECISION, SENSITIVITY, SPECIFICITY, BRIER, LOG_LOSS)
BY_RANK = (AUROC, AVERAGE_PRECISION, MACRO_AUROC)
EXACT_GROUPS = 12  # up to so many, all 2^groups ways to swap are tried
SWAPS = 5000
CHUNK = 2_000_000  # weights held at once


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
    thresholds = [load_model(folder).card.threshold for folder in folders]
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


def p_value(metric: Metric, a: Scored, b: Scored, groups: Sequence[str], *, seed: int = 0) -> tuple[float, str]:
    """Return the two-sided p that the metric does not tell the models apart, and how it was found."""
    if metric is AUROC and len(set(groups)) == len(groups):
        return delong_p(a.labels == 1, a.probabilities[:, 1], b.probabilities[:, 1]), "DeLong"
    exact = len(set(groups)) <= EXACT_GROUPS
    name = "exact permutation" if exact else "permutation"
    return permutation_p(metric, [(a, b)], groups, seed=seed), name


def permutation_p(
    metric: Metric, pairs: Sequence[tuple[Scored, Scored]], groups: Sequence[str], *, swaps: int = SWAPS, seed: int = 0
) -> float:
    """Return the share of swaps of two sets of predictions, by group, that leave as great a difference of the metric.

    Of few groups all ways to swap are tried; else the own order counts as one of the random ones. Figures of ranks
    alone swap ranks, so that models of other scales can be compared.

    Args:
        pairs: both sets, of the same rows, once a seed; the difference is the mean over seeds.
    Source: Bandos 2005, "A permutation test sensitive to differences in areas for comparing ROC curves from a paired
    design", with groups in place of films.
    """
    names, members = np.unique(np.asarray(groups, object).astype(str), return_inverse=True)
    joined = [_joined(*map(_ranked, pair)) if metric in BY_RANK else _joined(*pair) for pair in pairs]
    exact = len(names) <= EXACT_GROUPS

    def difference(swapped: NDArray[np.bool_]) -> Floats:
        away = swapped[:, members].astype(float)
        first, second = np.concatenate([1 - away, away], axis=1), np.concatenate([away, 1 - away], axis=1)
        return np.asarray(np.mean([metric.compute(b, first) - metric.compute(b, second) for b in joined], axis=0))

    own = float(difference(np.zeros((1, len(names)), bool))[0])
    if math.isnan(own):
        return math.nan
    found = np.concatenate([difference(chunk) for chunk in _swaps(len(names), len(members), exact, swaps, seed)])
    found = found[~np.isnan(found)]
    as_great = int((np.abs(found) >= abs(own) - 1e-9).sum())
    return as_great / len(found) if exact else (as_great + 1) / (len(found) + 1)


def _joined(a: Scored, b: Scored) -> Scored:
    """The rows of both, one set below the other."""
    return Scored(*(np.concatenate([getattr(a, f), getattr(b, f)]) for f in ("labels", "probabilities", "decisions")))


def _swaps(n_groups: int, n_rows: int, exact: bool, swaps: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Which groups to swap, in chunks (b, G)."""
    size = max(1, CHUNK // (4 * n_rows))
    rng = np.random.default_rng(seed)
    total = 2**n_groups if exact else swaps
    for start in range(0, total, size):
        rows = np.arange(start, min(start + size, total))
        if exact:
            yield (rows[:, None] >> np.arange(n_groups)) % 2 == 1
        else:
            yield rng.random((len(rows), n_groups)) < 0.5


def _ranked(side: Scored) -> Scored:
    return replace(side, probabilities=rankdata(side.probabilities, axis=0) / len(side.probabilities))
