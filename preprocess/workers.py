"""Worker processes that leave Ctrl-C to the process that started them, and end with it."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from multiprocessing import resource_tracker
from typing import Any, ParamSpec, TypeVar

import joblib
from joblib.externals.loky.backend import resource_tracker as loky_tracker

P = ParamSpec("P")
T = TypeVar("T")

CHECK_EVERY_S = 0.5


def run_tasks(jobs: int, tasks: Iterable[Any], *, ordered: bool = True) -> Iterator[Any]:
    """Run tasks of `delayed` in processes, or in this one if it is the only one, and yield their results.

    Args:
        ordered: yield the results in the order of the tasks, not as they are ready.
    """
    with nullcontext() if jobs == 1 else _interrupts_held():
        results = joblib.Parallel(n_jobs=jobs, return_as="generator" if ordered else "generator_unordered")(tasks)
    return iter(results)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold back Ctrl-C; processes that are started inside never receive it, and so print no traceback."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    for tracker in (loky_tracker, resource_tracker):
        tracker.ensure_running()  # starting one allows Ctrl-C again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def delayed(function: Callable[P, T]) -> Callable[P, Any]:
    """Make tasks for joblib, like joblib.delayed; a process that runs one ends soon after its parent.

    joblib's own processes stay for minutes, or for good, if their parent is killed. Workers of a Dask cluster have
    another parent and are left alone.
    """
    return joblib.delayed(partial(_run, os.getpid(), function))  # type: ignore[no-any-return]


def _run(owner: int, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    if multiprocessing.current_process().name.startswith("LokyProcess"):
        _end_with(owner)
    return function(*args, **kwargs)


@cache
def _end_with(owner: int) -> None:
    threading.Thread(target=_wait_for_end, args=(owner,), daemon=True).start()


def _wait_for_end(owner: int) -> None:
    while os.getppid() == owner:  # an orphan gets another parent; Windows keeps the number
        time.sleep(CHECK_EVERY_S)
    os._exit(1)  # no clean-up: it would wait for the parent
