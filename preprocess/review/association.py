"""Do markers go with the class? Count the films of each class by marker style and place, and test it.

Where they do, a network can tell the classes by the markers. The counts are of files, or of groups (films of one
patient, say) where those are known; a group counts once in each class that it has films of. Copies of a film and
several films of one patient are no independent evidence: counted as files, they make p too small.
"""

import csv
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from scipy import stats

from preprocess.files import write_atomic
from preprocess.ledger import LedgerRow
from preprocess.markers import kind_of, place_of

CLASSES = range(2, 51)  # with fewer there is nothing to compare, with more the folders are no classes

TABLES = 9999  # drawn for more than two classes: the least p is 0.0001


FILES = "files"


Unit = tuple[str, str]  # class, and file or group

Trait = tuple[str, str]  # kind and name of a feature


@dataclass(frozen=True)
class ClassOf:
    """Tell the class and the unit of a film's path, None where it is not known; `unit` names what is counted."""

    unit: str
    find: Callable[[str], Unit | None]


@dataclass(frozen=True)
class Feature:
    """How many units of each class have markers of one style, or at one place.

    Args:
        counts: class -> units with such a marker.
        p: of a test of independence, two-sided.
        p_holm: p, corrected for the number of features.
    """

    kind: str
    name: str
    counts: dict[str, int]
    p: float
    p_holm: float


@dataclass(frozen=True)
class Association:
    """Features by class, the strongest first; `classes` tells how many units each class has, `test` where p is from."""

    unit: str
    test: str
    classes: dict[str, int]
    features: tuple[Feature, ...]


def class_of(data: str | Path) -> ClassOf:
    """Return how to tell a film's class: by column `label` of a CSV that has it, else by the film's folder.

    A CSV's column `group` or `patient` says which films count as one.
    """
    if not Path(data).is_file():
        return ClassOf(FILES, _by_folder)
    with Path(data).open(newline="", encoding="utf-8-sig", errors="surrogateescape") as lines:
        rows = csv.DictReader(lines)
        columns = rows.fieldnames or ()
        group = next((name for name in ("group", "patient") if name in columns), "path")
        if group == "path" and "label" not in columns:
            return ClassOf(FILES, _by_folder)
        units = dict(_csv_unit(row, group) for row in rows)
    return ClassOf(FILES if group == "path" else f"{group}s", units.get)


def _csv_unit(row: Mapping[str, str], group: str) -> tuple[str, Unit | None]:
    path = PurePosixPath(row["path"] or "").as_posix()
    label, unit = row.get("label", _by_folder(path)[0]), path if group == "path" else row[group]
    return path, (label, unit) if label and unit else None


def _by_folder(path: str) -> Unit:
    return PurePosixPath(path).parent.name or "(top folder)", path


def associate(rows: Iterable[LedgerRow], classes: ClassOf) -> Association | None:
    """Count and test; None where the classes are fewer than 2 or more than 50. Plates of lead letters do not count."""
    sizes: Counter[str] = Counter()
    counts: dict[Trait, Counter[str]] = {}
    for label, traits in _units(rows, classes):
        sizes[label] += 1
        for trait in traits:
            counts.setdefault(trait, Counter())[label] += 1
    if len(sizes) not in CLASSES:
        return None
    totals = dict(sorted(sizes.items()))
    tested = sorted((_p_value(count, totals), trait) for trait, count in counts.items())
    features = (
        Feature(*trait, {label: counts[trait][label] for label in totals}, p, adjusted)
        for (p, trait), adjusted in zip(tested, _holm([p for p, _ in tested]), strict=True)
    )
    test = "Fisher's exact test" if len(totals) == 2 else "chi-squared test by permutation"
    return Association(classes.unit, test, totals, tuple(features))


def _units(rows: Iterable[LedgerRow], classes: ClassOf) -> Iterator[tuple[str, set[Trait]]]:
    """Yield the class and traits of each file as it comes, or of each group at the end."""
    groups: dict[Unit, set[Trait]] = {}
    for row in rows:
        unit = classes.find(row.path) if row.status != "failed" else None
        if unit and classes.unit == FILES:
            yield unit[0], _traits(row)
        elif unit:
            groups.setdefault(unit, set()).update(_traits(row))
    yield from ((label, traits) for (label, _), traits in groups.items())


def _traits(row: LedgerRow) -> set[Trait]:
    markers = [marker for marker in row.markers if marker.style != "plate"]
    styles = {("style", kind_of(marker)) for marker in markers}
    places = {("place", place_of(marker, row.width, row.height)) for marker in markers}
    return styles | places | ({("style", "any marker")} if markers else set())


def _p_value(count: Mapping[str, int], totals: Mapping[str, int]) -> float:
    having, sizes = np.array([count.get(label, 0) for label in totals]), np.array(list(totals.values()))
    table = np.array([having, sizes - having])
    if (table.sum(axis=1) == 0).any():
        return 1.0  # all have it, or none
    if len(sizes) == 2:
        return float(stats.fisher_exact(table)[1])
    drawn = stats.random_table(table.sum(axis=1), sizes, seed=0).rvs(TABLES)
    expected = np.outer(table.sum(axis=1), sizes) / sizes.sum()
    distances = ((np.concatenate([[table], drawn]) - expected) ** 2 / expected).sum(axis=(1, 2))
    return float((distances >= distances[0] * (1 - 1e-9)).mean())


def _holm(ascending: Sequence[float]) -> list[float]:
    """Source: Holm 1979, "A simple sequentially rejective multiple test procedure"."""
    scaled = [min(1.0, p * (len(ascending) - rank)) for rank, p in enumerate(ascending)]
    return list(itertools.accumulate(scaled, max))


def p_text(p: float) -> str:
    """Return "p < 0.001", "p = 0.012" or "p = 0.43"."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.0995 else f"p = {p:.2f}"


def write_association(file: str | Path, association: Association | None) -> None:
    """Write it as JSON; without classes there are no features."""
    content = asdict(association or Association(FILES, "", {}, ()))
    write_atomic(file, json.dumps(content, indent=1) + "\n")
