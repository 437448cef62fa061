"""What the outputs of a model made elsewhere mean: its classes, and how the outputs become probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fxkit.data.positive import choose_order, positive_class
from fxkit.errors import ConfigError, RunError
from fxkit.models.given.options import GivenOptions, Scale
from preprocess.errors import first_few
from preprocess.words import amount

Floats = NDArray[np.float64]

TOLERANCE = 1e-3  # of a probability; networks in 16 bits round

SUM_TOLERANCE = 1e-2

EXACT = 1e-6  # sums that differ more are divided out


@dataclass(frozen=True)
class Outputs:
    """The meaning of a model's outputs.

    Attributes:
        name: of the model, for error texts.
        classes: C names in the order of the probabilities; of two, the second is positive.
        columns: for each class, the number of its output.
        scale: what the outputs are.
        single: whether the model has one output, the probability or logit of the second of two classes; `columns` then
            counts as if the first had one, too.
        guessed: what neither the model nor the user said, in words.
    """

    name: str
    classes: tuple[str, ...]
    columns: tuple[int, ...]
    scale: Scale
    single: bool = False
    guessed: tuple[str, ...] = ()

    def to_probabilities(self, raw: object, n_films: int) -> Floats:
        """Return (N, C) probabilities from the outputs of N films, (N, K) or (N,).

        Raises:
            RunError: the outputs have another shape, are not finite or are no probabilities.
        """
        values = as_matrix(raw, self.name, n_films)
        expected = 1 if self.single else len(self.columns)
        if values.shape[1] != expected:
            raise RunError(
                f"{self.name}: returned {values.shape[1]} values for a film; expected {expected} "
                f"({first_few(self.classes, 5)}); correct --classes"
            )
        if self.scale == "logit":
            values = _sigmoid(values) if self.single else _softmax(values)
        check_range(values, self.name)
        values = np.clip(values, 0, 1)
        both = np.concatenate([1 - values, values], axis=1) if self.single else _normalise(values, self.name)
        return both[:, list(self.columns)]

    def describe(self) -> list[str]:
        """Return lines that say what the outputs mean."""
        if self.single:
            lines = [f"one output, the {self.scale} of {self.classes[self.columns.index(1)]}"]
        else:
            names = [self.classes[self.columns.index(k)] for k in range(len(self.columns))]
            lines = [f"outputs: the {self.scale} of {', '.join(names)}"]
        if positive := positive_class(self.classes):
            lines.append(f"positive class: {positive}")
        return lines + [f"guessed: {guess}" for guess in self.guessed]


def as_matrix(raw: object, name: str, n_films: int | None = None) -> Floats:
    """Return outputs as (N, K) float64; (N,) becomes (N, 1).

    Raises:
        RunError: they are no numbers, of another shape or not finite, or there is not one row for each film.
    """
    try:
        values = np.asarray(raw, np.float64)
        if raw is None:
            raise TypeError("None")
    except (TypeError, ValueError) as error:
        raise RunError(f"{name}: returned {type(raw).__name__}, no array of numbers; expected (N, C)") from error
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim > 2 and all(side == 1 for side in values.shape[2:]):
        values = values.reshape(values.shape[:2])
    if values.ndim != 2 or not values.shape[1]:
        raise RunError(f"{name}: returned an array of shape {values.shape}; expected (N, C), one value for each class")
    if n_films is not None and len(values) != n_films:
        rows = amount(len(values), "row")
        raise RunError(f"{name}: returned {rows} for {amount(n_films, 'film')}; expected one row for each film")
    if not np.isfinite(values).all():
        n = int((~np.isfinite(values)).any(axis=1).sum())
        raise RunError(f"{name}: returned values that are not finite for {n} of {len(values)} films; expected numbers")
    return values


def check_range(values: Floats, name: str) -> None:
    """Refuse values outside of 0 to 1.

    Raises:
        RunError: a value is no probability.
    """
    if values.size and (values.min() < -TOLERANCE or values.max() > 1 + TOLERANCE):
        percent = values.min() >= 0 and values.max() <= 100
        raise RunError(
            f"{name}: returned values from {values.min():.3g} to {values.max():.3g}; expected probabilities from 0 to "
            f"1; give --scale logit if they are logits{', or divide percentages by 100' if percent else ''}"
        )


def _normalise(values: Floats, name: str) -> Floats:
    sums = values.sum(axis=1)
    off = np.abs(sums - 1) > SUM_TOLERANCE
    if off.any():
        raise RunError(
            f"{name}: returned rows that add up to {sums.min():.3g} to {sums.max():.3g}; expected probabilities that "
            "add up to 1; give --scale logit if they are logits; for independent findings, return the one that "
            "counts from a function with --predictor"
        )
    inexact = np.abs(sums - 1) > EXACT  # other rows keep all their digits
    return np.where(inexact[:, None], values / sums[:, None], values)


def softmax_note(probe: Floats, scale: Scale) -> tuple[str, ...]:
    """Warn if the outputs of some films, (N, K), are used as logits and look like probabilities."""
    rows_add_up = probe.shape[1] > 1 and bool((np.abs(probe.sum(axis=1) - 1) <= SUM_TOLERANCE).all())
    if scale != "logit" or not rows_add_up or probe.min() < 0:
        return ()
    return (
        "WARNING: the outputs are used as logits, but lie from 0 to 1 and add up to 1 for every test picture; are they "
        "probabilities (--scale probability)?",
    )


def _softmax(values: Floats) -> Floats:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * values)), np.float64)


def guess_scale(probe: Floats, name: str) -> Scale:
    """Guess from the outputs of some films, (N, K), whether they are probabilities.

    Raises:
        ConfigError: they can be either.
    """
    inside = probe.min() >= -TOLERANCE and probe.max() <= 1 + TOLERANCE
    if not inside:
        return "logit"
    if probe.shape[1] > 1 and bool((np.abs(probe.sum(axis=1) - 1) <= SUM_TOLERANCE).all()):
        return "probability"
    add_up = "" if probe.shape[1] == 1 else f" and add up to {probe.sum(axis=1).max():.3g}"
    raise ConfigError(
        f"{name}: its outputs for test pictures lie from {probe.min():.3g} to {probe.max():.3g}{add_up}, so they can "
        "be logits or probabilities; give --scale probability or --scale logit"
    )


def name_outputs(
    name: str, n_outputs: int, scale: Scale, names: Sequence[str] | None, options: GivenOptions
) -> Outputs:
    """Give the outputs their classes.

    Args:
        names: what the model itself says, in the order of its outputs.
    Raises:
        ConfigError: there are no names, or not as many as outputs, or the positive class is none of them.
    """
    if n_outputs == 1:
        return _name_single(name, scale, names, options)
    names = options.classes or names
    if not names:
        hint = f"; the films have {', '.join(options.data_classes)}" if options.data_classes else ""
        raise ConfigError(
            f"{name}: has {n_outputs} outputs and does not name their classes; give --classes with the names in the "
            f"order of the outputs{hint}"
        )
    if len(names) != n_outputs:
        raise ConfigError(
            f"{name}: has {n_outputs} outputs, but there are {len(names)} classes ({first_few(names, 5)}); give "
            f"--classes with {n_outputs} names in the order of the outputs"
        )
    return _in_order(Outputs(name, tuple(names), tuple(range(n_outputs)), scale), options.positive)


def _name_single(name: str, scale: Scale, names: Sequence[str] | None, options: GivenOptions) -> Outputs:
    """Name the single output: it is that of the second of two classes, or of the positive class of the films."""
    given = options.classes or names or options.data_classes
    if given is not None and len(given) == 1:
        given = (f"not {given[0]}", given[0])
    if given is None or len(given) != 2:
        found = f"{len(given)} classes ({first_few(given, 5)}) are named" if given else "no class is named"
        raise ConfigError(
            f"{name}: has one output, but {found}; give --classes with two names, whose second is that of the output"
        )
    outputs = Outputs(name, tuple(given), (0, 1), scale, single=True)
    if options.classes or names:
        return _in_order(outputs, options.positive)
    guess = () if options.positive else (f"the output is that of {given[1]}; set with --positive or --classes",)
    order = choose_order(given, options.positive).classes
    return replace(outputs, classes=order, guessed=guess)


def _in_order(outputs: Outputs, positive: str | None) -> Outputs:
    """Put the positive class of two last, and check the names of more."""
    names = outputs.classes
    if len(set(names)) < len(names) or not all(names):
        raise ConfigError(
            f"{outputs.name}: its classes are {', '.join(map(repr, names))}; give --classes with different names"
        )
    order = choose_order(names, positive)
    if len(names) > 2:
        return outputs
    guess = (f"the positive class is {order.classes[1]}; set with --positive",) if order.guessed else ()
    columns = tuple(names.index(one) for one in order.classes)
    return replace(outputs, classes=order.classes, columns=columns, guessed=guess)
