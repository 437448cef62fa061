"""Fixtures of the command tests: a copy of the trained run, and a function that runs a command."""

import shutil
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from fxkit.models.run_folder import Run

Invoke = Callable[..., Result]


@pytest.fixture
def run_folder(trained: Run, tmp_path: Path) -> Path:
    """A copy of the tiny run that the test may change."""
    return Path(shutil.copytree(trained.folder, tmp_path / "run"))


@pytest.fixture(scope="session")
def invoke() -> Invoke:
    """Run a command with arguments of any type, and check its exit code. Errors that it raises are not caught."""

    def run(command: click.Command, *arguments: object, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)
        assert result.exit_code == exit_code, result.output
        return result

    return run
