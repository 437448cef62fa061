"""Temperature scaling: divide all logits by one number that is fitted on the validation films.

Source: Guo et al. 2017, "On calibration of modern neural networks", section 4.2.
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
from preprocess.words import amount

MIN_GROUPS = 10  # validation groups

MIN_GROUPS_OF_CLASS = 3  # validation groups with a film of the class

# An optimum at an end of this range is rejected: the model separates the films perfectly, or not at all.
RANGE = (0.05, 20.0)


@dataclass(frozen=True)
class TemperatureFit:
    """A fitted temperature, the validation films it was fitted on, and its effect on them.

    Attributes:
        note: why the temperature was left at 1; "" if it was fitted.
        before, after: log_loss and ece by film, without and with the temperature.
    """

    temperature: float
    n_films: int
    n_groups: int
    note: str
    before: dict[str, float]
    after: dict[str, float]

    @property
    def text(self) -> str:
        """The fit in one line."""
        if self.note:
            return f"temperature 1: {self.note}"
        changes = (
            f"{name.replace('_', ' ')} {self.before[name]:.3f} -> {self.after[name]:.3f}" for name in self.before
        )
        films = f"{amount(self.n_films, 'validation film')} of {amount(self.n_groups, 'group')}"
        return f"temperature {self.temperature:.3f}, fitted on {films}: {', '.join(changes)}"


def apply_temperature(probabilities: Floats, temperature: float) -> Floats:
    """Return (N, C) probabilities rescaled by a temperature: the logits behind them are divided by it."""
    return np.asarray(softmax(_logits(probabilities) / temperature, axis=1))


def _logits(probabilities: Floats) -> Floats:
    """Return the logits, up to a constant in each row: the softmax does not depend on that constant."""
    return np.log(np.maximum(probabilities, np.finfo(float).tiny))


def fit_temperature(validation: Predictions) -> TemperatureFit:
    """Fit the temperature that minimises the log loss on the validation films.

    Each film has the same weight, however many copies it has.

    Args:
        validation: predictions of the model at temperature 1.
    """
    known = validation.known()
    temperature, note = 1.0, _too_few_groups(known)
    if not note:
        temperature, note = _minimise_log_loss(known)
    scaled = replace(known, probabilities=apply_temperature(known.probabilities, temperature))
    before, after = (_score(predictions) for predictions in (known, scaled))
    return TemperatureFit(temperature, len(known.by_film()), len(set(known.groups)), note, before, after)


def _too_few_groups(known: Predictions) -> str:
    """Return why there are too few groups to fit a temperature; "" if there are enough."""
    n_groups = len(set(known.groups))
    pairs = set(zip(known.labels.tolist(), known.groups, strict=True))
    by_class = Counter(label for label, _ in pairs)
    n_rarest = min(by_class[k] for k in range(len(known.classes)))
    if n_groups >= MIN_GROUPS and n_rarest >= MIN_GROUPS_OF_CLASS:
        return ""
    return (
        f"{amount(n_groups, 'validation group')}, {n_rarest} of the rarest class; expected at least {MIN_GROUPS} and "
        f"{MIN_GROUPS_OF_CLASS} to fit a temperature"
    )


def _minimise_log_loss(known: Predictions) -> tuple[float, str]:
    """Return the temperature with the lowest log loss and "", or 1 and why there is no minimum."""
    logits, copies = _logits(known.probabilities), Counter(known.films)
    weights = np.array([1 / copies[film] for film in known.films])

    def loss(log_temperature: float) -> float:
        logs = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-(weights * logs[np.arange(len(logs)), known.labels]).sum() / weights.sum())

    ends = np.log(RANGE)
    optimum = minimize_scalar(loss, bounds=tuple(ends), method="bounded", options={"xatol": 1e-6})
    if optimum.success and min(abs(optimum.x - ends)) > 1e-3 and optimum.fun <= loss(0.0):
        return float(np.exp(optimum.x)), ""
    return 1.0, (
        f"the log loss has no minimum between temperatures {RANGE[0]:g} and {RANGE[1]:g}: the model separates the "
        "validation films perfectly, or not at all"
    )


def _score(known: Predictions) -> dict[str, float]:
    films = known.by_film()
    losses = log_losses(films.probabilities, films.labels)
    return {"log_loss": float(losses.mean()), "ece": calibration(films, resamples=2).ece}


def calibrate_model(model: Model, validation: Predictions) -> tuple[Model, Predictions, TemperatureFit]:
    """Fit a temperature and return the calibrated model, its predictions of the validation films, and the fit.

    Decisions do not change, because the threshold is moved with the temperature.

    Args:
        model: the model at temperature 1.
        validation: the model's predictions of its validation films.
    """
    fit = fit_temperature(validation)
    threshold = _move_threshold(model.card.threshold, fit.temperature)
    card = replace(model.card, temperature=fit.temperature, threshold=threshold)
    scaled = replace(validation, probabilities=apply_temperature(validation.probabilities, fit.temperature))
    return Model(model.classifier, card), scaled, fit


def reset_temperature(model: Model) -> Model:
    """Return the model at temperature 1, with the threshold that gives the same decisions."""
    threshold = _move_threshold(model.card.threshold, 1 / model.card.temperature)
    return Model(model.classifier, replace(model.card, temperature=1.0, threshold=threshold))


def _move_threshold(threshold: float, temperature: float) -> float:
    return float(apply_temperature(np.array([[1 - threshold, threshold]]), temperature)[0, 1])


def calibrate_run(run_folder: str | Path, *, root: str | Path | None = None, device: str = "auto") -> TemperatureFit:
    """Fit the temperature of a finished run on its validation films, and rewrite model.json and validation.json.

    Args:
        root: folder that the manifest's paths are relative to; default: the one used in training.
    Raises:
        DataError: the run has no validation films.
        RunError, ImageError: the run is not complete, or a film cannot be read.
    """
    run, model = open_run(run_folder), load_model(run_folder)
    records = usable(run.records, "val")
    if not records:
        raise DataError(
            f"{run.folder / 'manifest.csv'}: split 'val' has no usable file; expected some to fit the temperature on"
        )
    plain = reset_temperature(model)
    validation = predict_records(plain, root if root is not None else run.root, records, run.config.data, device=device)
    model, validation, fit = calibrate_model(plain, validation)
    write_card(run.folder, model.card)
    metrics = evaluate_predictions(validation, threshold=model.card.threshold).to_dict()
    write_json(run.folder / "validation.json", metrics | leaks_as_json(run.records, run.stamp) | fit_as_json(fit))
    return fit


def fit_as_json(fit: TemperatureFit) -> dict[str, Any]:
    """Return the entry "calibration" of validation.json."""
    return {"calibration": asdict(fit)}
