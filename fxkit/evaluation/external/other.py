"""Evaluate a model that was made elsewhere on other data: the figures go below the results of its own test films."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from fxkit.errors import ConfigError, DataError, RunError
from fxkit.evaluation.external.columns import same_class
from fxkit.evaluation.external.evaluate import (
    Part,
    as_predictions,
    evaluate_part,
    read_joined,
    warn_of_order,
    with_attributes,
)
from fxkit.evaluation.external.films import group_films
from fxkit.evaluation.external.options import DEFAULTS, TableOptions
from fxkit.evaluation.external.probabilities import ClassScores, class_scores
from fxkit.evaluation.external.read_predictions import ForeignPredictions
from fxkit.evaluation.other_data import compare_other, evaluation_folder, refuse_other_figures
from fxkit.evaluation.result import EvaluationResult
from fxkit.index.build import Progress
from fxkit.metrics.predictions import UNKNOWN as UNKNOWN_CLASS
from fxkit.metrics.predictions import Predictions
from fxkit.models.predictions_source import FILE, PredictionsSource, read_source
from fxkit.models.run_folder import Results, open_results
from fxkit.models.training_films import Overlap
from preprocess.errors import first_few
from preprocess.files import sha256_of

HASH = "predictions_sha256"  # entry of metrics.json

UNKNOWN = "the films that the model was trained on are not known, so these films could not be compared with them"

NOT_COMPARED = (
    "the pixels of these films were not compared with those of the training films: give --root here, and --root and "
    "--trained-root with the model's own test films"
)


def evaluate_other_table(
    file: Path,
    folder: Path,
    name: str,
    options: TableOptions = DEFAULTS,
    *,
    allow_leaks: bool = False,
    progress: Progress | None = None,
) -> EvaluationResult:
    """Evaluate the predictions of other data by the model behind a folder of results.

    All rows are evaluated, at the threshold of the folder. The figures go into evaluations/<name>/, and the audit and
    the report of the folder read them.

    Args:
        folder: what `evaluate_table` or `evaluate_model` wrote for the model's own test films.
        allow_leaks: evaluate also if training has seen some of the films or patients.
    Raises:
        DataError: the tables cannot be read or do not fit together, the classes are not those of the folder, or
            training has seen some of the films or patients.
        ConfigError: an option is that of the model's own test films.
        RunError: the folder holds no results of a model made elsewhere, or the name holds other figures.
    """
    results, source = _open(folder, name, options)
    out, digest = evaluation_folder(results, name), sha256_of(file) if file.is_file() else ""
    if not options.overwrite:
        refuse_other_figures(out, HASH, digest, "the predictions with the SHA-256")
    table, scores = _read(file, results, source, options)
    films = [replace(film, label=scores.label(n), split="test") for n, film in enumerate(table.films)]
    grouped = group_films(films, None, options.root, progress)
    root = grouped.root or Path()
    overlap, stamp = compare_other(results, grouped.records, root, out, allow_leaks=allow_leaks)
    entries = {HASH: digest, "root": str(root.resolve()) if options.root else None, "overlap": asdict(overlap)}
    predictions = as_predictions(scores, grouped, table)
    part = Part(predictions, grouped.records, read_validation(results), out, stamp, entries)
    evaluation, analyses = evaluate_part(results, source, part, with_attributes(table, options))
    notes = (*table.notes, *scores.notes, *grouped.notes, *describe_overlap(overlap, source))
    return EvaluationResult(out, evaluation, analyses, stamp, (*notes, *warn_of_order(evaluation)))


def describe_overlap(overlap: Overlap, source: PredictionsSource) -> tuple[str, ...]:
    """Say what of the films could not be compared with those of training."""
    if not source.n_trained:
        return (UNKNOWN,)
    compared = replace(overlap, known=True, pixels_compared=True).notes
    return compared if overlap.pixels_compared else (NOT_COMPARED, *compared)


def _open(folder: Path, name: str, options: TableOptions) -> tuple[Results, PredictionsSource]:
    """Open the folder of the model's own test films; refuse options that belong to these."""
    if not (folder / FILE).is_file():
        raise RunError(
            f"{folder}: holds no results of a model made elsewhere; expected those of its own test films: evaluate "
            f"these first, without --name {name}"
        )
    source = read_source(folder)
    of_own: dict[str, object] = {
        "--trained-on": options.trained_on,
        "--trained-root": options.trained_root,
        "--positive": options.positive,
    }
    if source.are_probabilities:
        of_own["--threshold"] = options.threshold
    given = next((option for option, value in of_own.items() if value is not None), "")
    if given:
        raise ConfigError(f"{given}: is that of {folder}; expected it with the model's own test films, without --name")
    return open_results(folder), source


def _read(
    file: Path, results: Results, source: PredictionsSource, options: TableOptions
) -> tuple[ForeignPredictions, ClassScores]:
    """Read the predictions, with the classes and the positive class of the folder."""
    table = read_joined(file, options)
    if table.scale != source.scale and "score" in (table.scale, source.scale):
        raise DataError(
            f"{file}: its scores are of scale {table.scale!r}, and those of {results.folder} of {source.scale!r}; "
            "expected the same; give --scale"
        )
    _refuse_classes([film.label for film in table.films if film.label], results, file)
    positive = results.classes[1] if len(results.classes) == 2 else None
    scores = class_scores(table, positive=positive, threshold=options.threshold)
    _refuse_classes(scores.classes, results, file)
    return table, _order_classes(scores, results, file)


def _refuse_classes(names: Sequence[str], results: Results, file: Path) -> None:
    foreign = sorted(name for name in {*names} if not any(same_class(name, own) for own in results.classes))
    if foreign:
        raise DataError(
            f"{file}: no class of {results.folder} ({', '.join(results.classes)}) is called {first_few(foreign)}; "
            "expected the same classes; rename them"
        )


def _order_classes(scores: ClassScores, results: Results, file: Path) -> ClassScores:
    """Return the scores with the classes in the order and spelling of the folder."""
    matched = [[k for k, name in enumerate(scores.classes) if same_class(name, own)] for own in results.classes]
    missing = [own for own, found in zip(results.classes, matched, strict=True) if not found]
    if missing:
        raise DataError(f"{file}: no scores of class {missing[0]!r}; expected those of {', '.join(results.classes)}")
    order = [found[0] for found in matched]
    position = np.array([*np.argsort(order), UNKNOWN_CLASS], np.int64)  # the last is that of an unknown class
    probabilities = scores.probabilities[:, order]
    return replace(scores, classes=results.classes, labels=position[scores.labels], probabilities=probabilities)


def read_validation(results: Results) -> Predictions | None:
    """Return the predictions that the folder chooses thresholds on."""
    file = results.folder / "splits" / "val" / "predictions.csv"
    return Predictions.read_csv(file) if file.is_file() else None
