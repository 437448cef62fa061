"""Out-of-fold predictions of a run: each film of train and val by the fold's model that did not learn it.

A run with folds has no other films that can calibrate its model or choose a threshold: the averaged model has learnt
all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from fxkit.data.leaks import count_leaks
from fxkit.data.manifest import Record, usable
from fxkit.errors import DataError
from fxkit.evaluation.temperature import Bias, calibrated, fit_calibration, prior_bias
from fxkit.index.splits.hold_out_fold import LEARNED, hold_out_fold
from fxkit.metrics.predictions import Predictions
from fxkit.models.classifier import Ensemble
from fxkit.models.run_folder import Run
from fxkit.models.saved import Model
from preprocess.errors import ImageError

FILE = "out_of_fold.csv"

SOURCE = "out-of-fold"


def pool(parts: Sequence[Predictions], paths: Sequence[str] = ()) -> Predictions:
    """Join predictions with the same classes; each part becomes a fold, unless there is only one part.

    Args:
        paths: order of the rows, by path. Paths that are not listed come last, in the order of the parts.
    Raises:
        DataError: the parts differ in their classes or in their order.
    """
    orders = {part.classes for part in parts}
    if len(orders) > 1:
        texts = " and ".join(", ".join(order) for order in sorted(orders))
        raise DataError(
            f"models with the classes in different orders ({texts}) cannot be averaged, for example because an older "
            "version trained some of them; train all of them again with --overwrite"
        )
    joined = Predictions(
        classes=parts[0].classes,
        paths=tuple(path for part in parts for path in part.paths),
        labels=np.concatenate([part.labels for part in parts]),
        probabilities=np.concatenate([part.probabilities for part in parts]),
        films=tuple(film for part in parts for film in part.films),
        groups=tuple(group for part in parts for group in part.groups),
        folds=np.repeat(np.arange(len(parts)), [len(part) for part in parts]) if len(parts) > 1 else None,
    )
    position = {path: number for number, path in enumerate(paths)}
    order = sorted(range(len(joined)), key=lambda i: position.get(joined.paths[i], len(position)))
    return joined.take(np.array(order, np.int64))


def fold_records(run: Run) -> list[list[Record]]:
    """Return the usable files of each fold."""
    learnt = [r for r in usable(run.records) if r.split in LEARNED]
    return [[r for r in learnt if r.fold == str(fold)] for fold in range(run.folds)]


def read_fold_predictions(run: Run, classes: tuple[str, ...]) -> list[Predictions] | None:
    """Read out_of_fold.csv; return the predictions of each fold, as its model made them, or None without the file.

    They do not contain the temperature and the bias that `fxkit calibrate` fitted to them.

    Raises:
        DataError: the file does not hold the run's films, or other classes.
    """
    file = run.folder / FILE
    if not file.is_file():
        return None
    predictions = Predictions.read_csv(file)
    row = {path: number for number, path in enumerate(predictions.paths)}
    parts = fold_records(run)
    if predictions.classes != classes or set(row) != {record.path for part in parts for record in part}:
        raise DataError(
            f"{file}: does not hold the films and classes of this run; delete it, and it is made again from the films"
        )
    predictions = replace(predictions, folds=None)  # each part is one fold
    return [predictions.take(np.array([row[record.path] for record in part], np.int64)) for part in parts]


def find_fold_predictions(
    run: Run, model: Model, predict: Callable[[Model, Sequence[Record]], Predictions]
) -> list[Predictions]:
    """Return the predictions of each fold by its own model: from out_of_fold.csv, or else predicted again.

    Args:
        predict: predicts files with a model.
    Raises:
        DataError: there is no file, and the films cannot be read; or see `read_fold_predictions`.
    """
    return read_fold_predictions(run, model.card.classes) or predict_folds(run, model, predict)


def predict_folds(
    run: Run, model: Model, predict: Callable[[Model, Sequence[Record]], Predictions]
) -> list[Predictions]:
    """Predict each fold with the member of the averaged model that did not train on it.

    Raises:
        DataError: the films cannot be read, or the model has another number of members than the run has folds.
    """
    members = model.members
    if len(members) != run.folds:
        raise DataError(f"{run.folder}: {len(members)} models for {run.folds} folds; expected one each; train again")
    try:
        return [predict(member, part) for member, part in zip(members, fold_records(run), strict=True)]
    except ImageError as error:
        raise DataError(
            f"{run.folder / FILE}: no such file, and the films cannot be predicted again ({error}); give the folder of "
            "the films with --root, or train again"
        ) from error


def cross_fit(parts: Sequence[Predictions], prior: Bias = ()) -> list[Predictions]:
    """Return the predictions of each fold, calibrated by a fit on the other folds only.

    Their figures stand for the model that is calibrated with all folds, but no film judges a fit to itself.

    Args:
        prior: see `fit_calibration`.
    """
    others = (pool([*parts[:i], *parts[i + 1 :]]) for i in range(len(parts)))
    fits = [fit_calibration(part, prior, SOURCE) for part in others]
    return [calibrated(part, fit.temperature, fit.bias) for part, fit in zip(parts, fits, strict=True)]


def prior_of_folds(run: Run, model: Model) -> Bias:
    """Return the bias of the class weights if the members lack it, as in runs of fxkit 0.1.0."""
    if isinstance(model.classifier, Ensemble) and model.classifier.biases.any():
        return ()
    learnt = [record for part in fold_records(run) for record in part]
    return prior_bias(run.config.optim, learnt, model.card.classes)


def stamp_of_run(run: Run) -> str:
    """Return the warning to show with the out-of-fold figures of a run; "" if nothing leaks."""
    return "; ".join(filter(None, [stamp_of_folds(run.records, run.folds), run.stamp]))


def stamp_of_folds(records: Sequence[Record], folds: int) -> str:
    """Return the warning to show with out-of-fold figures if a fold leaks into others; "" if none does."""
    texts = (count_leaks(hold_out_fold(records, fold, folds)).text for fold in range(folds))
    lines = [f"fold {fold}: {text}" for fold, text in enumerate(texts) if text]
    return f"leaking folds: {'; '.join(lines)}" if lines else ""
