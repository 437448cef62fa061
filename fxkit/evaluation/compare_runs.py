"""Compare two models on the same films: paired differences of their metrics with intervals and p values, by film."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fxkit.data.positive import positive_class, positive_line
from fxkit.errors import DataError, RunError
from fxkit.html import load_template
from fxkit.metrics.bootstrap import RESAMPLES, Side, differences, intervals
from fxkit.metrics.intervals import Interval
from fxkit.metrics.json_result import as_json
from fxkit.metrics.names import metric_name
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import (
    AUROC,
    AVERAGE_PRECISION,
    BRIER,
    LOG_LOSS,
    MULTI_CLASS,
    SENSITIVITY,
    SPECIFICITY,
    p_text,
    scored,
)
from fxkit.metrics.significance import p_value
from fxkit.models.model_json import read_card
from fxkit.models.predictions_source import FILE as SOURCE_FILE
from fxkit.models.predictions_source import read_source
from fxkit.report.results import read_scores
from preprocess.errors import one_line
from preprocess.words import amount

BINARY = (AUROC, AVERAGE_PRECISION, SENSITIVITY, SPECIFICITY, BRIER, LOG_LOSS)


@dataclass(frozen=True)
class MetricComparison:
    """One metric of both runs.

    Attributes:
        difference: a minus b.
        p: two-sided p value of the difference.
        test: how p was computed: "DeLong", "permutation" or "exact permutation".
    """

    metric: str
    a: Interval
    b: Interval
    difference: Interval
    p: float
    test: str


@dataclass(frozen=True, repr=False)
class Comparison:
    """Two runs compared on the same films; a film's probability is the mean over its copies.

    `comparison["auroc"]` is a row. A notebook shows a table; `str(comparison)` is the same as text.

    Attributes:
        rows: one for each metric.
        thresholds: decision thresholds of a and b.
        only_a, only_b: number of files that only one of the runs predicted; they are left out.
        positive: the positive class of both; "" unless there are two classes.
        stamps: the warnings shown with the figures of a and b; "" if nothing leaks.
    """

    rows: tuple[MetricComparison, ...]
    thresholds: tuple[float, float]
    n_films: int
    n_groups: int
    only_a: int
    only_b: int
    positive: str = ""
    stamps: tuple[str, str] = ("", "")

    def __getitem__(self, metric: str) -> MetricComparison:
        """Return the row of a metric, such as "auroc"."""
        return {row.metric: row for row in self.rows}[metric]

    def to_columns(self) -> dict[str, list[Any]]:
        """Return the rows as columns of equal length, from which pandas or polars makes a table."""
        columns: dict[str, list[Any]] = {"metric": [row.metric for row in self.rows]}
        columns |= {"a": [row.a.value for row in self.rows], "b": [row.b.value for row in self.rows]}
        for name, key in (("difference", "value"), ("low", "low"), ("high", "high")):
            columns[name] = [getattr(row.difference, key) for row in self.rows]
        return columns | {"p": [row.p for row in self.rows], "test": [row.test for row in self.rows]}

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain dicts, lists and numbers for JSON; undefined numbers are None."""
        values: dict[str, Any] = as_json(asdict(self))
        return values

    def __str__(self) -> str:
        lines = [f"{amount(self.n_films, 'film')}, {amount(self.n_groups, 'group')}; differences are a minus b"]
        lines += [positive_line(("", self.positive))] if self.positive else []
        lines += [f"{letter}: {one_line(stamp)}" for letter, stamp in zip("ab", self.stamps, strict=True) if stamp]
        lines += [self.left_out] if self.left_out else []
        return "\n".join([*lines, *rows_text(self.rows)])

    __repr__ = __str__

    @property
    def left_out(self) -> str:
        """How many files only one of the two predicted; "" if there is none."""
        if not self.only_a and not self.only_b:
            return ""
        return f"left out: {amount(self.only_a, 'file')} that only a predicted, and {self.only_b} that only b predicted"

    def _repr_html_(self) -> str:
        page = load_template("evaluation/comparison.html")
        return page.render(c=self, metric_name=metric_name, p_text=p_text)


def rows_text(rows: Sequence[MetricComparison]) -> list[str]:
    """Return both values of each metric, their difference with its interval, and p as lines of text."""
    lines = [f"{'figure':<20} {'a':>6} {'b':>6}  {'difference, 95 % interval':<29} {'p':>6}  test"]
    for row in rows:
        p = "-" if math.isnan(row.p) else f"{row.p:.3f}"
        values = f"{row.a.value:>6.3f} {row.b.value:>6.3f}  {f'{row.difference:+.3f}':<29}"
        lines.append(f"{row.metric:<20} {values} {p:>6}  {row.test}")
    return lines


def compare_runs(
    a: str | Path, b: str | Path, *, part: str = "", seed: int = 0, resamples: int = RESAMPLES
) -> Comparison:
    """Compare the predictions that `fxkit evaluate` wrote into two folders, each at its model's threshold.

    Each is a run, or a folder of predictions that were made elsewhere.

    Args:
        part: folder in both run folders, such as splits/val or evaluations/NAME; "" for the test films.
    Raises:
        RunError: a run was not evaluated.
        DataError: the runs have no file in common, or differ in classes, labels, films or groups.
    """
    folders = Path(a), Path(b)
    predictions = [_read_predictions(folder / part, folder) for folder in folders]
    thresholds = _read_threshold(folders[0]), _read_threshold(folders[1])
    result = compare_predictions(predictions[0], predictions[1], thresholds=thresholds, seed=seed, resamples=resamples)
    return replace(result, stamps=(_read_stamp(folders[0] / part), _read_stamp(folders[1] / part)))


def _read_stamp(folder: Path) -> str:
    scores = read_scores(folder)
    return scores.stamp if scores else ""


def _read_threshold(folder: Path) -> float:
    """Return the decision threshold of a run, or of predictions that were made elsewhere."""
    if (folder / SOURCE_FILE).is_file():
        return read_source(folder).threshold
    return read_card(folder).threshold


def _read_predictions(folder: Path, run: Path) -> Predictions:
    file = folder / "predictions.csv"
    if not file.is_file():
        raise RunError(f"{file}: no such file; make it with `fxkit evaluate {run}`")
    return Predictions.read_csv(file)


def compare_predictions(
    a: Predictions,
    b: Predictions,
    *,
    thresholds: tuple[float, float] = (0.5, 0.5),
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compare two models' predictions by film.

    The p value of the AUROC is DeLong's if every group is a single film, because DeLong's test assumes independent
    films. All other p values come from permutations that swap the two models' predictions in random groups.

    Args:
        thresholds: decision thresholds of a and b.
    Raises:
        DataError: the two have no file in common, or differ in classes, labels, films or groups.
    """
    paths_b = set(b.paths)
    common = [path for path in a.paths if path in paths_b]
    films = _select_films(a, common), _select_films(b, common)
    _check_same_films(*films)
    metrics = BINARY if len(a.classes) == 2 else MULTI_CLASS
    both = list(zip(films, thresholds, strict=True))
    by_side = [intervals(metrics, p, threshold=t, seed=seed, resamples=resamples) for p, t in both]
    sides = [Side(scored(p, t), np.ones(len(p), bool)) for p, t in both]
    between = differences(metrics, sides[0], sides[1], films[0].groups, seed=seed, resamples=resamples)
    rows = []
    for name, metric in ((metric.name, metric) for metric in metrics):
        p = p_value(metric, sides[0].scored, sides[1].scored, films[0].groups, seed=seed)
        rows.append(MetricComparison(name, by_side[0][name], by_side[1][name], between[name], *p))
    return Comparison(
        rows=tuple(rows),
        thresholds=thresholds,
        n_films=len(films[0]),
        n_groups=len(set(films[0].groups)),
        only_a=len(a) - len(common),
        only_b=len(b) - len(common),
        positive=positive_class(a.classes),
    )


def _select_films(side: Predictions, paths: Sequence[str]) -> Predictions:
    row_of_path = {path: row for row, path in enumerate(side.paths)}
    return side.take(np.array([row_of_path[path] for path in paths], np.int64)).known().by_film()


def _check_same_films(a: Predictions, b: Predictions) -> None:
    if not len(a):
        raise DataError(
            "the two runs have no film with a known class in common; expected predictions of the same films"
        )
    if sorted(a.classes) == sorted(b.classes) and a.classes != b.classes:
        raise DataError(
            f"the positive class of the first run is {positive_class(a.classes)!r}, that of the second "
            f"{positive_class(b.classes)!r}; expected the same; train one of them again with --positive"
        )
    parts = {
        "classes": a.classes == b.classes,
        "films": a.paths == b.paths,
        "labels": a.classes != b.classes or a.paths != b.paths or not (a.labels != b.labels).any(),
        "groups": a.groups == b.groups,
    }
    if differing := [part for part, same in parts.items() if not same]:
        classes = f" ({', '.join(a.classes)}; {', '.join(b.classes)})" if "classes" in differing else ""
        raise DataError(
            f"the two runs differ in the {' and '.join(differing)} of the same files{classes}; expected two runs on "
            "one manifest"
        )
