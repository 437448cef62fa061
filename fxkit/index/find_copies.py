"""Find which of the films of a store are copies of each other."""

import csv
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import faiss
from joblib import Parallel, cpu_count, delayed
from threadpoolctl import threadpool_limits

from fxkit.errors import DataError
from fxkit.index.cache import Candidate, Hashes, Store
from fxkit.index.copies import candidates as votes
from fxkit.index.copies.compare import Evidence, compare
from fxkit.index.copies.features import Features
from fxkit.index.copies.grow import FEW, Pair, grow, score

COLUMNS = ("first", "second")


@dataclass(frozen=True)
class Verdicts:
    """Pairs of SHA-256 that are copies, and that are not."""

    accepted: tuple[tuple[str, str], ...] = ()
    rejected: tuple[tuple[str, str], ...] = ()


NO_VERDICTS = Verdicts()


def read_verdicts(path: Path | None, hashes: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Read pairs of paths as pairs of SHA-256; none where path is None.

    Args:
        hashes: of each known path; empty where the file is unreadable.
    Raises:
        DataError: the file cannot be read, a column is missing, or a path is unknown or unreadable.
    """
    if path is None:
        return ()
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot be read ({reason}); expected a CSV file of pairs") from error
    pairs = []
    for line, row in enumerate(rows, start=2):
        names = [row.get(column) or "" for column in COLUMNS]
        for column, name in zip(COLUMNS, names, strict=True):
            if not hashes.get(name):
                raise DataError(
                    f"{path}, row {line}: {column} {name!r} is no readable film of this data set; expected the columns "
                    "first and second with paths as the manifest has them"
                )
        pairs.append((hashes[names[0]], hashes[names[1]]))
    return tuple(pairs)


PART = 60  # comparisons handed out at once; each film's features are some 100 kB

MANY = 4  # films of a group, whose share in the votes each of them may be too few ...

SHOWN = 3  # ... so that lone films are compared with the likeliest of so many of each such group, ...

TURNS = 2  # ... and once more with others


@dataclass(frozen=True)
class Link:
    """Two files, by their SHA-256, found to show one film, or nearly."""

    first: str
    second: str
    evidence: Evidence
    joined: bool  # it joined two groups; others were seen and did not suffice

    @property
    def score(self) -> float:
        """The log odds that they are copies."""
        return score(self.evidence)


@dataclass(frozen=True)
class Copies:
    """What pixels tell of files: the group of each SHA-256, and the links between them, least certain first."""

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
    """Find the copies among files whose features are in the store; what was seen between pairs is kept there.

    Args:
        hashes: SHA-256 of the files; those without features stand alone.
        verdicts: pairs that are joined, and pairs that are kept apart, whatever their pixels say.
        progress: called with the comparisons made, and those that there are at most.
    """
    known = store.known()
    names = sorted({*hashes} & known)
    threads = min(jobs, cpu_count())
    possible = _candidates(store, "all", names, threads)
    seen: dict[Pair, Evidence] = {}

    def look(pairs: Sequence[Pair]) -> list[Evidence | None]:
        found = compare_pairs(store, [(names[a], names[b]) for a, b in pairs], jobs)
        seen.update((pair, evidence) for pair, evidence in zip(pairs, found, strict=True) if evidence)
        if progress:
            progress(len(seen), max(len(possible), len(seen)))  # second looks come on top
        return found

    number = {name: place for place, name in enumerate(names)}
    accepted, rejected = (
        {(min(pair), max(pair)) for a, b in pairs if a in number and b in number and (pair := (number[a], number[b]))}
        for pairs in (verdicts.accepted, verdicts.rejected)
    )
    groups, joined = grow(len(names), possible, look, accepted, rejected)
    for turn in range(TURNS):
        more = _of_lone(store, names, groups, joined, turn, threads)
        groups, new = grow(len(names), more, look, {*accepted, *joined}, rejected, patience=len(more))
        joined += new
    used = set(joined)
    links = [Link(names[a], names[b], evidence, (a, b) in used) for (a, b), evidence in seen.items()]
    links = [link for link in links if link.joined or link.score >= 0]
    return Copies(
        {name: names[group] for name, group in zip(names, groups, strict=True)},
        tuple(sorted(links, key=lambda link: (link.score, link.first, link.second))),
    )


def _of_lone(
    store: Store, names: Sequence[str], groups: Sequence[int], joined: Iterable[Pair], turn: int, threads: int
) -> list[Candidate]:
    """Find candidates of lone films among a few films of each large group, those with the most links.

    Many copies of a film share the votes for it, down to none that counts for each: so an original among 66 copies.
    """
    films = defaultdict(list)
    for film, group in enumerate(groups):
        films[group].append(film)
    links = Counter(film for pair in joined for film in pair)
    lone = {film for own in films.values() if len(own) <= FEW for film in own}
    shown = {
        film
        for own in films.values()
        if len(own) >= MANY
        for film in sorted(own, key=lambda film: (-links[film], film))[turn * SHOWN : (turn + 1) * SHOWN]
    }
    if not lone or not shown:
        return []
    place = sorted(lone | shown)
    asking = [number for number, film in enumerate(place) if film in lone]
    found = _candidates(store, f"lone{turn}", [names[film] for film in place], threads, asking)
    return [(place[a], place[b], weight) for a, b, weight in found]


def _candidates(
    store: Store, stage: str, names: Sequence[str], threads: int, asking: Sequence[int] = ()
) -> list[Candidate]:
    """Find candidates, or return those that the last run found at this stage among the same films."""
    marks = [faiss.__version__, str(asking), *names]
    key = f"{stage} {hashlib.sha256(chr(10).join(marks).encode()).hexdigest()}"
    found = store.candidates(key)
    if found is None:
        found = votes.candidates(store.descriptors(names), threads, asking)  # hashes' order: by chance
        store.keep_candidates(key, found)
        store.commit()
    return found


def compare_pairs(store: Store, pairs: Sequence[Hashes], jobs: int = 1) -> list[Evidence | None]:
    """Compare pairs of files, but for those whose evidence is known; keep it in the store."""
    known = store.evidence(pairs)
    new = [pair for pair in pairs if pair not in known]
    with threadpool_limits(1), Parallel(n_jobs=jobs if len(new) > PART else 1) as parallel:  # products are small
        for first in range(0, len(new), PART * jobs):
            parts = [new[start : start + PART] for start in range(first, min(first + PART * jobs, len(new)), PART)]
            tasks = (
                delayed(_compare)({name: store.features(name) for p in part for name in p}, part) for part in parts
            )
            for part, found in zip(parts, parallel(tasks), strict=True):
                fresh = dict(zip(part, found, strict=True))
                store.add_evidence(fresh)
                known |= fresh
            store.commit()
    return [known[pair] for pair in pairs]


def _compare(films: Mapping[str, Features], pairs: Sequence[Hashes]) -> list[Evidence | None]:
    cv2.setNumThreads(1)  # films are many; threads within one would only get in each other's way
    return [compare(films[first], films[second]) for first, second in pairs]
