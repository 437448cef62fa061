"""Resamples of groups, as weights of their rows, and figures over all of them in threads."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from joblib import Parallel, cpu_count, delayed
from numpy.typing import NDArray

from fxkit.metrics.intervals import number_groups
from fxkit.metrics.scores import Floats, Ints

Counts = NDArray[np.integer[Any]]

CHUNK = 4_000_000  # weights that a thread takes at once

BLOCK = 500_000  # weights in memory at once: 4 MB, for which memory is used again and not asked for anew

THREADS = 4  # each holds a few arrays of the size of a block

KEPT = 50_000_000  # counts of draws that are kept for the next figure: 50 MB, or 100 MB


def resampled_weights(groups: Sequence[str], resamples: int, seed: int) -> Iterator[Floats]:
    """Resample all groups with replacement; yield chunks of weights (b, N), one row for each resample.

    The same groups, resamples and seed give the same weights. Paired differences depend on this.

    Args:
        groups: (N,) group of each file.
    """
    members = number_groups(groups)
    for counts in _draws_of(members, resamples, seed):
        yield _weights(counts, members)


def _draws_of(members: Ints, resamples: int, seed: int) -> Iterator[Counts]:
    """Yield chunks (b, G): how often each group is drawn."""
    size, n_groups = max(1, CHUNK // max(1, len(members))), int(members.max(initial=-1)) + 1
    if resamples * n_groups > KEPT:
        yield from _draw_chunks(n_groups, resamples, seed, size)
        return
    drawn = _draws(n_groups, resamples, seed)
    for start in range(0, resamples, size):
        yield drawn[start : start + size]


def _weights(counts: Counts, members: Ints) -> Floats:
    """Return (b, N) weights of the rows.

    The weights of a row lie side by side, because copying and summing rows is much faster than picking columns.
    """
    return np.asarray(counts.T.astype(float)[members].T)


def over_resamples(
    figures: Callable[[Floats], Floats], groups: Sequence[str], resamples: int, seed: int
) -> list[Floats]:
    """Return figures(weights) for chunks of the weights (b, N) of `resampled_weights`, in order.

    Several chunks are computed in threads, because numpy releases the interpreter's lock.

    Args:
        figures: (b, N) -> (..., b).
    """
    members = number_groups(groups)
    size = max(1, BLOCK // max(1, len(members)))

    def compute(counts: Counts) -> Floats:
        blocks = (counts[start : start + size] for start in range(0, len(counts), size))
        return np.concatenate([figures(_weights(block, members)) for block in blocks], axis=-1)

    chunks = _draws_of(members, resamples, seed)
    if len(groups) * resamples <= CHUNK:
        return [compute(counts) for counts in chunks]
    in_threads = Parallel(n_jobs=min(cpu_count(), THREADS), prefer="threads", pre_dispatch="n_jobs")
    return list(in_threads(delayed(compute)(counts) for counts in chunks))


@lru_cache(maxsize=4)
def _draws(n_groups: int, resamples: int, seed: int) -> Counts:
    """Return (resamples, n_groups) how often each group is drawn; all figures of a set of groups share them."""
    chunks = _draw_chunks(n_groups, resamples, seed, max(1, CHUNK // n_groups))
    small = [chunk.astype(np.min_scalar_type(int(chunk.max()))) for chunk in chunks]
    return np.concatenate([np.zeros((0, n_groups), np.uint8), *small])


def _draw_chunks(n_groups: int, resamples: int, seed: int, size: int) -> Iterator[Counts]:
    """Yield chunks of at most `size` rows; the chunks change no number."""
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, size):
        yield rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=min(size, resamples - start))
