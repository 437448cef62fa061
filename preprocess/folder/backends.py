"""Spread the films of a run over processes of this machine, or over the workers of a Dask cluster.

A cluster's workers read the films and write the cleaned ones themselves: the folders must lie under the same paths
on all machines. The ledger is written here alone.
"""

import logging
import platform
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from preprocess.errors import KnownError, OutputError, WorkerError
from preprocess.folder.one_file import Plan, Task, clean_file
from preprocess.ledger import LedgerRow
from preprocess.settings import SETTINGS_FILE

BACKENDS = ("loky", "dask")

LOST = ("KilledWorker", "CommClosedError", "FutureCancelledError", "CancelledError")  # of a cluster, as Dask says

WAIT_S = 10  # for a scheduler to answer, then for its first worker


Run = Callable[[Plan, Iterable[Task]], Iterator[LedgerRow]]  # rows come as they are done, in any order


@contextmanager
def open_backend(backend: str, jobs: int, scheduler: str | None) -> Iterator[Run]:
    """Give the function that cleans the films of a run.

    Args:
        backend: loky (processes of this machine) or dask.
        jobs: processes; a cluster uses all its workers instead.
        scheduler: address of a cluster's scheduler, such as tcp://host:8786.
    Raises:
        WorkerError: the backend is unknown, its extra is missing, or there is no scheduler or worker.
    """
    with _cluster(backend, scheduler) as client:
        yield partial(_on_cluster, client) if client else partial(_here, jobs)


@contextmanager
def open_workers(backend: str, jobs: int, scheduler: str | None) -> Iterator[int]:
    """Let joblib's Parallel run here or on a cluster while this is open; give the number of processes to ask it for.

    Args:
        backend, jobs, scheduler: as of `open_backend`.
    Raises:
        WorkerError: as of `open_backend`, or processes or the cluster were lost.
    """
    with _cluster(backend, scheduler) as client:
        try:
            if client is None:
                yield jobs
            else:
                with joblib.parallel_config(backend="dask", client=client):
                    yield sum(client.nthreads().values())
        except Exception as error:
            if not isinstance(error, TerminatedWorkerError) and type(error).__name__ not in LOST:
                raise
            what = "the processes gave up" if client is None else "the cluster gave up"
            reason = " ".join(str(error).split())[:300]
            raise WorkerError(f"{what} ({type(error).__name__}: {reason}); start again, to go on") from error


@contextmanager
def _cluster(backend: str, scheduler: str | None) -> Iterator[Any]:
    """Give a cluster's client, or None where processes of this machine are to work."""
    if backend not in BACKENDS:
        raise WorkerError(f"backend {backend!r} is unknown; use {' or '.join(BACKENDS)}")
    if backend == "dask":
        with _client(scheduler) as client:
            yield client
    elif scheduler is not None:
        raise WorkerError(f"scheduler {scheduler}: only a cluster has one; add --backend dask")
    else:
        yield None


def _here(jobs: int, plan: Plan, tasks: Iterable[Task]) -> Iterator[LedgerRow]:
    if jobs == 1:
        return (clean_file(plan, task) for task in tasks)
    return _known(_outlive(jobs, plan, iter(tasks)), "the processes gave up", "with fewer --jobs")


def _outlive(jobs: int, plan: Plan, tasks: Iterator[Task]) -> Iterator[LedgerRow]:
    """Go on when a process is lost: the films that were under way are then cleaned one at a time."""
    under_way: dict[str, Task] = {}

    def taken() -> Iterator[Any]:
        for task in tasks:
            under_way[task.path] = task
            yield joblib.delayed(clean_file)(plan, task)

    lost = True
    while lost:
        lost = False
        try:
            for row in joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(taken()):
                del under_way[row.path]
                yield row
        except TerminatedWorkerError:
            lost = True
        while under_way:
            yield _alone(plan, under_way.popitem()[1])


def _alone(plan: Plan, task: Task) -> LedgerRow:
    """Clean one file in a process of its own, which it may cost.

    It has two tries: a process that is killed between two files is told of at the second.
    """
    for _ in range(2):
        with suppress(TerminatedWorkerError):
            # with n_jobs=1 it would be this process
            rows: list[LedgerRow] = joblib.Parallel(n_jobs=2)([joblib.delayed(clean_file)(plan, task)])
            return rows[0]
    reason = f"{task.path}: its process was killed three times, perhaps for want of memory; leave it out"
    return LedgerRow(task.path, "", "failed", error=reason)


def _on_cluster(client: Any, plan: Plan, tasks: Iterable[Task]) -> Iterator[LedgerRow]:
    models = plan.easyocr_models and str(Path(plan.easyocr_models).absolute())
    plan = replace(plan, root=plan.root.absolute(), out=plan.out.absolute(), threads=1, easyocr_models=models)
    with joblib.parallel_config(backend="dask", client=client):
        parallel = joblib.Parallel(return_as="generator_unordered")
        rows = parallel(joblib.delayed(clean_on_worker)(plan, task) for task in tasks)
    return _known(rows, "the cluster gave up", "when its workers have fxkit and memory enough")


def clean_on_worker(plan: Plan, task: Task) -> LedgerRow:
    """Clean one file on a machine that may not be the one that keeps the ledger.

    Raises:
        OutputError: this machine does not see the output folder.
    """
    if not plan.dry_run and not Path(plan.out, SETTINGS_FILE).exists():
        raise OutputError(
            f"{plan.out}: worker {platform.node()} does not see this folder; a cluster's machines must share the "
            "folders of films, under the same paths"
        )
    return clean_file(plan, task)


def _known(rows: Iterator[LedgerRow], what: str, then: str) -> Iterator[LedgerRow]:
    """What a film brings up is a row or a KnownError; all else comes of the workers."""
    try:
        yield from rows
    except KnownError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise WorkerError(f"{what} ({type(error).__name__}: {reason}); start again {then}, to go on") from error


@contextmanager
def _client(scheduler: str | None) -> Iterator[Any]:
    if scheduler is None:
        raise WorkerError("no scheduler is named; give the address of a Dask cluster's with --scheduler")
    try:
        from distributed import Client
    except ImportError as error:
        raise WorkerError(f"backend dask needs the extra: pip install 'fxkit[cluster]' ({error})") from error
    for name in ("distributed.client", "distributed.utils"):  # they log with tracebacks what is raised here anyway
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler, timeout=WAIT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise WorkerError(
            f"{scheduler}: no Dask scheduler answers ({error}); start one with `dask scheduler` and give its address, "
            "such as tcp://host:8786"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=WAIT_S)
        except TimeoutError as error:
            raise WorkerError(
                f"{scheduler}: this cluster has no worker; start some with `dask worker {scheduler} --nthreads 1`"
            ) from error
        yield client
