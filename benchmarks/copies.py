r"""Measure how well copies are found by pixels only: all files get meaningless names in one folder.

    python benchmarks/copies.py ../shared/data/forearm/patients.csv --film stem --patient patient
    python benchmarks/hard_copies.py ../shared/data/fracatlas_hand /tmp/hard
    python benchmarks/copies.py /tmp/hard/truth.csv --film film --same benchmarks/fracatlas_doubles.csv \
      --limbs benchmarks/fracatlas_limbs.csv

Prints the recall of pairs of one film, the precision of grouped pairs by film and by patient, the share of films in one
group, the share of test files that a leak check flags in a leaking and in an honest split, time and memory.
"""

import csv
import hashlib
import random
import resource
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from joblib.externals.loky import get_reusable_executor

from fxkit.index.cache import open_store
from fxkit.index.find_copies import find_copies
from fxkit.index.read_files import read_files
from preprocess.image_files import MAX_PIXELS


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def count_pairs(names: Sequence[Hashable]) -> int:
    return sum(count * (count - 1) // 2 for count in Counter(names).values())


def flagged_fraction(groups: Sequence[str], tests: set[int]) -> float:
    """Return the fraction of test files with a group in training."""
    trained = {group for number, group in enumerate(groups) if number not in tests}
    return sum(groups[number] in trained for number in tests) / max(1, len(tests))


def leaked_split(films: Sequence[str]) -> set[int]:
    """Return a fifth of the files as test files; for each, another file of the film is in training."""
    count = Counter(films)
    numbers = [n for n, film in enumerate(films) if count[film] > 1]
    kept: set[str] = set()
    tests = set()
    for number in random.Random(0).sample(numbers, len(numbers)):
        if films[number] not in kept:
            kept.add(films[number])  # the first file of a film stays in training
        elif len(tests) < len(films) // 5:
            tests.add(number)
    return tests


def honest_split(patients: Sequence[str]) -> set[int]:
    """Return the files of a fifth of the patients as test files."""
    chosen = set(random.Random(0).sample(sorted(set(patients)), max(1, len(set(patients)) // 5)))
    return {n for n, patient in enumerate(patients) if patient in chosen}


@dataclass(frozen=True)
class Truth:
    """The true film and patient of each file. If patients are unknown, the film stands for the patient."""

    paths: tuple[Path, ...]
    films: tuple[str, ...]
    patients: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Meaningless file names, one per file."""
        return [hashlib.md5(str(path).encode()).hexdigest()[:12] + path.suffix for path in self.paths]


def read_truth(
    path: Path, film: str, patient: str, same: Path | None, half: str, count: int = 0, limbs: Path | None = None
) -> Truth:
    """Read a CSV of files.

    Args:
        film, patient: column names. Without patients, each film counts as a patient.
        same: CSV of films that are the same film.
        half: keep films with an odd or an even number, or all.
        count: number of films to keep, sampled at random; 0: all.
        limbs: CSV of films of one limb, which count as one patient.
    """
    rows = [row for row in read_rows(path) if half == "all" or _odd(row[film]) == (half == "odd")]
    one, limb = ({row["second"]: row["first"] for row in read_rows(file)} if file else {} for file in (same, limbs))
    films = [one.get(Path(row[film]).stem, Path(row[film]).stem) if same else row[film] for row in rows]
    sampled = set(sorted(set(films), key=lambda name: hashlib.md5(name.encode()).hexdigest())[: count or None])
    kept = [(row, name) for row, name in zip(rows, films, strict=True) if name in sampled]
    return Truth(
        tuple((path.parent / row["path"]).resolve() for row, _ in kept),
        tuple(name for _, name in kept),
        tuple(row[patient] if patient else limb.get(name, name) for row, name in kept),
    )


def _odd(film: str) -> bool:
    return int("".join(filter(str.isdigit, Path(film).stem))) % 2 == 1


@contextmanager
def scrambled(truth: Truth) -> Iterator[Path]:
    """Link all files into one folder, under meaningless names."""
    with tempfile.TemporaryDirectory() as folder:
        for name, path in zip(truth.names, truth.paths, strict=True):
            Path(folder, name).symlink_to(path)
        yield Path(folder)


@dataclass(frozen=True)
class Scores:
    """How well groups match films; fractions from 0 to 1."""

    recall: float  # of pairs of one film
    precision_by_film: float  # of pairs in one group
    precision_by_patient: float
    whole: float  # films whose files are all in one group
    leaked_flagged: float  # test files that a leak check flags in a leaking split
    honest_flagged: float  # and in an honest split


def scores(truth: Truth, groups: Sequence[str]) -> Scores:
    """Score the group of each file."""
    grouped = max(1, count_pairs(groups))
    groups_of_film = defaultdict(set)
    for film, group in zip(truth.films, groups, strict=True):
        groups_of_film[film].add(group)
    right = count_pairs(list(zip(truth.films, groups, strict=True)))
    return Scores(
        right / count_pairs(truth.films),
        right / grouped,
        count_pairs(list(zip(truth.patients, groups, strict=True))) / grouped,
        sum(len(names) == 1 for names in groups_of_film.values()) / len(groups_of_film),
        flagged_fraction(groups, leaked_split(truth.films)),
        flagged_fraction(groups, honest_split(truth.patients)),
    )


@click.command()
@click.argument("truth", type=click.Path(path_type=Path, exists=True))
@click.option("--film", default="film", help="Column that copies share.")
@click.option("--patient", default="", help="Column of patients.")
@click.option("--same", type=click.Path(path_type=Path), help="CSV (first,second) of films that are the same film.")
@click.option("--limbs", type=click.Path(path_type=Path), help="CSV (first,second) of films of one limb.")
@click.option(
    "--half", type=click.Choice(["all", "odd", "even"]), default="all", help="Keep films with an odd or an even number."
)
@click.option("--films", default=0, help="Number of films, sampled at random; 0: all.")
@click.option("--jobs", default=2)
def main(
    truth: Path, film: str, patient: str, same: Path | None, limbs: Path | None, half: str, films: int, jobs: int
) -> None:
    known = read_truth(truth, film, patient, same, half, films, limbs)
    with scrambled(known) as folder:
        start, names = time.perf_counter(), known.names
        with open_store(folder / "cache") as store:
            readings = read_files(store, folder, names, MAX_PIXELS, jobs)
            read_s = time.perf_counter() - start
            copies = find_copies(store, [reading.sha256 for reading in readings], jobs=jobs)
        all_s = time.perf_counter() - start
        start = time.perf_counter()
        with open_store(folder / "cache") as store:
            again = read_files(store, folder, names, MAX_PIXELS, jobs)
            find_copies(store, [reading.sha256 for reading in again], jobs=jobs)
        again_s = time.perf_counter() - start
        size = (folder / "cache").stat().st_size
    groups = [copies.groups.get(reading.sha256, name) for reading, name in zip(readings, names, strict=True)]
    print_scores(known, groups)
    get_reusable_executor().shutdown()  # the resources of joblib's workers are only counted after they end
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(
        f"time {all_s:.0f} s (reading {read_s:.0f} s), second run {again_s:.1f} s; "
        f"CPU {sum(use.ru_utime + use.ru_stime for use in usage):.0f} s; "
        f"cache {size / len(names) / 1e3:.0f} kB per file"
    )
    print(f"peak memory {usage[0].ru_maxrss / 1e6:.2f} GB, largest worker {usage[1].ru_maxrss / 1e6:.2f} GB")
    film_of = {reading.sha256: name for reading, name in zip(readings, known.films, strict=True)}
    ends = [{film_of[link.first], film_of[link.second]} for link in copies.links if link.joined]
    wrong = Counter(tuple(sorted(end)) for end in ends if len(end) > 1)
    for (one_film, other), count in wrong.most_common(40):
        print(f"different films in one group: {one_film} {other} ({count} links)")


def print_scores(truth: Truth, groups: Sequence[str]) -> None:
    result = scores(truth, groups)
    print(f"{len(groups)} files, {len(set(truth.films))} films; {len(set(groups))} groups")
    print(f"recall of pairs of copies {result.recall:.4%}")
    print(f"precision by film         {result.precision_by_film:.4%}, by patient {result.precision_by_patient:.4%}")
    print(f"films in one group        {result.whole:.2%}")
    print(f"leaking split, flagged    {result.leaked_flagged:.3%}")
    print(f"honest split, flagged     {result.honest_flagged:.3%}")


if __name__ == "__main__":
    main()
