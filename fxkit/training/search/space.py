"""The search space: which settings vary, over which range or choices, and how Optuna represents them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from pydantic import Field, ValidationError

from fxkit.config import Config, Settings, find_preset
from fxkit.errors import ConfigError
from preprocess.yaml_files import check_settings, read_yaml


class Range(Settings):
    """Numbers from low to high, both included; integers if low, high and step are integers.

    Attributes:
        log: sample uniformly on a logarithmic scale.
        step: distance between values; None: any value (for integers 1).
    """

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    def distribution(self) -> BaseDistribution:
        """Return the range as a distribution of Optuna."""
        if isinstance(self.low, int) and isinstance(self.high, int) and isinstance(self.step, int | None):
            return IntDistribution(self.low, self.high, log=self.log, step=self.step or 1)
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    def encode(self, value: Any) -> Any:
        """Return a setting's value as Optuna stores it, or None if it is outside the range."""
        return value if isinstance(value, int | float) and self.low <= value <= self.high else None

    def decode(self, stored: Any) -> Any:
        """Return a stored value as the setting's value."""
        return stored

    @property
    def bounds(self) -> tuple[Any, ...]:
        """The values to check against the settings."""
        return self.low, self.high


class Choices(Settings):
    """A list of values of any YAML type; Optuna stores their JSON text."""

    choices: tuple[Any, ...] = Field(min_length=2)

    def distribution(self) -> BaseDistribution:
        """Return the choices as a distribution of Optuna."""
        return CategoricalDistribution([json.dumps(choice) for choice in self.choices])

    def encode(self, value: Any) -> Any:
        """Return a setting's value as Optuna stores it, or None if it is not among the choices."""
        return json.dumps(value) if value in self.choices else None

    def decode(self, stored: Any) -> Any:
        """Return a stored value as the setting's value."""
        return json.loads(stored)

    @property
    def bounds(self) -> tuple[Any, ...]:
        """The values to check against the settings."""
        return self.choices


Space = Mapping[str, Range | Choices]  # dotted key -> its values


def read_space(name: str | Path, config: Config) -> Space:
    """Read a search space from a YAML file, or from the preset of this name in configs/search.

    Raises:
        ConfigError: there is no such file or preset, a key is not a setting, or a range or list of choices is invalid.
    """
    path = find_preset("search", name)
    space = {str(key): _read_knob(str(path), str(key), value) for key, value in read_yaml(path).items()}
    if not space:
        raise ConfigError(
            f"{path}: is empty; expected settings to vary, for example optim.head_lr: {{low: 1e-4, high: 1e-2}}"
        )
    for key, knob in space.items():
        if key == "seed":
            raise ConfigError(f"{path}: seed: the best of several seeds is best by chance only; remove it")
        for value in knob.bounds:
            apply(config, {key: value}, str(path))
    return space


def _read_knob(path: str, key: str, value: Any) -> Range | Choices:
    kind = Choices if isinstance(value, dict) and "choices" in value else Range
    try:
        knob = kind.model_validate(value)
        knob.distribution()
    except (ValidationError, ValueError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise ConfigError(
            f"{path}: {key} = {value!r} ({reason}); expected a range such as {{low: 1e-4, high: 1e-2, log: true}} "
            "or choices such as {choices: [a, b]}"
        ) from error
    return knob


def apply(config: Config, values: Mapping[str, Any], where: str = "settings") -> Config:
    """Return a copy of the settings with new values at dotted keys.

    Raises:
        ConfigError: a key is unknown, or a value is invalid.
    """
    nested = config.model_dump(mode="json")
    for key, value in values.items():
        *outer, last = key.split(".")
        inner: Any = nested
        for part in outer:
            inner = inner.get(part) if isinstance(inner, dict) else None
        if not isinstance(inner, dict):
            raise ConfigError(f"{where}: unknown key {key!r}; expected a dotted key such as optim.head_lr")
        inner[last] = value
    return check_settings(Config, nested, where)


def lookup(config: Config, key: str) -> Any:
    """Return the value at a dotted key; None if it is not set, for example an optional backbone argument."""
    inner: Any = config.model_dump(mode="json")
    for part in key.split("."):
        inner = inner.get(part) if isinstance(inner, dict) else None
    return inner


def encode_current(space: Space, config: Config) -> dict[str, Any]:
    """Return the current values of the settings as Optuna stores them; values outside the space are left out."""
    values = {key: knob.encode(lookup(config, key)) for key, knob in space.items()}
    return {key: value for key, value in values.items() if value is not None}
