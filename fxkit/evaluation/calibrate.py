"""Calibrate a finished model, and a run: with its validation films, or with its out-of-fold predictions."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fxkit.data.leaks import leaks_as_json
from fxkit.data.manifest import Record, usable
from fxkit.errors import DataError
from fxkit.evaluation.fold_predictions import FILE, SOURCE, find_fold_predictions, pool, prior_of_folds
from fxkit.evaluation.out_of_fold import rewrite_figures
from fxkit.evaluation.temperature import (
    Bias,
    CalibrationFit,
    calibrated,
    fit_as_json,
    fit_calibration,
    move_threshold,
    prior_bias,
)
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.summary import evaluate_predictions
from fxkit.models.model_json import write_card
from fxkit.models.predict_records import predict_records
from fxkit.models.run_folder import Run, open_run, write_json
from fxkit.models.saved import Model, load_model
from preprocess.locks import locked


def calibrate_model(
    model: Model, validation: Predictions, prior: Bias = (), source: str = "validation"
) -> tuple[Model, Predictions, CalibrationFit]:
    """Fit temperature and bias; return the calibrated model, its predictions of the films, and the fit.

    With two classes, decisions do not change, because the threshold is moved too.

    Args:
        model: the model at temperature 1 without bias.
        validation: predictions of films that the model did not learn from, at temperature 1 without bias.
        prior: see `prior_bias`.
        source: validation or out-of-fold.
    """
    fit = fit_calibration(validation, prior, source)
    threshold = move_threshold(model.card.threshold, fit.temperature, fit.bias)
    card = replace(model.card, temperature=fit.temperature, bias=fit.bias, threshold=threshold)
    return Model(model.classifier, card), calibrated(validation, fit.temperature, fit.bias), fit


def reset_calibration(model: Model) -> Model:
    """Return the model at temperature 1 without bias, with the threshold that gives the same decisions."""
    temperature, bias = model.card.temperature, model.card.bias
    threshold = move_threshold(model.card.threshold, 1 / temperature, tuple(-temperature * b for b in bias))
    return Model(model.classifier, replace(model.card, temperature=1.0, bias=(), threshold=threshold))


@locked("run_folder")
def calibrate_run(run_folder: str | Path, *, root: str | Path | None = None, device: str = "auto") -> CalibrationFit:
    """Calibrate a finished run, and rewrite its model.json and its figures of the films that calibrated it.

    A single model is calibrated with its validation films, whose figures are in validation.json. The averaged model of
    a run with folds is calibrated with the out-of-fold predictions, since it has learnt all films of train and val;
    their figures are in metrics_out_of_fold.json.

    Args:
        root: folder that the manifest's paths are relative to; default: the one used in training.
    Raises:
        DataError: the run has no validation films, or see `find_fold_predictions`.
        RunError, ImageError: the run is not complete, or a film cannot be read.
    """
    run, model = open_run(run_folder), reset_calibration(load_model(run_folder))
    image_root = Path(root) if root is not None else run.root

    def predict(part: Model, records: Sequence[Record]) -> Predictions:
        return predict_records(part, image_root, records, run.config.data, device=device)

    if run.folds:
        return _calibrate_folds(run, model, find_fold_predictions(run, model, predict))
    records = usable(run.records, "val")
    if not records:
        raise DataError(
            f"{run.folder / 'manifest.csv'}: split 'val' has no usable file; expected some to fit the temperature on"
        )
    prior = prior_bias(run.config.optim, usable(run.records, "train"), model.card.classes)
    model, validation, fit = calibrate_model(model, predict(model, records), prior)
    write_card(run.folder, model.card)
    metrics = evaluate_predictions(validation, threshold=model.card.threshold).to_dict()
    write_json(run.folder / "validation.json", metrics | leaks_as_json(run.records, run.stamp) | fit_as_json(fit))
    return fit


def _calibrate_folds(run: Run, plain: Model, parts: Sequence[Predictions]) -> CalibrationFit:
    """Calibrate the averaged model with the predictions of each fold, and write its out-of-fold figures."""
    if not (run.folder / FILE).is_file():
        pooled = pool(parts, [r.path for r in run.records])
        pooled.write_csv(run.folder / FILE, threshold=plain.card.threshold)
    model, _, fit = calibrate_model(plain, pool(parts), prior_of_folds(run, plain), SOURCE)
    rewrite_figures(run, model, parts)
    write_card(run.folder, model.card)
    return fit
