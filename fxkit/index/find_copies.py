"""Find copies among the films of a store: search candidates, compare them, and grow groups."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import faiss
from joblib import cpu_count, delayed
from threadpoolctl import threadpool_limits

from fxkit.errors import DataError
from fxkit.index.cache import Candidate, Hashes, Store
from fxkit.index.copies.candidates import find_candidates
from fxkit.index.copies.compare import Evidence, compare_films
from fxkit.index.copies.features import Features
from fxkit.index.copies.grow import FEW, Pair, grow_groups, score
from preprocess.tables.cells import clean_cell
from preprocess.tables.columns import find_named
from preprocess.tables.paths import FilmPaths
from preprocess.tables.read import read_table
from preprocess.workers import run_tasks

COLUMNS = ("first", "second")


@dataclass(frozen=True)
class Verdicts:
    """The user's verdicts as pairs of SHA-256: pairs that are copies, and pairs that are not."""

    accepted: tuple[Hashes, ...] = ()
    rejected: tuple[Hashes, ...] = ()


NO_VERDICTS = Verdicts()


def read_verdicts(path: Path | None, hashes: Mapping[str, str], root: Path = Path()) -> tuple[Hashes, ...]:
    """Read a CSV file of pairs of paths; return pairs of SHA-256.

    Args:
        path: the CSV file, with the columns first and second. None gives no pairs.
        hashes: SHA-256 of each path of the data set; "" for an unreadable file.
        root: folder that the paths are relative to.
    Raises:
        DataError: the file cannot be read, a column is missing, or a path is unknown or unreadable.
    """
    if path is None:
        return ()
    table = read_table(path, "expected a CSV file of pairs, with the columns first and second")
    columns = [find_named(table.columns, name) for name in COLUMNS]
    if None in columns:
        raise DataError(
            f"{path}: column `{COLUMNS[columns.index(None)]}` is missing; its columns are: {', '.join(table.columns)}; "
            "expected a CSV file of pairs, with the columns first and second"
        )
    films, pairs = FilmPaths(root), []
    for row in table.rows:
        pair = []
        for name, column in zip(COLUMNS, columns, strict=True):
            cell = row.values.get(column or "", "")
            sha256 = hashes.get(cell) or (clean_cell(cell) and hashes.get(films.find(cell, f"{path}, row {row.line}")))
            if not sha256:
                raise DataError(
                    f"{path}, row {row.line}: {name} {cell!r} is not a readable film of this data set; expected the "
                    "columns first and second with paths as written in the manifest"
                )
            pair.append(sha256)
        pairs.append((pair[0], pair[1]))
    return tuple(pairs)


BATCH_PAIRS = 60  # comparisons that a process gets at once; the features of a film take about 100 kB

# The votes for a film with many copies are divided among the copies, so that each gets too few. Films that are still
# alone are therefore compared with some films of each large group, in several turns.
LARGE_GROUP = 4  # files from which a group is large

FILMS_PER_GROUP = 3  # films of each large group that lone films are compared with in one turn

TURNS = 2


@dataclass(frozen=True)
class Link:
    """Two files, by their SHA-256, that show the same film or similar films."""

    first: str
    second: str
    evidence: Evidence
    joined: bool  # whether this link merged two groups

    @property
    def score(self) -> float:
        """Log odds that the two files are copies."""
        return score(self.evidence)


@dataclass(frozen=True)
class Copies:
    """The copies found by comparing pixels.

    Attributes:
        groups: SHA-256 of each file -> name of its group. Files of one group are copies.
        links: links between files, the least certain first.
    """

    groups: dict[str, str]
    links: tuple[Link, ...]


NO_COPIES = Copies({}, ())


def find_copies(
    store: Store,
    hashes: Iterable[str],
    verdicts: Verdicts = NO_VERDICTS,
    *,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Copies:
    """Find the copies among files whose features are in the store. The store keeps the evidence of every comparison.

    Args:
        hashes: SHA-256 of the files; files without features are left out.
        verdicts: pairs that are joined, and pairs that are kept apart, whatever their pixels show.
        progress: called with the number of comparisons that gave evidence and the expected number.
    """
    names = sorted({*hashes} & store.known())
    threads = min(jobs, cpu_count())
    candidates = _candidates(store, "all", names, threads)
    n_candidates, evidence = len(candidates), dict[Pair, Evidence]()

    def compare(pairs: Sequence[Pair]) -> list[Evidence | None]:
        results = compare_pairs(store, [(names[a], names[b]) for a, b in pairs], jobs)
        evidence.update((pair, seen) for pair, seen in zip(pairs, results, strict=True) if seen)
        if progress:
            progress(len(evidence), max(n_candidates, len(evidence)))  # later turns add to the first candidates
        return results

    accepted, rejected = _numbered(verdicts.accepted, names), _numbered(verdicts.rejected, names)
    groups, joined = grow_groups(len(names), candidates, compare, accepted, rejected)
    for turn in range(TURNS):
        candidates = _candidates_of_lone(store, names, groups, joined, turn, threads)
        known = {*accepted, *joined}
        groups, added = grow_groups(len(names), candidates, compare, known, rejected, patience=len(candidates))
        joined += added
    named = {name: names[group] for name, group in zip(names, groups, strict=True)}
    return Copies(named, _links(names, evidence, {*joined}))


def _numbered(pairs: Iterable[Hashes], names: Sequence[str]) -> set[Pair]:
    """Return pairs of SHA-256 as pairs of numbers, the lower first; leave out pairs of unknown files."""
    numbers = {name: number for number, name in enumerate(names)}
    known = [(numbers[a], numbers[b]) for a, b in pairs if a in numbers and b in numbers]
    return {(min(pair), max(pair)) for pair in known}


def _links(names: Sequence[str], evidence: Mapping[Pair, Evidence], joined: Collection[Pair]) -> tuple[Link, ...]:
    """Return the links that merged groups, and other pairs that are probably copies, the least certain first."""
    links = [Link(names[a], names[b], seen, (a, b) in joined) for (a, b), seen in evidence.items()]
    links = [link for link in links if link.joined or link.score >= 0]
    return tuple(sorted(links, key=lambda link: (link.score, link.first, link.second)))


def _candidates_of_lone(
    store: Store, names: Sequence[str], groups: Sequence[int], joined: Iterable[Pair], turn: int, threads: int
) -> list[Candidate]:
    """Return candidates between films of very small groups and the best-linked films of each large group.

    If a film has many copies, the votes for it are divided among them, and each may get too few. An example is an
    original with 66 copies.
    """
    films = defaultdict(list)
    for film, group in enumerate(groups):
        films[group].append(film)
    n_links = Counter(film for pair in joined for film in pair)
    lone = {film for members in films.values() if len(members) <= FEW for film in members}
    compared_with = {
        film
        for members in films.values()
        if len(members) >= LARGE_GROUP
        for film in sorted(members, key=lambda film: (-n_links[film], film))[
            turn * FILMS_PER_GROUP : (turn + 1) * FILMS_PER_GROUP
        ]
    }
    if not lone or not compared_with:
        return []
    chosen = sorted(lone | compared_with)
    asking = [number for number, film in enumerate(chosen) if film in lone]
    candidates = _candidates(store, f"lone{turn}", [names[film] for film in chosen], threads, asking)
    return [(chosen[a], chosen[b], votes) for a, b, votes in candidates]


def _candidates(
    store: Store, stage: str, names: Sequence[str], threads: int, asking: Sequence[int] = ()
) -> list[Candidate]:
    """Find candidates, or return those that the last run found at this stage among the same films."""
    inputs = [faiss.__version__, str(asking), *names]
    key = f"{stage} {hashlib.sha256(chr(10).join(inputs).encode()).hexdigest()}"
    candidates = store.candidates(key)
    if candidates is None:
        candidates = find_candidates(store.descriptors(names), threads, asking)  # hashes put films in random order
        store.keep_candidates(key, candidates)
        store.commit()
    return candidates


def compare_pairs(store: Store, pairs: Sequence[Hashes], jobs: int = 1) -> list[Evidence | None]:
    """Return the evidence of pairs of files; compare only pairs that the store does not know, and keep the results.

    Args:
        pairs: SHA-256 of the two files.
        jobs: number of processes.
    """
    known = store.evidence(pairs)
    new = [pair for pair in pairs if pair not in known]
    # the matrix products are small, so threads within a process only cost time
    processes = jobs if len(new) > BATCH_PAIRS else 1
    with threadpool_limits(1):
        for first in range(0, len(new), BATCH_PAIRS * jobs):
            last = min(first + BATCH_PAIRS * jobs, len(new))
            batches = [new[start : start + BATCH_PAIRS] for start in range(first, last, BATCH_PAIRS)]
            tasks = (
                delayed(_compare)({name: store.features(name) for pair in batch for name in pair}, batch)
                for batch in batches
            )
            for batch, results in zip(batches, run_tasks(processes, tasks), strict=True):
                evidence = dict(zip(batch, results, strict=True))
                store.add_evidence(evidence)
                known |= evidence
            store.commit()
    return [known[pair] for pair in pairs]


def _compare(films: Mapping[str, Features], pairs: Sequence[Hashes]) -> list[Evidence | None]:
    cv2.setNumThreads(1)  # many pairs are compared at once; threads within one would only wait for each other
    return [compare_films(films[first], films[second]) for first, second in pairs]
