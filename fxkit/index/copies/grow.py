"""Grow groups of copies: compare candidates, and merge two groups where the evidence between them suffices.

A comparison that scores WITNESS or more is called a link. Two groups merge on one strong link, or on two weaker links
between different films; `links_suffice` has the exact rule.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from fxkit.index.copies.compare import Evidence

# Coefficients of a logistic regression on artificial copies; the score is the log odds that two films are copies.
SHARE_WEIGHT, RANK_WEIGHT, DETAIL_WEIGHT, OFFSET = 2.15, 0.95, 7.2, -9.5

# Below these the evidence does not count at all:
LEAST_RANK = 0.4  # rank correlation of grey values

LEAST_PLACES = 10.0  # squares with structure; markers alone on an empty background have fewer

LIKE_RANK = 0.85  # rank correlation above which half of LEAST_PLACES suffices

LEAST_SHARE = 0.15  # share of clear matches that fit the map; edges of plates and scanner stripes give a smaller one

LEAST_AGREEING = 0.2  # share of the structure that agrees; edges of plates and stripes give a smaller one

ENLARGED = 1.6  # enlargement above which a picture has no fine detail, ...

ENLARGED_PENALTY = 2.0  # ... so that this is taken off its score

STRONG = 5.4  # score from which one link merges two groups

WITNESS = -0.3  # score from which a comparison counts as a link

HINT = -1.0  # score from which two groups get a second look

# Two large groups have many pairs, so one may be similar by chance. They need a strong link and a second link.
LARGE = 3  # films in the smaller of two large groups

SECOND = 3.0  # score of the second link

REFUSALS = 6  # comparisons without a link after which two groups are not compared any more

PATIENCE = 5  # comparisons without a link after which a film is not compared any more

FEW = 2  # films of a group that gets a second look: ...

LOOKS = 8  # ... it is compared with so many films of each group that it has a hint for, ...

SECOND_LOOKS = 2  # ... and again, as groups may have merged


Pair = tuple[int, int]

Link = tuple[int, int, float]  # two films, by their numbers, and the score

Compare = Callable[[Sequence[Pair]], Iterable[Evidence | None]]


def score(evidence: Evidence) -> float:
    """Return the log odds that two films with this evidence are copies; minus infinity if the evidence is too weak."""
    least = LEAST_PLACES / 2 if evidence.rank > LIKE_RANK else LEAST_PLACES
    if (
        evidence.rank < LEAST_RANK
        or evidence.places < least
        or evidence.share < LEAST_SHARE
        or evidence.agreeing < LEAST_AGREEING
    ):
        return float("-inf")
    correlations = np.arctanh(np.clip((evidence.rank, evidence.detail), -0.99, 0.99))
    values = (np.log(evidence.share), *correlations)
    penalty = ENLARGED_PENALTY if evidence.enlarged > ENLARGED else 0.0
    return float(np.dot((SHARE_WEIGHT, RANK_WEIGHT, DETAIL_WEIGHT), values) + OFFSET - penalty)


@dataclass
class _Between:
    """The results of all comparisons between two groups."""

    links: list[Link] = field(default_factory=list)
    refused: int = 0  # comparisons without a link
    best_score: float = float("-inf")


@dataclass
class _Groups:
    """Disjoint groups of films, each named by one of its films."""

    of: list[int]  # group of each film
    films: dict[int, list[int]]  # films of each group
    rejected: tuple[Pair, ...] = ()  # films that must stay in different groups
    compared: dict[int, dict[int, _Between]] = field(default_factory=lambda: defaultdict(dict))  # symmetric

    def between(self, a: int, b: int) -> _Between:
        """Return the results of the comparisons between the groups of two films."""
        a, b = self.of[a], self.of[b]
        return self.compared[b].setdefault(a, self.compared[a].setdefault(b, _Between()))

    def are_rejected(self, one: int, other: int) -> bool:
        """Whether a verdict of the user forbids merging two groups."""
        return any({self.of[a], self.of[b]} == {one, other} for a, b in self.rejected)


def grow_groups(
    count: int,
    candidates: Sequence[Link],
    compare: Compare,
    accepted: Collection[Pair] = (),
    rejected: Collection[Pair] = (),
    patience: int = PATIENCE,
) -> tuple[list[int], list[Pair]]:
    """Compare candidates, the likeliest first, and merge groups, until no pair is left to compare.

    In each round every film is compared with its likeliest candidate in another group, as in Boruvka's algorithm. The
    number of comparisons therefore grows with the number of films, not of pairs.

    Args:
        count: number of films.
        candidates: (lower, higher, votes), most votes first.
        compare: returns the evidence of each pair, in the same order.
        accepted: (lower, higher) pairs that are merged without comparison.
        rejected: (lower, higher) pairs whose groups are never merged.
        patience: comparisons in a row without a link after which a film is not compared any more.
    Returns:
        The group of each film, named by one of its films, and the pairs whose links merged groups.
    """
    groups = _Groups(list(range(count)), {film: [film] for film in range(count)}, tuple(rejected))
    for a, b in sorted(accepted):
        if groups.of[a] != groups.of[b]:
            _merge(groups, groups.of[a], groups.of[b])
    joined: list[Pair] = []
    compared = _compare_in_rounds(groups, [(a, b) for a, b, _ in candidates], compare, joined, patience)
    for _ in range(SECOND_LOOKS):
        pairs = _second_look(groups, compared)
        compared.update(pairs)
        _compare_and_merge(groups, pairs, compare, joined)
    return groups.of, joined


def _compare_in_rounds(
    groups: _Groups, pairs: list[Pair], compare: Compare, joined: list[Pair], patience: int
) -> set[Pair]:
    """Compare pairs in rounds. A film drops out after `patience` comparisons in a row without a link.

    Returns:
        The pairs that were compared.
    """
    compared: set[Pair] = set()
    patience_of = [patience] * len(groups.of)
    while pairs:
        now, pairs = _next_round(groups, [pair for pair in pairs if any(patience_of[film] for film in pair)])
        compared.update(now)
        for pair, is_link in _compare_and_merge(groups, now, compare, joined):
            for film in pair:
                patience_of[film] = patience if is_link else max(0, patience_of[film] - 1)
    return compared


def _compare_and_merge(
    groups: _Groups, pairs: Sequence[Pair], compare: Compare, joined: list[Pair]
) -> list[tuple[Pair, bool]]:
    """Compare pairs and merge groups whose links suffice; return for each pair whether it is a link.

    Args:
        joined: receives the pairs whose links merged groups.
    """
    links, are_links = [], []
    for pair, evidence in zip(pairs, compare(pairs), strict=True):
        value = score(evidence) if evidence else -np.inf
        between = groups.between(*pair)
        between.best_score = max(between.best_score, value)
        if value >= WITNESS:
            links.append((*pair, value))
            between.links.append(links[-1])
        else:
            between.refused += 1
        are_links.append((pair, value >= WITNESS))
    joined += _merge_linked(groups, links)
    return are_links


def _second_look(groups: _Groups, compared: Collection[Pair]) -> list[Pair]:
    """Return more pairs to compare: films of small groups with films of the groups that they nearly matched.

    The pair that was compared may have been a poor copy, while another film of the same group is more similar.
    """
    pairs: dict[Pair, None] = {}
    for small, films in groups.films.items():
        if len(films) > FEW:
            continue
        for other, between in groups.compared[small].items():
            if between.best_score >= HINT:
                both = ((min(a, b), max(a, b)) for a in films for b in groups.films[other])
                pairs |= dict.fromkeys([pair for pair in both if pair not in compared][:LOOKS])
    return list(pairs)


def _next_round(groups: _Groups, pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Return the pairs to compare now, at most one for each film, and the pairs for later rounds.

    Pairs within a group, and pairs of groups that were compared often without a link, are dropped.
    """
    chosen, later = [], []
    busy: set[int] = set()
    for a, b in pairs:
        if groups.of[a] == groups.of[b]:
            continue
        between = groups.compared[groups.of[a]].get(groups.of[b])
        if between and between.refused >= REFUSALS and not between.links:
            continue
        if a in busy or b in busy:
            later.append((a, b))
        else:
            busy |= {a, b}
            chosen.append((a, b))
    return chosen, later


def _merge_linked(groups: _Groups, links: Iterable[Link]) -> list[Pair]:
    """Merge groups whose links suffice, the strongest link first; return the pairs that merged groups.

    A merge brings links of two groups together, so the links of the merged group are tried again.
    """
    joined = []
    waiting = [(-value, a, b) for a, b, value in links]
    heapq.heapify(waiting)
    while waiting:
        _, a, b = heapq.heappop(waiting)
        one, other = groups.of[a], groups.of[b]
        if one == other:
            continue
        smaller = min(len(groups.films[one]), len(groups.films[other]))
        if links_suffice(groups.compared[one][other].links, smaller) and not groups.are_rejected(one, other):
            joined.append((a, b))
            for between in _merge(groups, one, other):
                if between.links:
                    c, d, value = max(between.links, key=lambda link: link[2])
                    heapq.heappush(waiting, (-value, c, d))
    return joined


def links_suffice(links: Sequence[Link], smaller: int) -> bool:
    """Whether the links between two groups suffice to merge them.

    - If the smaller group has LARGE films or more: one strong link and a second link.
    - Otherwise: one strong link, or two weaker links. The weaker links must have no film in common, so that no merge
      depends on one film. A group of a single film needs links to two films of the other group.

    Args:
        smaller: number of films of the smaller group.
    """
    strong = any(value >= STRONG for *_, value in links)
    if smaller >= LARGE:
        return strong and sum(value >= SECOND for *_, value in links) > 1
    if strong:
        return True
    return _have_disjoint_pairs(links) if smaller > 1 else len({film for a, b, _ in links for film in (a, b)}) > 2


def _have_disjoint_pairs(links: Sequence[Link]) -> bool:
    """Whether there are two links that have no film in common."""
    return any(not {a, b} & {c, d} for a, b, _ in links for c, d, _ in links)


def _merge(groups: _Groups, one: int, other: int) -> list[_Between]:
    """Merge two groups; return the comparisons between the merged group and the others."""
    kept, gone = (one, other) if len(groups.films[one]) >= len(groups.films[other]) else (other, one)
    for film in groups.films[gone]:
        groups.of[film] = kept
    groups.films[kept] += groups.films.pop(gone)
    for third, between in groups.compared.pop(gone, {}).items():
        groups.compared[third].pop(gone)
        if third != kept:
            both = groups.between(kept, third)
            both.links += between.links
            both.refused += between.refused
            both.best_score = max(both.best_score, between.best_score)
    return list(groups.compared[kept].values())
