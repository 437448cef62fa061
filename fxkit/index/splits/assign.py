"""Assign whole groups to splits or folds, balanced by class."""

import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from fxkit.data.manifest import SPLITS
from fxkit.errors import DataError
from fxkit.index.splits.balance import SplitFiles, deviation, favour_classes, group_shares, improve
from preprocess.words import amount

FRACTIONS = (0.7, 0.15, 0.15)

STARTS = 32  # random starts; the best result is kept

STARTED_GROUPS = 4000  # groups over all starts: many groups balance well from fewer starts


Fractions = tuple[float, float, float]


def check_fractions(fractions: Sequence[float]) -> Fractions:
    """Check the fractions of train, val and test, and return them as a tuple.

    Raises:
        DataError: there are not three, one is negative, or their sum is not 1.
    """
    values = tuple(float(value) for value in fractions)
    if len(values) != 3 or min(values) < 0 or abs(sum(values) - 1) > 1e-6:
        text = ", ".join(f"{value:g}" for value in values)
        raise DataError(f"fractions {text}: expected three for {', '.join(SPLITS)}, none negative, with the sum 1")
    return values


def assign_splits(
    labels: Sequence[str], groups: Sequence[str], fractions: Sequence[float] = FRACTIONS, seed: int = 0
) -> list[str]:
    """Assign each file to a split by its group, counting each group as one film; see `assign_parts`.

    Raises:
        DataError: the fractions are invalid, or a class has fewer groups than there are splits.
    """
    by_split = dict(zip(SPLITS, check_fractions(fractions), strict=True))
    split_of = assign_parts(SplitFiles(labels, groups, groups, {}), by_split, seed)
    return [split_of[group] for group in groups]


def assign_parts(
    files: SplitFiles,
    fractions: Mapping[str, float],
    seed: int = 0,
    *,
    fixed: Mapping[str, str] = MappingProxyType({}),
    parts_name: str = "splits",
) -> dict[str, str]:
    """Assign each group to a part so that every class meets the fractions both in films and in files.

    First, the groups of each class are dealt at random according to the fractions, at least one to each part; a group
    with files of several classes counts for the rarest. Then groups are moved and exchanged as long as that improves
    the balance. Of several random starts, the result with the smallest maximum deviation is kept. With 30 to 64
    patients it is within 0.3 percentage points of the optimum by mixed-integer programming, which takes seconds and
    does not scale.

    Args:
        fractions: part -> fraction, with the sum 1.
        fixed: group -> part, for groups that must stay in a part; they count towards its fraction.
        parts_name: "splits" or "folds", for error messages.
    Returns:
        Group -> part; the order of the files does not matter.
    Raises:
        DataError: a class has fewer groups than there are parts.
    """
    _check_group_counts(classes := classes_by_group(files), fractions, parts_name)
    shares, names, targets = favour_classes(group_shares(files)), list(fractions), np.array(list(fractions.values()))
    free = np.array([group not in fixed for group in shares.groups])
    best, least = None, (np.inf, np.inf)
    for start in range(max(1, min(STARTS, STARTED_GROUPS // len(classes)))):
        dealt = _deal(_groups_by_class(classes), fractions, seed, start, fixed)
        parts = np.array([names.index(dealt[group]) for group in shares.groups])
        parts = improve(shares, parts, targets, free, [seed, start])
        excess = deviation(shares, parts, targets)
        distance = (round(float(np.abs(excess).max()), 9), round(float((excess * excess).sum()), 9))
        if best is None or distance < least:
            best, least = parts, distance
    assert best is not None
    return {group: names[part] for group, part in zip(shares.groups, best, strict=True)}


def classes_by_group(files: SplitFiles) -> dict[str, set[str]]:
    """Return the classes of each group's files."""
    classes: dict[str, set[str]] = defaultdict(set)
    for label, group in zip(files.labels, files.groups, strict=True):
        classes[group].add(label)
    return classes


def _count_groups(classes: Mapping[str, set[str]]) -> Counter[str]:
    """Count the groups that each class has files in."""
    return Counter(label for labels in classes.values() for label in labels)


def _check_group_counts(classes: Mapping[str, set[str]], fractions: Mapping[str, float], parts_name: str) -> None:
    needed = sum(fraction > 0 for fraction in fractions.values())
    for label, count in sorted(_count_groups(classes).items()):
        if count < needed:
            raise DataError(
                f"class {label!r}: {amount(count, 'group')} for {needed} {parts_name}; expected at least "
                f"one group for each "
                f"{parts_name.removesuffix('s')}; add films of other patients, leave the class out, or "
                + ("set a split's fraction to 0" if parts_name == "splits" else f"make fewer {parts_name}")
            )


def _groups_by_class(classes: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """Return the sorted groups of each class; a group with several classes is listed under the rarest only."""
    counts = _count_groups(classes)
    groups: dict[str, list[str]] = defaultdict(list)
    for group in sorted(classes):
        groups[min(classes[group], key=lambda label: (counts[label], label))].append(group)
    return groups


def _deal(
    by_class: Mapping[str, list[str]], fractions: Mapping[str, float], seed: int, start: int, fixed: Mapping[str, str]
) -> dict[str, str]:
    """Deal the groups of each class to the parts at random, in these fractions; fixed groups keep their part."""
    dealt = {}
    for label, groups in by_class.items():
        key = zlib.crc32(label.encode("utf-8", "surrogateescape"))  # each class is shuffled independently of the others
        n_fixed = Counter(fixed[group] for group in groups if group in fixed)
        free = [group for group in groups if group not in fixed]
        order = np.random.default_rng([seed, key, start]).permutation(len(free))
        sizes = quotas(len(free), list(fractions.values()), [n_fixed[name] for name in fractions])
        names = np.repeat(list(fractions), sizes)
        dealt.update({free[index]: str(name) for index, name in zip(order, names, strict=True)})
    return {**dealt, **fixed}


def quotas(count: int, fractions: Sequence[float], already: Sequence[int] = ()) -> list[int]:
    """Divide a whole number by fractions; each part with a positive fraction gets at least 1 if there are enough.

    Each remaining unit goes to the part that lacks most; of equal parts, to the first.

    Args:
        already: what each part has already; the fractions apply to the total, `count` included.
    """
    have = list(already) or [0] * len(fractions)
    whole = count + sum(have)
    empty = [fraction > 0 and not has for fraction, has in zip(fractions, have, strict=True)]
    added = [int(is_empty and count >= sum(empty)) for is_empty in empty]
    while sum(added) < count:
        missing = [
            fraction * whole - has - new if fraction > 0 else -np.inf
            for fraction, has, new in zip(fractions, have, added, strict=True)
        ]
        added[int(np.argmax(np.round(missing, 9)))] += 1
    return added
