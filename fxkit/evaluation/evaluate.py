"""Evaluate a run on its own test split or on other data: predictions, figures with intervals, report."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fxkit.data.leaks import TRAINING_SPLITS, leaks_as_json, refuse_leaks
from fxkit.data.manifest import Record, order_classes, usable
from fxkit.errors import DataError, RunError
from fxkit.evaluation.analyses import Asked, Details, find_details, write_pictures_of
from fxkit.metrics.figures.curves import draw_confusion, draw_precision_recall, draw_roc
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.summary import Evaluation, evaluate_predictions
from fxkit.models.exported import Exported, load_exported, source_of
from fxkit.models.predict_images import Network
from fxkit.models.predict_records import TorchNetwork, choose_device, predict_records, predict_records_with
from fxkit.models.run_folder import Run, open_run, read_json, write_json
from fxkit.models.saved import Model, load_model
from fxkit.models.test_time import Averaged, views_of
from fxkit.models.training_films import overlap_with_training
from preprocess.files import write_atomic
from preprocess.settings import read_clean_settings


@dataclass(frozen=True)
class EvaluationResult:
    folder: Path  # holds predictions.csv and metrics.json
    evaluation: Evaluation
    details: Details
    stamp: str  # the line that all its figures bear; "" where nothing leaks
    note: str = ""  # what else is to be known of the figures


def evaluate_run(
    run_folder: str | Path,
    *,
    root: str | Path | None = None,
    split: str = "test",
    raw: bool = False,
    allow_leaks: bool = False,
    device: str = "auto",
    asked: Asked = Asked(),  # noqa: B008  frozen
    exported: Path | None = None,
    tta: str | None = None,
) -> EvaluationResult:
    """Evaluate a run on a split of its own manifest; write predictions.csv and metrics.json into it.

    Args:
        root: where the images lie now, if not where they lay in training.
        split: test, val or train; of another than test the files go to splits/<split>/.
        raw: images that were not cleaned are right, though the model was trained on cleaned ones.
        allow_leaks: evaluate on a split that training has seen something of; all figures then say so.
        asked: operating points, prevalence and subgroups; thresholds are chosen on the run's validation films.
        exported: let this exported file of the run's model predict; metrics.json then names it.
        tta: average over flips, turns or both of each film (`fxkit.models.test_time`); metrics.json names the views.
    Raises:
        RunError: the exported file is another model's.
        DataError: the split is empty or leaks, what was asked for cannot be found, root is not cleaned as the model's
            images were, or the run is one of folds and the split is not test.
    """
    run, model = open_run(run_folder), load_model(run_folder)
    if run.folds and split != "test":
        raise DataError(
            f"{run.folder}: every film of {split} taught some of its {run.folds} models; expected --split test, or "
            "other data; metrics_out_of_fold.json says how each film was told by the one model that did not see it"
        )
    records = usable(run.records, split)
    if not records:
        raise DataError(f"{run.folder / 'manifest.csv'}: split {split!r} has no usable file; index with a {split} part")
    if split in TRAINING_SPLITS and not allow_leaks:
        refuse_leaks(run.records, [split], f"{run.folder / 'manifest.csv'}: the split")
    place = Path(root) if root is not None else run.root
    _check_cleaning(model, place, raw)
    predictions = _predict(run, model, place, records, device, exported, tta)
    folder = run.folder if split == "test" else run.folder / "splits" / split
    details = find_details(
        predictions,
        records,
        asked,
        threshold=model.card.threshold,
        validation=lambda: _validation(run, model, run.root if raw else place, device, tta),
    )
    more = leaks_as_json(run.records, run.stamp) | _named(run, exported, tta)
    evaluation = write_evaluation(folder, model, predictions, details, run.stamp, **more)
    return EvaluationResult(folder, evaluation, details, run.stamp)


def _validation(run: Run, model: Model, place: Path, device: str, tta: str | None) -> Predictions:
    """The run's validation films, as the model predicts them now."""
    records = usable(run.records, "val")
    if not records:
        raise DataError(f"{run.folder / 'manifest.csv'}: split 'val' has no usable file; give --target a threshold")
    return _predict(run, model, place, records, device, None, tta)


def evaluate_other(
    run_folder: str | Path,
    records: Sequence[Record],
    root: str | Path,
    name: str,
    *,
    raw: bool = False,
    allow_leaks: bool = False,
    device: str = "auto",
    asked: Asked = Asked(),  # noqa: B008  frozen
    exported: Path | None = None,
    tta: str | None = None,
) -> EvaluationResult:
    """Evaluate a run on all usable files of other data; the files go to evaluations/<name>/.

    Args:
        allow_leaks: evaluate also on files that training has seen; all figures then say so.
        asked, exported, tta: as for `evaluate_run`.
    Raises:
        DataError: a class that the model does not know, no usable file, files that training has seen, or files not
            cleaned as the model's were.
        RunError: the name is none, evaluations/<name>/ holds figures of films elsewhere, or the exported file is
            another model's.
    """
    run, model = open_run(run_folder), load_model(run_folder)
    records = usable(records)
    folder = _folder_of(run, name, Path(root))
    check_classes(model, records, name)
    _check_cleaning(model, Path(root), raw)
    overlap = overlap_with_training(run, records, Path(root))
    if overlap.text and not allow_leaks:
        raise DataError(
            f"{name}: {overlap.text}; expected films that training has not seen; leave them out, or give "
            "--allow-leaks, which stamps all figures"
        )
    predictions = _predict(run, model, Path(root), records, device, exported, tta)
    stamp = "; ".join(filter(None, [overlap.text and f"leaking data: {overlap.text}", run.stamp]))
    more = {"root": str(Path(root).resolve()), "overlap": asdict(overlap)}
    more |= leaks_as_json(run.records, stamp) | _named(run, exported, tta)
    details = find_details(
        predictions,
        records,
        asked,
        threshold=model.card.threshold,
        validation=lambda: _validation(run, model, run.root, device, tta),
    )
    evaluation = write_evaluation(folder, model, predictions, details, stamp, **more)
    return EvaluationResult(folder, evaluation, details, stamp, overlap.note)


def _predict(
    run: Run,
    model: Model,
    root: Path,
    records: Sequence[Record],
    device: str,
    exported: Path | None,
    tta: str | None,
) -> Predictions:
    if exported is None and tta is None:
        return predict_records(model, root, records, run.config.data, device=device)
    network: Network = TorchNetwork(model, choose_device(device)) if exported is None else _export_of(run, exported)
    if tta is not None:
        network = Averaged(network, views_of(run.config, tta))
    return predict_records_with(network, root, records, max_pixels=run.config.data.max_pixels)


def _export_of(run: Run, file: Path) -> Exported:
    network = load_exported(file)
    if network.card.source != source_of(run.folder):
        raise RunError(
            f"{file}: is not of the model in {run.folder}, or that was changed since; expected an export of it; "
            f"make one with `fxkit export {run.folder}`"
        )
    return network


def _named(run: Run, exported: Path | None, tta: str | None) -> dict[str, Any]:
    views = {"views": [view.name for view in views_of(run.config, tta)]} if tta is not None else {}
    return ({"exported": exported.name} if exported is not None else {}) | views


def _folder_of(run: Run, name: str, root: Path) -> Path:
    if name in ("", "..") or name != Path(name).name:
        raise RunError(f"--name {name!r}: expected the name of a folder, without slashes")
    folder = run.folder / "evaluations" / name
    if (folder / "metrics.json").is_file():
        before = read_json(folder / "metrics.json").get("root")
        if before != str(root.resolve()):
            raise RunError(f"{folder}: holds figures of the films in {before}; choose another --name")
    return folder


def write_evaluation(
    folder: Path, model: Model, predictions: Predictions, details: Details, stamp: str = "", **more: Any
) -> Evaluation:
    """Compute all figures; write predictions.csv, the pictures, and metrics.json with what else is to be known.

    Args:
        stamp: a line that the pictures bear where not empty.
    """
    evaluation = evaluate_predictions(predictions, threshold=model.card.threshold)
    predictions.write_csv(folder / "predictions.csv", threshold=model.card.threshold)
    write_pictures(folder / "figures", evaluation, predictions, stamp)
    write_pictures_of(folder / "figures", details, stamp)
    write_json(folder / "metrics.json", evaluation.to_dict() | details.to_dict() | more)
    return evaluation


def write_pictures(folder: Path, evaluation: Evaluation, predictions: Predictions, stamp: str = "") -> None:
    """Draw confusion.png, roc.png and precision_recall.png, by film, into folder; each bears the stamp."""
    films = predictions.known().by_film()
    write_atomic(folder / "confusion.png", draw_confusion(evaluation.film.confusion, evaluation.classes, stamp=stamp))
    write_atomic(folder / "roc.png", draw_roc(films, stamp=stamp))
    write_atomic(folder / "precision_recall.png", draw_precision_recall(films, stamp=stamp))


def check_classes(model: Model, records: Sequence[Record], where: str) -> None:
    """Raise DataError unless the records' classes are among the model's, and there is a record."""
    if not records:
        raise DataError(f"{where}: no usable file; expected images in folders named after their class")
    unknown = [name for name in order_classes(r.label for r in records) if name not in model.card.classes]
    if unknown:
        expected = ", ".join(model.card.classes)
        raise DataError(f"{where}: class {unknown[0]!r} is none of the model's ({expected}); rename the folder")


def _check_cleaning(model: Model, root: Path, raw: bool) -> None:
    if model.card.cleaning is None or raw:
        return
    settings = read_clean_settings(root)
    if settings is None:
        raise DataError(
            f"{root}: is not cleaned, but the model was trained on cleaned images; run `fxkit clean-labels {root}` and "
            "give its output, or --raw to test on these all the same"
        )
    differing = [key for key, value in settings.model_dump().items() if value != model.card.cleaning.get(key)]
    if differing:
        raise DataError(
            f"{root}: was cleaned with another {differing[0]!r} than the model's films; clean it as clean.json of the "
            "training says, or give --raw to test on these all the same"
        )
