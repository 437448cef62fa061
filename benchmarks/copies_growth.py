"""How time and memory of copy finding grow with files, each size in a process of its own.

    python benchmarks/hard_copies.py ../shared/data/fracatlas_hand /tmp/hard --copies 13
    python benchmarks/copies_growth.py --truth /tmp/hard/truth.csv --files 1000 --files 5000 --files 20000
    python benchmarks/copies_growth.py --made 10000 --made 30000 --made 100000

`--made` counts made features that go through the candidates alone: nine files a film, which share 40 % of their 250
points but for noise. What 1,000,000 files would take is told from the largest two sizes, as time = a files^b.
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

FILES_A_FILM, SHARED, NOISE = 9, 0.4, 10.0  # of made features
PAPER = 1_000_000  # files told from measured ones


def made_descriptors(count: int) -> Iterator[NDArray[np.uint8]]:
    """Yield (POINTS, 128) descriptors of made files, those of one film apart."""
    films = math.ceil(count / FILES_A_FILM)
    for number in range(count):
        film, copy = number % films, number // films
        shared = _drawn(np.random.default_rng((film, 0)))
        own = _drawn(np.random.default_rng((film, 1 + copy)))
        rng = np.random.default_rng((film, 1 + copy, 1))
        kept = rng.random(POINTS) < SHARED
        noisy = np.where(kept[:, None], shared + rng.normal(0, NOISE, shared.shape), own)
        yield np.clip(noisy, 0, 255).astype(np.uint8)


def _drawn(rng: np.random.Generator) -> NDArray[np.float64]:
    bins = rng.gamma(0.6, size=(POINTS, 128))
    return np.asarray(255 * np.sqrt(bins / bins.sum(1, keepdims=True)))


def find_made(count: int) -> str:
    films = math.ceil(count / FILES_A_FILM)
    found = find_candidates(made_descriptors(count), threads=2)
    right = sum(low % films == high % films for low, high, _ in found)
    return f"{len(found)} candidates, {right / count:.1f} right ones a file"


def find_real(truth: Truth) -> str:
    with scrambled(truth) as folder, open_store(folder / "cache") as store:
        start = time.perf_counter()
        hashes = [reading.sha256 for reading in read_files(store, folder, truth.names, MAX_PIXELS, 2)]
        read_s = time.perf_counter() - start
        groups = find_copies(store, hashes, jobs=2).groups
    return f"reading {read_s:.0f} s, {len(set(groups.values()))} groups"


def measured(work: Callable[[], str], told: "multiprocessing.Queue[tuple[float, float, float, str]]") -> None:
    start = time.perf_counter()
    what = work()
    get_reusable_executor().shutdown()  # joblib's workers are counted once they have ended
    own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    processor_s = sum(use.ru_utime + use.ru_stime for use in (own, workers))
    told.put((time.perf_counter() - start, processor_s, own.ru_maxrss / 1e6, what))


def in_a_process(work: Callable[[], str]) -> tuple[float, float, float, str]:
    """Return wall and processor time in seconds, peak memory in GB, and what the work says of itself."""
    context = multiprocessing.get_context("fork")  # nothing big is held here
    told = context.Queue()
    process = context.Process(target=measured, args=(work, told))
    process.start()
    row = told.get()
    process.join()
    return row


@click.command()
@click.option("--truth", type=click.Path(path_type=Path, exists=True), help="CSV of files, as hard_copies.py writes.")
@click.option("--files", type=int, multiple=True, help="How many of its files.")
@click.option("--made", type=int, multiple=True, help="How many made ones.")
def main(truth: Path | None, files: tuple[int, ...], made: tuple[int, ...]) -> None:
    print("| files | time | processor | peak memory | |\n|---|---|---|---|---|")
    rows = []
    known = read_truth(truth, "film", "", None, "all") if truth else Truth((), (), ())
    work: list[tuple[int, Callable[[], str]]] = [
        (count, lambda count=count: find_real(Truth(known.paths[:count], known.films[:count], known.patients[:count])))
        for count in files
    ]
    work += [(count, lambda count=count: find_made(count)) for count in made]
    for count, find in work:
        wall_s, processor_s, peak_gb, what = in_a_process(find)
        rows.append((count, processor_s, peak_gb))
        print(f"| {count} | {wall_s:.0f} s | {processor_s:.0f} s | {peak_gb:.2f} GB | {what} |", flush=True)
    if len(rows) > 1:
        (fewer, short_s, low_gb), (more, long_s, high_gb) = rows[-2:]
        power = math.log(long_s / short_s) / math.log(more / fewer)
        paper_s = long_s * (PAPER / more) ** power
        paper_gb = high_gb + (high_gb - low_gb) / (more - fewer) * (PAPER - more)
        print(f"time grows as files^{power:.2f}; {PAPER} files: {paper_s / 3600:.1f} h of processor, {paper_gb:.0f} GB")


if __name__ == "__main__":
    main()
