"""Candidates: copies come first, and the result is the same each time."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from fxkit.index.copies import candidates as module
from fxkit.index.copies.candidates import NEIGHBOURS, find_candidates
from fxkit.index.copies.features import features_of

Film = NDArray[np.uint8]
Films = Callable[[int], Film]


def descriptors(films: Films) -> list[NDArray[np.uint8]]:
    """Return the descriptors of eight films and of turned copies of the first four."""
    originals = [films(seed) for seed in range(8)]
    copies = [np.ascontiguousarray(np.rot90(film)) for film in originals[:4]]
    return [features_of(film).descriptors for film in originals + copies]


def test_pairs_of_copies_come_first(films: Films) -> None:
    pairs = find_candidates(descriptors(films))
    assert {(low, high) for low, high, _ in pairs[:4]} == {(n, n + 8) for n in range(4)}
    assert pairs[3][2] > 2 * pairs[4][2]
    assert all(low < high for low, high, _ in pairs)
    votes = [weight for *_, weight in pairs]
    assert votes == sorted(votes, reverse=True)


def test_the_same_films_give_the_same_pairs(films: Films) -> None:
    taken = descriptors(films)
    assert find_candidates(taken) == find_candidates(taken)


def test_a_reduction_learned_from_a_sample_finds_the_copies(films: Films, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = descriptors(films)
    monkeypatch.setattr(module, "SAMPLE", len(taken[0]) + len(taken[1]))
    pairs = find_candidates(film for film in taken)
    assert {(low, high) for low, high, _ in pairs[:4]} == {(n, n + 8) for n in range(4)}


def test_small_blocks_give_the_same_pairs(films: Films, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = descriptors(films)
    taken.insert(3, np.zeros((0, 128), np.uint8))
    whole = find_candidates(taken)
    monkeypatch.setattr(module, "BLOCK", 300)
    assert find_candidates(taken) == whole
    assert all(3 not in (low, high) for low, high, _ in whole)


def test_chosen_films_vote_only_for_other_films(films: Films) -> None:
    pairs = find_candidates(descriptors(films), asking=range(8, 12))
    assert {(low, high) for low, high, _ in pairs[:4]} == {(n, n + 8) for n in range(4)}
    assert all(low < 8 <= high for low, high, _ in pairs)


def test_only_the_strongest_keypoints_vote(films: Films, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = descriptors(films)
    strongest = [film[:60] for film in taken]
    assert find_candidates(taken) != find_candidates(strongest)
    monkeypatch.setattr(module, "VOTING", 60)
    assert find_candidates(taken) == find_candidates(strongest)


@pytest.mark.parametrize("count", [0, 1, NEIGHBOURS])
def test_too_few_keypoints_give_no_pairs(films: Films, count: int) -> None:
    few = features_of(films(0)).descriptors[:count]
    assert find_candidates([few, few[:0]]) == []


def test_no_films_give_no_pairs() -> None:
    assert find_candidates([]) == []
