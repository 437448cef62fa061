"""Measure memory and time per file when cleaning a folder with very many films.

    python benchmarks/folder_memory.py --files 100000 --jobs 2
    python benchmarks/folder_memory.py --files 100000 --cluster tcp://host:8786

The folder has hard links to a few small synthetic films, two of three with a known marker, so that the films themselves
take little time. A row is printed for each tenth of the run: the resident memory of the main process and of the largest
worker, and the time per file. Then follow the peak and the main process's growth per file, and the same for a second
run, which finds all films done.
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
FOLDER = 1000  # films per folder


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
    parser.add_argument("--place", type=Path, help="folder for the films; default: the system's temporary folder")
    return parser.parse_args()


def make(root: Path, files: int) -> list[str]:
    """Make a folder of hard links: one synthetic film per subfolder, linked under all names."""
    names = [f"{number // FOLDER:04}/{number:07}.png" for number in range(files)]
    for number, name in enumerate(names):
        first = root / names[number // FOLDER * FOLDER]  # file systems limit the number of links to one file
        if first == root / name:
            pixels = np.random.default_rng(number).normal(90, 6, (SIDE_PX, SIDE_PX))
            write_image(first, np.clip(pixels, 0, 255).astype(np.uint8))
        else:
            os.link(first, root / name)
    return names


def measure(root: Path, coco: Path, options: argparse.Namespace) -> None:
    files, backend = options.files, "dask" if options.cluster else "loky"
    start, step, rows = time.perf_counter(), max(1, files // 10), [(0, time.perf_counter(), memory_mb())]

    def progress(done: int, total: int) -> None:
        if done % step == 0:
            before, then, _ = rows[-1]
            rows.append((done, time.perf_counter(), memory_mb()))
            per_file_s = (rows[-1][1] - then) / max(1, done - before)
            print(
                f"  {done:>8} files: {rows[-1][2]:.0f} MB, worker {workers_mb():.0f} MB, {per_file_s * 1e3:.2f} ms/file"
            )

    folder_options = FolderOptions(markers=coco, jobs=options.jobs, backend=backend, scheduler=options.cluster)
    summary = clean_folder(root, options=folder_options, progress=progress)
    spent, peak = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  {len(summary.rows)} rows, {summary.resumed} done before, {spent:.0f} s ({tail_s(rows):.0f} s at the end)")
    print(f"  peak {peak:.0f} MB, {(peak - rows[0][2]) * 1e6 / files:.0f} bytes per file more than at the start")


def tail_s(rows: list[tuple[int, float, float]]) -> float:
    """Return the seconds since the last film, spent on sorting, markers.json and the review."""
    return time.perf_counter() - rows[-1][1]


def memory_mb(process: int | str = "self") -> float:
    """Return the resident memory of a process in MB."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0  # the process has ended
    return next((int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmRSS")), 0.0)


def workers_mb() -> float:
    """Return the resident memory of the largest child process in MB."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return max(map(memory_mb, children), default=0.0)


if __name__ == "__main__":
    main()
