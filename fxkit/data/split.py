"""Divide groups into train, val and test."""

import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from fxkit.data.manifest import SPLITS
from fxkit.errors import DataError

FRACTIONS = (0.7, 0.15, 0.15)
TRIALS = 64  # shuffles to choose from: the one whose splits come nearest to the fractions in files;
TRIED_GROUPS = 20_000  # fewer where so many groups come near by themselves

Fractions = tuple[float, float, float]


def check_fractions(fractions: Sequence[float]) -> Fractions:
    """Return three fractions for train, val and test.

    Raises:
        DataError: not three, negative, or their sum is not 1.
    """
    values = tuple(float(value) for value in fractions)
    if len(values) != 3 or min(values) < 0 or abs(sum(values) - 1) > 1e-6:
        shown = ", ".join(f"{value:g}" for value in values)
        raise DataError(f"fractions {shown}: expected three for {', '.join(SPLITS)}, none negative, with the sum 1")
    return values


def assign_splits(
    labels: Sequence[str], groups: Sequence[str], fractions: Sequence[float] = FRACTIONS, seed: int = 0
) -> list[str]:
    """Give every file the split of its group; the order of the files does not matter.

    Each class's groups are divided by the fractions (a group of several classes counts with the rarest), each
    split gets at least one, and of several seeded shuffles the one is taken that is nearest in files.

    Raises:
        DataError: bad fractions, or a class has fewer groups than there are splits.
    """
    wanted = check_fractions(fractions)
    sizes: dict[str, Counter[str]] = defaultdict(Counter)
    for label, group in zip(labels, groups, strict=True):
        sizes[group][label] += 1
    _check_counts(sizes, wanted)
    strata = _strata(sizes)
    trials = min(TRIALS, 1 + TRIED_GROUPS // len(sizes))
    shuffles = (_shuffle(strata, wanted, seed, trial) for trial in range(trials))
    best = min(shuffles, key=lambda chosen: _distance(chosen, sizes, wanted))
    return [best[group] for group in groups]


def _groups_by_class(sizes: dict[str, Counter[str]]) -> Counter[str]:
    return Counter(label for counts in sizes.values() for label in counts)


def _check_counts(sizes: dict[str, Counter[str]], fractions: Fractions) -> None:
    needed = sum(share > 0 for share in fractions)
    for label, count in sorted(_groups_by_class(sizes).items()):
        if count < needed:
            raise DataError(
                f"class {label!r}: {count} groups for {needed} splits; expected one or more groups a split; "
                "add films of other patients, leave the class out, or set a split's fraction to 0"
            )


def _strata(sizes: dict[str, Counter[str]]) -> dict[str, list[str]]:
    """Return the groups of each class, sorted; a group of several classes stands with the rarest."""
    counts = _groups_by_class(sizes)
    strata: dict[str, list[str]] = defaultdict(list)
    for group in sorted(sizes):
        strata[min(sizes[group], key=lambda label: (counts[label], label))].append(group)
    return strata


def _shuffle(strata: dict[str, list[str]], fractions: Fractions, seed: int, trial: int) -> dict[str, str]:
    chosen = {}
    for label, groups in strata.items():
        key = zlib.crc32(label.encode("utf-8", "surrogateescape"))  # one class's shuffle leaves the others' alone
        order = np.random.default_rng([seed, key, trial]).permutation(len(groups))
        names = np.repeat(SPLITS, quotas(len(groups), fractions))
        chosen.update({groups[index]: str(name) for index, name in zip(order, names, strict=True)})
    return chosen


def quotas(count: int, fractions: Fractions) -> list[int]:
    """Divide a whole number by fractions; each that is above 0 gets at least 1 if there are enough.

    The rounding goes where most is missing, the earlier split first.
    """
    some = [share > 0 for share in fractions]
    given = [int(wants and count >= sum(some)) for wants in some]
    while sum(given) < count:
        missing = [
            share * count - has if wants else -np.inf for share, has, wants in zip(fractions, given, some, strict=True)
        ]
        given[int(np.argmax(np.round(missing, 9)))] += 1
    return given


def _distance(chosen: dict[str, str], sizes: dict[str, Counter[str]], fractions: Fractions) -> float:
    """How far the splits are from the fractions in files; a class that a split lacks weighs most."""
    files: dict[str, Counter[str]] = defaultdict(Counter)
    for group, split in chosen.items():
        for label, count in sizes[group].items():
            files[label][split] += count
    total = 0.0
    for counts in files.values():
        whole = sum(counts.values())
        for split, share in zip(SPLITS, fractions, strict=True):
            total += abs(counts[split] / whole - share) + 10 * (share > 0 and not counts[split])
    return round(total, 9)
