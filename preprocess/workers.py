"""Worker processes that leave Ctrl-C to the process that started them, and end with it."""

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing import resource_tracker
from typing import Any

import joblib
from joblib.externals.loky.backend import resource_tracker as loky_tracker

CHECK_EVERY_S = 0.5


def run_tasks(jobs: int, tasks: Iterable[Any], *, ordered: bool = True) -> Iterator[Any]:
    """Run tasks of `joblib.delayed` in processes, or in this one if it is the only one, and yield their results.

    The processes end soon after this one: joblib's own would stay for minutes, or for good, if it is killed. Workers of
    a Dask cluster have another parent and are left alone.

    Args:
        ordered: yield the results in the order of the tasks, not as they are ready.
    """
    returned = "generator" if ordered else "generator_unordered"
    with nullcontext() if jobs == 1 else _interrupts_held():
        # by an initializer, not by the first task: a process whose parent is killed early never receives a task
        parallel = joblib.Parallel(n_jobs=jobs, return_as=returned, initializer=_end_with, initargs=(os.getpid(),))
        results = parallel(tasks)
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


def _end_with(owner: int) -> None:
    threading.Thread(target=_wait_for_end, args=(owner,), daemon=True).start()


def _wait_for_end(owner: int) -> None:
    while os.getppid() == owner:  # an orphan gets another parent; Windows keeps the number
        time.sleep(CHECK_EVERY_S)
    os._exit(1)  # no clean-up: it would wait for the parent
