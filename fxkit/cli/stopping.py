"""Stop a command by Ctrl-C or SIGTERM: no other exception hides it, and the user reads how to go on."""

import os
import signal
import sys
import threading
from functools import partial
from typing import NoReturn

from fxkit.errors import Terminated

AGAIN = "start it again"

RESUME = "continue with --resume"

GO_ON = {
    "train": RESUME,
    "search": RESUME,
    "ablate": RESUME,
    "clean-labels": "start it again to continue",
    "index": "start it again to continue",
    "markernet": "start it again to continue",
    "synth": "start it again with --overwrite",
    "push": "start it again with --overwrite",
    "pull": "delete the destination, then start it again",
}

RETRY_S = 0.1

GRACE_S = 30.0  # for the clean-up after SIGTERM; then the process ends at once, as a cluster would end it


def take_signals() -> None:
    """Let SIGTERM raise `Terminated`, and raise it or KeyboardInterrupt again if Python had to ignore the first."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, partial(_terminate, os.getpid()))
        sys.unraisablehook = _raise_again


def _terminate(process: int, signum: int, frame: object) -> NoReturn:
    """Raise `Terminated`; a second signal, or a signal to a forked process, ends the process at once.

    A library may swallow the exception, or its clean-up may hang: after GRACE_S the process ends itself.
    """
    signal.signal(signum, signal.SIG_DFL)
    if os.getpid() != process:
        os.kill(os.getpid(), signum)
    end = threading.Timer(GRACE_S, os.kill, (process, signum))
    end.daemon = True
    end.start()
    raise Terminated


def _raise_again(unraisable: "sys.UnraisableHookArgs") -> None:
    """Send a signal again whose exception was raised where Python ignores all, as in the clean-up of an object."""
    signum = {KeyboardInterrupt: signal.SIGINT, Terminated: signal.SIGTERM}.get(unraisable.exc_type)
    if signum is None:
        sys.__unraisablehook__(unraisable)
        return
    if signum == signal.SIGTERM:
        signal.signal(signum, partial(_terminate, os.getpid()))
    retry = threading.Timer(RETRY_S, os.kill, (os.getpid(), signum))
    retry.daemon = True
    retry.start()


def stop_behind(error: BaseException | None) -> tuple[str, int] | None:
    """Return how a command was stopped, and its exit code; None if the error has another origin.

    Lightning turns Ctrl-C into a silent exit, and the clean-up after a stop may itself fail.
    """
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return "interrupted", 130
        if isinstance(error, Terminated):
            return "stopped by SIGTERM", 143
        error = error.__cause__ or error.__context__
    return None


def how_to_go_on(args: list[str] | None) -> str:
    """Return what the user does to finish a command that was stopped.

    Args:
        args: arguments of the command line; None for those of this process.
    """
    command = next(iter(sys.argv[1:] if args is None else args), "")
    return GO_ON.get(command, AGAIN)
