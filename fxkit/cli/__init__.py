"""The command line. Each command reads its options, calls the library, and prints the result.

Heavy packages are imported inside the commands, so that `fxkit --help` starts fast.
"""

import errno
import io
import os
import sys

import click
import cloup

from fxkit import __version__
from fxkit.cli.ablate import ablate
from fxkit.cli.audit import audit
from fxkit.cli.calibrate import calibrate
from fxkit.cli.cam import cam
from fxkit.cli.clean_labels import clean_labels
from fxkit.cli.compare import compare
from fxkit.cli.doctor import doctor
from fxkit.cli.errors import errors
from fxkit.cli.evaluate import evaluate
from fxkit.cli.export import export
from fxkit.cli.index import index_command
from fxkit.cli.label_errors import label_errors
from fxkit.cli.markernet import markernet
from fxkit.cli.options import print_notes
from fxkit.cli.predict import predict
from fxkit.cli.pull import pull
from fxkit.cli.push import push
from fxkit.cli.report import report
from fxkit.cli.review import review
from fxkit.cli.search import search
from fxkit.cli.stopping import how_to_go_on, stop_behind, take_signals
from fxkit.cli.synth import synth_command
from fxkit.cli.train import train
from preprocess.errors import KnownError, one_line

BUG_TEXT = "this is a bug in fxkit: {error}. The traceback is in {log}; please report it with the command that you ran."


@cloup.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    sections=(
        cloup.Section("Data", (index_command, clean_labels, review, label_errors, markernet, synth_command)),
        cloup.Section("Train", (train, search, calibrate, predict)),
        cloup.Section("Trust", (evaluate, compare, errors, ablate, cam, report, audit)),
        cloup.Section("Share", (export, push, pull)),
        cloup.Section("Install", (doctor,)),
    ),
)
@click.version_option(__version__, prog_name="fxkit")
@click.pass_context
def fxkit(context: click.Context) -> None:
    """Classify bone fractures on X-rays, and find out whether the score is honest.

    For research only. Do not use for diagnosis.
    """
    from preprocess.locks import name_command

    name_command(f"fxkit {context.invoked_subcommand}")


def fail(text: object, code: int) -> int:
    """Print an error on one line of stderr, and return the exit code."""
    click.echo(f"error: {one_line(text)}", err=True)
    return code


def log_bug(error: BaseException) -> int:
    """Write the traceback into a temporary file, print where it is, and return exit code 3."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="fxkit-", suffix=".log", delete=False) as log:
        log.write(f"fxkit {__version__}\n{sys.argv}\n" + "".join(traceback.format_exception(error)))
    return fail(BUG_TEXT.format(error=repr(error), log=log.name), 3)


def main(args: list[str] | None = None) -> None:
    """Run a command and exit with 0 (done), 1 (known error), 2 (usage), 3 (bug), 130 (Ctrl-C) or 143 (SIGTERM)."""
    take_signals()
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    for stream in (sys.stdout, sys.stderr):  # a code page may lack a character such as the tick; it is printed as ?
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
    try:
        code = fxkit.main(args, prog_name="fxkit", standalone_mode=False) or 0
    except BaseException as error:
        stop = stop_behind(error)
        if stop is None and isinstance(error, SystemExit):
            raise
        code = fail(f"{stop[0]}; {how_to_go_on(args)}", stop[1]) if stop else _explain(error)
    sys.exit(code)


def _explain(error: BaseException) -> int:
    """Print an error in one line, and return the exit code."""
    match error:
        case click.exceptions.Abort():
            return fail("interrupted", 130)
        case click.ClickException():
            error.show()
            return error.exit_code
        case KnownError():
            print_notes(error.notes)
            return fail(error, 1)
        case ModuleNotFoundError():
            from fxkit.packages import explain_missing

            missing = explain_missing(error.name)
            return fail(missing, 1) if missing else log_bug(error)
        case OSError():
            full = error.errno == errno.ENOSPC
            return fail(f"{error}{'; free some space, then start again or continue with --resume' if full else ''}", 1)
        case MemoryError():
            reason = f" ({error})" if str(error) else ""
            return fail(f"the memory is full{reason}; use smaller films, a smaller batch or fewer --jobs", 1)
    return log_bug(error)
