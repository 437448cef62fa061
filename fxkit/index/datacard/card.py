"""What the data card tells: counts, spreads of numbers by class, duplicates and the metadata-only baseline."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxkit.data.leaks import LeakCounts, count_leaks
from fxkit.data.manifest import OK, SPLITS, Count, Record, count_records, find_identical_files, order_classes, usable
from fxkit.index.cache import Store
from fxkit.index.datacard.baseline import Baseline, metadata_baseline
from fxkit.index.datacard.metadata import Marking, film_of
from fxkit.index.facts import FileFacts
from fxkit.metrics.scores import Floats, weighted_auroc

Names = NDArray[np.object_]


QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Tally:
    """How often each value of a property occurs in each class, the commonest value first."""

    name: str
    values: Mapping[str, Mapping[str, Count]]  # value -> class -> count


@dataclass(frozen=True)
class Number:
    """A number of each file, as the card shows it: times `scale`, with so many digits."""

    topic: str
    name: str
    of: Callable[[FileFacts], float | None]
    scale: float = 1
    digits: int = 2


@dataclass(frozen=True)
class Spread:
    """A number of each file by class, files weighed so that films count alike.

    Args:
        quantiles: class -> QUANTILES; a class without the number is missing.
        auroc: how well the number tells the class `higher` from the others; 0.5 tells nothing.
        higher: the class in which it is higher.
    """

    topic: str
    name: str
    digits: int
    quantiles: Mapping[str, tuple[float, ...]]
    auroc: float
    higher: str


@dataclass(frozen=True)
class Unread:
    """A file of which nothing can be said, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Card:
    """All that the card tells; the first things first."""

    name: str
    classes: tuple[str, ...]
    baseline: Baseline | None
    notes: tuple[str, ...]
    total: Count
    counts: Mapping[str, Mapping[str, Count]]  # split, or "all" -> class -> count
    leak: LeakCounts
    tallies: tuple[Tally, ...]
    spreads: tuple[Spread, ...]
    twins: tuple[tuple[str, ...], ...]  # sets of byte-identical files
    torn: tuple[tuple[str, ...], ...]  # those of them that stand under several classes
    copies: Mapping[int, Mapping[str, int]]  # files a film -> class -> films
    unreadable: tuple[Unread, ...]
    files: tuple[FileFacts, ...]
    markings: tuple[Marking, ...]  # of the files whose markers are known


NUMBERS = (
    Number("Files", "file size, kB", lambda f: f.size_bytes, 1 / 1000, 0),
    Number("Files", "width, px", lambda f: f.width, 1, 0),
    Number("Files", "height, px", lambda f: f.height, 1, 0),
    Number("Files", "width over height", lambda f: f.aspect),
    Number("Files", "JPEG quality", lambda f: f.jpeg_quality, 1, 0),
    Number("Exposure", "mean brightness, %", lambda f: f.mean, 100, 1),
    Number("Exposure", "median brightness, %", lambda f: f.median, 100, 1),
    Number("Exposure", "1st percentile, %", lambda f: f.p1, 100, 1),
    Number("Exposure", "99th percentile, %", lambda f: f.p99, 100, 1),
    Number("Exposure", "black pixels, %", lambda f: f.black, 100, 1),
    Number("Exposure", "saturated pixels, %", lambda f: f.saturated, 100, 1),
    Number("Border", "black border, %", lambda f: f.border_black, 100, 1),
    Number("Border", "uniform border, %", lambda f: f.border_constant, 100, 1),
    Number("Border", "black corners, %", lambda f: f.corner_black, 100, 1),
)


def build_card(
    name: str,
    records: Sequence[Record],
    facts: Sequence[FileFacts],
    markings: Mapping[str, Marking] | None = None,
    notes: Sequence[str] = (),
    store: Store | None = None,
) -> Card:
    """Count and compare the files that can be read; `facts` are theirs, and the store keeps what took long."""
    by_path = {fact.path: fact for fact in facts}
    good = usable(records)
    classes = order_classes(record.label for record in good)
    twins = _twins(good)
    label = {record.path: record.label for record in good}
    return Card(
        name=name,
        classes=classes,
        baseline=metadata_baseline(good, by_path, markings, store=store),
        notes=tuple(notes),
        total=count_records(good),
        counts=_counts(good, classes),
        leak=count_leaks(good),
        tallies=_tallies(good, by_path, markings or {}, classes),
        spreads=_spreads(good, by_path, classes),
        twins=twins,
        torn=tuple(paths for paths in twins if len({label[path] for path in paths}) > 1),
        copies=_copies(good, classes),
        unreadable=tuple(Unread(r.path, r.status) for r in sorted(records, key=lambda r: r.path) if r.status != OK),
        files=tuple(sorted(facts, key=lambda fact: fact.path)),
        markings=tuple(marking for _, marking in sorted((markings or {}).items())),
    )


def _by_class(records: Sequence[Record], classes: Sequence[str]) -> dict[str, Count]:
    return {label: count_records([r for r in records if r.label == label]) for label in classes}


def _counts(records: Sequence[Record], classes: Sequence[str]) -> dict[str, dict[str, Count]]:
    parts = {split: [r for r in records if r.split == split] for split in SPLITS}
    return {split: _by_class(part, classes) for split, part in [*parts.items(), ("all", list(records))] if part}


def _twins(records: Sequence[Record]) -> tuple[tuple[str, ...], ...]:
    return tuple(sorted(tuple(sorted(record.path for record in files)) for files in find_identical_files(records)))


def _tallies(
    records: Sequence[Record],
    facts: Mapping[str, FileFacts],
    markings: Mapping[str, Marking],
    classes: Sequence[str],
) -> tuple[Tally, ...]:
    def tally(name: str, values_of: Callable[[Record], Sequence[str]]) -> Tally:
        having = defaultdict(list)
        for record in records:
            for value in values_of(record):
                having[value].append(record)
        ordered = sorted(having.items(), key=lambda item: (-len(item[1]), item[0]))
        return Tally(name, {value: _by_class(part, classes) for value, part in ordered})

    def fact(name: str, value: Callable[[FileFacts], object]) -> Tally:
        return tally(name, lambda record: [str(value(facts[record.path]))])

    found = [
        fact("image size, px", lambda f: f"{f.width} x {f.height}"),
        fact("bits", lambda f: f.bits),
        fact("channels", lambda f: f.channels),
        fact("format", lambda f: f.format),
        fact("JPEG quality", lambda f: f.jpeg_quality or "no JPEG"),
        fact("written by", lambda f: f.software or ("EXIF without a name" if f.tagged else "not told")),
    ]
    if any(record.site for record in records):
        found.append(tally("site", lambda record: [record.site or "not told"]))
    if markings:
        found.append(tally("marker style", lambda record: _styles(markings.get(record.path))))
    return tuple(found)


def _styles(marking: Marking | None) -> list[str]:
    return ["not known"] if marking is None else list(marking.counts) or ["no marker"]


def _copies(records: Sequence[Record], classes: Sequence[str]) -> dict[int, dict[str, int]]:
    films = Counter(map(film_of, records))
    sizes = Counter((size, label) for (_, _, label), size in films.items())
    return {size: {label: sizes[size, label] for label in classes} for size in sorted({size for size, _ in sizes})}


def _spreads(records: Sequence[Record], facts: Mapping[str, FileFacts], classes: Sequence[str]) -> tuple[Spread, ...]:
    copies = Counter(map(film_of, records))
    weights = np.array([1 / copies[film_of(record)] for record in records])
    labels = np.array([record.label for record in records], object)
    files = [facts[record.path] for record in records]
    return tuple(_spread(number, files, labels, weights, classes) for number in NUMBERS)


def _spread(
    number: Number, files: Sequence[FileFacts], labels: Names, weights: Floats, classes: Sequence[str]
) -> Spread:
    """A mean over copies would tell the class by the number of copies, where only the originals differ from them."""
    values = np.array([number.of(file) for file in files], float) * number.scale  # None becomes NaN
    known = ~np.isnan(values)
    labels, values, weights = labels[known], values[known], weights[known]
    present = [label for label in classes if (labels == label).any()]
    quantiles = {label: _quantiles(values[labels == label], weights[labels == label]) for label in present}
    areas = {
        label: float(weighted_auroc(weights[None], labels == label, values)[0]) for label in present if len(present) > 1
    }
    higher = max(areas, key=lambda label: areas[label], default="")
    return Spread(number.topic, number.name, number.digits, quantiles, areas.get(higher, np.nan), higher)


def _quantiles(values: Floats, weights: Floats) -> tuple[float, ...]:
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    places = np.searchsorted(below, np.array(QUANTILES) * below[-1] - 1e-9)
    return tuple(float(value) for value in values[order][places])
