"""The command line. Each command reads its options, calls the library, and prints the result.

Heavy packages are imported inside the commands, so that `fxkit --help` starts fast.
"""

import errno
import io
import os
import signal
import sys
import threading
from typing import NoReturn

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
from fxkit.cli.evaluate import evaluate
from fxkit.cli.export import export
from fxkit.cli.index import index_command
from fxkit.cli.markernet import markernet
from fxkit.cli.options import print_notes
from fxkit.cli.predict import predict
from fxkit.cli.pull import pull
from fxkit.cli.push import push
from fxkit.cli.report import report
from fxkit.cli.search import search
from fxkit.cli.synth import synth_command
from fxkit.cli.train import train
from fxkit.errors import Terminated
from preprocess.errors import KnownError, one_line

# What to say of a command that was stopped.
CONTINUED = {
    "train": "continue with --resume",
    "search": "continue with --resume",
    "ablate": "continue with --resume",
    "clean-labels": "start it again to continue",
    "index": "start it again to continue",
}

BUG_TEXT = "this is a bug in fxkit: {error}. The traceback is in {log}; please report it with the command that you ran."


@cloup.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    sections=(
        cloup.Section("Data", (index_command, clean_labels, markernet, synth_command)),
        cloup.Section("Train", (train, search, calibrate, predict)),
        cloup.Section("Trust", (evaluate, compare, ablate, cam, report, audit)),
        cloup.Section("Share", (export, push, pull)),
        cloup.Section("Install", (doctor,)),
    ),
)
@click.version_option(__version__, prog_name="fxkit")
def fxkit() -> None:
    """Classify bone fractures on X-rays, and find out whether the score is honest.

    For research only. Do not use for diagnosis.
    """


def fail(text: object, code: int) -> int:
    """Print an error on one line of stderr, and return the exit code."""
    click.echo(f"error: {one_line(text)}", err=True)
    return code


def log_bug(error: Exception) -> int:
    """Write the traceback into a temporary file, print where it is, and return exit code 3."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="fxkit-", suffix=".log", delete=False) as log:
        log.write(f"fxkit {__version__}\n{sys.argv}\n" + traceback.format_exc())
    return fail(BUG_TEXT.format(error=repr(error), log=log.name), 3)


def _terminate(signum: int, frame: object) -> NoReturn:
    signal.signal(signum, signal.SIG_DFL)  # a second signal ends the process at once
    raise Terminated


def _how_to_continue(args: list[str] | None) -> str:
    command = next(iter(sys.argv[1:] if args is None else args), "")
    return f"; {CONTINUED[command]}" if command in CONTINUED else ""


def main(args: list[str] | None = None) -> None:
    """Run a command and exit with 0 (done), 1 (known error), 2 (usage), 3 (bug), 130 (Ctrl-C) or 143 (SIGTERM)."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    for stream in (sys.stdout, sys.stderr):  # a code page may lack a character such as the tick; it is printed as ?
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
    try:
        code = fxkit.main(args, prog_name="fxkit", standalone_mode=False) or 0
    except click.exceptions.Abort:
        code = fail(f"interrupted{_how_to_continue(args)}", 130)
    except Terminated:
        code = fail(f"stopped by SIGTERM{_how_to_continue(args)}", 143)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except KnownError as error:
        print_notes(error.notes)
        code = fail(error, 1)
    except ModuleNotFoundError as error:
        from fxkit.packages import explain_missing

        missing = explain_missing(error.name)
        code = fail(missing, 1) if missing else log_bug(error)
    except OSError as error:
        hint = "; free some space, then start again or continue with --resume" if error.errno == errno.ENOSPC else ""
        code = fail(f"{error}{hint}", 1)
    except MemoryError as error:
        reason = f" ({error})" if str(error) else ""
        code = fail(f"the memory is full{reason}; use smaller films, a smaller batch or fewer --jobs", 1)
    except Exception as error:  # noqa: BLE001  anything else is a bug
        code = log_bug(error)
    sys.exit(code)
