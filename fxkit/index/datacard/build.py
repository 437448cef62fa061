"""Build the data card: counts, distributions by class, copies, and the metadata-only baseline."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxkit.data.leaks import count_leaks
from fxkit.data.manifest import OK, SPLITS, Count, Record, count_records, find_identical_files, usable
from fxkit.data.positive import ClassOrder, choose_order
from fxkit.index.cache import Store
from fxkit.index.datacard.baseline import metadata_baseline
from fxkit.index.datacard.card import QUANTILES, DataCard, DescribedFile, Spread, Tally, UnreadableFile
from fxkit.index.datacard.metadata import Marking, film_of
from fxkit.index.facts import FileFacts
from fxkit.metrics.ranking import Floats, weighted_auroc

Names = NDArray[np.object_]


@dataclass(frozen=True)
class Measure:
    """A numeric property of files; the card shows its distribution.

    Attributes:
        topic: heading under which it is listed.
        value_of: returns the value for a file; None if the file has none.
        scale: factor for display.
        digits: decimals for display.
    """

    topic: str
    name: str
    value_of: Callable[[FileFacts], float | None]
    scale: float = 1
    digits: int = 2


MEASURES = (
    Measure("Files", "file size, kB", lambda f: f.size_bytes, 1 / 1000, 0),
    Measure("Files", "width, px", lambda f: f.width, 1, 0),
    Measure("Files", "height, px", lambda f: f.height, 1, 0),
    Measure("Files", "width over height", lambda f: f.aspect),
    Measure("Files", "JPEG quality", lambda f: f.jpeg_quality, 1, 0),
    Measure("Exposure", "mean brightness, %", lambda f: f.mean, 100, 1),
    Measure("Exposure", "median brightness, %", lambda f: f.median, 100, 1),
    Measure("Exposure", "1st percentile, %", lambda f: f.p1, 100, 1),
    Measure("Exposure", "99th percentile, %", lambda f: f.p99, 100, 1),
    Measure("Exposure", "black pixels, %", lambda f: f.black, 100, 1),
    Measure("Exposure", "saturated pixels, %", lambda f: f.saturated, 100, 1),
    Measure("Border", "black border, %", lambda f: f.border_black, 100, 1),
    Measure("Border", "uniform border, %", lambda f: f.border_constant, 100, 1),
    Measure("Border", "black corners, %", lambda f: f.corner_black, 100, 1),
)


def build_card(
    name: str,
    records: Sequence[Record],
    facts: Sequence[FileFacts],
    markings: Mapping[str, Marking] | None = None,
    notes: Sequence[str] = (),
    store: Store | None = None,
    *,
    order: ClassOrder | None = None,
) -> DataCard:
    """Build the data card of a data set.

    Args:
        records: all records, readable or not.
        facts: facts of the readable files.
        markings: path -> markers, for the files whose markers are known.
        notes: messages for the user.
        store: cache that keeps the baseline for the next run.
        order: order of the classes; default: that of `choose_order`.
    """
    by_path, readable = {fact.path: fact for fact in facts}, usable(records)
    order, identical = order or choose_order(r.label for r in readable), _identical_paths(readable)
    return DataCard(
        name=name,
        classes=order.classes,
        baseline=metadata_baseline(readable, by_path, markings, store=store),
        notes=(*notes, *filter(None, [order.warning])),
        total=count_records(readable),
        counts=_count_splits(readable, order.classes),
        leaks=count_leaks(readable),
        tallies=_tallies(readable, by_path, markings or {}, order.classes),
        spreads=_spreads(readable, by_path, order.classes),
        identical=identical,
        conflicting=_find_conflicting(identical, readable),
        copies=_count_copies(readable, order.classes),
        unreadable=_list_unreadable(records),
        files=tuple(sorted(facts, key=lambda fact: fact.path)),
        markings=tuple(marking for _, marking in sorted((markings or {}).items())),
        described=_describe_files(readable),
    )


def _find_conflicting(identical: Sequence[tuple[str, ...]], records: Sequence[Record]) -> tuple[tuple[str, ...], ...]:
    label = {record.path: record.label for record in records}
    return tuple(paths for paths in identical if len({label[path] for path in paths}) > 1)


def _list_unreadable(records: Sequence[Record]) -> tuple[UnreadableFile, ...]:
    unreadable = sorted((r for r in records if r.status != OK), key=lambda r: r.path)
    return tuple(UnreadableFile(path=r.path, reason=r.status) for r in unreadable)


def _describe_files(records: Sequence[Record]) -> tuple[DescribedFile, ...]:
    ordered = sorted(records, key=lambda r: r.path)
    return tuple(DescribedFile(path=r.path, label=r.label, sha256=r.sha256) for r in ordered)


def _count_classes(records: Sequence[Record], classes: Sequence[str]) -> dict[str, Count]:
    return {label: count_records([r for r in records if r.label == label]) for label in classes}


def _count_splits(records: Sequence[Record], classes: Sequence[str]) -> dict[str, dict[str, Count]]:
    parts = {split: [r for r in records if r.split == split] for split in SPLITS} | {"all": list(records)}
    return {split: _count_classes(part, classes) for split, part in parts.items() if part}


def _identical_paths(records: Sequence[Record]) -> tuple[tuple[str, ...], ...]:
    return tuple(sorted(tuple(sorted(record.path for record in files)) for files in find_identical_files(records)))


def _tallies(
    records: Sequence[Record],
    facts: Mapping[str, FileFacts],
    markings: Mapping[str, Marking],
    classes: Sequence[str],
) -> tuple[Tally, ...]:
    def tally(name: str, values_of: Callable[[Record], Sequence[str]]) -> Tally:
        by_value = defaultdict(list)
        for record in records:
            for value in values_of(record):
                by_value[value].append(record)
        ordered = sorted(by_value.items(), key=lambda item: (-len(item[1]), item[0]))
        return Tally(name=name, values={value: _count_classes(part, classes) for value, part in ordered})

    def tally_fact(name: str, value_of: Callable[[FileFacts], object]) -> Tally:
        return tally(name, lambda record: [str(value_of(facts[record.path]))])

    tallies = [
        tally_fact("image size, px", lambda f: f"{f.width} x {f.height}"),
        tally_fact("bits", lambda f: f.bits),
        tally_fact("channels", lambda f: f.channels),
        tally_fact("format", lambda f: f.format),
        tally_fact("JPEG quality", lambda f: f.jpeg_quality or "no JPEG"),
        tally_fact("written by", lambda f: f.software or ("EXIF without a name" if f.tagged else "not told")),
    ]
    if any(record.site for record in records):
        tallies.append(tally("site", lambda record: [record.site or "not told"]))
    if markings:
        tallies.append(tally("marker style", lambda record: _styles(markings.get(record.path))))
    return tuple(tallies)


def _styles(marking: Marking | None) -> list[str]:
    return ["not known"] if marking is None else list(marking.counts) or ["no marker"]


def _count_copies(records: Sequence[Record], classes: Sequence[str]) -> dict[int, dict[str, int]]:
    files_of = Counter(map(film_of, records))
    films = Counter((n_files, label) for (_, _, label), n_files in files_of.items())
    return {n: {label: films[n, label] for label in classes} for n in sorted({n for n, _ in films})}


def _spreads(records: Sequence[Record], facts: Mapping[str, FileFacts], classes: Sequence[str]) -> tuple[Spread, ...]:
    """Return the distribution of each measure; the files of a film share the weight 1.

    Averaging the copies of a film instead would reveal their number: the average over an original and one copy differs
    from that over an original and five copies.
    """
    copies = Counter(map(film_of, records))
    weights = np.array([1 / copies[film_of(record)] for record in records])
    labels = np.array([record.label for record in records], object)
    files = [facts[record.path] for record in records]
    return tuple(_spread(measure, files, labels, weights, classes) for measure in MEASURES)


def _spread(
    measure: Measure, files: Sequence[FileFacts], labels: Names, weights: Floats, classes: Sequence[str]
) -> Spread:
    values = np.array([measure.value_of(file) for file in files], float) * measure.scale  # None becomes NaN
    known = ~np.isnan(values)
    labels, values, weights = labels[known], values[known], weights[known]
    present = [label for label in classes if (labels == label).any()]
    aurocs = {
        label: float(weighted_auroc(weights[None], labels == label, values)[0]) for label in present if len(present) > 1
    }
    higher = max(aurocs, key=lambda label: aurocs[label], default="")
    return Spread(
        topic=measure.topic,
        name=measure.name,
        digits=measure.digits,
        quantiles={label: _quantiles(values[labels == label], weights[labels == label]) for label in present},
        auroc=aurocs.get(higher, np.nan),
        higher=higher,
    )


def _quantiles(values: Floats, weights: Floats) -> tuple[float, ...]:
    """Return the weighted QUANTILES: the smallest value at which the cumulative weight reaches the fraction."""
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order])
    positions = np.searchsorted(cumulative, np.array(QUANTILES) * cumulative[-1] - 1e-9)
    return tuple(float(value) for value in values[order][positions])
