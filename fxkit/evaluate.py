"""Evaluate a run on its own test split or on other data: predictions, figures with intervals, report."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fxkit.data.index import Leaks, leaks
from fxkit.data.manifest import Record, order_classes, usable
from fxkit.errors import DataError
from fxkit.inference import predict_records
from fxkit.metrics import Evaluation, evaluate_predictions
from fxkit.predictions import Predictions
from fxkit.run import Model, load_model, open_run, write_json
from preprocess.settings import read_clean_settings


@dataclass(frozen=True)
class EvaluationResult:
    folder: Path  # holds predictions.csv and metrics.json
    evaluation: Evaluation
    leaks: Leaks | None  # test files with a copy in training; None for other data


def evaluate_run(
    run_folder: str | Path,
    *,
    root: str | Path | None = None,
    split: str = "test",
    raw: bool = False,
    device: str = "auto",
) -> EvaluationResult:
    """Evaluate a run on a split of its own manifest; write predictions.csv and metrics.json into it.

    Args:
        root: where the images lie now, if not where they lay in training.
        split: test, val or train; of another than test the files go to evaluations/<split>/.
        raw: images that were not cleaned are right, though the model was trained on cleaned ones.
    Raises:
        DataError: the split is empty, or root is not cleaned as the model's images were.
    """
    run, model = open_run(run_folder), load_model(run_folder)
    records = usable(run.records, split)
    if not records:
        raise DataError(f"{run.folder / 'manifest.csv'}: split {split!r} has no usable file; index with a {split} part")
    place = Path(root) if root is not None else run.root
    _check_cleaning(model, place, raw)
    predictions = predict_records(model, place, records, run.config.data, device=device)
    folder = run.folder if split == "test" else run.folder / "evaluations" / split
    evaluation = write_evaluation(folder, model, predictions)
    return EvaluationResult(folder, evaluation, leaks(run.records) if split == "test" else None)


def evaluate_other(
    run_folder: str | Path,
    records: Sequence[Record],
    root: str | Path,
    name: str,
    *,
    raw: bool = False,
    device: str = "auto",
) -> EvaluationResult:
    """Evaluate a run on all usable files of other data; the files go to evaluations/<name>/.

    Raises:
        DataError: a class that the model does not know, no usable file, or files not cleaned as the model's were.
    """
    run, model = open_run(run_folder), load_model(run_folder)
    records = usable(records)
    check_classes(model, records, name)
    _check_cleaning(model, Path(root), raw)
    predictions = predict_records(model, root, records, run.config.data, device=device)
    folder = run.folder / "evaluations" / name
    return EvaluationResult(folder, write_evaluation(folder, model, predictions), None)


def write_evaluation(folder: Path, model: Model, predictions: Predictions) -> Evaluation:
    """Compute all figures; write predictions.csv and metrics.json."""
    evaluation = evaluate_predictions(predictions, threshold=model.card.threshold)
    predictions.write_csv(folder / "predictions.csv", threshold=model.card.threshold)
    write_json(folder / "metrics.json", evaluation.to_dict())
    return evaluation


def check_classes(model: Model, records: Sequence[Record], where: str) -> None:
    """Raise DataError unless the records' classes are among the model's, and there is a record."""
    if not records:
        raise DataError(f"{where}: no usable file; expected images in folders named after their class")
    unknown = [name for name in order_classes(r.label for r in records) if name not in model.card.classes]
    if unknown:
        expected = ", ".join(model.card.classes)
        raise DataError(f"{where}: class {unknown[0]!r} is none of the model's ({expected}); rename the folder")


def _check_cleaning(model: Model, root: Path, raw: bool) -> None:
    if model.card.cleaning is None or raw or read_clean_settings(root) is not None:
        return
    raise DataError(
        f"{root}: is not cleaned, but the model was trained on cleaned images; run `fxkit clean-labels {root}` and "
        "give its output, or --raw to test on these all the same"
    )
