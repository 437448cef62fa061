"""Grow groups from artificial evidence: which links merge groups, and how many comparisons are made."""

import math
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from fxkit.index.copies.compare import Evidence
from fxkit.index.copies.grow import (
    ENLARGED_PENALTY,
    LARGE,
    LEAST_AGREEING,
    LEAST_PLACES,
    LEAST_SHARE,
    LIKE_RANK,
    PATIENCE,
    REFUSALS,
    SECOND,
    STRONG,
    WITNESS,
    Pair,
    grow_groups,
    links_suffice,
    score,
)

STRONG_LINK, WEAK_LINK = STRONG + 0.5, (WITNESS + SECOND) / 2
Scores = dict[Pair, float]
Groups = list[list[int]]


def seen(share: float, detail: float, places: float = 60.0, rank: float = 0.9) -> Evidence:
    return Evidence(50, share, rank, detail, 0.7, places, 0.9, False, ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)), 1.0)


def test_a_link_of_a_much_enlarged_film_counts_less() -> None:
    link = seen(0.8, 0.9)
    assert score(replace(link, enlarged=1.43)) == score(link)  # 224 px
    assert score(replace(link, enlarged=3.3)) == pytest.approx(score(link) - ENLARGED_PENALTY)


def evidence(value: float) -> Evidence:
    """Return evidence with a given score."""
    return seen(1.0, brentq(lambda detail: score(seen(1.0, detail)) - value, -0.98, 0.98))


def grown(
    count: int, scores: Scores, accepted: Collection[Pair] = (), rejected: Collection[Pair] = ()
) -> tuple[Groups, list[Pair]]:
    """Grow groups from candidates in the given order; return the groups and the compared pairs."""
    compared: list[Pair] = []

    def compare(pairs: Sequence[Pair]) -> list[Evidence | None]:
        compared.extend(pairs)
        values = [scores.get(pair, -math.inf) for pair in pairs]  # second looks go beyond the candidates
        return [None if value == -math.inf else evidence(value) for value in values]

    candidates = [(a, b, 100.0 - n) for n, (a, b) in enumerate(scores)]
    of, joined = grow_groups(count, candidates, compare, accepted, rejected)
    assert set(joined) <= set(compared)
    assert len(compared) == len(set(compared))
    sets: dict[int, list[int]] = {}
    for film, group in enumerate(of):
        sets.setdefault(group, []).append(film)
    assert all(name in films for name, films in sets.items())
    return sorted(sets.values()), compared


def test_the_score_grows_with_share_and_detail() -> None:
    assert score(evidence(WEAK_LINK)) == pytest.approx(WEAK_LINK)
    assert score(seen(0.9, 0.5)) > score(seen(0.5, 0.5)) > score(seen(0.5, 0.4))
    assert math.isfinite(score(seen(LEAST_SHARE, 1.0)))
    assert score(seen(LEAST_SHARE - 0.01, 1.0)) == -math.inf


def test_similarity_in_a_few_places_does_not_count() -> None:
    """Two films may agree only in their markers, with an empty background elsewhere."""
    assert score(seen(1.0, 0.95, LEAST_PLACES - 1, LIKE_RANK)) == -math.inf
    assert math.isfinite(score(seen(1.0, 0.95, LEAST_PLACES, LIKE_RANK)))
    assert math.isfinite(score(seen(1.0, 0.95, LEAST_PLACES / 2, LIKE_RANK + 0.01)))
    assert score(seen(1.0, 0.95, LEAST_PLACES / 2 - 1, LIKE_RANK + 0.01)) == -math.inf


def test_similarity_of_a_small_part_of_the_structure_does_not_count() -> None:
    assert math.isfinite(score(replace(seen(1.0, 0.95), agreeing=LEAST_AGREEING)))
    assert score(replace(seen(1.0, 0.95), agreeing=LEAST_AGREEING - 0.01)) == -math.inf


def test_a_strong_link_merges_groups() -> None:
    groups, _ = grown(4, {(0, 1): STRONG_LINK, (2, 3): STRONG_LINK, (1, 2): STRONG_LINK})
    assert groups == [[0, 1, 2, 3]]


def test_two_weak_links_between_different_films_merge_groups() -> None:
    pairs = {(0, 1): STRONG_LINK, (2, 3): STRONG_LINK, (1, 2): WEAK_LINK}
    assert grown(4, pairs)[0] == [[0, 1], [2, 3]]
    assert grown(4, {**pairs, (0, 3): WEAK_LINK})[0] == [[0, 1, 2, 3]]


def test_two_weak_links_of_one_film_do_not_merge_groups() -> None:
    pairs = {(0, 1): STRONG_LINK, (2, 3): STRONG_LINK, (1, 2): WEAK_LINK, (1, 3): WEAK_LINK}
    assert grown(4, pairs)[0] == [[0, 1], [2, 3]]


def test_a_lone_film_joins_by_two_weak_links() -> None:
    assert grown(3, {(0, 1): STRONG_LINK, (1, 2): WEAK_LINK, (0, 2): WEAK_LINK})[0] == [[0, 1, 2]]
    assert grown(2, {(0, 1): WEAK_LINK})[0] == [[0], [1]]


def test_links_add_up_when_groups_merge() -> None:
    """Films 0 and 3 each have a weak link to film 4. The two suffice once 0 and 3 are in one group."""
    pairs = {(0, 1): STRONG_LINK, (2, 3): STRONG_LINK, (0, 4): WEAK_LINK, (3, 4): WEAK_LINK, (1, 2): STRONG_LINK}
    assert grown(5, pairs)[0] == [[0, 1, 2, 3, 4]]


def test_the_links_needed_to_merge_groups_depend_on_strength_and_group_size() -> None:
    assert not links_suffice([], 1)
    assert links_suffice([(0, 1, STRONG)], LARGE - 1)
    assert not links_suffice([(0, 1, WEAK_LINK)], 1)
    apart = [(0, 1, WEAK_LINK), (2, 3, WEAK_LINK)]
    assert links_suffice(apart, LARGE - 1)
    assert not links_suffice(apart, LARGE)
    assert not links_suffice([*apart, (4, 5, STRONG)], LARGE)
    assert links_suffice([(0, 1, SECOND), (0, 5, STRONG)], LARGE)


def test_accepted_pairs_are_merged_without_comparison() -> None:
    assert grown(3, {}, accepted=[(0, 2)])[0] == [[0, 2], [1]]
    assert grown(3, {(0, 2): -math.inf}, accepted=[(0, 2)]) == ([[0, 2], [1]], [])


def test_rejected_pairs_stay_apart_despite_strong_links() -> None:
    assert grown(2, {(0, 1): STRONG_LINK}, rejected=[(0, 1)])[0] == [[0], [1]]
    groups, _ = grown(3, {(0, 1): STRONG_LINK, (1, 2): STRONG_LINK}, rejected=[(0, 2)])
    assert len(groups) == 2
    assert not any({0, 2} <= set(films) for films in groups)


def test_two_groups_are_no_longer_compared_after_some_refusals() -> None:
    half = 8
    inner = {(a + start, a + 1 + start): STRONG_LINK for start in (0, half) for a in range(half - 1)}
    between = {(a, b): -math.inf for a in range(half) for b in range(half, 2 * half)}
    groups, compared = grown(2 * half, {**inner, **between})
    assert groups == [list(range(half)), list(range(half, 2 * half))]
    # a round compares each film once, so all films of a group may be compared in the round of the last refusal
    assert len([pair for pair in compared if pair in between]) <= REFUSALS + half < len(between)


def test_films_without_a_link_are_no_longer_compared() -> None:
    count = 30
    pairs = {(a, b): -math.inf for a in range(count) for b in range(a + 1, count)}
    groups, compared = grown(count, pairs)
    assert len(groups) == count
    assert len(compared) <= PATIENCE * count < len(pairs)


def test_no_films_give_no_groups() -> None:
    assert grow_groups(0, [], lambda pairs: []) == ([], [])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_strong_links_give_connected_components_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    owner = rng.integers(0, 4, 10)
    pairs = {(a, b): STRONG_LINK for a in range(10) for b in range(a + 1, 10) if owner[a] == owner[b]}
    mixed = [list(pairs)[n] for n in rng.permutation(len(pairs))]
    truth = sorted([n for n in range(10) if owner[n] == name] for name in set(owner.tolist()))
    assert grown(10, {pair: pairs[pair] for pair in mixed})[0] == truth


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_renumbered_films_give_the_same_groups(seed: int) -> None:
    """The numbers of the films do not matter if all scores and votes differ."""
    rng = np.random.default_rng(seed)
    pairs = {(a, b): float(rng.uniform(-4, 7)) for a in range(7) for b in range(a + 1, 7) if rng.random() < 0.5}
    new = rng.permutation(7).tolist()
    renamed = {(min(new[a], new[b]), max(new[a], new[b])): value for (a, b), value in pairs.items()}
    assert sorted(sorted(new[film] for film in films) for films in grown(7, pairs)[0]) == grown(7, renamed)[0]
