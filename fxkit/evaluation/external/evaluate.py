"""Evaluate a table of predictions: the folder has the figures, pages and files of a run, but no model."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxkit.errors import DataError
from fxkit.evaluation.analyses import AnalysisOptions, analyse
from fxkit.evaluation.external.columns import ColumnChoice, find_facts, find_key, is_score_name
from fxkit.evaluation.external.films import GroupedFilms, TrainingFilms, group_films, read_training_films, split_of
from fxkit.evaluation.external.probabilities import ClassScores, class_scores
from fxkit.evaluation.external.read_predictions import ForeignPredictions, join_films, read_predictions
from fxkit.evaluation.result import EvaluationResult, write_figures
from fxkit.index.build import Progress
from fxkit.metrics.analyses import Analyses
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.summary import Evaluation, evaluate_predictions
from fxkit.models.predictions_source import FILE, PredictionsSource, read_source
from fxkit.models.run_folder import Results, open_results, write_json, write_manifest_json
from preprocess.errors import OutputError
from preprocess.files import sha256_of
from preprocess.tables.read import read_table
from preprocess.words import amount

Rows = NDArray[np.int64]

# Tables that were in memory, as the Python API writes them beside their results: predictions, films, training films.
GIVEN_FILES = ("given.csv", "given_films.csv", "given_trained_on.csv")


@dataclass(frozen=True)
class TableOptions:
    """How to read a table of predictions.

    Attributes:
        columns: columns that the user names.
        films: second table, which says more about the films.
        trained_on: folder or table of the films that the model was trained on.
        root: folder of the films, if they are at hand; their pixels are then compared.
        trained_root: folder of the training films, if `trained_on` is a table.
        positive: positive class of two.
        threshold: probability from which a film counts as positive; with scale "score", a score. None for 0.5.
        analyses: operating points, prevalence and subgroups. Thresholds are chosen on the rows of the split val.
        overwrite: replace figures of other predictions in the folder.
    """

    columns: ColumnChoice = field(default_factory=ColumnChoice)
    films: Path | None = None
    trained_on: Path | None = None
    root: Path | None = None
    trained_root: Path | None = None
    positive: str | None = None
    threshold: float | None = None
    analyses: AnalysisOptions = field(default_factory=AnalysisOptions)
    overwrite: bool = False


def evaluate_table(
    file: Path, out: Path, options: TableOptions = TableOptions(), *, progress: Progress | None = None
) -> EvaluationResult:
    """Evaluate a table of predictions, and write the folder that report, audit, compare and calibrate read.

    The rows of the split test are evaluated, or all rows if the table has no split. Films of the split train and those
    of `trained_on` are training films: test films that are copies of them, or of their patients, stamp all figures.

    Raises:
        DataError: the tables cannot be read or do not fit together, or an analysis cannot be computed.
        ConfigError: an option does not fit.
        OutputError: the folder holds something else.
    """
    check_out(out, sha256_of(file) if file.is_file() else "", overwrite=options.overwrite)
    table = read_predictions(file, options.columns)
    if options.films is not None:
        table = join_films(table, options.films, options.columns.truth)
    scores = class_scores(table, positive=options.positive, threshold=options.threshold)
    films = [replace(film, label=_label(scores, n), split=split_of(film, file)) for n, film in enumerate(table.films)]
    training = read_training_films(options.trained_on, options.trained_root) if options.trained_on else None
    grouped = group_films(films, training, options.root, progress)
    source = _describe(table, scores, grouped, training, options)
    rows = {split: np.flatnonzero([film.split == split for film in films]) for split in ("test", "val")}
    if not len(rows["test"]):
        raise DataError(f"{file}: no row of the split test; expected some; correct the column of splits")
    write_manifest_json(out, grouped.root, grouped.records, scores.classes)
    write_json(out / FILE, source.model_dump())
    subject = Subject(open_results(out), source, _predictions(scores, grouped, table))
    return evaluate_rows(subject, rows["test"], rows["val"], _attributes(table, options))


@dataclass(frozen=True)
class Subject:
    """Predictions, and the folder of results that is written.

    Attributes:
        predictions: one for each of the first records of the results; training films have none.
    """

    results: Results
    source: PredictionsSource
    predictions: Predictions


def evaluate_rows(subject: Subject, test: Rows, val: Rows, options: AnalysisOptions) -> EvaluationResult:
    """Compute the figures of the test rows, and of the validation rows if there are any, and write both.

    Args:
        test, val: (N,) numbers of rows of the predictions.
    """
    folder = subject.results.folder
    if len(val):
        _evaluate(subject, val, val, AnalysisOptions(), folder / "splits" / "val")
    evaluation, analyses = _evaluate(subject, test, val, options, folder)
    notes = (*subject.source.notes, *_warn_of_order(evaluation))
    return EvaluationResult(folder, evaluation, analyses, subject.results.stamp, notes=notes)


def _describe(
    table: ForeignPredictions,
    scores: ClassScores,
    grouped: GroupedFilms,
    training: TrainingFilms | None,
    options: TableOptions,
) -> PredictionsSource:
    """Return the content of source.json."""
    return PredictionsSource(
        predictions=table.file.name,
        sha256=sha256_of(table.file),
        key=table.columns.key,
        scores={column: name or scores.classes[1] for column, name in table.columns.scores.items()},
        scale=table.scale,
        threshold=0.5 if options.threshold is None or table.scale == "score" else options.threshold,
        films=options.films.name if options.films else "",
        trained_on=options.trained_on.name if options.trained_on else "",
        n_trained=sum(record.split == "train" for record in grouped.records),
        compared=grouped.compared,
        notes=(*table.notes, *scores.notes, *(training.notes if training else ()), *grouped.notes),
    )


def check_out(out: Path, identity: str, *, overwrite: bool) -> None:
    """Refuse a folder that holds something else than figures of the same table or model.

    Args:
        identity: see `PredictionsSource.identity`.
    Raises:
        OutputError: the folder is a run, or holds other files or other figures.
    """
    if (out / "config.yaml").is_file():
        raise OutputError(f"{out}: is a run folder; choose another --out")
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is a file; expected a folder; choose another --out")
    if not out.is_dir() or {file.name for file in out.iterdir()} <= {*GIVEN_FILES}:
        return
    if not (out / FILE).is_file():
        raise OutputError(f"{out}: holds other files; choose an empty or new folder with --out")
    if not overwrite and read_source(out).identity != identity:
        raise OutputError(f"{out}: holds figures of other predictions; choose another --out, or give --overwrite")


def _label(scores: ClassScores, n: int) -> str:
    return scores.classes[scores.labels[n]] if scores.labels[n] >= 0 else ""


def _predictions(scores: ClassScores, grouped: GroupedFilms, table: ForeignPredictions) -> Predictions:
    """Return the predictions of the table, with the paths, films and groups of the records."""
    records = grouped.records[: len(scores.labels)]
    folds = [film.fold for film in table.films]
    return Predictions(
        classes=scores.classes,
        paths=tuple(record.path for record in records),
        labels=scores.labels,
        probabilities=scores.probabilities,
        films=tuple(record.film for record in records),
        groups=tuple(record.group for record in records),
        folds=np.array(list(map(int, folds)), np.int64) if all(fold.isdecimal() for fold in folds) else None,
    )


def _attributes(table: ForeignPredictions, options: TableOptions) -> AnalysisOptions:
    """Take subgroups from the other columns of the tables, unless the user names a table."""
    if options.analyses.table is not None:
        return options.analyses
    source = read_table(options.films or table.file, "expected a table of films")
    key, _ = find_key(source, None if options.films else table.columns.key)
    facts, _ = find_facts(source, options.columns.truth, key)
    skip = {*table.columns.used, key, *facts.values(), *filter(is_score_name, source.columns)}
    if not {*source.columns} - skip:
        return options.analyses
    return replace(options.analyses, table=source.path, key=key, skip=tuple(skip))


def _evaluate(
    subject: Subject, rows: Rows, validation: Rows, options: AnalysisOptions, folder: Path
) -> tuple[Evaluation, Analyses]:
    """Compute the figures of some rows, and write them with the predictions and the pictures into the folder.

    Args:
        validation: rows that operating points choose their thresholds on.
    """
    results, source = subject.results, subject.source
    predictions = subject.predictions.take(rows)

    def choose_on() -> Predictions:
        if not len(validation):
            raise DataError(
                f"{source.predictions or source.model}: no row of the split val to choose a threshold on; add "
                "validation films with a column split, or give --target a threshold"
            )
        return subject.predictions.take(validation)

    records = [results.records[n] for n in rows]
    analyses = analyse(predictions, records, options, threshold=source.threshold, predict_validation=choose_on)
    evaluation = evaluate_predictions(predictions, threshold=source.threshold)
    if not source.are_probabilities:
        evaluation, analyses = _without_probabilities(evaluation, analyses)
    write_figures(results, folder, predictions, evaluation, analyses, results.stamp, {})
    return evaluation, analyses


PROBABILITY_FIGURES = ("brier", "log_loss")


def _without_probabilities(evaluation: Evaluation, analyses: Analyses) -> tuple[Evaluation, Analyses]:
    """Drop what only holds for probabilities: Brier score, log loss, calibration and decision curve."""
    levels = {
        name: level.model_copy(
            update={"figures": {key: f for key, f in level.figures.items() if key not in PROBABILITY_FIGURES}}
        )
        for name in ("file", "film", "group")
        if (level := getattr(evaluation, name)) is not None
    }
    return evaluation.model_copy(update=levels), analyses.model_copy(update={"calibration": {}, "decision_curve": None})


def _warn_of_order(evaluation: Evaluation) -> list[str]:
    """Warn if the scores rank the classes the wrong way round."""
    headline = evaluation.film.headline
    if not evaluation.positive or not headline.high < 0.5:
        return []
    return [
        f"WARNING: films of class {evaluation.positive!r} have lower scores than the others (AUROC {headline.text}, "
        f"{amount(evaluation.n_films, 'film')}): are these the scores of the other class? If so, name it with --score "
        "CLASS=COLUMN"
    ]
