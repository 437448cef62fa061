"""Find the films that each film may be a copy of: those with points like its own, by votes."""

from collections.abc import Collection, Iterable, Iterator
from itertools import chain

import faiss
import numpy as np
from numpy.typing import NDArray

CANDIDATES_VERSION = 1  # Raise this when `candidates` returns other pairs or votes: caches then drop theirs.

VOTING = 250  # points of a film, the strongest, that vote and are voted for: more take their time

DIMENSIONS = 32  # to which descriptors are reduced

NEIGHBOURS = 12  # of each point that vote

CANDIDATES = 24  # films kept of each film's

LEAST_VOTES = 1.5  # that a pair needs: half of the pairs of unlike films have fewer, and 1 in 400 copies has no more

SAMPLE = 60_000  # descriptors from which the reduction is learnt, and at least as many cells are

CELL = 256  # descriptors to a cell of the index, about

LARGEST_CELLS = 65_536

PROBES = 6  # cells looked at

BLOCK = 50_000  # points asked for at once


Reduced = NDArray[np.float16]  # halves suffice: the index keeps 8 bits


def candidates(
    descriptors: Iterable[NDArray[np.uint8]], threads: int = 1, asking: Collection[int] = ()
) -> list[tuple[int, int, float]]:
    """Return pairs of films (lower number, higher number, votes) worth comparing, most votes first.

    Each point's nearest neighbours vote for their films, nearer ones more; of every film's voters and votees the
    strongest CANDIDATES of LEAST_VOTES are kept. The index is an inverted file: time grows about as the films do.

    Args:
        descriptors: of each film, (n, 128) uint8, gone through once; the reduction is learnt from the first films, so
            their order should have nothing to do with what they show.
        asking: numbers of the films whose points vote, for the others alone; all vote, for all, if none is given.
    Source: Jegou, Douze and Schmid 2011, "Product quantization for nearest neighbor search" (inverted file).
    """
    reduced, counts = _reduced(own[:VOTING] for own in descriptors)
    owner = np.repeat(np.arange(len(counts)), counts)
    chosen = np.isin(owner, list(asking))
    asks, held = (chosen, ~chosen) if asking else (slice(None), slice(None))  # masks would copy all
    if len(owner[held]) <= NEIGHBOURS:
        return []
    faiss.omp_set_num_threads(threads)
    index = _index(reduced[held])
    votes: dict[tuple[int, int], float] = {}
    best: list[list[tuple[float, int]]] = [[] for _ in counts]
    for film, voted in _votes(index, owner[held], reduced[asks], owner[asks]):
        for other, weight in voted:
            pair = (min(film, other), max(film, other))
            votes[pair] = votes.get(pair, 0.0) + weight
    for (low, high), weight in votes.items():
        best[low].append((weight, high))
        best[high].append((weight, low))
    kept = {
        (min(film, other), max(film, other)): weight
        for film, others in enumerate(best)
        for weight, other in sorted(others, key=lambda vote: (-vote[0], vote[1]))[:CANDIDATES]
        if weight >= LEAST_VOTES
    }
    return sorted(((low, high, weight) for (low, high), weight in kept.items()), key=lambda p: (-p[2], p[0], p[1]))


def _reduced(films: Iterator[NDArray[np.uint8]]) -> tuple[Reduced, list[int]]:
    """Reduce descriptors to their DIMENSIONS main components, a film at a time so that memory stays small.

    Returns:
        all films' descriptors one after the other, and how many each has.
    """
    first: list[NDArray[np.uint8]] = []
    while sum(map(len, first)) < SAMPLE and (own := next(films, None)) is not None:
        first.append(own)
    if not first or sum(map(len, first)) < 2:
        return np.zeros((0, DIMENSIONS), np.float16), []
    sample = np.concatenate(first).astype(np.float32)
    mean = sample.mean(0)
    axes = np.linalg.eigh(np.cov((sample - mean).T))[1][:, ::-1][:, :DIMENSIONS]
    packed, counts = bytearray(), []
    for own in chain(first, films):
        packed += ((own.astype(np.float32) - mean) @ axes).astype(np.float16).tobytes()
        counts.append(len(own))
    return np.frombuffer(packed, np.float16).reshape(-1, DIMENSIONS), counts


def _index(reduced: Reduced) -> "faiss.Index":
    cells = int(np.clip(len(reduced) // CELL, 1, LARGEST_CELLS))
    coarse = faiss.IndexHNSWFlat(DIMENSIONS, 16) if cells > 1000 else faiss.IndexFlatL2(DIMENSIONS)
    index = faiss.IndexIVFScalarQuantizer(coarse, DIMENSIONS, cells, faiss.ScalarQuantizer.QT_8bit)
    index.cp.niter, index.cp.seed, index.cp.min_points_per_centroid = 8, 0, 1
    index.train(reduced[:: max(1, len(reduced) // max(SAMPLE, 40 * cells))].astype(np.float32))
    for start in range(0, len(reduced), BLOCK):
        index.add(reduced[start : start + BLOCK].astype(np.float32))
    index.nprobe = PROBES
    return index


def _votes(
    index: "faiss.Index", held: NDArray[np.int64], reduced: Reduced, owner: NDArray[np.int64]
) -> Iterator[tuple[int, list[tuple[int, float]]]]:
    """Yield of each film the films that its points vote for.

    Args:
        held: the film of each point in the index.
        reduced, owner: the points that vote, and the film of each.
    """
    starts = np.searchsorted(owner, np.unique(owner))
    ends = [*starts[1:].tolist(), len(owner)]
    films = owner[starts].tolist()
    first = 0
    while first < len(films):
        last = first
        while last < len(films) and ends[last] - starts[first] <= BLOCK:
            last += 1
        last = max(last, first + 1)
        here = slice(int(starts[first]), ends[last - 1])
        distances, found = index.search(reduced[here].astype(np.float32), NEIGHBOURS + 1)
        others = np.where(found >= 0, held[found], -1)
        weights = np.where(
            (others >= 0) & (others != owner[here][:, None]),
            1 - distances / np.maximum(distances[:, -1:], 1e-9),
            0,
        )
        for number in range(first, last):
            own = slice(int(starts[number]) - here.start, ends[number] - here.start)
            yield films[number], _strongest(others[own].ravel(), weights[own].ravel())
        first = last


def _strongest(films: NDArray[np.int64], weights: NDArray[np.float32]) -> list[tuple[int, float]]:
    voted, place = np.unique(films[weights > 0], return_inverse=True)
    sums = np.bincount(place, weights[weights > 0], minlength=len(voted))
    order = np.argsort(-sums, kind="stable")[:CANDIDATES]
    return [(int(voted[i]), float(sums[i])) for i in order]
