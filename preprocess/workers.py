"""Worker processes that end with the process that started them."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any, ParamSpec, TypeVar

import joblib

P = ParamSpec("P")
T = TypeVar("T")

CHECK_EVERY_S = 0.5


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
