"""How well copies are found by pixels alone: files under scrambled names, in one class.

    python benchmarks/copies.py ../shared/data/forearm/patients.csv --film stem --patient patient
    python benchmarks/hard_copies.py ../shared/data/fracatlas_hand /tmp/hard
    python benchmarks/copies.py /tmp/hard/truth.csv --film film

Prints recall of pairs of one film, precision of joined pairs by film and by patient, films kept whole, what a leak
check makes of a fully leaked and of an honest split, time and memory.
"""

import csv
import hashlib
import random
import resource
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from pathlib import Path

import click

from fxkit.copies.find import find_copies
from fxkit.copies.store import open_store
from fxkit.data.readings import read_files
from preprocess.images import MAX_PIXELS


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def pairs_of(names: Sequence[Hashable]) -> int:
    return sum(count * (count - 1) // 2 for count in Counter(names).values())


def flagged(groups: Sequence[str], tests: set[int]) -> float:
    """Share of test files with a copy in training."""
    trained = {group for number, group in enumerate(groups) if number not in tests}
    return sum(groups[number] in trained for number in tests) / max(1, len(tests))


def leaked_split(films: Sequence[str]) -> set[int]:
    """A fifth of the files, of films that training holds too."""
    count = Counter(films)
    numbers = [n for n, film in enumerate(films) if count[film] > 1]
    kept: set[str] = set()
    tests = set()
    for number in random.Random(0).sample(numbers, len(numbers)):
        if films[number] not in kept:
            kept.add(films[number])  # the first stays in training
        elif len(tests) < len(films) // 5:
            tests.add(number)
    return tests


def honest_split(patients: Sequence[str]) -> set[int]:
    """A fifth of the patients, or of the films where no patients are known."""
    chosen = set(random.Random(0).sample(sorted(set(patients)), max(1, len(set(patients)) // 5)))
    return {n for n, patient in enumerate(patients) if patient in chosen}


@click.command()
@click.argument("truth", type=click.Path(path_type=Path, exists=True))
@click.option("--film", default="film", help="Column that copies share.")
@click.option("--patient", default="", help="Column of patients.")
@click.option("--same", type=click.Path(path_type=Path), help="CSV of films that are one, first,second.")
@click.option("--jobs", default=2)
def main(truth: Path, film: str, patient: str, same: Path | None, jobs: int) -> None:
    rows = read_rows(truth)
    one = {row["second"]: row["first"] for row in read_rows(same)} if same else {}
    films = [one.get(row[film], row[film]) for row in rows]
    patients = [row[patient] for row in rows] if patient else films
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for row in rows:
            name = hashlib.md5(row["path"].encode()).hexdigest()[:12] + Path(row["path"]).suffix
            Path(folder, name).symlink_to((truth.parent / row["path"]).resolve())
            names.append(name)
        start = time.perf_counter()
        with open_store(Path(folder, "cache")) as store:
            readings = read_files(store, Path(folder), names, MAX_PIXELS, jobs)
            read_s = time.perf_counter() - start
            copies = find_copies(store, [reading.sha256 for reading in readings], jobs=jobs)
        all_s = time.perf_counter() - start
        start = time.perf_counter()
        with open_store(Path(folder, "cache")) as store:
            again = read_files(store, Path(folder), names, MAX_PIXELS, jobs)
            find_copies(store, [reading.sha256 for reading in again], jobs=jobs)
        again_s = time.perf_counter() - start
        size = Path(folder, "cache").stat().st_size
    groups = [copies.groups.get(reading.sha256, name) for reading, name in zip(readings, names, strict=True)]
    right, joined = pairs_of(list(zip(films, groups, strict=True))), pairs_of(groups)
    by_patient = pairs_of(list(zip(patients, groups, strict=True)))
    whole = defaultdict(set)
    for name, group in zip(films, groups, strict=True):
        whole[name].add(group)
    print(
        f"{len(rows)} files, {len(whole)} films, {len(set(patients))} patients or films; "
        f"{len(set(groups))} groups found"
    )
    print(f"pairs of copies found     {right / pairs_of(films):.4%}")
    print(
        f"pairs rightly joined      {right / max(1, joined):.4%} by film, {by_patient / max(1, joined):.4%} by patient"
    )
    print(f"films kept whole          {sum(len(found) == 1 for found in whole.values()) / len(whole):.2%}")
    print(f"leaked split flagged      {flagged(groups, leaked_split(films)):.3%}")
    print(f"honest split, false alarm {flagged(groups, honest_split(patients)):.3%}")
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    print(
        f"time {all_s:.0f} s (reading {read_s:.0f} s), again {again_s:.1f} s; "
        f"cache {size / len(rows) / 1e3:.0f} kB a file"
    )
    print(f"peak memory {peak[0] / 1e6:.2f} GB, a worker {peak[1] / 1e6:.2f} GB")
    shown = {reading.sha256: name for reading, name in zip(readings, films, strict=True)}
    ends = [{shown[link.first], shown[link.second]} for link in copies.links if link.joined]
    wrong = Counter(tuple(sorted(end)) for end in ends if len(end) > 1)
    for (one_film, other), count in wrong.most_common(20):
        print(f"joined: {one_film} {other} ({count} links)")


if __name__ == "__main__":
    main()
