"""Collect the metadata of files as a table of numbers: facts about each file, and its markers if they are known."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fxkit.data.manifest import Record
from fxkit.index.facts import FileFacts
from fxkit.metrics.scores import Floats
from preprocess.known_markers import KnownMarkers
from preprocess.markers import MarkedImage, describe_style, quad_area, quad_box


@dataclass(frozen=True)
class Marking:
    """The markers of one file.

    Attributes:
        counts: style -> number of markers; "mirrored lead" is a style of its own. Plates that carry lead letters are
            not counted.
        x: mean centre of the markers, as a fraction of the width; None without markers.
        y: the same, as a fraction of the height.
        largest: area of the largest marker, as a fraction of the image.
    """

    path: str
    counts: Mapping[str, int]
    x: float | None = None
    y: float | None = None
    largest: float = 0.0


def markings_of(records: Iterable[Record], known: KnownMarkers) -> dict[str, Marking]:
    """Return path -> marking for the files whose markers are known."""
    images = ((record.path, known.find(record.path)) for record in records)
    return {path: _marking(path, image) for path, image in images if image and image.width and image.height}


def _marking(path: str, image: MarkedImage) -> Marking:
    markers = [marker for marker in image.markers if marker.style != "plate"]
    if not markers:
        return Marking(path, {})
    boxes = [quad_box(marker.quad) for marker in markers]
    return Marking(
        path,
        dict(sorted(Counter(map(describe_style, markers)).items())),
        round(sum(x0 + x1 for x0, _, x1, _ in boxes) / 2 / len(boxes) / image.width, 4),
        round(sum(y0 + y1 for _, y0, _, y1 in boxes) / 2 / len(boxes) / image.height, 4),
        round(max(quad_area(marker.quad) for marker in markers) / (image.width * image.height), 6),
    )


FACTS: Mapping[str, tuple[str, ...]] = {  # kind of metadata -> fields of FileFacts
    "file size": ("size_bytes",),
    "image size": ("width", "height"),
    "aspect ratio": ("aspect",),
    "file format": ("format", "bits", "channels", "tagged", "software"),
    "JPEG quality": ("jpeg_quality",),
    "brightness": ("mean", "median", "p1", "p99", "black", "saturated"),
    "border": ("border_black", "border_constant", "corner_black"),
}

STYLE, PLACE = "marker style", "marker place and size"


# Most copies of one film, and most films, in a table. More would take longer and change little.
MAX_COPIES, MAX_FILMS = 8, 4000


FilmKey = tuple[str, str, str]  # film, group, label


@dataclass(frozen=True, eq=False)
class Table:
    """Files by columns of metadata.

    Attributes:
        records: the N files.
        kinds: kind of metadata -> values, (N, columns); NaN if unknown, as for the markers of some files.
    """

    records: tuple[Record, ...]
    kinds: Mapping[str, Floats]

    def take(self, rows: Sequence[int]) -> "Table":
        """Return the files with these indices, in this order."""
        return Table(tuple(self.records[i] for i in rows), {kind: values[rows] for kind, values in self.kinds.items()})


def film_of(record: Record) -> FilmKey:
    """Return the key that identifies a film; `Predictions.by_film` uses the same."""
    return record.film, record.group, record.label


def choose_files(records: Sequence[Record], seed: int) -> list[int]:
    """Return the indices of the files to use: at most MAX_COPIES of each film, and at most MAX_FILMS films.

    If there are more films, whole groups are drawn at random. The copies of a film are taken at even distances by path.
    """
    films: dict[FilmKey, list[int]] = defaultdict(list)
    for i in sorted(range(len(records)), key=lambda i: records[i].path):
        films[film_of(records[i])].append(i)
    counts = Counter(group for _, group, _ in films)
    names = sorted(counts)
    groups = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    totals = np.cumsum([counts[group] for group in groups])
    kept = {group for group, total in zip(groups, totals, strict=True) if total <= MAX_FILMS} or set(groups[:1])
    return [i for (_, group, _), copies in films.items() if group in kept for i in _choose_copies(copies)]


def _choose_copies(copies: Sequence[int]) -> list[int]:
    positions = np.linspace(0, len(copies) - 1, min(len(copies), MAX_COPIES)).round().astype(int)
    return [copies[position] for position in positions]


def build_table(
    records: Sequence[Record], facts: Mapping[str, FileFacts], markings: Mapping[str, Marking] | None = None
) -> Table:
    """Build the table of metadata.

    A text value, such as the format, becomes the index of its name in alphabetical order. The JPEG quality of a file
    that is no JPEG becomes 0.
    """
    rows = [facts[record.path] for record in records]
    kinds = {
        kind: np.column_stack([_numbers([getattr(row, name) for row in rows]) for name in names])
        for kind, names in FACTS.items()
    }
    known = {record.path: markings[record.path] for record in records if record.path in markings} if markings else {}
    if known:
        kinds |= _marker_columns(records, known)
    return Table(tuple(records), kinds)


def _numbers(values: Sequence[object]) -> Floats:
    if any(isinstance(value, str) for value in values):
        number = {name: i for i, name in enumerate(sorted(map(str, set(values))))}
        return np.array([number[str(value)] for value in values], float)
    return np.array([0 if value is None else value for value in values], float)


def _marker_columns(records: Sequence[Record], known: Mapping[str, Marking]) -> dict[str, Floats]:
    styles = sorted({style for marking in known.values() for style in marking.counts})
    counts, places = np.full((len(records), len(styles) + 1), np.nan), np.full((len(records), 3), np.nan)
    for i, record in enumerate(records):
        if marking := known.get(record.path):
            counts[i] = [sum(marking.counts.values()), *(marking.counts.get(style, 0) for style in styles)]
            places[i] = [
                -1 if marking.x is None else marking.x,
                -1 if marking.y is None else marking.y,
                marking.largest,
            ]
    films = [film_of(record) for record in records]
    return {STYLE: _fill_from_copies(counts, films), PLACE: _fill_from_copies(places, films)}


def _fill_from_copies(values: Floats, films: Sequence[FilmKey]) -> Floats:
    """Give files whose markers are unknown the mean of the other files of their film; modifies and returns values."""
    members = defaultdict(list)
    for i, film in enumerate(films):
        members[film].append(i)
    for rows in members.values():
        unknown = np.isnan(values[rows, 0])
        if unknown.any() and not unknown.all():
            values[np.array(rows)[unknown]] = np.nanmean(values[rows], axis=0)
    return values
