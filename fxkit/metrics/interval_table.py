"""All figures of arrays of predictions with their 95 % intervals, as text, as a table of a notebook and as columns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from fxkit.data.positive import positive_line
from fxkit.errors import ConfigError
from fxkit.html import load_template
from fxkit.metrics.intervals import Interval
from fxkit.metrics.names import metric_name
from fxkit.metrics.of_arrays import predictions_of
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.summary import Evaluation, Level, evaluate_predictions
from preprocess.errors import one_line
from preprocess.words import amount


@dataclass(frozen=True, eq=False, repr=False)
class Figures(Mapping[str, Interval]):
    """The figures of predictions by film: metric -> value with its 95 % interval over groups.

    `figures["auroc"]` is an `Interval`. A notebook shows a table; `str(figures)` is the same as text.

    Attributes:
        predictions: the predictions that the figures belong to.
        evaluation: all figures: by file, by film and by group, with counts and confusion matrices.
    """

    predictions: Predictions
    evaluation: Evaluation

    def __getitem__(self, metric: str) -> Interval:
        return self.evaluation.film.figures[metric]

    def __iter__(self) -> Iterator[str]:
        return iter(self.evaluation.film.figures)

    def __len__(self) -> int:
        return len(self.evaluation.film.figures)

    def to_columns(self) -> dict[str, list[Any]]:
        """Return the figures as columns of equal length, from which pandas or polars makes a table."""
        return level_columns(self.evaluation.film)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain dicts, lists and numbers for JSON; undefined numbers are None."""
        return self.evaluation.to_dict()

    def __str__(self) -> str:
        return f"{counts_line(self.evaluation)}\n{figures_text(self.evaluation)}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return load_template("metrics/interval_table.html").render(
            evaluation=self.evaluation,
            counts=counts_line(self.evaluation),
            metric_name=metric_name,
        )


def intervals(
    y_true: "ArrayLike",
    y_score: "ArrayLike",
    *,
    groups: "ArrayLike | None" = None,
    films: "ArrayLike | None" = None,
    classes: Sequence[Any] | None = None,
    positive: Any = None,
    threshold: float = 0.5,
) -> Figures:
    """Compute all figures of predictions with 95 % intervals over groups, such as patients.

    Args:
        y_true: (N,) true classes: names, numbers or booleans.
        y_score: (N,) probability of the positive class, or (N, C) of each class.
        groups: (N,) name of the patient or other group of each row; rows of one group are not independent. Default:
            each film is a group of its own.
        films: (N,) name of the film of each row; figures use the mean probability of its rows. Default: each row is a
            film.
        classes: classes in the order of the columns of `y_score`, such as `model.classes_`; default: the sorted values
            of `y_true`.
        positive: of two classes, the one that sensitivity and a `y_score` of shape (N,) refer to. Default: the second
            of `classes` or the greater number; for (N, 2), the class whose name means a finding. Scores of shape (N,)
            need it if `y_true` holds names and `classes` is not given.
        threshold: probability of the positive class from which a film is called positive.
    Raises:
        DataError: lengths differ, a score is missing or no probability, or classes and columns do not fit.
        ConfigError: the positive class is unclear or none of the classes, or the threshold lies outside of 0 to 1.
    """
    check_threshold(threshold)
    predictions = predictions_of(y_true, y_score, groups=groups, films=films, classes=classes, positive=positive)
    return Figures(predictions, evaluate_predictions(predictions, threshold=threshold))


def check_threshold(threshold: float) -> None:
    """Raise ConfigError if a threshold of probabilities lies outside of 0 to 1."""
    if not 0 <= threshold <= 1:
        raise ConfigError(f"threshold {threshold:g} lies outside of 0 to 1; expected a probability")


def counts_line(evaluation: Evaluation) -> str:
    """Return the numbers of films and groups, and of files if they differ."""
    files = f"{amount(evaluation.n_files, 'file')} of " if evaluation.n_files != evaluation.n_films else ""
    unknown = f"; {amount(evaluation.n_unknown, 'file')} of unknown class left out" if evaluation.n_unknown else ""
    return f"{files}{amount(evaluation.n_films, 'film')} in {amount(evaluation.n_groups, 'group')}{unknown}"


def figures_text(evaluation: Evaluation) -> str:
    """Return the figures by film as lines of text, with the positive class first."""
    lines = [positive_line(evaluation.classes)] if evaluation.positive else []
    if evaluation.single_class:
        lines.append(f"all films are of one class, {one_line(evaluation.single_class)}")
    width = max(len(metric_name(key)) for key in evaluation.film.figures)
    lines += [f"{metric_name(key):<{width}}  {figure:.3f}" for key, figure in evaluation.film.figures.items()]
    return "\n".join(lines)


def level_columns(level: Level) -> dict[str, list[Any]]:
    """Return the figures of a level as columns: metric, value, low, high, n and n_groups."""
    rows = level.figures
    columns: dict[str, list[Any]] = {"metric": list(rows)}
    for name in ("value", "low", "high", "n", "n_groups"):
        columns[name] = [getattr(interval, name) for interval in rows.values()]
    return columns
