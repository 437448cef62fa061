"""Fixture of the command tests: a function that runs a command and checks its exit code."""

from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner, Result

Invoke = Callable[..., Result]


@pytest.fixture(scope="session")
def invoke() -> Invoke:
    """Run a command with arguments of any type, and check its exit code. Errors that it raises are not caught."""

    def run(command: click.Command, *arguments: object, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)
        assert result.exit_code == exit_code, result.output
        return result

    return run
