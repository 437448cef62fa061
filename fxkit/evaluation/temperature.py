"""Calibration of logits: divide them by a temperature, and add a bias to each class.

Sources: Guo et al. 2017, "On calibration of modern neural networks", section 4.2 (temperature); Alexandari et al. 2020,
"Maximum likelihood with bias-corrected calibration is hard-to-beat at label shift adaptation", section 3 (with a bias;
for two classes this is Platt scaling).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from fxkit.config import OptimConfig
from fxkit.data.manifest import Record
from fxkit.metrics.calibration import calibration
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import Floats, log_losses
from preprocess.words import amount

MIN_GROUPS = 10  # groups to fit on

MIN_GROUPS_OF_CLASS = 3  # groups with a film of the class

# Standard deviations of the normal priors around temperature 1 and around the bias of the class weights. They keep fits
# on few groups near what is known (benchmarks/class_weights.py).
SD_LOG_TEMPERATURE = 1.0
SD_BIAS = 0.35  # of each class; 0.5 for the log-odds of two classes

Bias = tuple[float, ...]


@dataclass(frozen=True)
class CalibrationFit:
    """A fitted temperature and bias, the films they were fitted on, and their effect on them.

    Attributes:
        bias: (C,) in log-odds.
        note: why nothing was fitted, so that the temperature is 1 and the bias that of the class weights; "" if fitted.
        before, after: log_loss and ece by film, of the network's own output and of the calibrated one.
        source: the films: validation or out-of-fold.
    """

    temperature: float
    bias: Bias
    n_films: int
    n_groups: int
    note: str
    before: dict[str, float]
    after: dict[str, float]
    source: str = "validation"

    @property
    def text(self) -> str:
        """The fit in one line."""
        if self.note:
            weights = f" and the bias of the class weights{self._of_positive()}" if any(self.bias) else ""
            return f"temperature 1{weights}: {self.note}"
        changes = (
            f"{name.replace('_', ' ')} {self.before[name]:.3f} -> {self.after[name]:.3f}" for name in self.before
        )
        bias = f"bias{self._of_positive()}" if len(self.bias) == 2 else "a bias for each class"
        films = f"{amount(self.n_films, f'{self.source} film')} of {amount(self.n_groups, 'group')}"
        return f"temperature {self.temperature:.3f} and {bias}, fitted on {films}: {', '.join(changes)}"

    def _of_positive(self) -> str:
        return f" {self.bias[1] - self.bias[0]:+.3f} for the positive class" if len(self.bias) == 2 else ""


def prior_bias(optim: OptimConfig, records: Sequence[Record], classes: Sequence[str]) -> Bias:
    """Return the bias that corrects the probabilities for the class weights of the training: minus their logarithms.

    A loss with weights w is lowest where the network's odds of two classes are the true odds times the ratio of their
    weights. The bias divides by this ratio, so that probabilities refer to the frequencies in the training films.

    Args:
        records: the training files.
    Source: Saerens, Latinne and Decaestecker 2002, "Adjusting the outputs of a classifier to new a priori
    probabilities", equation 4, with the weighted frequencies as those of the training.
    """
    from fxkit.data.dataset import training_weights  # needs torch, which tables of predictions do not

    log_weights = np.log(training_weights(optim, records, classes).double().numpy())
    return tuple((log_weights.mean() - log_weights).tolist())


def apply_calibration(probabilities: Floats, temperature: float, bias: Bias = ()) -> Floats:
    """Return (N, C) probabilities after the logits behind them are divided by a temperature and a bias is added."""
    return np.asarray(softmax(_logits(probabilities) / temperature + (bias or 0.0), axis=1))


def undo_calibration(probabilities: Floats, temperature: float, bias: Bias = ()) -> Floats:
    """Return the (N, C) probabilities from which `apply_calibration` made these."""
    return apply_calibration(probabilities, 1 / temperature, tuple(-temperature * b for b in bias))


def calibrated(predictions: Predictions, temperature: float, bias: Bias) -> Predictions:
    """Return the predictions with calibrated probabilities."""
    return replace(predictions, probabilities=apply_calibration(predictions.probabilities, temperature, bias))


def move_threshold(threshold: float, temperature: float, bias: Bias = ()) -> float:
    """Return the threshold that gives the same decisions of two classes after calibration.

    With more classes the most probable one is chosen, and the threshold has no effect.
    """
    if threshold in (0.0, 1.0) or len(bias) > 2:
        return threshold
    return float(apply_calibration(np.array([[1 - threshold, threshold]]), temperature, bias)[0, 1])


def _logits(probabilities: Floats) -> Floats:
    """Return the logits, up to a constant in each row: the softmax does not depend on that constant."""
    return np.log(np.maximum(probabilities, np.finfo(float).tiny))


def fit_calibration(plain: Predictions, prior: Bias = (), source: str = "validation") -> CalibrationFit:
    """Fit temperature and bias to films that the model did not learn from.

    The log loss is minimised, with a penalty on the distance from temperature 1 and from the prior bias. Each film has
    the same weight, however many copies it has. All films together count as many times as there are groups, so that
    few patients with many films are not taken for much evidence.

    Args:
        plain: predictions of the model at temperature 1 without bias.
        prior: (C,) bias that corrects the class weights of the training; (): none.
        source: validation or out-of-fold.
    """
    known, prior = plain.known(), prior or (0.0,) * len(plain.classes)
    note = _too_few_groups(known, source) or _is_separated(known, source)
    temperature, bias = (1.0, prior) if note else _minimise(known, prior)
    before, after = (_score(part) for part in (known, calibrated(known, temperature, bias)))
    n_films, n_groups = len(known.by_film()) if len(known) else 0, len(set(known.groups))
    return CalibrationFit(temperature, bias, n_films, n_groups, note, before, after, source)


def _too_few_groups(known: Predictions, source: str) -> str:
    """Return why there are too few groups to fit a temperature; "" if there are enough."""
    n_groups = len(set(known.groups))
    pairs = set(zip(known.labels.tolist(), known.groups, strict=True))
    by_class = Counter(label for label, _ in pairs)
    n_rarest = min(by_class[k] for k in range(len(known.classes)))
    if n_groups >= MIN_GROUPS and n_rarest >= MIN_GROUPS_OF_CLASS:
        return ""
    return (
        f"{amount(n_groups, f'{source} group')}, {n_rarest} of the rarest class; expected at least {MIN_GROUPS} and "
        f"{MIN_GROUPS_OF_CLASS} to fit a temperature"
    )


def _is_separated(known: Predictions, source: str) -> str:
    """Return a text if the films cannot tell how sure the model may be, because it is right on all of them; else ""."""
    positive = known.probabilities[:, 1]
    if len(known.classes) == 2:
        separated = positive[known.labels == 0].max() < positive[known.labels == 1].min()
    else:
        separated = (known.probabilities.argmax(axis=1) == known.labels).all()
    return f"the model separates the {source} films perfectly, so no temperature is the best" if separated else ""


def _minimise(known: Predictions, prior: Bias) -> tuple[float, Bias]:
    """Return the temperature and the bias with the lowest penalised log loss."""
    logits, copies = _logits(known.probabilities), Counter(known.films)
    weights = np.array([1 / copies[film] for film in known.films])
    weights *= len(set(known.groups)) / weights.sum()
    truth = np.eye(len(prior))[known.labels]

    def loss(values: Floats) -> tuple[float, Floats]:
        log_temperature, off = values[0], values[1:] - prior
        temperature = np.exp(log_temperature)
        logs = log_softmax(logits / temperature + values[1:], axis=1)
        penalty = (log_temperature / SD_LOG_TEMPERATURE) ** 2 + ((off / SD_BIAS) ** 2).sum()
        surplus = weights[:, None] * (np.exp(logs) - truth)
        slope = -(surplus * logits).sum() / temperature + log_temperature / SD_LOG_TEMPERATURE**2
        slopes = np.concatenate([[slope], surplus.sum(axis=0) + off / SD_BIAS**2])
        return float(-(weights * (logs * truth).sum(axis=1)).sum() + penalty / 2), slopes

    fit = minimize(loss, np.array([0.0, *prior]), jac=True, method="L-BFGS-B")
    return float(np.exp(fit.x[0])), tuple(fit.x[1:].tolist())


def _score(known: Predictions) -> dict[str, float]:
    films = known.by_film()
    losses = log_losses(films.probabilities, films.labels)
    return {"log_loss": float(losses.mean()), "ece": calibration(films, resamples=2).ece}


def fit_as_json(fit: CalibrationFit) -> dict[str, Any]:
    """Return the entry "calibration" of validation.json."""
    return {"calibration": asdict(fit)}
