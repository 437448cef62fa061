"""The space of a search: which settings vary, within what, and how that is told to Optuna."""

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
    """Numbers from low to high, both included; whole ones where low, high and step are."""

    low: int | float
    high: int | float
    log: bool = False  # even on a logarithmic scale
    step: int | float | None = None

    def distribution(self) -> BaseDistribution:
        if isinstance(self.low, int) and isinstance(self.high, int) and isinstance(self.step, int | None):
            return IntDistribution(self.low, self.high, log=self.log, step=self.step or 1)
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    def encode(self, value: Any) -> Any:
        """Return what Optuna calls a value, or None where it lies outside."""
        return value if isinstance(value, int | float) and self.low <= value <= self.high else None

    def decode(self, stored: Any) -> Any:
        return stored

    @property
    def ends(self) -> tuple[Any, ...]:
        return self.low, self.high


class Choices(Settings):
    """Any values of YAML; Optuna stores their JSON text."""

    choices: tuple[Any, ...] = Field(min_length=2)

    def distribution(self) -> BaseDistribution:
        return CategoricalDistribution([json.dumps(choice) for choice in self.choices])

    def encode(self, value: Any) -> Any:
        """Return what Optuna calls a value, or None where it is none of the choices."""
        return json.dumps(value) if value in self.choices else None

    def decode(self, stored: Any) -> Any:
        return json.loads(stored)

    @property
    def ends(self) -> tuple[Any, ...]:
        return self.choices


Space = Mapping[str, Range | Choices]  # dotted key -> what it may be


def read_space(name: str | Path, config: Config) -> Space:
    """Read a space from a YAML file, or from the preset of this name in configs/search.

    Raises:
        ConfigError: neither a file nor a preset, a key that is no setting, or a range or choice that is none.
    """
    path = find_preset("search", name)
    space = {str(key): _read_knob(str(path), str(key), value) for key, value in read_yaml(path).items()}
    if not space:
        raise ConfigError(
            f"{path}: is empty; expected settings to vary, such as optim.head_lr: {{low: 1e-4, high: 1e-2}}"
        )
    for key, knob in space.items():
        if key == "seed":
            raise ConfigError(f"{path}: seed: the luckiest seed is no better than others; leave it out")
        for value in knob.ends:
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
            f"{path}: {key} = {value!r} ({reason}); expected such as {{low: 1e-4, high: 1e-2, log: true}} or "
            "{choices: [a, b]}"
        ) from error
    return knob


def apply(config: Config, values: Mapping[str, Any], where: str = "settings") -> Config:
    """Return the settings with other values at dotted keys.

    Raises:
        ConfigError: no such key, or a value that it does not take.
    """
    nested = config.model_dump(mode="json")
    for key, value in values.items():
        *outer, last = key.split(".")
        inner: Any = nested
        for part in outer:
            inner = inner.get(part) if isinstance(inner, dict) else None
        if not isinstance(inner, dict):
            raise ConfigError(f"{where}: unknown key {key!r}; expected a dotted setting such as optim.head_lr")
        inner[last] = value
    return check_settings(Config, nested, where)


def lookup(config: Config, key: str) -> Any:
    """Return the value at a dotted key; None where there is none, as of a further argument of the backbone."""
    inner: Any = config.model_dump(mode="json")
    for part in key.split("."):
        inner = inner.get(part) if isinstance(inner, dict) else None
    return inner


def as_stands(space: Space, config: Config) -> dict[str, Any]:
    """Return the settings as they stand, in Optuna's words, of those that lie in the space."""
    found = {key: knob.encode(lookup(config, key)) for key, knob in space.items()}
    return {key: value for key, value in found.items() if value is not None}
