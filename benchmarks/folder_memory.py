"""Measure memory and time per file of a run over a folder of very many films.

    python benchmarks/folder_memory.py --files 100000 --jobs 2
    python benchmarks/folder_memory.py --files 100000 --cluster tcp://host:8786

The folder holds hard links to a few small made films, every third with a given marker, so that little time goes into
the films themselves. A row is printed for each tenth of the run: the resident memory of the main process and of the
largest worker, and the time per file; then the peak, the main process's growth per file, and the same for a second run,
which finds everything done.
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from preprocess.coco import write_coco
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.images import write_image
from preprocess.markers import MarkedImage, Marker, box_quad

SIDE_PX = 32
MARKED = MarkedImage(SIDE_PX, SIDE_PX, (Marker(box_quad(4, 4, 12, 12), "R", 0.9),))
FOLDER = 1000  # films a folder


def main() -> None:
    options = parse()
    with tempfile.TemporaryDirectory(dir=options.place) as place:
        root, coco = Path(place, "films"), Path(place, "markers.json")
        names = make(root, options.files)
        write_coco(coco, {name: MARKED if n % 3 else MarkedImage(SIDE_PX, SIDE_PX) for n, name in enumerate(names)})
        del names
        for title in ("first run", "second run"):
            print(f"{title}: main process before {memory_mb():.0f} MB")
            measure(root, coco, options)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cluster", metavar="ADDRESS", help="scheduler of a Dask cluster that shares --place")
    parser.add_argument("--place", type=Path, help="folder to work in, if not the system's for temporary files")
    return parser.parse_args()


def make(root: Path, files: int) -> list[str]:
    """Link the films of a folder to a few made ones."""
    names = [f"{number // FOLDER:04}/{number:07}.png" for number in range(files)]
    for number, name in enumerate(names):
        first = root / names[number // FOLDER * FOLDER]  # a file system limits the links to one file
        if first == root / name:
            pixels = np.random.default_rng(number).normal(90, 6, (SIDE_PX, SIDE_PX))
            write_image(first, np.clip(pixels, 0, 255).astype(np.uint8))
        else:
            os.link(first, root / name)
    return names


def measure(root: Path, coco: Path, options: argparse.Namespace) -> None:
    files, backend = options.files, "dask" if options.cluster else "loky"
    start, step, seen = time.perf_counter(), max(1, files // 10), [(0, time.perf_counter(), memory_mb())]

    def progress(done: int, total: int) -> None:
        if done % step == 0:
            before, then, _ = seen[-1]
            seen.append((done, time.perf_counter(), memory_mb()))
            each = (seen[-1][1] - then) / max(1, done - before)
            print(
                f"  {done:>8} files: {seen[-1][2]:5.0f} MB, workers {workers_mb():5.0f} MB, {each * 1e3:6.2f} ms a file"
            )

    folder_options = FolderOptions(markers=coco, jobs=options.jobs, backend=backend, scheduler=options.cluster)
    summary = clean_folder(root, options=folder_options, progress=progress)
    spent, peak = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"  {len(summary.rows)} rows, {summary.resumed} done before, {spent:.0f} s, of which the end {tail(seen):.0f} s"
    )
    print(f"  peak {peak:.0f} MB, that is {(peak - seen[0][2]) * 1e6 / files:.0f} bytes a file over the start")


def tail(seen: list[tuple[int, float, float]]) -> float:
    """Seconds since the last file: sorting, markers.json and the review."""
    return time.perf_counter() - seen[-1][1]


def memory_mb(process: int | str = "self") -> float:
    """Resident memory of a process, MB."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0  # it has ended
    return next((int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmRSS")), 0.0)


def workers_mb() -> float:
    """Resident memory of the largest child process, MB."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return max(map(memory_mb, children), default=0.0)


if __name__ == "__main__":
    main()
