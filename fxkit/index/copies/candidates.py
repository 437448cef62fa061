"""Search candidates: pairs of films that may be copies because their descriptors are similar."""

from collections.abc import Collection, Iterable, Iterator
from itertools import chain

import faiss
import numpy as np
from numpy.typing import NDArray

CANDIDATES_VERSION = 1  # Raise this when `find_candidates` returns other pairs or votes: caches then drop theirs.

VOTING = 250  # strongest keypoints of a film that take part; more would take longer

DIMENSIONS = 32  # of the reduced descriptors

NEIGHBOURS = 12  # nearest neighbours of each keypoint that count as votes

CANDIDATES = 24  # most candidates of one film

LEAST_VOTES = 1.5  # a pair with fewer is dropped: half of the unrelated pairs, and 1 in 400 pairs of copies

SAMPLE = 60_000  # descriptors that the reduction is learnt from; the cells are learnt from at least as many

CELL = 256  # approximate number of descriptors in a cell of the index

LARGEST_CELLS = 65_536

PROBES = 6  # cells searched for each keypoint

BLOCK = 50_000  # keypoints searched for at once


Reduced = NDArray[np.float16]  # half precision suffices, as the index keeps 8 bits


def find_candidates(
    descriptors: Iterable[NDArray[np.uint8]], threads: int = 1, asking: Collection[int] = ()
) -> list[tuple[int, int, float]]:
    """Return pairs of films worth comparing, as (lower number, higher number, votes), most votes first.

    The nearest neighbours of each keypoint vote for their films; nearer neighbours count more. Each film keeps the
    CANDIDATES pairs with the most votes, if they have LEAST_VOTES. The index is an inverted file, so the time grows
    about linearly with the number of films.

    Args:
        descriptors: (n, 128) uint8 for each film; iterated once. The reduction is learnt from the first films, so
            the order of the films should be random.
        asking: numbers of the films whose keypoints vote; they vote only for the other films. By default the
            keypoints of all films vote for all films.
    Source: Jegou, Douze and Schmid 2011, "Product quantization for nearest neighbor search" (inverted file).
    """
    reduced, counts = _reduce(film[:VOTING] for film in descriptors)
    owner = np.repeat(np.arange(len(counts)), counts)
    chosen = np.isin(owner, list(asking))
    asks, held = (chosen, ~chosen) if asking else (slice(None), slice(None))  # a mask would copy the arrays
    if len(owner[held]) <= NEIGHBOURS:
        return []
    faiss.omp_set_num_threads(threads)
    index = _build_index(reduced[held])
    votes: dict[tuple[int, int], float] = {}
    best: list[list[tuple[float, int]]] = [[] for _ in counts]
    for film, voted in _count_votes(index, owner[held], reduced[asks], owner[asks]):
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


def _reduce(films: Iterator[NDArray[np.uint8]]) -> tuple[Reduced, list[int]]:
    """Reduce descriptors to their DIMENSIONS principal components, one film at a time to save memory.

    Returns:
        The reduced descriptors of all films in one array, and the number of descriptors of each film.
    """
    first: list[NDArray[np.uint8]] = []
    while sum(map(len, first)) < SAMPLE and (film := next(films, None)) is not None:
        first.append(film)
    if not first or sum(map(len, first)) < 2:
        return np.zeros((0, DIMENSIONS), np.float16), []
    sample = np.concatenate(first).astype(np.float32)
    mean = sample.mean(0)
    axes = np.linalg.eigh(np.cov((sample - mean).T))[1][:, ::-1][:, :DIMENSIONS]
    packed, counts = bytearray(), []
    for film in chain(first, films):
        packed += ((film.astype(np.float32) - mean) @ axes).astype(np.float16).tobytes()
        counts.append(len(film))
    return np.frombuffer(packed, np.float16).reshape(-1, DIMENSIONS), counts


def _build_index(reduced: Reduced) -> "faiss.Index":
    """Return an inverted file of the descriptors, quantised to 8 bits."""
    cells = int(np.clip(len(reduced) // CELL, 1, LARGEST_CELLS))
    coarse = faiss.IndexHNSWFlat(DIMENSIONS, 16) if cells > 1000 else faiss.IndexFlatL2(DIMENSIONS)
    index = faiss.IndexIVFScalarQuantizer(coarse, DIMENSIONS, cells, faiss.ScalarQuantizer.QT_8bit)
    index.cp.niter, index.cp.seed, index.cp.min_points_per_centroid = 8, 0, 1
    index.train(reduced[:: max(1, len(reduced) // max(SAMPLE, 40 * cells))].astype(np.float32))
    for start in range(0, len(reduced), BLOCK):
        index.add(reduced[start : start + BLOCK].astype(np.float32))
    index.nprobe = PROBES
    return index


def _count_votes(
    index: "faiss.Index", held: NDArray[np.int64], reduced: Reduced, owner: NDArray[np.int64]
) -> Iterator[tuple[int, list[tuple[int, float]]]]:
    """Yield for each film the films that its keypoints vote for.

    Args:
        index: holds the keypoints that receive votes.
        held: film of each keypoint in the index.
        reduced: descriptors of the keypoints that vote.
        owner: film of each keypoint that votes.
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
        block = slice(int(starts[first]), ends[last - 1])
        distances, neighbours = index.search(reduced[block].astype(np.float32), NEIGHBOURS + 1)
        others = np.where(neighbours >= 0, held[neighbours], -1)
        weights = np.where(
            (others >= 0) & (others != owner[block][:, None]),
            1 - distances / np.maximum(distances[:, -1:], 1e-9),
            0,
        )
        for number in range(first, last):
            rows = slice(int(starts[number]) - block.start, ends[number] - block.start)
            yield films[number], _strongest(others[rows].ravel(), weights[rows].ravel())
        first = last


def _strongest(films: NDArray[np.int64], weights: NDArray[np.float32]) -> list[tuple[int, float]]:
    """Return the CANDIDATES films with the most votes, and their votes."""
    voted, position = np.unique(films[weights > 0], return_inverse=True)
    sums = np.bincount(position, weights[weights > 0], minlength=len(voted))
    order = np.argsort(-sums, kind="stable")[:CANDIDATES]
    return [(int(voted[i]), float(sums[i])) for i in order]
