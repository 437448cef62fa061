"""Run fxkit as the shell does, and keep all that it printed."""

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxkit.cli import main


@dataclass(frozen=True)
class Said:
    """What a command printed on stdout and stderr, and its exit code."""

    code: int
    text: str


def fxkit(*arguments: object) -> Said:
    """Run fxkit with these arguments."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            return Said(int(stop.code or 0), out.getvalue())
    raise AssertionError("main always exits")


def colours(run: Path) -> dict[str, str]:
    """Return question -> colour from the audit.json of a run."""
    return {answer["key"]: answer["colour"] for answer in read(run / "audit.json")["answers"]}


def reason(run: Path, question: str) -> str:
    """Return the reason of an answer in the audit.json of a run."""
    return next(str(answer["reason"]) for answer in read(run / "audit.json")["answers"] if answer["key"] == question)


def read(file: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(file.read_text())
    return values
