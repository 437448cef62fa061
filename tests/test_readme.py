"""The README tells the truth: every command and option is in it, and its commands parse."""

import re
import shlex
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from fxkit.cli import fxkit
from fxkit.config import Config, parse_value

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(name: str) -> str:
    found = re.search(rf"^### fxkit {re.escape(name)}$(.*?)(?=^##)", README, re.MULTILINE | re.DOTALL)
    assert found, f"no section of {name}"
    return found[1]


def commands() -> list[str]:
    blocks = re.findall(r"^```bash\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    lines = (line.strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line.startswith("fxkit ")]


def options(name: str) -> list[click.Option]:
    """Of a command, or of all commands of a group."""
    command = fxkit.commands[name]
    parts = command.commands.values() if isinstance(command, click.Group) else [command]
    return [option for part in parts for option in part.params if isinstance(option, click.Option)]


def test_there_are_commands_to_check() -> None:
    assert len(commands()) > 10


@pytest.mark.parametrize("name", fxkit.commands)
def test_every_command_has_an_example_and_all_its_options(name: str) -> None:
    text = section(name)
    assert f"\nfxkit {name}" in text
    for option in options(name):
        flag = next(o for o in option.opts if o.startswith("--"))
        assert re.search(rf"^\| `{flag}[ `]", text, re.MULTILINE), f"{name}: {flag} is not documented"


@pytest.mark.parametrize("name", fxkit.commands)
def test_no_option_is_documented_that_is_gone(name: str) -> None:
    known = {flag for option in options(name) for flag in option.opts}
    assert set(re.findall(r"^\| `(--[a-z-]+)", section(name), re.MULTILINE)) <= known


def settings(model: type[BaseModel], before: str = "") -> dict[str, object]:
    """Dotted keys of all settings, and their defaults."""
    found: dict[str, object] = {}
    for name, field in model.model_fields.items():
        inner = field.default
        more = settings(type(inner), f"{before}{name}.") if isinstance(inner, BaseModel) else {f"{before}{name}": inner}
        found |= more
    return found


def documented_settings() -> dict[str, str]:
    """Dotted keys of the settings' table, and the default that stands beside each."""
    table = README.partition("\n## Configuration\n")[2].partition("\n## ")[0]
    found: dict[str, str] = {}
    for keys, defaults, _meaning in re.findall(r"^\| (`.+?`) \| (.+?) \| (.+?) \|$", table, re.MULTILINE):
        names = re.findall(r"`([a-z_.]+)`", keys)
        values = re.findall(r"(?:\[[^]]*\]|[^,])+", defaults) if len(names) > 1 else [defaults]
        found |= dict(zip(names, map(str.strip, values), strict=True))
    return found


def test_every_setting_is_documented_and_none_that_is_gone() -> None:
    assert set(documented_settings()) == set(settings(Config))


@pytest.mark.parametrize(("key", "default"), documented_settings().items())
def test_the_defaults_of_settings_are_as_documented(key: str, default: str) -> None:
    value = settings(Config)[key]
    if default in ("found", "the backbone's", "none"):
        assert value is None
    else:
        told = parse_value(key, default)
        assert told == (list(value) if isinstance(value, tuple) else value)


@pytest.mark.parametrize("line", commands())
def test_the_commands_parse(line: str) -> None:
    command, (name, *arguments) = fxkit, shlex.split(line)
    while isinstance(command, click.Group):
        name, *arguments = arguments
        command = command.commands[name]
    command.make_context(name, arguments)


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", README))
def test_linked_files_are_there(target: str) -> None:
    assert (ROOT / target).exists()
