"""Balance groups over splits or folds, in films and in files at once, by moving and exchanging groups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Ints = NDArray[np.int64]

Bools = NDArray[np.bool_]

Stratum = tuple[str, ...]  # class, optionally followed by the site, the marker style or both

Name = TypeVar("Name", str, Stratum)


STEPS = 400  # moves and exchanges at most

CANDIDATES = 300  # groups that a step considers at most; if there are more, a random sample

NEAR = 1e-4  # the search stops when no deviation exceeds 0.01 percentage points


@dataclass(frozen=True)
class SplitFiles:
    """The files to split, as columns of equal length.

    Attributes:
        labels: class of each file.
        groups: group of each file.
        films: film of each file.
        strata: "site" or "marker" -> value of each file, to balance as well.
    """

    labels: Sequence[str]
    groups: Sequence[str]
    films: Sequence[str]
    strata: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Imbalance:
    """Largest deviation of any part from its fraction of one class, in percentage points of the class.

    Attributes:
        films: deviation counted in films.
        files: deviation counted in files.
        strata: largest deviation within a site, a marker style or a combination of both; 0 without strata.
    """

    label: str
    films: float
    files: float
    strata: float


@dataclass(frozen=True)
class GroupShares:
    """What each group holds, as shares of its class.

    Attributes:
        groups: names of the G groups, sorted.
        columns: stratum and unit ("films" or "files") of each of the F columns.
        shares: (G, F), the films or files that a group has in a stratum, divided by those of the whole class.
    """

    groups: tuple[str, ...]
    columns: tuple[tuple[Stratum, str], ...]
    shares: Floats

    @property
    def has_class(self) -> Bools:
        """(G, C), whether a group has a file of the class."""
        whole = [i for i, (stratum, unit) in enumerate(self.columns) if len(stratum) == 1 and unit == "files"]
        return np.asarray(self.shares[:, whole] > 0)


def group_shares(files: SplitFiles) -> GroupShares:
    """Count each group's films and files by class and stratum; the order of the files does not matter."""
    groups, group = _number(files.groups)
    films, film = _number(files.films)
    columns: list[tuple[Stratum, str]] = []
    counts: list[Floats] = []
    for strata in _stratifications(files):
        names, stratum = _number(strata)
        cell = group * len(names) + stratum
        film_cell = np.unique(cell * len(films) + film) // len(films)
        for unit, cells in (("films", film_cell), ("files", cell)):
            table = np.bincount(cells, minlength=len(groups) * len(names))
            columns += [(name, unit) for name in names]
            counts.append(table.reshape(len(groups), len(names)).astype(float))
    return GroupShares(tuple(groups), tuple(columns), _as_shares(np.hstack(counts), columns))


def _number(values: Sequence[Name]) -> tuple[list[Name], Ints]:
    """Return the sorted distinct values, and for each value its index among them."""
    names = sorted(set(values))
    index = {name: i for i, name in enumerate(names)}
    return names, np.array([index[value] for value in values], np.int64)


def _stratifications(files: SplitFiles) -> list[list[Stratum]]:
    """Return the strata of the files by class, by class and each kind of stratum, and by class and all kinds.

    Each value is prefixed with its kind, so that equal values of two kinds stay different columns.
    """
    by_class: list[Stratum] = [(label,) for label in files.labels]
    by_kind: list[list[Stratum]] = [
        [(label, f"{kind} {value}") for label, value in zip(files.labels, values, strict=True)]
        for kind, values in sorted(files.strata.items())
    ]
    stratifications = [by_class, *by_kind]
    if len(by_kind) > 1:
        stratifications.append([(rows[0][0], *(row[1] for row in rows)) for rows in zip(*by_kind, strict=True)])
    return stratifications


def _as_shares(counts: Floats, columns: Sequence[tuple[Stratum, str]]) -> Floats:
    """Divide counts by the total of the class, not of the stratum, so that larger strata weigh more."""
    totals = {(stratum[0], unit): counts[:, i].sum() for i, (stratum, unit) in enumerate(columns) if len(stratum) == 1}
    return np.asarray(counts / [totals[stratum[0], unit] for stratum, unit in columns])


def favour_classes(shares: GroupShares) -> GroupShares:
    """Halve the weight of the strata: with 64 patients, the classes are then balanced as well as without strata."""
    scale = np.array([1.0 if len(stratum) == 1 else 0.5 for stratum, _ in shares.columns])
    return replace(shares, shares=shares.shares * scale)


def deviation(shares: GroupShares, parts: Ints, fractions: Floats) -> Floats:
    """Return (P, F), by how much each of the P parts exceeds its fraction of each column, as a share of the class.

    Args:
        parts: (G,) index of each group's part.
        fractions: (P,) with the sum 1.
    """
    held = np.zeros((len(fractions), shares.shares.shape[1]))
    np.add.at(held, parts, shares.shares)
    return held - np.outer(fractions, shares.shares.sum(axis=0))


def improve(shares: GroupShares, parts: Ints, fractions: Floats, free: Bools, seed: Sequence[int]) -> Ints:
    """Move or exchange groups, the best step first, while the parts come nearer to their fractions.

    No part loses its last group of a class. At most STEPS steps are taken.

    Args:
        parts: (G,) index of each group's part to start from; not modified.
        free: (G,) False for a group that must stay.

    Returns:
        (G,) index of each group's part.
    """
    parts, rng = parts.copy(), np.random.default_rng(seed)
    has_class = shares.has_class
    class_sets = np.unique(has_class, axis=0, return_inverse=True)[1].reshape(-1)
    excess = deviation(shares, parts, fractions)
    counts = np.zeros((len(fractions), has_class.shape[1]), int)
    np.add.at(counts, parts, has_class)
    movable = np.flatnonzero(free)
    for _ in range(STEPS):
        if not len(movable) or np.abs(excess).max() < NEAR:
            break
        some = movable if len(movable) <= CANDIDATES else np.sort(rng.choice(movable, CANDIDATES, replace=False))
        is_last = (has_class[some] & (counts[parts[some]] == 1)).any(axis=1)
        step = _best_step(shares.shares[some], parts[some], excess, fractions > 0, is_last, class_sets[some])
        for group, part in step:
            for sign, changed in ((-1, parts[some[group]]), (1, part)):
                excess[changed] += sign * shares.shares[some[group]]
                counts[changed] += sign * has_class[some[group]]
            parts[some[group]] = part
        if not step:
            break
    return parts


def _best_step(
    shares: Floats, parts: Ints, excess: Floats, allowed: Bools, is_last: Bools, class_sets: Ints
) -> list[tuple[int, int]]:
    """Return the move or exchange that most reduces the sum of squared deviations, as (group, new part) pairs.

    An empty list means that no step reduces it. Changes are rounded: the last bits of a sum differ between machines
    and must not decide.

    Args:
        shares: (n, F) of the groups that may move.
        parts: (n,) index of each group's part.
        excess: (P, F), see `deviation`.
        allowed: (P,) False for parts with the fraction 0.
        is_last: (n,) whether the group is the last one of a class in its part; it may only be exchanged with a group
            of the same classes.
        class_sets: (n,) equal numbers for groups with the same classes.
    """
    pull = shares @ excess.T  # (n, P)
    current = pull[np.arange(len(parts)), parts]
    norms = (shares * shares).sum(axis=1)
    moves = 2 * (pull - current[:, None] + norms[:, None])
    moves[:, ~allowed] = np.inf
    moves[is_last] = np.inf
    moves[np.arange(len(parts)), parts] = np.inf
    cross = pull[:, parts]  # (n, n): group of the row in the part of the column's group
    distances = norms[:, None] + norms[None, :] - 2 * shares @ shares.T
    swaps = 2 * (cross + cross.T - current[:, None] - current[None, :] + distances)
    barred = (is_last[:, None] | is_last[None, :]) & (class_sets[:, None] != class_sets[None, :])
    swaps[barred | (parts[:, None] == parts[None, :])] = np.inf
    moves, swaps = np.round(moves, 12), np.round(swaps, 12)
    if min(moves.min(), swaps.min()) >= 0:
        return []
    if moves.min() <= swaps.min():
        group, part = np.unravel_index(int(moves.argmin()), moves.shape)
        return [(int(group), int(part))]
    a, b = np.unravel_index(int(swaps.argmin()), swaps.shape)
    return [(int(a), int(parts[b])), (int(b), int(parts[a]))]


def imbalances(shares: GroupShares, parts: Ints, fractions: Floats) -> list[Imbalance]:
    """Return the largest deviation from the fractions for each class, sorted by class."""
    worst = 100 * np.abs(deviation(shares, parts, fractions)).max(axis=0)
    by_class: dict[str, dict[str, float]] = {}
    for (stratum, unit), points in zip(shares.columns, worst, strict=True):
        kind = unit if len(stratum) == 1 else "strata"
        largest = by_class.setdefault(stratum[0], {"films": 0.0, "files": 0.0, "strata": 0.0})
        largest[kind] = max(largest[kind], float(points))
    return [Imbalance(label, **points) for label, points in sorted(by_class.items())]
