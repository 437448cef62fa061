"""Balance groups over parts in films and in files at once: a search that moves and exchanges groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Ints = NDArray[np.int64]

Bools = NDArray[np.bool_]

Stratum = tuple[str, ...]  # class, then the site, the marker style or both

Name = TypeVar("Name", str, Stratum)


STEPS = 400  # moves and exchanges at most

CANDIDATES = 300  # groups among which a step is looked for; drawn where there are more

NEAR = 1e-4  # 0.01 percentage points off in everything is near enough


@dataclass(frozen=True)
class SplitFiles:
    """What a division needs to know of each file: its class, group and film, and what else to stratify by.

    Attributes:
        strata: kind ("site", "marker") -> value of each file.
    """

    labels: Sequence[str]
    groups: Sequence[str]
    films: Sequence[str]
    strata: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Imbalance:
    """How far parts are from their fractions in one class: the largest deviation over parts, in percentage points.

    Attributes:
        strata: the largest over sites, marker styles and both, in points of the class; 0 without strata.
    """

    label: str
    films: float
    files: float
    strata: float


@dataclass(frozen=True)
class GroupShares:
    """What each group holds, as a share of its class.

    Attributes:
        groups: sorted.
        shares: (G, F): of a class's films and files, in all of it and in each of its strata.
        columns: stratum and "films" or "files" of each of the F columns.
    """

    groups: tuple[str, ...]
    columns: tuple[tuple[Stratum, str], ...]
    shares: Floats

    @property
    def has_class(self) -> Bools:
        """(G, C): whether a group has a file of the class."""
        whole = [i for i, (stratum, unit) in enumerate(self.columns) if len(stratum) == 1 and unit == "files"]
        return np.asarray(self.shares[:, whole] > 0)


def group_shares(files: SplitFiles) -> GroupShares:
    """Count each group's films and files by class and stratum; the order of the files does not matter."""
    groups, group = _number(files.groups)
    films, film = _number(files.films)
    columns: list[tuple[Stratum, str]] = []
    counted: list[Floats] = []
    for strata in _stratifications(files):
        names, stratum = _number(strata)
        cell = group * len(names) + stratum
        film_cell = np.unique(cell * len(films) + film) // len(films)
        for unit, cells in (("films", film_cell), ("files", cell)):
            counts = np.bincount(cells, minlength=len(groups) * len(names))
            columns += [(name, unit) for name in names]
            counted.append(counts.reshape(len(groups), len(names)).astype(float))
    return GroupShares(tuple(groups), tuple(columns), _as_shares(np.hstack(counted), columns))


def _number(values: Sequence[Name]) -> tuple[list[Name], Ints]:
    """Return the distinct values, sorted, and each value's place among them."""
    names = sorted(set(values))
    places = {name: place for place, name in enumerate(names)}
    return names, np.array([places[value] for value in values], np.int64)


def _stratifications(files: SplitFiles) -> list[list[Stratum]]:
    """Class alone, class with each kind of stratum, and class with all kinds; the kind keeps their columns apart."""
    ways: list[list[Stratum]] = [[(label,) for label in files.labels]]
    kinds: list[list[Stratum]] = [
        [(label, f"{kind} {value}") for label, value in zip(files.labels, values, strict=True)]
        for kind, values in sorted(files.strata.items())
    ]
    ways += kinds
    if len(kinds) > 1:
        ways.append([(rows[0][0], *(row[1] for row in rows)) for rows in zip(*kinds, strict=True)])
    return ways


def _as_shares(counts: Floats, columns: Sequence[tuple[Stratum, str]]) -> Floats:
    """Divide by the class's total, not the stratum's: a stratum weighs as much as it holds."""
    totals = {(stratum[0], unit): counts[:, i].sum() for i, (stratum, unit) in enumerate(columns) if len(stratum) == 1}
    return np.asarray(counts / [totals[stratum[0], unit] for stratum, unit in columns])


def favour_classes(weights: GroupShares) -> GroupShares:
    """Halve the weight of the strata: on 64 patients the classes then come as near as they do without strata."""
    scale = np.array([1.0 if len(stratum) == 1 else 0.5 for stratum, _ in weights.columns])
    return replace(weights, shares=weights.shares * scale)


def deviation(weights: GroupShares, parts: Ints, fractions: Floats) -> Floats:
    """Return (P, F): how much more of each column a part holds than its fraction, as a share of the class."""
    held = np.zeros((len(fractions), weights.shares.shape[1]))
    np.add.at(held, parts, weights.shares)
    return held - np.outer(fractions, weights.shares.sum(axis=0))


def improve(weights: GroupShares, parts: Ints, fractions: Floats, free: Bools, seed: Sequence[int]) -> Ints:
    """Move groups, or exchange two, always the best step first, while that brings the parts nearer to the fractions.

    No part loses its last group of a class. At most STEPS steps are taken.

    Args:
        parts: (G,) index of each group's part to start from; not modified.
        free: (G,) False where a group must stay.
    """
    parts, rng = parts.copy(), np.random.default_rng(seed)
    has = weights.has_class
    kinds = np.unique(has, axis=0, return_inverse=True)[1].reshape(-1)
    off = deviation(weights, parts, fractions)
    counts = np.zeros((len(fractions), has.shape[1]), int)
    np.add.at(counts, parts, has)
    movable = np.flatnonzero(free)
    for _ in range(STEPS):
        if not len(movable) or np.abs(off).max() < NEAR:
            break
        some = movable if len(movable) <= CANDIDATES else np.sort(rng.choice(movable, CANDIDATES, replace=False))
        last = (has[some] & (counts[parts[some]] == 1)).any(axis=1)
        step = _best_step(weights.shares[some], parts[some], off, fractions > 0, last, kinds[some])
        for group, part in step:
            for sign, place in ((-1, parts[some[group]]), (1, part)):
                off[place] += sign * weights.shares[some[group]]
                counts[place] += sign * has[some[group]]
            parts[some[group]] = part
        if not step:
            break
    return parts


def _best_step(
    shares: Floats, parts: Ints, off: Floats, wanted: Bools, last: Bools, kinds: Ints
) -> list[tuple[int, int]]:
    """Return groups with their new parts, by the change of the sum of squared deviations; none where none helps.

    Changes are rounded, so that the last bits of a sum, which differ between machines, decide nothing.
    """
    pull = shares @ off.T  # (n, P)
    own = pull[np.arange(len(parts)), parts]
    norms = (shares * shares).sum(axis=1)
    moves = 2 * (pull - own[:, None] + norms[:, None])
    moves[:, ~wanted] = np.inf
    moves[last] = np.inf
    moves[np.arange(len(parts)), parts] = np.inf
    cross = pull[:, parts]  # [h, g]: of h in the place of g
    apart = norms[:, None] + norms[None, :] - 2 * shares @ shares.T
    swaps = 2 * (cross + cross.T - own[:, None] - own[None, :] + apart)
    barred = (last[:, None] | last[None, :]) & (kinds[:, None] != kinds[None, :])
    swaps[barred | (parts[:, None] == parts[None, :])] = np.inf
    moves, swaps = np.round(moves, 12), np.round(swaps, 12)
    if min(moves.min(), swaps.min()) >= 0:
        return []
    if moves.min() <= swaps.min():
        group, part = np.unravel_index(int(moves.argmin()), moves.shape)
        return [(int(group), int(part))]
    a, b = np.unravel_index(int(swaps.argmin()), swaps.shape)
    return [(int(a), int(parts[b])), (int(b), int(parts[a]))]


def imbalances(weights: GroupShares, parts: Ints, fractions: Floats) -> list[Imbalance]:
    """Return how far from the fractions each class is, sorted by class."""
    worst = 100 * np.abs(deviation(weights, parts, fractions)).max(axis=0)
    found: dict[str, dict[str, float]] = {}
    for (stratum, unit), points in zip(weights.columns, worst, strict=True):
        kind = unit if len(stratum) == 1 else "strata"
        seen = found.setdefault(stratum[0], {"films": 0.0, "files": 0.0, "strata": 0.0})
        seen[kind] = max(seen[kind], float(points))
    return [Imbalance(label, **points) for label, points in sorted(found.items())]
