"""Evaluate a table of predictions: the folder has the figures, pages and files of a run, but no model."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxkit.data.manifest import Record
from fxkit.errors import DataError
from fxkit.evaluation.analyses import AnalysisOptions, analyse
from fxkit.evaluation.external.columns import find_facts, find_key, is_score_name
from fxkit.evaluation.external.films import GroupedFilms, TrainingFilms, group_films, read_training_films, split_of
from fxkit.evaluation.external.options import DEFAULTS, TableOptions, table_arguments
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


def evaluate_table(
    file: Path, out: Path, options: TableOptions = DEFAULTS, *, progress: Progress | None = None
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
    table = read_joined(file, options)
    scores = class_scores(table, positive=options.positive, threshold=options.threshold)
    films = [replace(film, label=scores.label(n), split=split_of(film, file)) for n, film in enumerate(table.films)]
    training = read_training_films(options.trained_on, options.trained_root) if options.trained_on else None
    grouped = group_films(films, training, options.root, progress)
    source = _describe(table, scores, grouped, training, options)
    rows = {split: np.flatnonzero([film.split == split for film in films]) for split in ("test", "val")}
    if not len(rows["test"]):
        raise DataError(f"{file}: no row of the split test; expected some; correct the column of splits")
    write_manifest_json(out, grouped.root, grouped.records, scores.classes)
    write_json(out / FILE, source.model_dump())
    subject = Subject(open_results(out), source, as_predictions(scores, grouped, table))
    return evaluate_rows(subject, rows["test"], rows["val"], with_attributes(table, options))


def read_joined(file: Path, options: TableOptions) -> ForeignPredictions:
    """Read a table of predictions, with what the second table says about the films."""
    table = read_predictions(file, options.columns)
    return table if options.films is None else join_films(table, options.films, options.columns.truth)


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
    results, source, predictions = subject.results, subject.source, subject.predictions
    validation = predictions.take(val) if len(val) else None

    def part(rows: Rows, folder: Path) -> Part:
        records = [results.records[n] for n in rows]
        return Part(predictions.take(rows), records, validation, folder, results.stamp)

    if validation is not None:
        evaluate_part(results, source, part(val, results.folder / "splits" / "val"), AnalysisOptions())
    evaluation, analyses = evaluate_part(results, source, part(test, results.folder), options)
    tested = [] if source.model else [results.records[n] for n in test]  # whoever lists films says it of folders
    notes = (*source.notes, *_warn_of_patients(tested), *warn_of_order(evaluation))
    return EvaluationResult(results.folder, evaluation, analyses, results.stamp, notes=notes)


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
        notes=(
            *table.notes,
            *scores.notes,
            *_splits_note(table),
            *(training.notes if training else ()),
            *grouped.notes,
        ),
        arguments=table_arguments(table.file, options),
    )


def _splits_note(table: ForeignPredictions) -> list[str]:
    """Say what the rows of other splits than test are used for."""
    splits = Counter(split_of(film, table.file) for film in table.films)
    uses = {
        "val": "only choose thresholds and calibrate",
        "train": "are training films and have no part in the figures",
    }
    return [
        f"{table.file}: the {amount(splits[split], 'row')} of the split {split} {use}"
        for split, use in uses.items()
        if splits[split]
    ]


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


def as_predictions(scores: ClassScores, grouped: GroupedFilms, table: ForeignPredictions) -> Predictions:
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


def with_attributes(table: ForeignPredictions, options: TableOptions) -> AnalysisOptions:
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


@dataclass(frozen=True)
class Part:
    """Some of the predictions in a folder of results, and where their figures go.

    Attributes:
        records: a record for each prediction.
        validation: predictions that operating points choose their thresholds on; None if there are none.
        folder: the folder of results, or a folder in it.
        stamp: the warning shown with all figures; "" for none.
        entries: further entries of metrics.json.
    """

    predictions: Predictions
    records: Sequence[Record]
    validation: Predictions | None
    folder: Path
    stamp: str
    entries: Mapping[str, Any] = field(default_factory=dict)


def evaluate_part(
    results: Results, source: PredictionsSource, part: Part, options: AnalysisOptions
) -> tuple[Evaluation, Analyses]:
    """Compute the figures of some predictions, and write them with the predictions and the pictures."""

    def choose_on() -> Predictions:
        if part.validation is None:
            raise DataError(
                f"{source.predictions or source.model}: no row of the split val to choose a threshold on; add "
                "validation films with a column split, or give --target a threshold"
            )
        return part.validation

    threshold = source.threshold
    analyses = analyse(part.predictions, part.records, options, threshold=threshold, predict_validation=choose_on)
    evaluation = evaluate_predictions(part.predictions, threshold=threshold)
    if not source.are_probabilities:
        evaluation, analyses = _without_probabilities(evaluation, analyses)
    write_figures(results, part.folder, part.predictions, evaluation, analyses, part.stamp, part.entries)
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


def _warn_of_patients(tested: Sequence[Record]) -> list[str]:
    """Warn if groups cannot hold all films of a patient, because patients are not known."""
    unknown = sum(not record.patient for record in tested)
    groups = Counter(record.group for record in tested)
    if not unknown or (unknown == len(tested) and max(groups.values()) > 1):  # groups may be patients
        return []
    return [
        f"WARNING: {unknown} of {amount(len(tested), 'test film')} have no patient: if some are of one patient, the "
        "intervals are too narrow, and a patient may also be in training; add a column `patient`"
    ]


def warn_of_order(evaluation: Evaluation) -> list[str]:
    """Warn if the scores rank the classes the wrong way round."""
    headline = evaluation.film.headline
    if not evaluation.positive or not headline.high < 0.5:
        return []
    return [
        f"WARNING: films of class {evaluation.positive!r} have lower scores than the others (AUROC {headline.text}, "
        f"{amount(evaluation.n_films, 'film')}): are these the scores of the other class? If so, name it with --score "
        "CLASS=COLUMN"
    ]
