"""Worker processes return results, and end soon after the process that started them was killed."""

import os
import subprocess
import sys
import threading
import time

import joblib
import pytest

from preprocess.workers import delayed

SLEEPERS = """
import joblib
from preprocess.workers import delayed

for pid in joblib.Parallel(n_jobs=2, return_as="generator_unordered")(
    delayed(eval)("(__import__('time').sleep(n and 60), __import__('os').getpid())[1]", {"n": n}) for n in (0, 0, 1, 1)
):
    print(pid, flush=True)
"""


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_tasks_return_their_results() -> None:
    assert joblib.Parallel(n_jobs=2)(delayed(divmod)(n, 3) for n in range(4)) == [(0, 0), (0, 1), (0, 2), (1, 0)]


def test_the_main_process_does_not_depend_on_its_parent() -> None:
    before = threading.active_count()
    assert joblib.Parallel(n_jobs=1)([delayed(pow)(2, exp=3)]) == [8]
    assert threading.active_count() == before


@pytest.mark.skipif(os.name != "posix", reason="no SIGKILL")
def test_a_worker_ends_although_its_parent_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEPERS], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        workers = {int(process.stdout.readline()) for _ in range(2)}
        assert all(map(is_alive, workers))
        process.kill()
    end = time.monotonic() + 10
    while any(map(is_alive, workers)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(is_alive, workers))
