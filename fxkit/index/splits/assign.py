"""Divide groups into splits or folds."""

import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from fxkit.data.manifest import SPLITS
from fxkit.errors import DataError
from fxkit.index.splits.balance import SplitFiles, deviation, favour_classes, group_shares, improve

FRACTIONS = (0.7, 0.15, 0.15)

STARTS = 32  # to choose from;

STARTED_GROUPS = 4000  # fewer where so many groups come near by themselves


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
    """Give every file the split of its group, each group counting as one film; see `assign_parts`.

    Raises:
        DataError: bad fractions, or a class has fewer groups than there are splits.
    """
    wanted = dict(zip(SPLITS, check_fractions(fractions), strict=True))
    best = assign_parts(SplitFiles(labels, groups, groups, {}), wanted, seed)
    return [best[group] for group in groups]


def assign_parts(
    files: SplitFiles,
    fractions: Mapping[str, float],
    seed: int = 0,
    *,
    fixed: Mapping[str, str] = MappingProxyType({}),
    called: str = "splits",
) -> dict[str, str]:
    """Return each group's part, so that each class is divided by the fractions in films and in files at once.

    The order of the files does not matter. Each class's groups are dealt at random by the fractions (a group of
    several classes with the rarest), at least one a part; then groups are moved and exchanged while that helps.
    Of several such starts the one is taken whose largest deviation is smallest: on 30 to 64 patients within 0.3
    points of an exact assignment by mixed-integer programming, which takes seconds there and does not scale.

    Args:
        fractions: part -> fraction, with the sum 1; equal ones make folds.
        fixed: groups that have their part already; they count, but stay.
        called: what the parts are, for errors.

    Raises:
        DataError: a class has fewer groups than there are parts.
    """
    sizes = group_classes(files)
    _check_counts(sizes, fractions, called)
    weights, names = favour_classes(group_shares(files)), list(fractions)
    shares = np.array(list(fractions.values()))
    free = np.array([group not in fixed for group in weights.groups])
    best, least = None, (np.inf, np.inf)
    for start in range(max(1, min(STARTS, STARTED_GROUPS // len(sizes)))):
        dealt = _deal(_strata(sizes), fractions, seed, start, fixed)
        parts = np.array([names.index(dealt[group]) for group in weights.groups])
        parts = improve(weights, parts, shares, free, [seed, start])
        off = deviation(weights, parts, shares)
        distance = (round(float(np.abs(off).max()), 9), round(float((off * off).sum()), 9))
        if best is None or distance < least:
            best, least = parts, distance
    assert best is not None
    return {group: names[part] for group, part in zip(weights.groups, best, strict=True)}


def group_classes(files: SplitFiles) -> dict[str, set[str]]:
    """Return the classes that each group has files of."""
    classes: dict[str, set[str]] = defaultdict(set)
    for label, group in zip(files.labels, files.groups, strict=True):
        classes[group].add(label)
    return classes


def _groups_by_class(classes: Mapping[str, set[str]]) -> Counter[str]:
    return Counter(label for labels in classes.values() for label in labels)


def _check_counts(classes: Mapping[str, set[str]], fractions: Mapping[str, float], called: str) -> None:
    needed = sum(share > 0 for share in fractions.values())
    for label, count in sorted(_groups_by_class(classes).items()):
        if count < needed:
            raise DataError(
                f"class {label!r}: {count} groups for {needed} {called}; expected one or more groups a "
                f"{called.removesuffix('s')}; add films of other patients, leave the class out, or "
                + ("set a split's fraction to 0" if called == "splits" else f"make fewer {called}")
            )


def _strata(classes: Mapping[str, set[str]]) -> dict[str, list[str]]:
    """Return the groups of each class, sorted; a group of several classes stands with the rarest."""
    counts = _groups_by_class(classes)
    strata: dict[str, list[str]] = defaultdict(list)
    for group in sorted(classes):
        strata[min(classes[group], key=lambda label: (counts[label], label))].append(group)
    return strata


def _deal(
    strata: Mapping[str, list[str]], fractions: Mapping[str, float], seed: int, start: int, fixed: Mapping[str, str]
) -> dict[str, str]:
    dealt = {}
    for label, groups in strata.items():
        key = zlib.crc32(label.encode("utf-8", "surrogateescape"))  # one class's shuffle leaves the others' alone
        stay = Counter(fixed[group] for group in groups if group in fixed)
        free = [group for group in groups if group not in fixed]
        order = np.random.default_rng([seed, key, start]).permutation(len(free))
        given = quotas(len(free), list(fractions.values()), [stay[name] for name in fractions])
        names = np.repeat(list(fractions), given)
        dealt.update({free[index]: str(name) for index, name in zip(order, names, strict=True)})
    return {**dealt, **fixed}


def quotas(count: int, fractions: Sequence[float], already: Sequence[int] = ()) -> list[int]:
    """Divide a whole number by fractions; each that is above 0 gets at least 1 if there are enough.

    The rounding goes where most is missing, the earlier part first.

    Args:
        already: what each has beside; the fractions are of all.
    """
    have = list(already) or [0] * len(fractions)
    whole = count + sum(have)
    empty = [share > 0 and not has for share, has in zip(fractions, have, strict=True)]
    given = [int(is_empty and count >= sum(empty)) for is_empty in empty]
    while sum(given) < count:
        missing = [
            share * whole - has - more if share > 0 else -np.inf
            for share, has, more in zip(fractions, have, given, strict=True)
        ]
        given[int(np.argmax(np.round(missing, 9)))] += 1
    return given
