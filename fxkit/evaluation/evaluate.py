"""Evaluate a run on a split of its own manifest or on other data: predictions, metrics with intervals, pictures."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from fxkit.data.leaks import TRAINING_SPLITS, refuse_leaks
from fxkit.data.manifest import Record, usable
from fxkit.errors import DataError, RunError
from fxkit.evaluation.analyses import AnalysisOptions, analyse
from fxkit.evaluation.checks import check_classes, check_cleaning, spell_as_model
from fxkit.evaluation.fold_predictions import SOURCE, find_fold_predictions, pool, predict_folds
from fxkit.evaluation.other_data import compare_other, evaluation_folder, refuse_other_figures
from fxkit.evaluation.result import EvaluationResult, write_figures
from fxkit.evaluation.temperature import calibrated
from fxkit.metrics.analyses import Analyses
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.summary import Evaluation, evaluate_predictions
from fxkit.models.exported import ExportedModel, load_exported, model_hash
from fxkit.models.predict_images import Network
from fxkit.models.predict_records import TorchNetwork, choose_device, predict_records
from fxkit.models.predict_with import predict_records_with
from fxkit.models.run_folder import Run, open_run
from fxkit.models.saved import Model, load_model
from fxkit.models.test_time import AveragedNetwork, select_views
from preprocess.locks import locked


@dataclass(frozen=True)
class EvaluationOptions:
    """How to evaluate a run.

    Attributes:
        raw: accept images that were not cleaned although the model was trained on cleaned ones.
        allow_leaks: evaluate although training has seen some of the films; all figures then carry the stamp.
        device: auto, cpu, cuda or mps.
        analyses: operating points, prevalence and subgroups. Thresholds are chosen on the run's validation films; those
            of a run with folds on its out-of-fold predictions.
        exported: exported file of the run's model that predicts instead of its weights; metrics.json names the file.
        tta: average over "flips", "turns" or "both" of each film (`fxkit.models.test_time`); metrics.json names the
            views.
        trained_on: folder of the training films, to compare other data with, for a run without their fingerprints.
    """

    raw: bool = False
    allow_leaks: bool = False
    device: str = "auto"
    analyses: AnalysisOptions = field(default_factory=AnalysisOptions)
    exported: Path | None = None
    tta: str | None = None
    trained_on: Path | None = None


@dataclass(frozen=True)
class _Subject:
    """The model of a run and the folder that the evaluated films are in."""

    run: Run
    model: Model
    root: Path


@locked("run_folder")
def evaluate_run(
    run_folder: str | Path,
    *,
    root: str | Path | None = None,
    split: str = "test",
    options: EvaluationOptions = EvaluationOptions(),
) -> EvaluationResult:
    """Evaluate a run on a split of its own manifest.

    The files go into the run folder for the test split, and into splits/<split>/ for train and val.

    Args:
        root: folder that the manifest's paths are relative to; default: the one used in training.
        split: test, val or train.
    Raises:
        RunError: the exported file was made from another model.
        DataError: the split is empty or leaks, an analysis cannot be computed, the images are not cleaned as the
            model's training images were, or the run has folds and the split is not test.
    """
    run, model = open_run(run_folder), load_model(run_folder)
    records = _read_split(run, split, allow_leaks=options.allow_leaks)
    subject = _Subject(run, model, Path(root) if root is not None else run.root)
    check_cleaning(model, subject.root, options.raw)
    folder = run.folder if split == "test" else run.folder / "splits" / split
    validation_root = run.root if options.raw else subject.root
    evaluation, analyses = _evaluate(subject, records, folder, validation_root, options, run.stamp)
    return EvaluationResult(folder, evaluation, analyses, run.stamp)


@locked("run_folder")
def evaluate_other(
    run_folder: str | Path,
    records: Sequence[Record],
    root: str | Path,
    name: str,
    options: EvaluationOptions = EvaluationOptions(),
) -> EvaluationResult:
    """Evaluate a run on all usable files of other data; the files go into evaluations/<name>/.

    Raises:
        DataError: there is no usable file, the model does not know a class, training has seen some of the films or
            patients, or the images are not cleaned as the model's training images were.
        RunError: the name is not a folder name, evaluations/<name>/ holds figures of films in another root, or the
            exported file was made from another model.
    """
    run, model = open_run(run_folder), load_model(run_folder)
    subject = _Subject(run, model, Path(root))
    records, spelling_note = spell_as_model(model, usable(records))
    folder = evaluation_folder(run, name)
    refuse_other_figures(folder, "root", str(subject.root.resolve()), "the films in")
    check_classes(model, records, name)
    check_cleaning(model, subject.root, options.raw)
    overlap, stamp = compare_other(
        run, records, subject.root, folder, trained_on=options.trained_on, allow_leaks=options.allow_leaks
    )
    source = {"root": str(subject.root.resolve()), "overlap": asdict(overlap)}
    evaluation, analyses = _evaluate(subject, records, folder, run.root, options, stamp, source)
    return EvaluationResult(folder, evaluation, analyses, stamp, (*filter(None, [spelling_note]), *overlap.notes))


def _read_split(run: Run, split: str, *, allow_leaks: bool) -> list[Record]:
    """Return the usable files of a split, or raise DataError if their figures would mislead."""
    manifest = run.folder / "manifest.csv"
    if run.folds and split != "test":
        raise DataError(
            f"{run.folder}: every {split} film was used to train some of its {run.folds} models; expected --split "
            "test or out-of-fold, or other data; out of fold, each film is predicted by the model that did not train "
            "on it"
        )
    records = usable(run.records, split)
    if not records:
        instead = ", or give --split out-of-fold" if run.folds else ""
        raise DataError(f"{manifest}: split {split!r} has no usable file; index the data with a {split} part{instead}")
    if split in TRAINING_SPLITS and not allow_leaks:
        refuse_leaks(run.records, [split], f"{manifest}: the split")
    return records


def _evaluate(
    subject: _Subject,
    records: Sequence[Record],
    folder: Path,
    validation_root: Path,
    options: EvaluationOptions,
    stamp: str,
    source: dict[str, Any] | None = None,
) -> tuple[Evaluation, Analyses]:
    """Predict, compute all figures, and write predictions.csv, the pictures and metrics.json into the folder.

    Args:
        validation_root: folder of the run's validation films, on which operating points choose their thresholds.
        source: entries of metrics.json that say where other data come from.
    """
    run, threshold = subject.run, subject.model.card.threshold
    predictions = _predict(subject, records, options)
    validation = replace(subject, root=validation_root)
    analyses = analyse(
        predictions,
        records,
        options.analyses,
        threshold=threshold,
        predict_validation=lambda: _predict_validation(validation, options),
        chosen_on=SOURCE if run.folds else "val",
    )
    evaluation = evaluate_predictions(predictions, threshold=threshold)
    entries = (source or {}) | _predictor_entries(run, options)
    write_figures(run, folder, predictions, evaluation, analyses, stamp, entries)
    return evaluation, analyses


def _predict_validation(subject: _Subject, options: EvaluationOptions) -> Predictions:
    """Predict the films that choose a threshold with the run's weights, never with an exported file.

    A single model predicts its validation films. The averaged model of a run with folds has learnt them all, so each
    is predicted by the member that did not train on it.
    """
    options, card = replace(options, exported=None), subject.model.card
    if subject.run.folds:

        def predict(member: Model, part: Sequence[Record]) -> Predictions:
            return _predict(replace(subject, model=member), part, options)

        find = predict_folds if options.tta else find_fold_predictions  # the stored ones have no averaged views
        return calibrated(pool(find(subject.run, subject.model, predict)), card.temperature, card.bias)
    records = usable(subject.run.records, "val")
    if not records:
        manifest = subject.run.folder / "manifest.csv"
        raise DataError(f"{manifest}: split 'val' has no usable file to choose a threshold; give --target a threshold")
    return _predict(subject, records, options)


def _predict(subject: _Subject, records: Sequence[Record], options: EvaluationOptions) -> Predictions:
    run, model = subject.run, subject.model
    if options.exported is None and options.tta is None:
        return predict_records(model, subject.root, records, run.config.data, device=options.device)
    network: Network
    if options.exported is None:
        network = TorchNetwork(model, choose_device(options.device))
    else:
        network = _load_export(run, options.exported)
    if options.tta is not None:
        network = AveragedNetwork(network, select_views(run.config, options.tta))
    return predict_records_with(network, subject.root, records, max_pixels=run.config.data.max_pixels)


def _load_export(run: Run, file: Path) -> ExportedModel:
    network = load_exported(file)
    if network.card.source != model_hash(run.folder):
        raise RunError(
            f"{file}: was not exported from the model in {run.folder}, or that model has changed since; expected an "
            f"export of this model; make one with `fxkit export {run.folder}`"
        )
    return network


def _predictor_entries(run: Run, options: EvaluationOptions) -> dict[str, Any]:
    """Return the entries of metrics.json that name the exported file and the averaged views."""
    entries: dict[str, Any] = {}
    if options.exported is not None:
        entries["exported"] = options.exported.name
    if options.tta is not None:
        entries["views"] = [view.name for view in select_views(run.config, options.tta)]
    return entries
