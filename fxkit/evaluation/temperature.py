"""Temperature scaling, fitted on validation films: one number that flattens or sharpens all probabilities.

Source: Guo 2017, "On calibration of modern neural networks", section 4.2.
"""

from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from fxkit.data.leaks import leaks_as_json
from fxkit.data.manifest import usable
from fxkit.errors import DataError
from fxkit.metrics.calibration import calibration
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import Floats, log_losses
from fxkit.metrics.summary import evaluate_predictions
from fxkit.models.model_json import write_card
from fxkit.models.predict_records import predict_records
from fxkit.models.run_folder import open_run, write_json
from fxkit.models.saved import Model, load_model

FEWEST_GROUPS = 10  # of the validation films

FEWEST_OF_CLASS = 3  # groups of each class

RANGE = (0.05, 20.0)  # a best temperature at its ends is none: the classes are parted, or the model knows nothing


@dataclass(frozen=True)
class TemperatureFit:
    """The temperature, the films behind it, and what it changes on them, by film.

    Attributes:
        note: why the temperature is 1; "" where it was fitted.
        before, after: log_loss and ece.
    """

    temperature: float
    n_films: int
    n_groups: int
    note: str
    before: dict[str, float]
    after: dict[str, float]

    @property
    def text(self) -> str:
        """Say in one line what was found."""
        if self.note:
            return f"temperature 1: {self.note}"
        changes = (
            f"{name.replace('_', ' ')} {self.before[name]:.3f} -> {self.after[name]:.3f}" for name in self.before
        )
        films = f"{self.n_films} validation films of {self.n_groups} groups"
        return f"temperature {self.temperature:.3f}, fitted on {films}: {', '.join(changes)}"


def at_temperature(probabilities: Floats, temperature: float) -> Floats:
    """Return the (N, C) probabilities that the logits behind these give when divided by the temperature."""
    return np.asarray(softmax(_logits(probabilities) / temperature, axis=1))


def _logits(probabilities: Floats) -> Floats:
    return np.log(np.maximum(probabilities, np.finfo(float).tiny))  # but for a constant, which a softmax drops


def fit_temperature(validation: Predictions) -> TemperatureFit:
    """Fit the temperature with the least log loss on validation films, each film weighing once.

    Args:
        validation: as the model predicts them at temperature 1.
    """
    known = validation.known()
    temperature, note = 1.0, _too_few(known)
    if not note:
        temperature, note = _least_log_loss(known)
    scaled = replace(known, probabilities=at_temperature(known.probabilities, temperature))
    before, after = (_figures(part) for part in (known, scaled))
    return TemperatureFit(temperature, len(known.by_film()), len(set(known.groups)), note, before, after)


def _too_few(known: Predictions) -> str:
    groups = len(set(known.groups))
    pairs = set(zip(known.labels.tolist(), known.groups, strict=True))
    classes = Counter(label for label, _ in pairs)
    fewest = min(classes[k] for k in range(len(known.classes)))
    if groups >= FEWEST_GROUPS and fewest >= FEWEST_OF_CLASS:
        return ""
    return (
        f"{groups} validation groups, {fewest} of the rarest class; expected {FEWEST_GROUPS} and {FEWEST_OF_CLASS} "
        "to fit one"
    )


def _least_log_loss(known: Predictions) -> tuple[float, str]:
    logits, copies = _logits(known.probabilities), Counter(known.films)
    weights = np.array([1 / copies[film] for film in known.films])

    def loss(log_temperature: float) -> float:
        logs = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-(weights * logs[np.arange(len(logs)), known.labels]).sum() / weights.sum())

    ends = np.log(RANGE)
    found = minimize_scalar(loss, bounds=tuple(ends), method="bounded", options={"xatol": 1e-6})
    temperature = float(np.exp(found.x))
    if found.success and min(abs(found.x - ends)) > 1e-3 and found.fun <= loss(0.0):
        return temperature, ""
    return 1.0, f"no best one from {RANGE[0]:g} to {RANGE[1]:g}: the validation films are parted wholly, or not at all"


def _figures(known: Predictions) -> dict[str, float]:
    films = known.by_film()
    losses = log_losses(films.probabilities, films.labels)
    return {"log_loss": float(losses.mean()), "ece": calibration(films, resamples=2).ece}


def calibrated(model: Model, validation: Predictions) -> tuple[Model, Predictions, TemperatureFit]:
    """Return the model with a temperature fitted on its validation films, and those as it then predicts them.

    Decisions stay as they are: the threshold moves with the temperature.

    Args:
        model: at temperature 1.
        validation: as the model predicts them.
    """
    fit = fit_temperature(validation)
    threshold = np.array([[1 - model.card.threshold, model.card.threshold]])
    card = replace(
        model.card,
        temperature=fit.temperature,
        threshold=float(at_temperature(threshold, fit.temperature)[0, 1]),
    )
    scaled = replace(validation, probabilities=at_temperature(validation.probabilities, fit.temperature))
    return Model(model.classifier, card), scaled, fit


def calibrate_run(run_folder: str | Path, *, root: str | Path | None = None, device: str = "auto") -> TemperatureFit:
    """Fit the temperature of a finished run on its validation films; write model.json and validation.json anew.

    Args:
        root: where the images lie now, if not where they lay in training.
    Raises:
        DataError: the run has no validation films.
        RunError, ImageError: the run is not complete, or a film cannot be read.
    """
    run, model = open_run(run_folder), load_model(run_folder)
    records = usable(run.records, "val")
    if not records:
        raise DataError(f"{run.folder / 'manifest.csv'}: split 'val' has no usable file; expected some to fit on")
    plain = at_one(model)
    validation = predict_records(plain, root if root is not None else run.root, records, run.config.data, device=device)
    model, validation, fit = calibrated(plain, validation)
    write_card(run.folder, model.card)
    figures = evaluate_predictions(validation, threshold=model.card.threshold).to_dict()
    write_json(run.folder / "validation.json", figures | leaks_as_json(run.records, run.stamp) | as_json(fit))
    return fit


def at_one(model: Model) -> Model:
    """Return the model at temperature 1, with the threshold that decides as before."""
    threshold = np.array([[1 - model.card.threshold, model.card.threshold]])
    moved = float(at_temperature(threshold, 1 / model.card.temperature)[0, 1])
    return Model(model.classifier, replace(model.card, temperature=1.0, threshold=moved))


def as_json(fit: TemperatureFit) -> dict[str, Any]:
    """Return the part of validation.json that tells of the fit."""
    return {"calibration": asdict(fit)}
