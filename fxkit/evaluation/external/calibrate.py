"""Calibrate predictions that were made elsewhere: fit on one part of them, and write the correction as a table."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fxkit.errors import DataError, RunError
from fxkit.evaluation.temperature import CalibrationFit, apply_calibration, calibrated, fit_calibration, move_threshold
from fxkit.metrics.calibration import calibration
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.summary import evaluate_predictions
from fxkit.models.predictions_source import read_source
from fxkit.models.run_folder import write_json
from preprocess.files import write_atomic

FIT, TABLE, CALIBRATED = "calibration.json", "calibration.csv", "predictions_calibrated.csv"

STEPS = 100  # rows of the table between 0 and 1


@dataclass(frozen=True)
class TableCalibration:
    """A fitted correction of probabilities.

    Attributes:
        fit: what was fitted, and its effect on the films that it was fitted on.
        formula: how to compute a calibrated probability.
        threshold: threshold of the calibrated probabilities that gives the same decisions as before.
        before, after: log loss and calibration errors of the test films, which the fit did not use.
    """

    fit: CalibrationFit
    formula: str
    threshold: float
    before: dict[str, float]
    after: dict[str, float]


def calibrate_table(folder: str | Path, *, split: str = "val") -> TableCalibration:
    """Fit a temperature and a bias on one split of a folder of predictions, and write the correction.

    Writes calibration.json, calibration.csv (probability of the positive class before and after; two classes only)
    and predictions_calibrated.csv. The figures in the folder stay those of the given predictions.

    Args:
        split: split that is fitted on; it must not be test.
    Raises:
        DataError: the folder has no predictions of this split, or its scores are no probabilities.
        RunError: the folder holds no predictions of `fxkit evaluate --predictions`.
    """
    folder = Path(folder)
    source = read_source(folder)
    source.refuse_scores(folder)
    if split == "test":
        raise DataError(f"{folder}: the test films judge the calibration, so they cannot fit it; expected --split val")
    validation = _read(folder / "splits" / split / "predictions.csv", split)
    test = _read(folder / "predictions.csv", "test")
    fit = fit_calibration(validation)
    corrected = calibrated(test, fit.temperature, fit.bias)
    threshold = move_threshold(source.threshold, fit.temperature, fit.bias)
    result = TableCalibration(fit, formula(fit, test.classes), threshold, _figures(test), _figures(corrected))
    write_json(folder / FIT, asdict(result) | {"classes": test.classes, "split": split})
    if len(test.classes) == 2:
        write_atomic(folder / TABLE, _table(fit))
    corrected.write_csv(folder / CALIBRATED, threshold=threshold)
    return result


def _read(file: Path, split: str) -> Predictions:
    if not file.is_file():
        raise RunError(
            f"{file}: no such file; expected predictions of the split {split}; give them to `fxkit evaluate "
            "--predictions` with a column split"
        )
    return Predictions.read_csv(file)


def formula(fit: CalibrationFit, classes: Sequence[str]) -> str:
    """Return how to compute a calibrated probability from a given one."""
    if len(classes) == 2:
        bias = fit.bias[1] - fit.bias[0]
        return (
            f"logit(calibrated) = logit(p) / {fit.temperature:.6g} {'+' if bias >= 0 else '-'} {abs(bias):.6g}, where "
            f"p is the probability of {classes[1]} and logit(p) = ln(p / (1 - p))"
        )
    biases = ", ".join(f"{name} {bias:+.6g}" for name, bias in zip(classes, fit.bias, strict=True))
    return f"calibrated = softmax(ln(p) / {fit.temperature:.6g} + bias), with the bias of each class: {biases}"


def _figures(predictions: Predictions) -> dict[str, float]:
    """Return the log loss and the calibration errors by film."""
    films = predictions.known().by_film()
    level = evaluate_predictions(predictions, resamples=2).film
    found = calibration(films, resamples=2)
    return {"log_loss": level.figures["log_loss"].value, "ece": found.ece, "error": found.error.value}


def _table(fit: CalibrationFit) -> str:
    """Return the table of the probability of the positive class before and after as CSV text."""
    positive = np.linspace(0, 1, STEPS + 1)
    after = apply_calibration(np.stack([1 - positive, positive], axis=1), fit.temperature, fit.bias)[:, 1]
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["probability", "calibrated"])
    writer.writerows([f"{p:.2f}", f"{q:.6f}"] for p, q in zip(positive, after, strict=True))
    return out.getvalue()
