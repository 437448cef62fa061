"""The command line: options, one library call, what to print. Nothing heavy is imported here."""

import errno
import os
import sys
import tempfile
import traceback
from pathlib import Path

import click

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
from fxkit.cli.predict import predict
from fxkit.cli.pull import pull
from fxkit.cli.push import push
from fxkit.cli.report import report
from fxkit.cli.search import search
from fxkit.cli.synth import synth_command
from fxkit.cli.train import train
from preprocess.errors import KnownError, one_line

BUG_TEXT = "a bug in fxkit: {error}. The traceback is in {log}; please report it with the command you ran."


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="fxkit")
def fxkit() -> None:
    """Classify bone fractures on X-rays, and find out whether the score is honest.

    A research tool: it makes no diagnosis.
    """


COMMANDS = (
    synth_command,
    index_command,
    clean_labels,
    markernet,
    train,
    search,
    evaluate,
    compare,
    calibrate,
    predict,
    export,
    push,
    pull,
    cam,
    ablate,
    report,
    audit,
    doctor,
)

for command in COMMANDS:
    fxkit.add_command(command)


def fail(text: object, code: int) -> int:
    click.echo(f"error: {one_line(text)}", err=True)
    return code


def log_bug(error: Exception) -> int:
    with tempfile.NamedTemporaryFile("w", prefix="fxkit-", suffix=".log", delete=False) as log:
        log.write(f"fxkit {__version__}\n{sys.argv}\n" + traceback.format_exc())
    return fail(BUG_TEXT.format(error=repr(error), log=Path(log.name)), 3)


def main(args: list[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 a known error, 2 wrong usage, 3 a bug, 130 interrupted."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    try:
        code = fxkit.main(args, prog_name="fxkit", standalone_mode=False) or 0
    except click.exceptions.Abort:
        code = fail("interrupted", 130)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except KnownError as error:
        code = fail(error, 1)
    except OSError as error:
        hint = "; free some space, then start again or go on with --resume" if error.errno == errno.ENOSPC else ""
        code = fail(f"{error}{hint}", 1)
    except Exception as error:  # noqa: BLE001  the last line of defence: whatever is left is a bug
        code = log_bug(error)
    sys.exit(code)
