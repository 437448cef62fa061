"""README and documentation are true: their commands parse, their links resolve, and no command is missing."""

import re
import shlex
from contextlib import suppress
from pathlib import Path

import click
import pytest

from fxkit.cli import fxkit

ROOT = Path(__file__).parents[2]

DOCS = ROOT / "docs"

BUILT = {"_build", "_extensions", "generated"}  # folders of docs that hold no written pages

END_OF_COMMAND = {"&&", "||", "|", ";", ">", "2>", "<", "&"}


def list_pages() -> list[Path]:
    """Return README, CONTRIBUTING and the pages of docs, without generated ones."""
    pages = (page for page in sorted(DOCS.rglob("*.md")) if not BUILT & set(page.relative_to(DOCS).parts))
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *pages]


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def commands(page: Path) -> list[str]:
    """Return the lines of shell blocks that start with `fxkit `, with their continuation lines."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^ *```(?:bash|console|sh|shell)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    joined = re.sub(r"\\\n\s*", "", "".join(blocks))
    lines = (line.strip().removeprefix("$ ") for line in joined.splitlines())
    return [line for line in lines if line.startswith("fxkit ")]


@pytest.mark.parametrize(
    "line", [pytest.param(line, id=f"{page_name(page)}: {line}") for page in list_pages() for line in commands(page)]
)
def test_commands_parse(line: str) -> None:
    words = shlex.split(line, comments=True)
    arguments = words[: next((n for n, word in enumerate(words) if word in END_OF_COMMAND), len(words))]
    command: click.Command = fxkit
    name, *arguments = arguments
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        name, *arguments = arguments
        assert name in command.commands, f"there is no command {name}"
        command = command.commands[name]
    with suppress(click.exceptions.Exit):  # --help and --version
        command.make_context(name, arguments)


def test_there_are_commands_to_check() -> None:
    assert sum(len(commands(page)) for page in list_pages()) > 10


def test_the_readme_is_short() -> None:
    assert (ROOT / "README.md").stat().st_size <= 10_000


@pytest.mark.parametrize("page", list_pages(), ids=page_name)
def test_relative_links_resolve(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)", text)
    relative = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in relative if not (page.parent / target).exists()] == []


def test_every_command_has_a_section_in_the_reference(tmp_path: Path) -> None:
    application = pytest.importorskip("sphinx.application")
    (tmp_path / "index.md").write_bytes((DOCS / "reference" / "commands.md").read_bytes())
    settings = {"extensions": ["myst_parser", "sphinx_click"]}
    folders = [str(tmp_path), None, str(tmp_path / "text"), str(tmp_path / "doctrees")]
    application.Sphinx(*folders, "text", confoverrides=settings, status=None, warningiserror=True).build()
    text = (tmp_path / "text" / "index.txt").read_text(encoding="utf-8")
    sections = set(re.findall(r"^(\S.*)\n[-=~*]{3,}$", text, re.MULTILINE))
    for name, command in fxkit.commands.items():
        parts = command.commands if isinstance(command, click.Group) else {}
        assert {name, *parts} <= {section.removeprefix("fxkit ") for section in sections}
