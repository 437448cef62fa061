import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import joblib
import pytest

from preprocess.errors import OutputError, WorkerError
from preprocess.folder import backends
from preprocess.folder.backends import _alone, _known, clean_on_worker, open_workers
from preprocess.folder.clean_folder import clean_folder
from preprocess.folder.one_file import Plan, Task, _detector
from preprocess.ledger import LedgerRow
from preprocess.markers import MarkedImage
from preprocess.settings import CleanSettings

from ..conftest import contents

Films = Callable[..., tuple[Path, Path]]


def test_a_cluster_makes_the_same_bytes(films: Films, tmp_path: Path, cluster: Any, monkeypatch: Any) -> None:
    root, coco = films(12)
    (root / "broken.png").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)  # workers stand in another folder
    one = clean_folder("films", "one", markers=coco)
    two = clean_folder("films", "two", markers=coco, backend="dask", scheduler=cluster.scheduler_address)
    assert len(two.having("failed")) == 1
    assert contents(two.out) == contents(one.out)
    dry = clean_folder("films", "dry", markers=coco, backend="dask", scheduler=cluster.scheduler_address, dry_run=True)
    assert [row.status for row in dry.rows] == [row.status for row in one.rows]
    assert not Path("dry").exists()


def test_films_of_a_worker_that_is_killed_are_cleaned_once_by_others(
    films: Films, tmp_path: Path, cluster: Any
) -> None:
    root, coco = films(60)
    whole = contents(clean_folder(root, tmp_path / "whole", markers=coco).out)
    killed: list[int] = []
    lines: list[str] = []

    def kill(done: int, total: int) -> None:
        lines[:] = (tmp_path / "out" / "ledger.jsonl").read_text().splitlines()
        if done == 5:
            killed.append(next(iter(cluster.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)

    summary = clean_folder(
        root, tmp_path / "out", markers=coco, backend="dask", scheduler=cluster.scheduler_address, progress=kill
    )
    assert len(killed) == 1
    assert len(lines) == len(summary.rows) == 60
    assert not summary.having("failed")
    assert contents(summary.out) == whole


def test_what_workers_bring_up_is_told_and_known_errors_pass() -> None:
    def rows(error: Exception) -> Iterator[LedgerRow]:
        yield LedgerRow("a.png", "a.png", "copied")
        raise error

    with pytest.raises(
        WorkerError, match=r"^gave up \(RuntimeError: lost the connection\); start again later, to go on"
    ):
        list(_known(rows(RuntimeError("lost\nthe  connection")), "gave up", "later"))
    with pytest.raises(OutputError, match="disk full"):
        list(_known(rows(OutputError("disk full")), "gave up", "later"))


def kill_workers() -> None:
    for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        with suppress(OSError):  # it has ended
            if b"LokyProcess" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(int(child), signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
def test_a_run_goes_on_when_its_processes_are_killed(films: Films, tmp_path: Path) -> None:
    root, coco = films(60)
    whole = contents(clean_folder(root, tmp_path / "whole", markers=coco).out)
    done: list[int] = []

    def kill(number: int, total: int) -> None:
        done.append(number)
        if number in (5, 20):
            kill_workers()

    summary = clean_folder(root, tmp_path / "out", markers=coco, jobs=2, progress=kill)
    assert done == list(range(1, 61))
    assert contents(summary.out) == whole


@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
def test_a_process_that_is_killed_between_two_films_costs_none(films: Films, tmp_path: Path) -> None:
    root, _ = films(1)
    plan = Plan(root, tmp_path, CleanSettings(detector="rapidocr"), True, True, 10**8, 1, None, "m.json")
    task = Task("a/film 00.png", "a/film 00.png", MarkedImage(90, 120))
    for _ in range(5):
        assert _alone(plan, task).status == "masked"
        kill_workers()


@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
def test_a_film_that_costs_its_process_each_time_fails_and_the_others_are_cleaned(films: Films, tmp_path: Path) -> None:
    root, coco = films(60)
    whole = contents(clean_folder(root, tmp_path / "whole", markers=coco).out)
    out, enough = tmp_path / "out", threading.Event()

    def kill_all() -> None:
        while not enough.wait(0.01):
            kill_workers()

    killer = threading.Thread(target=kill_all)

    def progress(number: int, total: int) -> None:
        if number == 5:
            killer.start()
        if '"failed"' in (out / "ledger.jsonl").read_text():
            enough.set()

    try:
        failed = clean_folder(root, out, markers=coco, jobs=2, progress=progress).having("failed")
    finally:
        enough.set()
    assert 1 <= len(failed) < 30
    assert "its process was killed three times, perhaps for want of memory; leave it out" in failed[0].error
    again = clean_folder(root, out, markers=coco, jobs=2)
    assert again.resumed == 60 - len(failed)
    assert contents(out) == whole


def test_a_cluster_that_cannot_be_had_is_told_and_nothing_is_written(
    films: Films, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "WAIT_S", 1)
    distributed = pytest.importorskip("distributed")
    root, coco = films(2)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    before = contents(tmp_path)
    for scheduler, text in (
        (nobody, rf"^{nobody}: no Dask scheduler answers \(.*start one with `dask scheduler`"),
        ("nonsense://x", r"^nonsense://x: no Dask scheduler answers \("),
        (None, "no scheduler is named; give the address .* with --scheduler"),
    ):
        with pytest.raises(WorkerError, match=text):
            clean_folder(root, markers=coco, backend="dask", scheduler=scheduler)
    with (
        distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None, silence_logs=50) as empty,
        pytest.raises(WorkerError, match=r"this cluster has no worker; start some with `dask worker tcp://127"),
    ):
        clean_folder(root, markers=coco, backend="dask", scheduler=empty.scheduler_address)
    assert contents(tmp_path) == before


def test_backends_that_are_not_there_are_told(films: Films, monkeypatch: pytest.MonkeyPatch) -> None:
    root, coco = films(2)
    with pytest.raises(WorkerError, match=r"backend 'slurm' is unknown; use loky or dask"):
        clean_folder(root, markers=coco, backend="slurm")
    with pytest.raises(WorkerError, match=r"scheduler tcp://a:1: only a cluster has one; add --backend dask"):
        clean_folder(root, markers=coco, scheduler="tcp://a:1")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WorkerError, match=r"backend dask needs the extra: pip install 'fxkit\[cluster\]' \("):
        clean_folder(root, markers=coco, backend="dask", scheduler="tcp://a:1")


def test_a_worker_that_does_not_see_the_folders_says_so(films: Films, tmp_path: Path) -> None:
    root, _ = films(1)
    plan = Plan(root, tmp_path / "out", CleanSettings(), False, False, 10**6, 1, None, "films.json")
    with pytest.raises(OutputError, match=r"out: worker .* does not see this folder; a cluster's machines must share"):
        clean_on_worker(plan, Task("a/film 00.png", None, None))
    assert not plan.out.exists()


def test_each_thread_of_a_worker_builds_its_own_detector_once() -> None:
    barrier = threading.Barrier(2)

    def build(_: int) -> tuple[object, object]:
        barrier.wait()
        unread = CleanSettings(read_text=False)
        return _detector(unread, 1, None), _detector(unread, 1, None)

    with ThreadPoolExecutor(2) as threads:
        (first, again), (second, once_more) = threads.map(build, range(2))
    assert first is again
    assert second is once_more
    assert first is not second


def end_process(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_lost_processes_are_told() -> None:
    with (
        pytest.raises(
            WorkerError, match=r"^the processes gave up \(TerminatedWorkerError: .*\); start again, to go on"
        ),
        open_workers("loky", 2, None) as jobs,
    ):
        joblib.Parallel(n_jobs=jobs)(joblib.delayed(end_process)(n) for n in range(4))


def test_workers_do_the_work_and_a_lost_cluster_is_told(cluster: Any) -> None:
    distributed = pytest.importorskip("distributed")
    with open_workers("dask", 1, cluster.scheduler_address) as jobs:
        assert jobs == 2
        done = joblib.Parallel(n_jobs=jobs)(joblib.delayed(os.getpid)() for _ in range(20))
    assert set(done) <= {worker.pid for worker in cluster.workers.values()}
    with (
        pytest.raises(WorkerError, match=r"^the cluster gave up \(CommClosedError: in transit\); start again"),
        open_workers("dask", 1, cluster.scheduler_address),
    ):
        raise distributed.comm.CommClosedError("in  transit")


def test_errors_of_the_work_itself_pass() -> None:
    with pytest.raises(ValueError, match="mine"), open_workers("loky", 1, None):
        raise ValueError("mine")
    with (
        pytest.raises(WorkerError, match=r"backend 'slurm' is unknown; use loky or dask"),
        open_workers("slurm", 1, None),
    ):
        pass
