"""Grow groups of copies from verified links: each joins two groups only where the evidence bears it."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from fxkit.index.copies.compare import Evidence

# score of a link: the log odds that it joins copies, by logistic regression on made copies
SHARE_WEIGHT, RANK_WEIGHT, DETAIL_WEIGHT, OFFSET = 2.15, 0.95, 7.2, -9.5

LEAST_RANK = 0.4  # rank correlation of a link that counts at all

LEAST_PLACES = 10.0  # with structure, of such a link: markers alone, on bare ground, are fewer; ...

LIKE_RANK = 0.85  # ... half as many where grey values agree so far

LEAST_SHARE = 0.15  # of its clear matches that agree: plates' edges and scanners' stripes are alike in fewer

LEAST_AGREEING = 0.2  # of their structure: edges of plates and stripes alone are a smaller share

ENLARGED = 1.6  # films enlarged beyond it have no fine detail left: ...

SMALL = 2.0  # ... their score is so much less

SURE = 5.4  # score from which one link joins two groups

WITNESS = -0.3  # ... counts, beside another of other films

HINT = -1.0  # ... is worth a second look

LARGE = 3  # films of both groups from which a sure link is asked for, ...

SECOND = 3.0  # ... and another of this score: among their many pairs one is alike by chance

REFUSALS = 6  # comparisons of two groups without a witness, after which no more of their films are compared

PATIENCE = 5  # comparisons of one film without a witness, after which it is done

FEW = 2  # films of a group for which a second look is taken ...

LOOKS = 8  # ... at so many films of each group to which a witness binds it, ...

SECOND_LOOKS = 2  # ... and once more, for groups that have been joined since


Pair = tuple[int, int]

Link = tuple[int, int, float]  # two films and the score

Compare = Callable[[Sequence[Pair]], Iterable[Evidence | None]]


def score(evidence: Evidence) -> float:
    """Return the log odds that films with this evidence are copies; minus infinity below what a link needs at all."""
    least = LEAST_PLACES / 2 if evidence.rank > LIKE_RANK else LEAST_PLACES
    if (
        evidence.rank < LEAST_RANK
        or evidence.places < least
        or evidence.share < LEAST_SHARE
        or evidence.agreeing < LEAST_AGREEING
    ):
        return float("-inf")
    alike = np.arctanh(np.clip((evidence.rank, evidence.detail), -0.99, 0.99))
    values = (np.log(evidence.share), *alike)
    small = SMALL if evidence.enlarged > ENLARGED else 0.0
    return float(np.dot((SHARE_WEIGHT, RANK_WEIGHT, DETAIL_WEIGHT), values) + OFFSET - small)


@dataclass
class _Seen:
    """What was seen between two groups."""

    links: list[Link] = field(default_factory=list)
    refused: int = 0
    best: float = float("-inf")  # score


@dataclass
class _Groups:
    """Disjoint sets of films, and of each what was seen between it and others; both ends hold the same _Seen."""

    of: list[int]
    films: dict[int, list[int]]
    rejected: tuple[Pair, ...] = ()
    seen: dict[int, dict[int, _Seen]] = field(default_factory=lambda: defaultdict(dict))

    def between(self, a: int, b: int) -> _Seen:
        """Return what was seen between the groups of two films."""
        a, b = self.of[a], self.of[b]
        return self.seen[b].setdefault(a, self.seen[a].setdefault(b, _Seen()))

    def kept_apart(self, one: int, other: int) -> bool:
        """Whether a user's verdict forbids to join two groups."""
        return any({self.of[a], self.of[b]} == {one, other} for a, b in self.rejected)


def grow(
    count: int,
    candidates: Sequence[Link],
    compare: Compare,
    accepted: Collection[Pair] = (),
    rejected: Collection[Pair] = (),
    patience: int = PATIENCE,
) -> tuple[list[int], list[Pair]]:
    """Compare candidates, the likeliest first, until every film is joined or refused.

    In each round every film is compared with its likeliest candidate of another group (as in Boruvka's trees), so
    copies are compared about as often as there are films, not pairs.

    Args:
        count: of films.
        candidates: (lower, higher, votes), most votes first.
        compare: returns the evidence of pairs, in their order.
        accepted: (lower, higher) that are joined without comparison.
        rejected: (lower, higher) whose groups are never joined.
        patience: comparisons of one film without a witness, one after the other, after which it is done.
    Returns:
        the group of each film, named by one of its films, and the pairs whose links joined groups.
    """
    groups = _Groups(list(range(count)), {film: [film] for film in range(count)}, tuple(rejected))
    for a, b in sorted(accepted):
        if groups.of[a] != groups.of[b]:
            _join(groups, groups.of[a], groups.of[b])
    left = [(a, b) for a, b, _ in candidates]
    compared: set[Pair] = set()
    joined: list[Pair] = []
    left_of = [patience] * count
    while left:
        pairs, left = _round(groups, [pair for pair in left if any(left_of[film] for film in pair)])
        compared.update(pairs)
        for pair, witnessed in _look(groups, pairs, compare, joined):
            for film in pair:
                left_of[film] = patience if witnessed else max(0, left_of[film] - 1)
    for _ in range(SECOND_LOOKS):
        pairs = _second_look(groups, compared)
        compared.update(pairs)
        _look(groups, pairs, compare, joined)
    return groups.of, joined


def _look(groups: _Groups, pairs: Sequence[Pair], compare: Compare, joined: list[Pair]) -> list[tuple[Pair, bool]]:
    """Compare pairs and join groups where links bear it; return of each pair whether it is a witness."""
    links, witnessed = [], []
    for pair, evidence in zip(pairs, compare(pairs), strict=True):
        value = score(evidence) if evidence else -np.inf
        seen = groups.between(*pair)
        seen.best = max(seen.best, value)
        if value >= WITNESS:
            links.append((*pair, value))
            seen.links.append(links[-1])
        else:
            seen.refused += 1
        witnessed.append((pair, value >= WITNESS))
    joined += _join_all(groups, links)
    return witnessed


def _second_look(groups: _Groups, compared: Collection[Pair]) -> list[Pair]:
    """Pair the films of small groups with more films of each group to which a witness binds them.

    A film whose likeliest candidate is a poor copy may be like another copy, or the original.
    """
    pairs: dict[Pair, None] = {}
    for small, films in groups.films.items():
        if len(films) > FEW:
            continue
        for other, seen in groups.seen[small].items():
            if seen.best >= HINT:
                both = ((min(a, b), max(a, b)) for a in films for b in groups.films[other])
                pairs |= dict.fromkeys([pair for pair in both if pair not in compared][:LOOKS])
    return list(pairs)


def _round(groups: _Groups, left: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Part what is left into the likeliest pair of each film and the rest; what is settled is in neither."""
    chosen, rest = [], []
    busy: set[int] = set()
    for a, b in left:
        if groups.of[a] == groups.of[b]:
            continue
        seen = groups.seen[groups.of[a]].get(groups.of[b])
        if seen and seen.refused >= REFUSALS and not seen.links:
            continue
        if a in busy or b in busy:
            rest.append((a, b))
        else:
            busy |= {a, b}
            chosen.append((a, b))
    return chosen, rest


def _join_all(groups: _Groups, links: Iterable[Link]) -> list[Pair]:
    """Join groups by new links, the strongest first, and by those that a join brings together."""
    joined = []
    waiting = [(-value, a, b) for a, b, value in links]
    heapq.heapify(waiting)
    while waiting:
        _, a, b = heapq.heappop(waiting)
        one, other = groups.of[a], groups.of[b]
        if one == other:
            continue
        smaller = min(len(groups.films[one]), len(groups.films[other]))
        if bears(groups.seen[one][other].links, smaller) and not groups.kept_apart(one, other):
            joined.append((a, b))
            for seen in _join(groups, one, other):
                if seen.links:
                    c, d, value = max(seen.links, key=lambda link: link[2])
                    heapq.heappush(waiting, (-value, c, d))
    return joined


def bears(links: Sequence[Link], smaller: int) -> bool:
    """Whether links join two groups, of which the smaller has so many films.

    A sure link joins a small group, and so do two weaker ones, of other films on either side where there are such: no
    two groups hang together by one film. Large groups need a sure link and another.
    """
    sure = any(value >= SURE for *_, value in links)
    if smaller >= LARGE:
        return sure and sum(value >= SECOND for *_, value in links) > 1
    if sure:
        return True
    return _apart(links) if smaller > 1 else len({film for a, b, _ in links for film in (a, b)}) > 2


def _apart(links: Sequence[Link]) -> bool:
    """Whether two of the links have no film in common."""
    return any(not {a, b} & {c, d} for a, b, _ in links for c, d, _ in links)


def _join(groups: _Groups, one: int, other: int) -> list[_Seen]:
    """Make one group of two; return what is now seen between it and others."""
    kept, gone = (one, other) if len(groups.films[one]) >= len(groups.films[other]) else (other, one)
    for film in groups.films[gone]:
        groups.of[film] = kept
    groups.films[kept] += groups.films.pop(gone)
    for third, seen in groups.seen.pop(gone, {}).items():
        groups.seen[third].pop(gone)
        if third != kept:
            both = groups.between(kept, third)
            both.links += seen.links
            both.refused += seen.refused
            both.best = max(both.best, seen.best)
    return list(groups.seen[kept].values())
