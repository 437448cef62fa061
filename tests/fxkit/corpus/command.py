"""Run fxkit as the shell does, with its exit codes, in this process."""

import contextlib
import io

from fxkit.cli import main


def run(*arguments: object) -> tuple[int, str, str]:
    """Run fxkit; return its exit code and what it printed on stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            return int(stop.code or 0), out.getvalue(), err.getvalue()
    raise AssertionError("main always exits")
