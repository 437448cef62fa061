"""No exception hides that a command was stopped, and the user reads how to go on."""

import signal
import subprocess
import sys

import pytest

from fxkit.cli import fxkit
from fxkit.cli.stopping import GO_ON, how_to_go_on, stop_behind
from fxkit.errors import Terminated

# A signal arrives while Python runs the callback of a weak reference, where it ignores all exceptions.
IGNORED = """
import os, signal, sys, time, weakref
from fxkit.cli.stopping import stop_behind, take_signals

signal.signal(signal.SIGINT, signal.default_int_handler)
take_signals()

class Film: pass

film = Film()
signum = getattr(signal, sys.argv[1])
reference = weakref.ref(film, lambda _: (os.kill(os.getpid(), signum), time.sleep(0.01)))
try:
    del film
    time.sleep(20)
except BaseException as error:
    print(stop_behind(error))
"""


def raised_during(stop: BaseException, error: BaseException) -> BaseException:
    """Return an error as if it were raised while a stop is handled."""
    error.__context__ = stop
    return error


@pytest.mark.parametrize(
    ("stop", "code"), [(KeyboardInterrupt(), ("interrupted", 130)), (Terminated(), ("stopped by SIGTERM", 143))]
)
def test_the_stop_behind_an_error_is_found(stop: BaseException, code: tuple[str, int]) -> None:
    assert stop_behind(stop) == code
    assert stop_behind(raised_during(stop, SystemExit(1))) == code  # what Lightning makes of Ctrl-C
    assert stop_behind(raised_during(stop, RuntimeError("a clean-up that fails"))) == code


def test_other_errors_are_no_stop() -> None:
    assert stop_behind(raised_during(ValueError(), SystemExit(2))) is None
    assert stop_behind(RuntimeError()) is None


def test_each_advice_belongs_to_a_command() -> None:
    assert set(GO_ON) <= set(fxkit.commands)
    assert how_to_go_on(["train", "--data", "x"]) == "continue with --resume"
    assert how_to_go_on(["cam", "run"]) == "start it again"
    assert how_to_go_on([]) == "start it again"


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM")
@pytest.mark.parametrize(("signum", "stop"), [("SIGINT", "interrupted"), ("SIGTERM", "stopped by SIGTERM")])
def test_a_signal_whose_exception_python_ignores_is_sent_again(signum: str, stop: str) -> None:
    done = subprocess.run([sys.executable, "-c", IGNORED, signum], capture_output=True, text=True, timeout=60)
    assert stop in done.stdout
    assert done.stderr == ""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM")
def test_a_process_that_swallows_the_stop_ends_after_the_grace_period() -> None:
    code = """
import os, signal, time
from fxkit.cli import stopping

stopping.GRACE_S = 0.5
stopping.take_signals()
try:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(20)
except BaseException:
    print("swallowed", flush=True)
time.sleep(20)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=15)
    assert (done.stdout, done.returncode) == ("swallowed\n", -signal.SIGTERM)
