"""Evaluate predictions from Python: arrays, a DataFrame or a file, with the same figures as the command's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from numpy.typing import ArrayLike

from fxkit.errors import ConfigError
from fxkit.evaluation.analyses import AnalysisOptions
from fxkit.evaluation.external.columns import ColumnChoice, Scale
from fxkit.evaluation.external.evaluate import GIVEN_FILES, check_out, evaluate_table
from fxkit.evaluation.external.evaluate_films import AnyModel, evaluate_films
from fxkit.evaluation.external.frames import Frame
from fxkit.evaluation.external.given import TRUTH, Given, arrays_as_table, as_given
from fxkit.evaluation.external.model_source import InputArguments, ModelArguments
from fxkit.evaluation.external.options import TableOptions
from fxkit.evaluation.external.python_words import in_python_words, to_python
from fxkit.evaluation.result import EvaluationResult
from fxkit.evaluation.temporary_folder import TemporaryFolder
from fxkit.metrics.of_arrays import read_labels_and_scores
from fxkit.metrics.operating_points import parse_target
from preprocess.files import sha256_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from fxkit.data.manifest import Record
    from fxkit.index.build import Index

EXPECTED = "arrays y_true and y_score, a DataFrame, a mapping of columns, or the path of a CSV or Parquet file"


class TableArguments(InputArguments, total=False):
    """Further arguments of `fxkit.evaluate`; they are options of the command. With `model`, see also `InputArguments`.

    Attributes:
        key: column with the path or id of each film; default: by its name.
        truth: column with the true class; default: by its name.
        scores: columns of the scores, as COLUMN or CLASS=COLUMN; default: by their names.
        scale: probability, percent, logit or score; a score is any other scale and needs `threshold`. With `model`,
            probability or logit.
        root: folder of the films, if they are at hand; their pixels are then compared. With `model`, the folder that
            the paths of films are relative to.
        trained_root: folder of the training films, if `trained_on` is a table.
        targets: operating points, such as "sensitivity=0.95", chosen on the rows of the split val.
        prevalence: share of positives to which PPV, NPV and net benefit refer.
        overwrite: replace figures of other predictions in `out`.
    """

    key: str
    truth: str
    scores: Sequence[str]
    scale: Scale
    root: str | Path
    trained_root: str | Path
    targets: Sequence[str]
    prevalence: float
    overwrite: bool


def evaluate(
    y_true: "ArrayLike | Frame | Index | Sequence[Record] | str | Path",
    y_score: "ArrayLike | None" = None,
    *,
    model: "AnyModel | None" = None,
    films: "Frame | str | Path | None" = None,
    groups: "ArrayLike | None" = None,
    classes: Sequence[Any] | None = None,
    positive: Any = None,
    threshold: float | None = None,
    trained_on: "Frame | str | Path | None" = None,
    out: "str | Path | None" = None,
    **further: "Unpack[TableArguments]",
) -> EvaluationResult:
    """Evaluate any model or its predictions: the figures of `fxkit evaluate`, with intervals and pictures.

    Args:
        y_true: (N,) true classes; or, without `y_score`, a table with a row for each film: its path or id, true class
            and scores, as a DataFrame, a mapping of columns, or the path of a CSV or Parquet file.
        y_score: (N,) scores of the positive class, or (N, C) of each class.
        model: a file, a name or a function that predicts the films; they stand first: see `fxkit.ablate` for both.
        films: table of path, patient, split, site, age and so on, in the order of `y_true`; or matched by path or id.
        groups, classes, positive: (N,) patients, C classes, and the positive one of two; see `fxkit.intervals`.
        threshold: score from which a film is called positive; default: 0.5.
        trained_on: folder or table of the training films; copies and patients in both stamp all figures.
        out: folder for the results, which the commands read; default: a temporary one, deleted with the result.
        further: see `TableArguments`.
    Raises:
        DataError, ConfigError: the values cannot be read, do not fit together, or are no such scores.
        OutputError: `out` holds something else.
    """
    _refuse_strangers(further, model)
    trained = _read_trained_on(trained_on)
    if model is not None:
        _refuse_tables(y_score=y_score, films=films, groups=groups, **further)
        takes = _choose_model_arguments(classes, threshold, further)
        return evaluate_films(model, y_true, takes, positive, trained, out, further)
    given = (films, groups, classes, positive, further)
    tables = _read_table(y_true, *given) if y_score is None else _read_arrays(y_true, y_score, *given)
    return _evaluate(replace(tables, threshold=threshold, trained_on=trained), out, further)


def _refuse_strangers(further: TableArguments, model: "AnyModel | None") -> None:
    """Refuse unknown arguments, and without a model those that say what it takes."""
    if unknown := further.keys() - TableArguments.__annotations__.keys():
        raise TypeError(f"evaluate() got an unexpected keyword argument {min(unknown)!r}")
    if model is None and (named := [name for name in InputArguments.__annotations__ if name in further]):
        raise ConfigError(f"{named[0]} says what a model takes; give model=, or leave it out")


def _refuse_tables(**values: Any) -> None:
    """Refuse what says how predictions are read, because the model makes them."""
    names = ("y_score", "films", "groups", "key", "truth", "scores")
    if given := [name for name in names if values.get(name) is not None]:
        raise ConfigError(
            f"{given[0]} belongs to predictions, and a model predicts the films itself; give the films first, as a "
            "folder, a table or a manifest, and leave it out"
        )


def _choose_model_arguments(
    classes: Sequence[Any] | None, threshold: float | None, further: TableArguments
) -> ModelArguments:
    values = {"classes": classes, "threshold": threshold, **further}
    names = ModelArguments.__annotations__
    return cast(ModelArguments, {name: v for name, v in values.items() if name in names and v is not None})


@dataclass(frozen=True)
class _Tables:
    """What is evaluated: a table of predictions, and the tables that belong to it."""

    predictions: Given
    films: Given | None
    columns: ColumnChoice
    positive: str | None
    trained_on: Given | None = None
    threshold: float | None = None


def _read_table(table: Any, films: Any, groups: Any, classes: Any, positive: Any, further: TableArguments) -> _Tables:
    if groups is not None or classes is not None:
        raise ConfigError("groups and classes belong to the arrays y_true and y_score; a table has a column `group`")
    named = further.get("key"), further.get("truth"), tuple(further.get("scores", ())), further.get("scale")
    return _Tables(
        as_given(table, "table", EXPECTED),
        as_given(films, "films", "a table in memory, or the path of one") if films is not None else None,
        ColumnChoice(*named),
        None if positive is None else str(positive),
    )


def _read_arrays(
    y_true: Any, y_score: Any, films: Any, groups: Any, classes: Any, positive: Any, further: TableArguments
) -> _Tables:
    if named := [name for name in ("truth", "scores") if name in further]:
        raise ConfigError(f"{named[0]} names a column of a table, and y_true and y_score are arrays; leave it out")
    arrays = read_labels_and_scores(y_true, y_score, classes=classes, positive=positive)
    given = arrays_as_table(arrays, films, groups)
    key, scale = further.get("key", given.key), further.get("scale", "probability")
    return _Tables(given.table, None, ColumnChoice(key, TRUTH, given.scores, scale), arrays.positive or None)


def _read_trained_on(films: Any) -> Given | None:
    return None if films is None else as_given(films, "trained_on", "a folder, a table in memory, or the path of one")


def _evaluate(tables: _Tables, out: str | Path | None, further: TableArguments) -> EvaluationResult:
    """Write the tables that are in memory as files beside the results, and evaluate them."""
    temporary = TemporaryFolder()
    folder = temporary.path / "results" if out is None else Path(out)
    given = dict(zip(GIVEN_FILES, (tables.predictions, tables.films, tables.trained_on), strict=True))
    written = {temporary.path / name: table.name for name, table in given.items() if table}
    written |= {folder / name: table.name for name, table in given.items() if table}
    overwrite = further.get("overwrite", False)
    with in_python_words(written):
        first = next(iter(GIVEN_FILES))
        predictions = tables.predictions.file(temporary.path, first)
        check_out(folder, sha256_of(predictions) if predictions.is_file() else "", overwrite=overwrite)
        files = {name: table.file(folder, name) for name, table in given.items() if table}
        targets = tuple(map(parse_target, further.get("targets", ())))
        options = TableOptions(
            columns=tables.columns,
            films=files.get(GIVEN_FILES[1]),
            trained_on=files.get(GIVEN_FILES[2]),
            root=_path(further.get("root")),
            trained_root=_path(further.get("trained_root")),
            positive=tables.positive,
            threshold=tables.threshold,
            analyses=AnalysisOptions(targets, further.get("prevalence")),
            overwrite=overwrite,
        )
        result = evaluate_table(files[first], folder, options)
    notes = tuple(to_python(note, written) for note in result.notes)
    return replace(result, notes=notes, temporary=temporary if out is None else None)


def _path(value: str | Path | None) -> Path | None:
    return None if value is None else Path(value)
