"""Test whether markers are associated with the class.

The films of each class are counted by marker style and by marker position, and each count is tested for independence
of the class. If a marker is associated with the class, a network can tell the classes apart by the marker.

The units of the counts are files, or groups (such as the films of one patient) if these are known. A group counts once
in each class that it has films of. Copies of a film and several films of one patient are not independent: counting
them as files makes p too small.
"""

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
from preprocess.markers import describe_position, describe_style
from preprocess.tables.cells import label_key, patient_key
from preprocess.tables.films import CLASS_COLUMNS, read_film_table
from preprocess.tables.spellings import CLASSES, PATIENTS, join_spellings

N_CLASSES = range(2, 51)  # one class has nothing to compare with; more than 50 folders are unlikely to be classes

PERMUTATIONS = 9999  # random tables for more than two classes: the smallest possible p is 0.0001

FILES = "files"


Unit = tuple[str, str]  # class, and file or group

Trait = tuple[str, str]  # kind and name of a feature


@dataclass(frozen=True)
class ClassLookup:
    """Lookup of the class of a film.

    Args:
        unit: what is counted: `files`, `groups` or `patients`.
        find: returns the class and the unit of a film's path, or None if they are not known.
        notes: messages for the user on spellings that were joined.
    """

    unit: str
    find: Callable[[str], Unit | None]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Feature:
    """Number of units of each class that have a marker of one style or at one position.

    Args:
        kind: `style` or `place`.
        name: the style or position, such as `mirrored lead` or `top left`.
        counts: class -> number of units with such a marker.
        p: two-sided p value of the test of independence from the class.
        p_holm: p, corrected for the number of features by Holm's method.
    """

    kind: str
    name: str
    counts: dict[str, int]
    p: float
    p_holm: float


@dataclass(frozen=True)
class Association:
    """Association of markers with the class.

    Args:
        unit: what is counted: `files`, `groups` or `patients`.
        test: name of the statistical test.
        classes: class -> number of units.
        features: sorted by p, the smallest first.
    """

    unit: str
    test: str
    classes: dict[str, int]
    features: tuple[Feature, ...]


def build_class_lookup(data: str | Path, root: str | Path | None = None) -> ClassLookup:
    """Return the lookup of the class of a film.

    The class is the column `label` of a CSV file; without that column, or for a folder, it is the name of the folder
    that holds the film. Films with the same value in the column `group` or `patient` count as one unit. Spellings of
    one class or patient are joined, as `fxkit index` joins them.

    Args:
        root: folder that the paths in the CSV file are relative to. Default: the folder of the CSV file.
    """
    data = Path(data)
    if not data.is_file():
        return ClassLookup(FILES, _by_folder)
    table = read_film_table(data, data.parent if root is None else Path(root), CLASS_COLUMNS, "give it as CSV")
    unit = next((name for name in ("group", "patient") if name in table.columns), "path")
    if unit == "path" and "label" not in table.columns:
        return ClassLookup(FILES, _by_folder)
    labels = [row.label if "label" in table.columns else _by_folder(row.path)[0] for row in table.rows]
    labels, notes = join_spellings(labels, label_key, CLASSES)
    names = [{"group": row.group, "patient": row.patient, "path": row.path}[unit] for row in table.rows]
    if unit == "patient":
        names, more = join_spellings(names, patient_key, PATIENTS)
        notes += more
    units = {
        row.path: (label, name) if label and name else None
        for row, label, name in zip(table.rows, labels, names, strict=True)
    }
    return ClassLookup(FILES if unit == "path" else f"{unit}s", units.get, tuple(notes))


def _by_folder(path: str) -> Unit:
    return PurePosixPath(path).parent.name or "(top folder)", path


def associate(rows: Iterable[LedgerRow], classes: ClassLookup) -> Association | None:
    """Count the markers of each class and test each feature; plates under lead letters are not counted.

    Returns:
        None if there are fewer than 2 or more than 50 classes.
    """
    sizes: Counter[str] = Counter()
    counts: dict[Trait, Counter[str]] = {}
    for label, traits in _units(rows, classes):
        sizes[label] += 1
        for trait in traits:
            counts.setdefault(trait, Counter())[label] += 1
    if len(sizes) not in N_CLASSES:
        return None
    totals = dict(sorted(sizes.items()))
    tested = sorted((_p_value(count, totals), trait) for trait, count in counts.items())
    features = (
        Feature(*trait, {label: counts[trait][label] for label in totals}, p, adjusted)
        for (p, trait), adjusted in zip(tested, _holm([p for p, _ in tested]), strict=True)
    )
    test = "Fisher's exact test" if len(totals) == 2 else "chi-squared test by permutation"
    return Association(classes.unit, test, totals, tuple(features))


def _units(rows: Iterable[LedgerRow], classes: ClassLookup) -> Iterator[tuple[str, set[Trait]]]:
    """Yield class and traits of each unit: of a file when its row is read, of a group after all rows."""
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
    styles = {("style", describe_style(marker)) for marker in markers}
    places = {("place", describe_position(marker, row.width, row.height)) for marker in markers}
    return styles | places | ({("style", "any marker")} if markers else set())


def _p_value(count: Mapping[str, int], totals: Mapping[str, int]) -> float:
    with_feature, sizes = np.array([count.get(label, 0) for label in totals]), np.array(list(totals.values()))
    table = np.array([with_feature, sizes - with_feature])
    if (table.sum(axis=1) == 0).any():
        return 1.0  # all units have the feature, or none
    if len(sizes) == 2:
        return float(stats.fisher_exact(table)[1])
    permuted = stats.random_table(table.sum(axis=1), sizes, seed=0).rvs(PERMUTATIONS)
    expected = np.outer(table.sum(axis=1), sizes) / sizes.sum()
    distances = ((np.concatenate([[table], permuted]) - expected) ** 2 / expected).sum(axis=(1, 2))
    return float((distances >= distances[0] * (1 - 1e-9)).mean())


def _holm(ascending: Sequence[float]) -> list[float]:
    """Return the corrected p values (Holm 1979, "A simple sequentially rejective multiple test procedure")."""
    scaled = [min(1.0, p * (len(ascending) - rank)) for rank, p in enumerate(ascending)]
    return list(itertools.accumulate(scaled, max))


def format_p(p: float) -> str:
    """Return a p value as text, such as "p < 0.001", "p = 0.012" or "p = 0.43"."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.0995 else f"p = {p:.2f}"


def write_association(file: str | Path, association: Association | None) -> None:
    """Write the association as JSON; None is written as an association without classes and features."""
    content = asdict(association or Association(FILES, "", {}, ()))
    write_atomic(file, json.dumps(content, indent=1) + "\n")
