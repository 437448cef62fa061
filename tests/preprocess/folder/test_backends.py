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
from preprocess.folder.backends import _clean_in_own_process, _report_worker_errors, clean_on_worker, open_workers
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.folder.one_file import CleaningPlan, FileTask, _detector
from preprocess.ledger import LedgerRow
from preprocess.markers import MarkedImage
from preprocess.settings import CleanSettings

from ..conftest import contents

Films = Callable[..., tuple[Path, Path]]


def test_a_cluster_writes_the_same_bytes(films: Films, tmp_path: Path, cluster: Any, monkeypatch: Any) -> None:
    root, coco = films(12)
    (root / "broken.png").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)  # the workers have another working folder
    one = clean_folder("films", "one", FolderOptions(markers=coco))
    two = clean_folder("films", "two", FolderOptions(markers=coco, backend="dask", scheduler=cluster.scheduler_address))
    assert len(two.with_status("failed")) == 1
    assert contents(two.out) == contents(one.out)
    dry = clean_folder(
        "films", "dry", FolderOptions(markers=coco, backend="dask", scheduler=cluster.scheduler_address, dry_run=True)
    )
    assert [row.status for row in dry.rows] == [row.status for row in one.rows]
    assert not Path("dry").exists()


def test_the_films_of_a_killed_worker_are_cleaned_once_by_the_others(
    films: Films, tmp_path: Path, cluster: Any
) -> None:
    root, coco = films(60)
    whole = contents(clean_folder(root, tmp_path / "whole", FolderOptions(markers=coco)).out)
    killed: list[int] = []
    lines: list[str] = []

    def kill(done: int, total: int) -> None:
        lines[:] = (tmp_path / "out" / "ledger.jsonl").read_text().splitlines()
        if done == 5:
            killed.append(next(iter(cluster.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)

    summary = clean_folder(
        root,
        tmp_path / "out",
        FolderOptions(markers=coco, backend="dask", scheduler=cluster.scheduler_address),
        progress=kill,
    )
    assert len(killed) == 1
    assert len(lines) == len(summary.rows) == 60
    assert not summary.with_status("failed")
    assert contents(summary.out) == whole


def test_unknown_errors_become_worker_errors_and_known_errors_pass() -> None:
    def rows(error: Exception) -> Iterator[LedgerRow]:
        yield LedgerRow("a.png", "a.png", "copied")
        raise error

    with pytest.raises(
        WorkerError,
        match=r"^workers failed \(RuntimeError: lost the connection\); run the command again later to continue",
    ):
        list(_report_worker_errors(rows(RuntimeError("lost\nthe  connection")), "workers", "later"))
    with pytest.raises(OutputError, match="disk full"):
        list(_report_worker_errors(rows(OutputError("disk full")), "workers", "later"))


def kill_workers() -> None:
    for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        with suppress(OSError):  # the process has ended
            if b"LokyProcess" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(int(child), signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the process list from /proc")
def test_a_run_continues_when_its_processes_are_killed(films: Films, tmp_path: Path) -> None:
    root, coco = films(60)
    whole = contents(clean_folder(root, tmp_path / "whole", FolderOptions(markers=coco)).out)
    done: list[int] = []

    def kill(number: int, total: int) -> None:
        done.append(number)
        if number in (5, 20):
            kill_workers()

    summary = clean_folder(root, tmp_path / "out", FolderOptions(markers=coco, jobs=2), progress=kill)
    assert done == list(range(1, 61))
    assert contents(summary.out) == whole


@pytest.mark.skipif(sys.platform != "linux", reason="reads the process list from /proc")
def test_no_film_is_lost_when_a_process_is_killed_between_two_films(films: Films, tmp_path: Path) -> None:
    root, _ = films(1)
    plan = CleaningPlan(root, tmp_path, CleanSettings(detector="rapidocr"), True, True, 10**8, 1, None, "m.json")
    task = FileTask("a/film 00.png", "a/film 00.png", MarkedImage(90, 120))
    for _ in range(5):
        assert _clean_in_own_process(plan, task).status == "masked"
        kill_workers()


@pytest.mark.skipif(sys.platform != "linux", reason="reads the process list from /proc")
def test_a_film_whose_process_is_always_killed_fails_and_the_others_are_cleaned(films: Films, tmp_path: Path) -> None:
    root, coco = films(60)
    whole = contents(clean_folder(root, tmp_path / "whole", FolderOptions(markers=coco)).out)
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
        failed = clean_folder(root, out, FolderOptions(markers=coco, jobs=2), progress=progress).with_status("failed")
    finally:
        enough.set()
    assert 1 <= len(failed) < 30
    assert "its worker process was killed three times, perhaps out of memory; leave this file out" in failed[0].error
    again = clean_folder(root, out, FolderOptions(markers=coco, jobs=2))
    assert again.resumed == 60 - len(failed)
    assert contents(out) == whole


def test_an_unreachable_cluster_is_reported_and_nothing_is_written(
    films: Films, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "CONNECT_TIMEOUT_S", 1)
    distributed = pytest.importorskip("distributed")
    root, coco = films(2)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    before = contents(tmp_path)
    for scheduler, text in (
        (nobody, rf"^{nobody}: no Dask scheduler answers \(.*start one with `dask scheduler`"),
        ("nonsense://x", r"^nonsense://x: no Dask scheduler answers \("),
        (None, "backend dask needs a scheduler; give the address .* with --scheduler"),
    ):
        with pytest.raises(WorkerError, match=text):
            clean_folder(root, options=FolderOptions(markers=coco, backend="dask", scheduler=scheduler))
    with (
        distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None, silence_logs=50) as empty,
        pytest.raises(WorkerError, match=r"this cluster has no worker; start workers with `dask worker tcp://127"),
    ):
        clean_folder(root, options=FolderOptions(markers=coco, backend="dask", scheduler=empty.scheduler_address))
    assert contents(tmp_path) == before


def test_an_unknown_or_missing_backend_is_refused(films: Films, monkeypatch: pytest.MonkeyPatch) -> None:
    root, coco = films(2)
    with pytest.raises(WorkerError, match=r"backend 'slurm' is unknown; use loky or dask"):
        clean_folder(root, options=FolderOptions(markers=coco, backend="slurm"))
    with pytest.raises(
        WorkerError, match=r"scheduler tcp://a:1: only the backend dask uses a scheduler; add --backend dask"
    ):
        clean_folder(root, options=FolderOptions(markers=coco, scheduler="tcp://a:1"))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WorkerError, match=r"backend dask needs the extra: pip install 'fxkit\[cluster\]' \("):
        clean_folder(root, options=FolderOptions(markers=coco, backend="dask", scheduler="tcp://a:1"))


def test_a_worker_that_does_not_see_the_output_folder_raises(films: Films, tmp_path: Path) -> None:
    root, _ = films(1)
    plan = CleaningPlan(root, tmp_path / "out", CleanSettings(), False, False, 10**6, 1, None, "films.json")
    with pytest.raises(
        OutputError, match=r"out: worker .* does not see this folder; share the folders of films between"
    ):
        clean_on_worker(plan, FileTask("a/film 00.png", None, None))
    assert not plan.out.exists()


def test_each_thread_of_a_worker_builds_its_own_detector_once() -> None:
    barrier = threading.Barrier(2)

    def build(_: int) -> tuple[object, object]:
        barrier.wait()
        without_text = CleanSettings(read_text=False)
        return _detector(without_text, 1, None), _detector(without_text, 1, None)

    with ThreadPoolExecutor(2) as threads:
        (first, again), (second, once_more) = threads.map(build, range(2))
    assert first is again
    assert second is once_more
    assert first is not second


def end_process(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_lost_processes_raise_a_worker_error() -> None:
    with (
        pytest.raises(
            WorkerError,
            match=r"^the worker processes failed \(TerminatedWorkerError: .*\); run the command again to continue",
        ),
        open_workers("loky", 2, None) as jobs,
    ):
        joblib.Parallel(n_jobs=jobs)(joblib.delayed(end_process)(n) for n in range(4))


def test_the_workers_of_a_cluster_run_the_jobs_and_a_lost_cluster_is_reported(cluster: Any) -> None:
    distributed = pytest.importorskip("distributed")
    with open_workers("dask", 1, cluster.scheduler_address) as jobs:
        assert jobs == 2
        done = joblib.Parallel(n_jobs=jobs)(joblib.delayed(os.getpid)() for _ in range(20))
    assert set(done) <= {worker.pid for worker in cluster.workers.values()}
    with (
        pytest.raises(
            WorkerError, match=r"^the Dask cluster failed \(CommClosedError: in transit\); run the command again"
        ),
        open_workers("dask", 1, cluster.scheduler_address),
    ):
        raise distributed.comm.CommClosedError("in  transit")


def test_errors_of_the_jobs_themselves_pass() -> None:
    with pytest.raises(ValueError, match="mine"), open_workers("loky", 1, None):
        raise ValueError("mine")
    with (
        pytest.raises(WorkerError, match=r"backend 'slurm' is unknown; use loky or dask"),
        open_workers("slurm", 1, None),
    ):
        pass
