"""Worker processes return results, and end soon after the process that started them was killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from joblib import delayed

from preprocess.workers import run_tasks

SLEEPERS = """
from joblib import delayed
from preprocess.workers import run_tasks

code = "(__import__('time').sleep(n and 60), __import__('os').getpid())[1]"
for pid in run_tasks(2, (delayed(eval)(code, {"n": n}) for n in (0, 0, 1, 1)), ordered=False):
    print(pid, flush=True)
"""

WAITING = """
import os, time
from joblib import delayed
from preprocess.workers import run_tasks

def tasks():
    for _ in range(4):
        yield delayed(os.getpid)()
    print("started", flush=True)
    time.sleep(60)

list(run_tasks(4, tasks()))
"""


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("jobs", [1, 2])
def test_tasks_return_their_results(jobs: int) -> None:
    expected = [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert list(run_tasks(jobs, (delayed(divmod)(n, 3) for n in range(4)))) == expected
    assert sorted(run_tasks(jobs, (delayed(divmod)(n, 3) for n in range(4)), ordered=False)) == expected


def test_the_main_process_does_not_depend_on_its_parent() -> None:
    before = threading.active_count()
    assert list(run_tasks(1, [delayed(pow)(2, exp=3)])) == [8]
    assert threading.active_count() == before


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="no masks of signals")
def test_ctrl_c_reaches_the_main_process_alone() -> None:
    in_workers = run_tasks(2, [delayed(signal.pthread_sigmask)(signal.SIG_BLOCK, []) for _ in range(4)])
    assert all(signal.SIGINT in blocked for blocked in in_workers)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.skipif(os.name != "posix", reason="no SIGKILL")
def test_a_worker_ends_although_its_parent_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEPERS], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        workers = {int(process.stdout.readline()) for _ in range(2)}
        assert all(map(is_alive, workers))
        process.kill()
    assert ended(workers)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_worker_without_a_task_ends_too() -> None:
    with subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
    assert len(children) >= 4  # the first one that is ready takes several tasks, and leaves others without any
    assert ended(set(map(int, children)))


def ended(processes: set[int]) -> bool:
    """Wait until none of the processes is alive, for up to ten seconds."""
    end = time.monotonic() + 10
    while any(map(is_alive, processes)) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(map(is_alive, processes))
