"""Compare two models from Python: results, folders, tables, or arrays of scores."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from fxkit.errors import ConfigError, DataError
from fxkit.evaluation.compare_runs import Comparison, compare_predictions, compare_runs
from fxkit.evaluation.external.frames import Frame, is_frame
from fxkit.evaluation.result import EvaluationResult
from fxkit.metrics.interval_table import Figures, check_threshold
from fxkit.metrics.of_arrays import predictions_of

EXPECTED = (
    "expected a result of fxkit.evaluate or fxkit.intervals, a folder, a table, or arrays of scores with y_true=..."
)


def compare(
    a: "EvaluationResult | Figures | Frame | ArrayLike | str | Path",
    b: "EvaluationResult | Figures | Frame | ArrayLike | str | Path",
    *,
    y_true: "ArrayLike | None" = None,
    groups: "ArrayLike | None" = None,
    films: "ArrayLike | None" = None,
    classes: Sequence[Any] | None = None,
    positive: Any = None,
    threshold: float = 0.5,
) -> Comparison:
    """Compare two models on the same films: paired differences with 95 % intervals over groups, and p values.

    Args:
        a, b: two results of `fxkit.evaluate`, or the folders of two; two results of `fxkit.intervals`; two tables of
            predictions, as DataFrames, mappings of columns or paths of files; or, with `y_true`, two arrays of (N,) or
            (N, C) scores. Folders and results keep their own thresholds.
        y_true, groups, films, classes: with arrays, see `fxkit.intervals`.
        positive: with arrays or tables, the positive class of two.
        threshold: with arrays, the probability from which a film is called positive.
    Raises:
        DataError: the two have no film in common, or differ in classes, labels, films or groups.
        ConfigError: arguments for arrays are given with something else.
    """
    if y_true is not None:
        check_threshold(threshold)
        scores: tuple[Any, Any] = a, b
        first, second = (
            predictions_of(y_true, p, groups=groups, films=films, classes=classes, positive=positive) for p in scores
        )
        return compare_predictions(first, second, thresholds=(threshold, threshold))
    if groups is not None or films is not None or classes is not None:
        raise ConfigError("groups, films and classes belong to arrays of scores; give y_true, too")
    one, other = _side(a, "a", positive), _side(b, "b", positive)
    if isinstance(one, Figures) and isinstance(other, Figures):
        thresholds = one.evaluation.threshold, other.evaluation.threshold
        return compare_predictions(one.predictions, other.predictions, thresholds=thresholds)
    if not isinstance(one, Figures) and not isinstance(other, Figures):
        return compare_runs(_folder(one), _folder(other))
    raise ConfigError("a and b are of different kinds; expected two results of one function, two folders or two tables")


def _side(value: Any, name: str, positive: Any) -> EvaluationResult | Figures | Path:
    """Return a side as a result or a folder; a table is evaluated."""
    if isinstance(value, (EvaluationResult, Figures)):
        return value
    if isinstance(value, (str, os.PathLike)) and not Path(value).is_file():
        return Path(value)
    if isinstance(value, (str, os.PathLike)) or is_frame(value):
        from fxkit.evaluation.external.evaluate_any import evaluate  # needs faiss, which folders do not

        return evaluate(value, positive=positive)
    raise DataError(f"{name} is of type {type(value).__name__}; {EXPECTED}")


def _folder(side: EvaluationResult | Path) -> Path:
    return side.folder if isinstance(side, EvaluationResult) else side
