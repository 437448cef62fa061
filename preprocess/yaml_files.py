"""Read YAML files, and check settings against a pydantic model."""

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from preprocess.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """Reads 1e-4 as a number, as YAML 1.2 does. PyYAML's own loader follows YAML 1.1 and reads it as text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def parse_yaml(text: str) -> Any:
    """Parse one YAML document.

    Raises:
        yaml.YAMLError: the text is not YAML.
    """
    return yaml.load(text, _Loader)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML file of keys and values; an empty file gives an empty dictionary.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or does not hold keys and values.
    """
    try:
        values = parse_yaml(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path}: cannot be read as YAML ({reason})") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: holds a {type(values).__name__}; expected lines such as `key: value`")
    return values


def check_settings(model: type[Model], values: Mapping[str, Any], where: str) -> Model:
    """Build a settings model from nested values.

    Args:
        where: file or option that the values come from; error texts start with it.
    Raises:
        ConfigError: a key is unknown, or a value has a wrong type or range. The text names the first such key.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{where}: {_explain(model, error)}") from error


def did_you_mean(name: str, valid: Iterable[str], inside: str = "") -> str:
    """Return "; did you mean 'x'?" with the valid name that is most similar to a wrong one, or "" if none is similar.

    Args:
        name: the wrong name.
        inside: dotted key of the mapping that holds the name; it is prepended to the suggestion.
    """
    close = difflib.get_close_matches(name, list(valid), n=1, cutoff=0.5)
    return f"; did you mean {'.'.join(filter(None, (inside, close[0])))!r}?" if close else ""


def _explain(model: type[BaseModel], error: ValidationError) -> str:
    first = error.errors()[0]
    keys = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        valid = _fields_below(model, keys[:-1])
        hint = did_you_mean(keys[-1], valid, ".".join(keys[:-1])) or f"; valid here: {', '.join(valid)}"
        return f"unknown key {'.'.join(keys)!r}{hint}"
    message = first["msg"].removeprefix("Value error, ")
    message = f"{message[0].lower()}{message[1:]}"
    return f"{'.'.join(keys)} = {first['input']!r}: {message}" if keys else message


def _fields_below(model: Any, keys: Iterable[str]) -> Mapping[str, Any]:
    for key in keys:
        model = model.model_fields[key].annotation
    fields: Mapping[str, Any] = model.model_fields
    return fields
