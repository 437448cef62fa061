"""Operating points: a threshold chosen on validation films, and its figures on the evaluated films."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from fxkit.errors import ConfigError, DataError
from fxkit.metrics.bootstrap import RESAMPLES, intervals
from fxkit.metrics.intervals import Interval
from fxkit.metrics.json_result import JsonResult, Number
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import NPV, PPV, SENSITIVITY, SPECIFICITY, Floats
from preprocess.words import amount

KINDS = ("sensitivity", "specificity")


@dataclass(frozen=True)
class Target:
    """The target of an operating point.

    Attributes:
        kind: sensitivity, specificity, youden (the largest sum of both), or threshold.
        value: the minimum sensitivity or specificity, or the threshold; 0 for youden.
    """

    kind: str
    value: float = 0.0

    @property
    def text(self) -> str:
        """The target as text, such as "sensitivity=0.95"."""
        if self.kind == "youden":
            return self.kind
        return f"{self.kind}{'=' if self.kind in KINDS else ' '}{self.value:.4g}"

    @property
    def argument(self) -> str:
        """The target as `parse_target` reads it."""
        if self.kind == "youden":
            return self.kind
        return f"{self.kind}={self.value!r}" if self.kind in KINDS else repr(self.value)

    @property
    def is_given(self) -> bool:
        """Whether the threshold is given, so that it is not chosen on films."""
        return self.kind == "threshold"


class OperatingPoint(JsonResult):
    """A threshold, the films it was chosen on, and its figures on the evaluated films.

    Attributes:
        target: the target as text.
        chosen_on: the films that the threshold was chosen on: val or out-of-fold; "" if it was given.
        chosen_films, chosen_groups: number of films and groups that it was chosen on.
        reached: sensitivity and specificity on those films.
        prevalence: share of positives that ppv_at_prevalence and npv_at_prevalence refer to; None for none.
        levels: file, film or group -> figure -> value: sensitivity, specificity, ppv, npv; with a prevalence, also
            ppv_at_prevalence and npv_at_prevalence.
        positive: the positive class; "" in files of older versions.
    """

    target: str
    threshold: Number
    chosen_on: str = ""
    chosen_films: int = 0
    chosen_groups: int = 0
    reached: dict[str, Number] = Field({})
    prevalence: float | None = None
    levels: dict[str, dict[str, Interval]]
    positive: str = ""


def parse_target(text: str) -> Target:
    """Parse a target: sensitivity=0.95, specificity=0.9, youden, or a threshold from 0 to 1.

    Raises:
        ConfigError: the text is none of these.
    """
    kind, _, number = text.strip().partition("=") if "=" in text else ("threshold", "", text.strip())
    if number == "youden":
        return Target("youden")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if kind not in (*KINDS, "threshold") or not 0 <= value <= 1 or (kind in KINDS and value == 0):
        raise ConfigError(
            f"target {text!r}: expected sensitivity=X or specificity=X with X above 0 and up to 1, youden, or a "
            "threshold from 0 to 1"
        )
    return Target(kind, value)


def choose_threshold(films: Predictions, target: Target) -> float:
    """Choose the threshold on p(positive) that meets the target on these films.

    A target for the sensitivity is met with the highest possible specificity, and the other way round. The threshold
    lies half way between two neighbouring scores, so that it does not depend on a single film.

    Raises:
        DataError: the films have one class only, or the model does not have two classes.
    """
    if target.is_given:
        return target.value
    known = films.known()
    positive, scores = known.labels == 1, known.probabilities[:, 1]
    if len(known.classes) != 2 or positive.all() or not positive.any():
        raise DataError(
            f"target {target.text}: no threshold can be chosen: the model has "
            f"{amount(len(known.classes), 'class', 'classes')}, and the "
            f"{amount(len(known), 'validation film shows', 'validation films show')} "
            f"{len(set(known.labels.tolist()))} of them; expected two classes and "
            "films of both; give a threshold as target"
        )
    steps = _steps(scores)
    sensitivity = np.array([(scores[positive] >= step).mean() for step in steps])
    specificity = np.array([(scores[~positive] < step).mean() for step in steps])
    if target.kind == "sensitivity":
        return float(steps[sensitivity >= target.value - 1e-12][-1])
    if target.kind == "specificity":
        return float(steps[specificity >= target.value - 1e-12][0])
    return float(steps[np.argmax(sensitivity + specificity)])


def _steps(scores: Floats) -> Floats:
    """Return all thresholds with different decisions, from calling every film positive to calling none positive."""
    distinct = np.unique(scores)
    middle = (distinct[1:] + distinct[:-1]) / 2
    middle = np.where(middle > distinct[:-1], middle, distinct[1:])  # neighbouring floats have no middle
    top = max((distinct[-1] + 1) / 2, float(np.nextafter(distinct[-1], 2)))
    return np.concatenate([[0.0], middle, [top]])


def predictive_value(right: Interval, wrong: Interval, odds: float) -> Interval:
    """Return a predictive value, 1 / (1 + odds * wrong / right), with its limits.

    Args:
        right: share of the class that is called correctly; for the PPV, the sensitivity.
        wrong: share of the other class that is called wrongly; for the PPV, 1 - specificity.
        odds: number of films of the other class for each film of the class, in the population of interest.
    Source: Limits of a ratio of two shares: Donner and Zou 2012, "Closed-form confidence intervals for functions of
    the normal mean and standard deviation", equation 8, with Wilson's limits of each share.
    """
    low, high = _ratio_limits(wrong, right)
    value = math.nan
    if right.value + wrong.value > 0:
        value = right.value / (right.value + odds * wrong.value)
    ends = [1 / (1 + odds * end) if math.isfinite(end) else 0.0 for end in (high, low)]
    if math.isnan(value):
        ends = [math.nan, math.nan]
    behind = min(right, wrong, key=lambda share: share.n_groups)
    return Interval(value, ends[0], ends[1], behind.n_groups, max(right.left_out, wrong.left_out), behind.n)


def _ratio_limits(a: Interval, b: Interval) -> tuple[float, float]:
    product = a.value * b.value
    below = product**2 - a.low * b.high * (2 * a.value - a.low) * (2 * b.value - b.high)
    above = product**2 - a.high * b.low * (2 * a.value - a.high) * (2 * b.value - b.low)
    under = product + math.sqrt(max(0.0, below))
    over = b.low * (2 * b.value - b.low)
    low = a.low * (2 * a.value - a.low) / under if under > 0 else 0.0
    high = (product + math.sqrt(max(0.0, above))) / over if over > 0 else math.inf
    return low, high


def _turned(share: Interval) -> Interval:
    return Interval(1 - share.value, 1 - share.high, 1 - share.low, share.n_groups, share.left_out, share.n)


def figures_at(
    part: Predictions, threshold: float, prevalence: float | None = None, *, seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, Interval]:
    """Return sensitivity, specificity, PPV and NPV at a threshold, with intervals over groups.

    Args:
        prevalence: share of positives, above 0 and below 1; it adds ppv_at_prevalence and npv_at_prevalence.
    """
    four = (SENSITIVITY, SPECIFICITY, PPV, NPV)
    figures = intervals(four, part, threshold=threshold, seed=seed, resamples=resamples)
    if prevalence is not None:
        sensitivity, specificity = figures["sensitivity"], figures["specificity"]
        odds = (1 - prevalence) / prevalence
        figures["ppv_at_prevalence"] = predictive_value(sensitivity, _turned(specificity), odds)
        figures["npv_at_prevalence"] = predictive_value(specificity, _turned(sensitivity), 1 / odds)
    return figures


def operating_points(
    predictions: Predictions,
    targets: Sequence[Target],
    validation: Predictions | None = None,
    *,
    chosen_on: str = "val",
    prevalence: float | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[OperatingPoint, ...]:
    """Return the operating point of each target: the threshold from validation films, the figures from the predictions.

    Args:
        validation: predictions of the films that choose thresholds; None if all targets are thresholds.
        chosen_on: what these films are: val or out-of-fold.
        prevalence: see `figures_at`.
    Raises:
        DataError: the model does not have two classes, or a threshold cannot be chosen.
        ConfigError: the prevalence is not above 0 and below 1.
    """
    _check(predictions, prevalence)
    known = predictions.known()
    parts = {"file": known, "film": known.by_film(), "group": known.by_group().known()}
    choosing = None if validation is None else validation.known().by_film()
    points = []
    for target in targets:
        threshold = target.value if choosing is None else choose_threshold(choosing, target)
        levels = {
            name: figures_at(part, threshold, prevalence, seed=seed, resamples=resamples)
            for name, part in parts.items()
            if len(part)
        }
        point = OperatingPoint(target=target.text, threshold=threshold, prevalence=prevalence, levels=levels)
        points.append(point if target.is_given or choosing is None else _with_origin(point, choosing, chosen_on))
    return tuple(point.model_copy(update={"positive": predictions.classes[1]}) for point in points)


def _check(predictions: Predictions, prevalence: float | None) -> None:
    if len(predictions.classes) != 2:
        raise DataError(
            f"predictions: {len(predictions.classes)} classes; operating points and prevalence need a model of two "
            "classes; leave out --target and --prevalence"
        )
    if prevalence is not None and not 0 < prevalence < 1:
        raise ConfigError(f"prevalence {prevalence:g}: expected a share above 0 and below 1, such as 0.1")


def _with_origin(point: OperatingPoint, films: Predictions, chosen_on: str) -> OperatingPoint:
    """Return the point with the films that its threshold was chosen on, and what it reached on them."""
    called, positive = films.predicted(point.threshold) == 1, films.labels == 1
    reached = {"sensitivity": float(called[positive].mean()), "specificity": float((~called)[~positive].mean())}
    counts = {"chosen_films": len(films), "chosen_groups": len(set(films.groups))}
    return point.model_copy(update={"chosen_on": chosen_on, **counts, "reached": reached})
