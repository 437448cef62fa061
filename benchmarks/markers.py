"""Compare detectors of markers: what is erased, what else is changed, speed and memory.

    python benchmarks/markers.py ../shared
    python benchmarks/markers.py ../shared --detectors rapidocr --originals 60 --copies 0 --marked 0 --unmarked 0

Films: forearm originals and their 224 px copies (SHARED/data/forearm with its markers_*.json), FracAtlas hand films
with markers (fracatlas_marked.json), and FracAtlas films without markers (fracatlas_unmarked.txt), for which the share
of changed films counts. SHARED/bench/score_markers.py scores the masks, and with --cleaned also the cleaned films.
Samples are drawn with a fixed seed.

Speed is measured from decoding to the written cleaned film, with --jobs processes of one thread and models loaded
before (Tesseract loads its model at each call). "CPU s" is the CPU time per film, which other work on the machine
changes less. "peak MB" is the resident memory of the largest process. Tesseract is the comparison: see
benchmarks/tesseract.py.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import tesseract
from joblib.externals.loky import get_reusable_executor
from tesseract import Cost

from preprocess.errors import ImageError
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.images import read_image
from preprocess.listing import find_image
from preprocess.settings import CleanSettings, read_settings, settings_from

HERE = Path(__file__).parent
COLUMNS = ("films", "remover", "erased", "all clean", "collateral", "p95", "changed", "films/s", "CPU s", "peak MB")
WARM = 8  # films processed first, so that all processes load their models

Remover = Callable[[Path, Sequence[str], Path, bool], Cost]  # root, paths, out, masks_only


@dataclass(frozen=True)
class Films:
    """Films of one kind. `truth` is the input of the scoring script; None for films without markers."""

    name: str
    root: Path
    paths: tuple[str, ...]
    truth: list[dict] | None = None


def main() -> None:
    options = parse()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
        styles = []
        for films in film_sets(options):
            for name, remover in removers(options):
                styles += measure(films, name, remover, folder / films.name / name, options)
                get_reusable_executor().shutdown()  # so that the next remover's memory is measured alone
        print("\nErased, by style:", *styles, sep="\n")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument(
        "--detectors", default="markernet,rapidocr,tesseract", help="fxkit's detectors and tesseract, comma-separated"
    )
    parser.add_argument("--config", type=Path, help="YAML file of cleaning settings")
    parser.add_argument("--originals", type=int, default=123, metavar="N")
    parser.add_argument("--copies", type=int, default=492, metavar="N")
    parser.add_argument("--marked", type=int, default=200, metavar="N", help="FracAtlas films with markers")
    parser.add_argument("--unmarked", type=int, default=300, metavar="N", help="FracAtlas films without markers")
    parser.add_argument("--fracatlas-marked", type=Path, default=HERE / "fracatlas_marked.json")
    parser.add_argument("--fracatlas-unmarked", type=Path, default=HERE / "fracatlas_unmarked.txt")
    parser.add_argument(
        "--more", type=Path, action="append", default=[], help="JSON file with true markers, in the folder of its films"
    )
    parser.add_argument("--timed", type=int, default=60, metavar="N", help="films of each kind for the timing")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--cleaned", action="store_true", help="score the cleaned films too")
    parser.add_argument("--keep", type=Path, help="folder to keep masks, films and scores in")
    return parser.parse_args()


def film_sets(options: argparse.Namespace) -> Iterator[Films]:
    forearm, fracatlas = (options.shared / "data" / name for name in ("forearm", "fracatlas_hand"))
    for name, root, file, count in (
        ("originals", forearm, forearm / "markers_originals.json", options.originals),
        ("copies", forearm, forearm / "markers_copies.json", options.copies),
        ("FracAtlas marked", fracatlas, options.fracatlas_marked, options.marked),
        ("FracAtlas unmarked", fracatlas, options.fracatlas_unmarked, options.unmarked),
        *((file.stem, file.parent, file, sys.maxsize) for file in options.more),
    ):
        if count and not file.exists():
            print(f"{name}: skipped, because {file} does not exist", file=sys.stderr)
        elif count:
            yield sample_films(name, root, file, count)


def sample_films(name: str, root: Path, file: Path, count: int) -> Films:
    marked = file.suffix == ".json"
    every = (
        json.loads(file.read_text()) if marked else [{"path": line} for line in file.read_text().split("\n") if line]
    )
    sample = sorted(random.Random(0).sample(every, min(count, len(every))), key=lambda row: row["path"])
    return Films(f"{name} {len(sample)}", root, tuple(row["path"] for row in sample), sample if marked else None)


def removers(options: argparse.Namespace) -> Iterator[tuple[str, Remover]]:
    settings = read_settings(options.config) if options.config else CleanSettings()
    for name in options.detectors.split(","):
        if name != "tesseract":
            yield (
                name,
                partial(
                    remove_with_fxkit,
                    settings_from({**settings.model_dump(), "detector": name}, "--detectors"),
                    options.jobs,
                ),
            )
        elif tesseract.is_installed():
            yield name, lambda root, paths, out, only: tesseract.erase_words(root, paths, out, options.jobs, only)
        else:
            print("tesseract: skipped, because it is not installed", file=sys.stderr)


def remove_with_fxkit(
    settings: CleanSettings, jobs: int, root: Path, paths: Sequence[str], out: Path, only: bool
) -> Cost:
    """Run clean_folder. The time ends with the last film, before markers.json and review.html are written."""
    ended = [time.perf_counter()]

    def progress(done: int, total: int) -> None:
        ended[0] = time.perf_counter()

    def run(subset: Sequence[str], target: Path) -> None:
        options = FolderOptions(settings=settings, paths=subset, masks_only=only, jobs=jobs, overwrite=True)
        clean_folder(root, target, options, progress=progress)

    run(paths[:WARM], out.with_name(f"{out.name}-warm"))
    start, busy = time.perf_counter(), cpu_s()
    run(paths, out)
    return Cost(
        (ended[0] - start) / len(paths), (cpu_s() - busy) / len(paths), max(map(peak_mb, cleaning_processes(jobs)))
    )


def cleaning_processes(jobs: int) -> list[str]:
    """Return the ids of the processes that clean films."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    workers = [pid for pid in children if b"LokyProcess" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return workers if jobs > 1 else ["self"]


def cpu_s() -> float:
    """Return the CPU seconds of this process and its workers so far."""
    stats = [
        Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in {*cleaning_processes(2), "self"}
    ]
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def measure(films: Films, name: str, remover: Remover, folder: Path, options: argparse.Namespace) -> list[str]:
    """Print a row of the table; return lines with the share erased by style."""
    remover(films.root, films.paths, folder / "masks", True)
    timed = films.paths if options.cleaned else films.paths[:: max(1, len(films.paths) // options.timed)]
    cost = remover(films.root, timed, folder / "cleaned", False)
    speed = [f"{1 / cost.wall_s:.1f}", f"{cost.cpu_s:.3f}", f"{cost.peak_mb:.0f}"]
    if films.truth is None:
        share = sum(is_changed(folder / "masks", path) for path in films.paths) / len(films.paths)
        print_row(films.name, name, "", "", "", "", f"{share:.1%}", *speed)
        return []
    styles = []
    for kind in ("masks", "cleaned")[: 1 + options.cleaned]:
        scores = score(options.shared, films, folder, kind)
        figures = [f"{scores['erased']:.1%}", f"{scores['images_clean']:.1%}", f"{scores['collateral_mean']:.3%}"]
        title = name if kind == "masks" else f"{name}, cleaned"
        print_row(films.name, title, *figures, f"{scores['collateral_p95']:.3%}", "", *speed)
        erased = ", ".join(f"{style} {share}" for style, share in scores["erased_by_style"].items())
        styles.append(f"- {films.name}, {title}: {erased}; {scores['missing']} films failed")
    return styles


def print_row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


def is_changed(masks: Path, path: str) -> bool:
    """Tell whether cleaning changes a film, or fails on it. Other films are copied byte for byte."""
    try:
        return bool(read_image(find_image(masks, path)).any())
    except ImageError:
        return True


def score(shared: Path, films: Films, folder: Path, kind: str) -> dict:
    (folder / "truth.json").write_text(json.dumps(films.truth))
    script = shared / "bench" / "score_markers.py"
    command = [sys.executable, script, folder / "truth.json", films.root, f"--{kind}", folder / kind]
    subprocess.run([*command, "--json", folder / f"{kind}.json"], check=True, stdout=subprocess.DEVNULL)
    return json.loads((folder / f"{kind}.json").read_text())["summary"]


if __name__ == "__main__":
    main()
