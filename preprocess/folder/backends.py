"""Run the films of a cleaning run in processes of this machine, or on the workers of a Dask cluster.

The workers of a cluster read the films and write the cleaned ones themselves, so all machines must see the folders
under the same paths. Only the main process writes the ledger.
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
from preprocess.folder.one_file import CleaningPlan, FileTask, clean_file
from preprocess.ledger import LedgerRow
from preprocess.settings import SETTINGS_FILE
from preprocess.workers import run_tasks

BACKENDS = ("loky", "dask")

LOST_CLUSTER_ERRORS = ("KilledWorker", "CommClosedError", "FutureCancelledError", "CancelledError")  # names in Dask

CONNECT_TIMEOUT_S = 10  # for the scheduler to answer, and again for its first worker

CleanFiles = Callable[[CleaningPlan, Iterable[FileTask]], Iterator[LedgerRow]]  # rows come in order of completion


@contextmanager
def open_backend(backend: str, jobs: int, scheduler: str | None) -> Iterator[CleanFiles]:
    """Yield the function that cleans the files of a run on this backend.

    Args:
        backend: `loky` (processes of this machine) or `dask`.
        jobs: number of processes. A cluster uses all its workers instead.
        scheduler: address of the cluster's scheduler, such as tcp://host:8786.
    Raises:
        WorkerError: the backend is unknown, its optional dependency is not installed, or no scheduler or worker
            answers.
    """
    with _open_cluster(backend, scheduler) as client:
        yield partial(_run_on_cluster, client) if client else partial(_run_locally, jobs)


@contextmanager
def open_workers(backend: str, jobs: int, scheduler: str | None) -> Iterator[int]:
    """Let joblib's Parallel run here or on a cluster inside the block; yield the number of processes to request.

    Args:
        backend, jobs, scheduler: see `open_backend`.
    Raises:
        WorkerError: see `open_backend`; or the processes or the cluster were lost.
    """
    with _open_cluster(backend, scheduler) as client:
        try:
            if client is None:
                yield jobs
            else:
                with joblib.parallel_config(backend="dask", client=client):
                    yield sum(client.nthreads().values())
        except Exception as error:
            if not isinstance(error, TerminatedWorkerError) and type(error).__name__ not in LOST_CLUSTER_ERRORS:
                raise
            workers = "the worker processes" if client is None else "the Dask cluster"
            raise WorkerError(f"{workers} failed ({_name_error(error)}); run the command again to continue") from error


@contextmanager
def _open_cluster(backend: str, scheduler: str | None) -> Iterator[Any]:
    """Yield the client of the cluster, or None if processes of this machine do the work."""
    if backend not in BACKENDS:
        raise WorkerError(f"backend {backend!r} is unknown; use {' or '.join(BACKENDS)}")
    if backend == "dask":
        with _connect(scheduler) as client:
            yield client
    elif scheduler is not None:
        raise WorkerError(f"scheduler {scheduler}: only the backend dask uses a scheduler; add --backend dask")
    else:
        yield None


def _run_locally(jobs: int, plan: CleaningPlan, tasks: Iterable[FileTask]) -> Iterator[LedgerRow]:
    if jobs == 1:
        return (clean_file(plan, task) for task in tasks)
    rows = _run_in_processes(jobs, plan, iter(tasks))
    return _report_worker_errors(rows, "the worker processes", "with fewer --jobs")


def _run_in_processes(jobs: int, plan: CleaningPlan, tasks: Iterator[FileTask]) -> Iterator[LedgerRow]:
    """Clean the files in parallel; if a process is lost, clean the files in progress one at a time, then go on."""
    in_progress: dict[str, FileTask] = {}

    def submit() -> Iterator[Any]:
        for task in tasks:
            in_progress[task.path] = task
            yield joblib.delayed(clean_file)(plan, task)

    lost = True
    while lost:
        lost = False
        try:
            for row in run_tasks(jobs, submit(), ordered=False):
                del in_progress[row.path]
                yield row
        except TerminatedWorkerError:
            lost = True
        while in_progress:
            yield _clean_in_own_process(plan, in_progress.popitem()[1])


def _clean_in_own_process(plan: CleaningPlan, task: FileTask) -> LedgerRow:
    """Clean one file in a separate process, which may be killed.

    There are two attempts: if a process was killed between two files, only the next attempt raises the error.
    """
    for _ in range(2):
        with suppress(TerminatedWorkerError):
            # n_jobs=1 would run in this process
            rows: list[LedgerRow] = list(run_tasks(2, [joblib.delayed(clean_file)(plan, task)]))
            return rows[0]
    reason = f"{task.path}: its worker process was killed three times, perhaps out of memory; leave this file out"
    return LedgerRow(task.path, "", "failed", error=reason)


def _run_on_cluster(client: Any, plan: CleaningPlan, tasks: Iterable[FileTask]) -> Iterator[LedgerRow]:
    models = plan.easyocr_models and str(Path(plan.easyocr_models).absolute())
    plan = replace(plan, root=plan.root.absolute(), out=plan.out.absolute(), threads=1, easyocr_models=models)
    with joblib.parallel_config(backend="dask", client=client):
        parallel = joblib.Parallel(return_as="generator_unordered")
        rows = parallel(joblib.delayed(clean_on_worker)(plan, task) for task in tasks)
    return _report_worker_errors(rows, "the Dask cluster", "once its workers have fxkit and enough memory")


def clean_on_worker(plan: CleaningPlan, task: FileTask) -> LedgerRow:
    """Clean one file on a machine of a cluster.

    Raises:
        OutputError: this machine does not see the output folder.
    """
    if not plan.dry_run and not Path(plan.out, SETTINGS_FILE).exists():
        raise OutputError(
            f"{plan.out}: worker {platform.node()} does not see this folder; share the folders of films between the "
            "machines of the cluster, under the same paths"
        )
    return clean_file(plan, task)


def _report_worker_errors(rows: Iterator[LedgerRow], workers: str, advice: str) -> Iterator[LedgerRow]:
    """Yield the rows, and raise WorkerError for any unknown error, because a bad film never causes one."""
    try:
        yield from rows
    except KnownError:
        raise
    except Exception as error:
        raise WorkerError(
            f"{workers} failed ({_name_error(error)}); run the command again {advice} to continue"
        ) from error


def _name_error(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


@contextmanager
def _connect(scheduler: str | None) -> Iterator[Any]:
    if scheduler is None:
        raise WorkerError("backend dask needs a scheduler; give the address of the Dask scheduler with --scheduler")
    try:
        from distributed import Client
    except ImportError as error:
        raise WorkerError(f"backend dask needs the extra: pip install 'fxkit[cluster]' ({error})") from error
    for name in ("distributed.client", "distributed.utils"):  # they would log a traceback of the errors raised here
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise WorkerError(
            f"{scheduler}: no Dask scheduler answers ({error}); start one with `dask scheduler` and give its address, "
            "such as tcp://host:8786"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECT_TIMEOUT_S)
        except TimeoutError as error:
            raise WorkerError(
                f"{scheduler}: this cluster has no worker; start workers with `dask worker {scheduler} --nthreads 1`"
            ) from error
        yield client
