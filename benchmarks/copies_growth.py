"""Measure how time and memory of the search for copies grow with the number of files.

    python benchmarks/hard_copies.py ../shared/data/fracatlas_hand /tmp/hard --copies 13
    python benchmarks/copies_growth.py --truth /tmp/hard/truth.csv --files 1000 --files 5000 --files 20000
    python benchmarks/copies_growth.py --made 10000 --made 30000 --made 100000

Each size runs in a new process. `--made` measures only the search for candidates, on that many synthetic files: nine
files per film, which share 40 % of their 250 points apart from noise. The cost of 1,000,000 files is extrapolated from
the two largest sizes, as time = a files^b.
"""

import math
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
from copies import Truth, read_truth, scrambled
from joblib.externals.loky import get_reusable_executor
from numpy.typing import NDArray

from fxkit.index.cache import open_store
from fxkit.index.copies.candidates import find_candidates
from fxkit.index.copies.features import POINTS
from fxkit.index.find_copies import find_copies
from fxkit.index.read_files import read_files
from preprocess.image_files import MAX_PIXELS

FILES_PER_FILM, SHARED, NOISE = 9, 0.4, 10.0  # of synthetic features
EXTRAPOLATED = 1_000_000  # files


def made_descriptors(count: int) -> Iterator[NDArray[np.uint8]]:
    """Yield (POINTS, 128) descriptors of synthetic files; files of one film are far apart."""
    films = math.ceil(count / FILES_PER_FILM)
    for number in range(count):
        film, copy = number % films, number // films
        shared = _random_descriptors(np.random.default_rng((film, 0)))
        unshared = _random_descriptors(np.random.default_rng((film, 1 + copy)))
        rng = np.random.default_rng((film, 1 + copy, 1))
        kept = rng.random(POINTS) < SHARED
        noisy = np.where(kept[:, None], shared + rng.normal(0, NOISE, shared.shape), unshared)
        yield np.clip(noisy, 0, 255).astype(np.uint8)


def _random_descriptors(rng: np.random.Generator) -> NDArray[np.float64]:
    bins = rng.gamma(0.6, size=(POINTS, 128))
    return np.asarray(255 * np.sqrt(bins / bins.sum(1, keepdims=True)))


def find_made(count: int) -> str:
    films = math.ceil(count / FILES_PER_FILM)
    pairs = find_candidates(made_descriptors(count), threads=2)
    right = sum(low % films == high % films for low, high, _ in pairs)
    return f"{len(pairs)} candidates, {right / count:.1f} correct ones per file"


def find_real(truth: Truth) -> str:
    with scrambled(truth) as folder, open_store(folder / "cache") as store:
        start = time.perf_counter()
        hashes = [reading.sha256 for reading in read_files(store, folder, truth.names, MAX_PIXELS, 2)]
        read_s = time.perf_counter() - start
        groups = find_copies(store, hashes, jobs=2).groups
    return f"reading {read_s:.0f} s, {len(set(groups.values()))} groups"


def measure(work: Callable[[], str], results: "multiprocessing.Queue[tuple[float, float, float, str]]") -> None:
    """Run work and put its time, CPU time, peak memory and summary into the queue."""
    start = time.perf_counter()
    summary = work()
    get_reusable_executor().shutdown()  # the resources of joblib's workers are only counted after they end
    main, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    processor_s = sum(use.ru_utime + use.ru_stime for use in (main, workers))
    results.put((time.perf_counter() - start, processor_s, main.ru_maxrss / 1e6, summary))


def in_a_process(work: Callable[[], str]) -> tuple[float, float, float, str]:
    """Return wall time and CPU time in seconds, peak memory in GB, and the summary of the work."""
    context = multiprocessing.get_context("fork")  # this process holds no large data
    results = context.Queue()
    process = context.Process(target=measure, args=(work, results))
    process.start()
    row = results.get()
    process.join()
    return row


@click.command()
@click.option("--truth", type=click.Path(path_type=Path, exists=True), help="CSV of files, written by hard_copies.py.")
@click.option("--files", type=int, multiple=True, help="Number of these files to use.")
@click.option("--made", type=int, multiple=True, help="Number of synthetic files.")
def main(truth: Path | None, files: tuple[int, ...], made: tuple[int, ...]) -> None:
    print("| files | time | CPU time | peak memory | result |\n|---|---|---|---|---|")
    rows = []
    known = read_truth(truth, "film", "", None, "all") if truth else Truth((), (), ())
    work: list[tuple[int, Callable[[], str]]] = [
        (count, lambda count=count: find_real(Truth(known.paths[:count], known.films[:count], known.patients[:count])))
        for count in files
    ]
    work += [(count, lambda count=count: find_made(count)) for count in made]
    for count, find in work:
        wall_s, processor_s, peak_gb, summary = in_a_process(find)
        rows.append((count, processor_s, peak_gb))
        print(f"| {count} | {wall_s:.0f} s | {processor_s:.0f} s | {peak_gb:.2f} GB | {summary} |", flush=True)
    if len(rows) > 1:
        (fewer, short_s, low_gb), (more, long_s, high_gb) = rows[-2:]
        power = math.log(long_s / short_s) / math.log(more / fewer)
        total_s = long_s * (EXTRAPOLATED / more) ** power
        total_gb = high_gb + (high_gb - low_gb) / (more - fewer) * (EXTRAPOLATED - more)
        print(f"time grows as files^{power:.2f}; {EXTRAPOLATED} files: {total_s / 3600:.1f} h CPU, {total_gb:.0f} GB")


if __name__ == "__main__":
    main()
