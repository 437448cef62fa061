"""Read YAML files, and check settings against a pydantic model."""

import codecs
import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from preprocess.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)


MAX_VALUES = 100_000  # in one document, aliases counted as what they stand for


class _Loader(yaml.SafeLoader):
    """Reads 1e-4 as a number, as YAML 1.2 does. PyYAML's own loader follows YAML 1.1 and reads it as text.

    Refuses keys that occur twice, and aliases that make a small text a huge document.
    """

    def get_single_node(self) -> Any:
        node = super().get_single_node()
        if node is not None and _count_values(node, {}) > MAX_VALUES:
            raise yaml.YAMLError(f"its aliases stand for more than {MAX_VALUES} values; write the values out")
        return node


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def parse_yaml(text: str) -> Any:
    """Parse one YAML document.

    Raises:
        yaml.YAMLError: the text is not YAML, names a key twice, or stands for too many values.
    """
    try:
        return yaml.load(text, _Loader)
    except ValueError as error:  # such as the date 2024-13-45
        raise yaml.YAMLError(str(error)) from error
    except RecursionError as error:
        raise yaml.YAMLError("lists or keys are nested too deeply") from error


def _count_values(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the values below a node, aliases as what they stand for; refuse keys that occur twice.

    Args:
        known: counts by node, which are added to; 0 marks a node whose count has begun.
    """
    if id(node) in known:
        if known[id(node)] == 0:
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: an alias stands for a value that contains it")
        return known[id(node)]
    known[id(node)] = 0
    children: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        children = node.value
    elif isinstance(node, yaml.MappingNode):
        _refuse_repeated_keys(node)
        children = [child for pair in node.value for child in pair]
    known[id(node)] = 1 + sum(_count_values(child, known) for child in children)
    return known[id(node)]


def _refuse_repeated_keys(node: yaml.MappingNode) -> None:
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        name, line = (key.tag, key.value), key.start_mark.line + 1
        if name in lines:
            raise yaml.YAMLError(f"line {line}: line {lines[name]} has the key {key.value!r} too; keep one of them")
        lines[name] = line


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML file of keys and values, in UTF-8 or in UTF-16 with a byte order mark; an empty file gives none.

    Raises:
        ConfigError: the file cannot be read, is not YAML, or does not hold keys and values.
    """
    try:
        data = Path(path).read_bytes()
        marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        values = parse_yaml(data.decode("utf-16" if marked else "utf-8"))
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
