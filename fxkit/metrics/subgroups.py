"""Figures of parts of the films, such as a site or films with a marker, and their distance from the rest."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from fxkit.data.manifest import COLUMNS, Record
from fxkit.errors import DataError
from fxkit.metrics.bootstrap import RESAMPLES, Side, differences, intervals
from fxkit.metrics.intervals import Interval
from fxkit.metrics.json_result import JsonResult
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import MACRO_AUROC, SENSITIVITY, SPECIFICITY, Metric, ranking_metric, scored
from preprocess.known_markers import KnownMarkers

FEW_GROUPS = 10  # of a class: with fewer a part is marked as small

MOST_VALUES = 12  # columns of numbers with more values are cut into quarters; others are left out

SIZES_PX = (256, 512, 1024, 2048)  # longer side, upper ends

PATH_COLUMNS = ("path", "image_id", "image", "file", "filename")


Attribute = Mapping[str, str]  # path -> value; "" where it is not known


class Subgroup(JsonResult):
    """One part of the films, by film.

    Attributes:
        attribute, value: such as site, east.
        few: one of the classes has fewer than FEW_GROUPS groups here, or in the rest.
        figures: metric -> value in this part.
        gaps: metric -> value in this part less that in all other films whose attribute is known.
    """

    attribute: str
    value: str
    n_films: int
    n_groups: int
    few: bool
    figures: dict[str, Interval]
    gaps: dict[str, Interval]

    @property
    def name(self) -> str:
        """The attribute and its value, such as "site = east"."""
        return f"{self.attribute} = {self.value}"

    @property
    def stands_out(self) -> bool:
        """The interval of a gap excludes 0, in a part that is not small."""
        return not self.few and any(gap.low > 0 or gap.high < 0 for gap in self.gaps.values())


def subgroups(
    predictions: Predictions,
    attributes: Mapping[str, Attribute],
    *,
    threshold: float = 0.5,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[Subgroup, ...]:
    """Return the parts that each attribute makes, with figures by film, in the order of attributes and values.

    An attribute with one value makes no parts. A film whose copies differ in an attribute is in each of their parts,
    with those copies alone.
    """
    known = predictions.known()
    found = []
    for name, values in attributes.items():
        column = np.array([values.get(path, "") for path in known.paths], object)
        parts = sorted(set(column) - {""})
        if len(parts) < 2:
            continue
        for value in parts:
            inside, outside = (known.take(np.flatnonzero(m)).by_film() for m in _masks(column, value))
            found.append(_subgroup(name, value, inside, outside, threshold, seed, resamples))
    return tuple(found)


def _masks(column: np.ndarray, value: str) -> tuple[np.ndarray, np.ndarray]:
    return column == value, (column != value) & (column != "")


def _subgroup(
    name: str, value: str, inside: Predictions, outside: Predictions, threshold: float, seed: int, resamples: int
) -> Subgroup:
    metrics = _metrics(inside.classes)
    rows = np.arange(len(inside) + len(outside)) < len(inside)
    sides = Side(scored(inside, threshold), rows), Side(scored(outside, threshold), ~rows)
    groups = inside.groups + outside.groups
    return Subgroup(
        attribute=name,
        value=value,
        n_films=len(inside),
        n_groups=len(set(inside.groups)),
        few=min(_fewest(inside), _fewest(outside)) < FEW_GROUPS,
        figures=intervals(metrics, inside, threshold=threshold, seed=seed, resamples=resamples),
        gaps=differences(metrics, *sides, groups, seed=seed, resamples=resamples),
    )


def _metrics(classes: Sequence[str]) -> tuple[Metric, ...]:
    ranking = ranking_metric(classes)
    return (ranking,) if ranking is MACRO_AUROC else (ranking, SENSITIVITY, SPECIFICITY)


def _fewest(part: Predictions) -> int:
    """Groups of the rarest class."""
    pairs = set(zip(part.labels.tolist(), part.groups, strict=True))
    return min(len([label for label, _ in pairs if label == k]) for k in range(len(part.classes)))


def record_attributes(records: Iterable[Record]) -> dict[str, Attribute]:
    """Return what a manifest tells of each film: its site and the class of its size."""
    records = list(records)
    return {
        "site": {r.path: r.site for r in records},
        "image size": {r.path: _size_class(max(r.width, r.height)) for r in records},
    }


def _size_class(longer_px: int) -> str:
    if not longer_px:
        return ""
    return next((f"up to {end:4d} px" for end in SIZES_PX if longer_px <= end), f"over {SIZES_PX[-1]} px")


def marker_attributes(paths: Iterable[str], markers: KnownMarkers) -> dict[str, Attribute]:
    """Return whether a film bears a known marker, and the styles of its markers; "" of films not looked at."""
    presence, styles = {}, {}
    for path in paths:
        image = markers.find(path)
        if image is None:
            continue
        presence[path] = "yes" if image.markers else "no"
        met = sorted({marker.style or "unknown" for marker in image.markers})
        styles[path] = " and ".join(met) if met else "none"
    return {"marker": presence, "marker style": styles}


def read_attributes(table: Path, paths: Sequence[str], columns: Sequence[str] = ()) -> dict[str, Attribute]:
    """Read columns of a CSV file that has a row for each film.

    Args:
        table: has a column path (or image_id, image, file, filename): a film's path, or an end of it after a /.
        columns: those to take; all that make 2 to 12 parts where not given, but for the manifest's own.
    Raises:
        DataError: cannot be read, no column of paths, no such column, or no row of any film.
    """
    rows, header = _read_table(table)
    key = next((name for name in PATH_COLUMNS if name in header), None)
    if key is None:
        raise DataError(f"{table}: columns {', '.join(header)}; expected one of {', '.join(PATH_COLUMNS)}")
    missing = [name for name in columns if name not in header]
    if missing:
        raise DataError(f"{table}: column {missing[0]!r} is missing; expected one of {', '.join(header)}")
    by_path = {row[key]: row for row in rows}
    matched = {path: by_path[end] for path in paths if (end := _end_in(path, by_path)) is not None}
    if not matched:
        raise DataError(f"{table}: no row of any film; expected paths such as {paths[0]} in column {key!r}")
    wanted = columns or [name for name in header if name != key and name not in set(COLUMNS) - {"site"}]
    found = {name: _cut({path: row[name] for path, row in matched.items()}) for name in wanted}
    return {name: values for name, values in found.items() if columns or 2 <= len(set(values.values())) <= MOST_VALUES}


def _read_table(table: Path) -> tuple[list[dict[str, str]], list[str]]:
    try:
        with table.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.DictReader(file, restval="", strict=True)
            return list(reader), list(reader.fieldnames or [])
    except (OSError, csv.Error) as error:
        raise DataError(f"{table}: cannot be read ({error}); expected a CSV file with a row for each film") from error


def _end_in(path: str, known: Mapping[str, object]) -> str | None:
    ends = [path, *(path[i + 1 :] for i, letter in enumerate(path) if letter == "/")]
    return next((end for end in ends if end in known), None)


def _cut(values: dict[str, str]) -> dict[str, str]:
    """Numbers of many values as quarters of the films; other values as they are."""
    if len(set(values.values())) <= MOST_VALUES:
        return values
    try:
        numbers = {path: float(text) for path, text in values.items() if text}
    except ValueError:
        return values
    ends = np.quantile(list(numbers.values()), [0.25, 0.5, 0.75])
    names = [f"1: below {ends[0]:g}", f"2: {ends[0]:g} to {ends[1]:g}", f"3: {ends[1]:g} to {ends[2]:g}"]
    names.append(f"4: {ends[2]:g} or more")
    return {path: names[int(np.searchsorted(ends, x, side="right"))] for path, x in numbers.items()}


def multiplicity(found: Sequence[Subgroup]) -> str:
    """Say how many of the gaps would be clear of 0 by chance; of two parts the gaps are the same but for the sign."""
    parts = [part for i, part in enumerate(found) if not _is_mirror(found, i)]
    gaps = [gap for part in parts for gap in part.gaps.values() if gap.value == gap.value]
    clear = sum(gap.low > 0 or gap.high < 0 for gap in gaps)
    return (
        f"of {len(gaps)} gaps {clear} have an interval clear of 0; about {len(gaps) / 20:.1f} would by chance alone "
        "if no part differed"
    )


def _is_mirror(found: Sequence[Subgroup], i: int) -> bool:
    same = [j for j, part in enumerate(found) if part.attribute == found[i].attribute]
    return len(same) == 2 and i == same[1]
