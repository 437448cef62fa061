"""The README tells the truth: every command and option is in it, and its commands parse."""

import re
import shlex
from pathlib import Path

import click
import pytest

from fxkit.cli import fxkit

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
