"""Evaluate a model that was made elsewhere: it predicts films, and its folder is that of a table of predictions."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from fxkit.data.manifest import Record, usable
from fxkit.errors import DataError
from fxkit.evaluation.analyses import AnalysisOptions
from fxkit.evaluation.checks import check_classes, check_cleaning, spell_as_model
from fxkit.evaluation.external.evaluate import (
    Part,
    Subject,
    check_out,
    evaluate_part,
    evaluate_rows,
    warn_of_order,
)
from fxkit.evaluation.external.films import GroupedFilms, TrainingFilms, group_films, read_training_films
from fxkit.evaluation.external.other import describe_overlap, read_validation
from fxkit.evaluation.external.read_predictions import Film
from fxkit.evaluation.other_data import compare_other, evaluation_folder, refuse_other_figures
from fxkit.evaluation.result import EvaluationResult
from fxkit.index.build import Progress
from fxkit.metrics.predictions import Predictions
from fxkit.models.given.open import OpenedModel
from fxkit.models.predict_with import predict_records_with
from fxkit.models.predictions_source import FILE, PredictionsSource, read_source
from fxkit.models.run_folder import open_results, write_json, write_manifest_json
from preprocess.image_files import MAX_PIXELS
from preprocess.words import amount


@dataclass(frozen=True)
class ModelOptions:
    """How to evaluate a model that was made elsewhere.

    Attributes:
        arguments: the options of the command line that say how the model is used; they are recorded.
        trained_on: folder or table of the films that the model was trained on.
        trained_root: folder of these films, if `trained_on` is a table.
        raw: accept films that were not cleaned although the model is a run that was trained on cleaned ones.
        max_pixels: larger images are refused.
        analyses: operating points, prevalence and subgroups. Thresholds are chosen on the films of the split val.
        overwrite: replace figures of another model in the folder.
    """

    arguments: tuple[str, ...] = ()
    trained_on: Path | None = None
    trained_root: Path | None = None
    raw: bool = False
    max_pixels: int = MAX_PIXELS
    analyses: AnalysisOptions = field(default_factory=AnalysisOptions)
    overwrite: bool = False


def evaluate_model(
    model: OpenedModel,
    records: Sequence[Record],
    root: Path,
    out: Path,
    options: ModelOptions = ModelOptions(),
    *,
    progress: Progress | None = None,
) -> EvaluationResult:
    """Predict films with a model, and write the folder that report, audit, compare and calibrate read.

    The films of the split test are evaluated, or all films if no film is of the split test. Films of the split val
    choose thresholds and calibrate. The model was not trained here, so films of the split train are not used; those of
    `trained_on` are training films: test films that are copies of them, or of their patients, stamp all figures.

    Raises:
        DataError: there is no usable film, the model does not know a class, the films are not cleaned as the model
            needs it, or an analysis cannot be computed.
        ImageError: a film is missing or cannot be read.
        RunError: the model fails, or its outputs are no probabilities.
        OutputError: the folder holds something else.
    """
    source = _describe(model, options)
    check_out(out, source.identity, overwrite=options.overwrite)
    chosen, notes = _choose_films(records, trained_on_is_given=options.trained_on is not None)
    spelled, spelling = spell_as_model(model.network, chosen)
    check_classes(model.network, spelled, str(root))
    check_cleaning(model.network, root, options.raw)
    training = read_training_films(options.trained_on, options.trained_root) if options.trained_on else None
    grouped = _compare_with_training(spelled, root, training, progress)
    tested = grouped.records[: len(spelled)]
    predictions = _predict(model, root, spelled, tested, options.max_pixels)
    notes += [*filter(None, [spelling]), *(training.notes if training else ()), *grouped.notes]
    n_trained = sum(record.split == "train" for record in grouped.records)
    source = source.model_copy(update={"notes": tuple(notes), "n_trained": n_trained, "compared": grouped.compared})
    write_manifest_json(out, grouped.root, grouped.records, model.classes)
    write_json(out / FILE, source.model_dump())
    test, val = (np.flatnonzero([r.split == name for r in tested]) for name in ("test", "val"))
    return evaluate_rows(Subject(open_results(out), source, predictions), test, val, options.analyses)


def evaluate_other_films(
    model: OpenedModel,
    records: Sequence[Record],
    root: Path,
    folder: Path,
    name: str,
    options: ModelOptions = ModelOptions(),
    *,
    allow_leaks: bool = False,
) -> EvaluationResult:
    """Predict other data with the model whose results a folder holds; the figures go into evaluations/<name>/ there.

    All usable films are evaluated, at the threshold of the folder.

    Raises:
        DataError: as `evaluate_model`; or the folder holds results of another model, or training has seen some of the
            films or patients.
        RunError: the folder holds no results of a model made elsewhere, or the name holds other figures.
    """
    results, source = open_results(folder), read_source(folder)
    if source.identity != _describe(model, options).identity:
        raise DataError(
            f"{folder}: holds results of {source.model or source.predictions}; expected those of {model.name} with the "
            "same options: evaluate its own test films first, without --name"
        )
    out = evaluation_folder(results, name)
    refuse_other_figures(out, "root", str(root.resolve()), "the films in")
    spelled, spelling = spell_as_model(model.network, usable(records))
    check_classes(model.network, spelled, str(root))
    check_cleaning(model.network, root, options.raw)
    overlap, stamp = compare_other(results, spelled, root, out, allow_leaks=allow_leaks)
    predictions = _predict(model, root, spelled, spelled, options.max_pixels)
    entries = {"root": str(root.resolve()), "overlap": asdict(overlap)}
    part = Part(predictions, spelled, read_validation(results), out, stamp, entries)
    evaluation, analyses = evaluate_part(results, source, part, options.analyses)
    notes = (*filter(None, [spelling]), *describe_overlap(overlap, source), *warn_of_order(evaluation))
    return EvaluationResult(out, evaluation, analyses, stamp, notes)


def _describe(model: OpenedModel, options: ModelOptions) -> PredictionsSource:
    """Return the content of source.json, still without the films."""
    return PredictionsSource(
        key="path",
        scores={f"p_{name}": name for name in model.classes},
        scale="probability",
        threshold=model.threshold,
        trained_on=options.trained_on.name if options.trained_on else "",
        model=model.name,
        model_sha256=model.sha256,
        model_kind=model.kind,
        model_options=options.arguments,
        model_input=tuple(model.describe()),
    )


def _choose_films(records: Sequence[Record], *, trained_on_is_given: bool) -> tuple[list[Record], list[str]]:
    """Return the usable films of test and val; all as test if no film is of test. The notes say what is left out."""
    readable = usable(records)
    if not readable:
        raise DataError("no usable film; expected images in folders named after their class, or a manifest")
    if not any(record.split == "test" for record in readable):
        splits = sorted({record.split for record in readable} - {""})
        note = (
            [f"no film is of the split test, so all are evaluated, also those of {', '.join(splits)}"] if splits else []
        )
        return [replace(record, split="test") for record in readable], note
    chosen = [record for record in readable if record.split in ("test", "val")]
    n_left = len(readable) - len(chosen)
    if not n_left or trained_on_is_given:
        return chosen, []
    return chosen, [
        f"{amount(n_left, 'film that is', 'films that are')} neither of the split test nor of val "
        f"{'is' if n_left == 1 else 'are'} not used; if the model was trained on them, give them with --trained-on"
    ]


def _predict(
    model: OpenedModel, root: Path, records: Sequence[Record], tested: Sequence[Record], max_pixels: int
) -> Predictions:
    """Return the predictions of the records, with the paths, films and groups that they have beside training films."""
    predictions = predict_records_with(model.network, root, records, max_pixels=max_pixels)
    paths, films, groups = (tuple(getattr(r, name) for r in tested) for name in ("path", "film", "group"))
    return replace(predictions, paths=paths, films=films, groups=groups)


def _compare_with_training(
    records: Sequence[Record], root: Path, training: TrainingFilms | None, progress: Progress | None
) -> GroupedFilms:
    """Return the records, and records of the training films, with the groups of both together."""
    if training is None:
        return GroupedFilms(root, tuple(records), "")
    films = [_as_film(record) for record in records]
    val = {film.key for film in films if film.split == "val"}
    kept = tuple(film for film in training.films if film.key not in val)  # a manifest lists val as training, too
    return group_films(films, replace(training, films=kept), root, progress)


def _as_film(record: Record) -> Film:
    return Film(
        record.path,
        label=record.label,
        patient=record.patient,
        site=record.site,
        split=record.split,
        film=record.film,
        group=record.group,
        sha256=record.sha256,
        fold=record.fold,
        width=str(record.width),
        height=str(record.height),
    )
