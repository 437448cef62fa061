"""Write leaks.html and leaks.json: the leaks of a split, examples side by side, and the size of each part."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from fxkit import __version__
from fxkit.data.leaks import TRAINING_SPLITS, Leak, LeakCounts, count_leaks, find_leaks, percent, stamp_text
from fxkit.data.manifest import SPLITS, Record, count_records, manifest_hash, usable
from fxkit.html import load_template
from preprocess.errors import KnownError, one_line
from preprocess.files import sha256_of, write_atomic
from preprocess.image_files import MAX_PIXELS
from preprocess.images import read_image, thumbnail_uri
from preprocess.json_files import parse_json

PAIRS = 60  # examples with pictures, of about 20 kB each

PAIRS_PER_FILM = 6  # most examples of one film

ROWS = 1_000  # most films in the table; leaks.json lists every file

SIDE_PX = 256  # longer side of a thumbnail


KNOWN_BY = {
    "bytes": "the same bytes",
    "name": "the same film by name",
    "film": "the same film by the manifest: by pixels, or linked through other copies",
    "group": "another film of the same {unit}",
}


@dataclass(frozen=True)
class Size:
    """The size of a part of the split."""

    name: str
    files: int
    films: int
    groups: int


@dataclass(frozen=True)
class Picture:
    """A film as shown in an example."""

    name: str
    label: str
    part: str
    uri: str  # "" if the file cannot be read


@dataclass(frozen=True)
class Pair:
    """A leaking file, and the training file that it leaks from."""

    leaking: Picture
    training: Picture
    known_by: str  # the evidence in words


@dataclass(frozen=True)
class FilmRow:
    """A row of the table: one leaking film."""

    part: str
    film: str
    group: str
    files: int
    first: Leak  # the leak of its first file
    known_by: str  # the evidence of that leak in words


def write_leaks(
    folder: str | Path, records: Sequence[Record], root: str | Path, *, max_pixels: int = MAX_PIXELS
) -> Path:
    """Write leaks.html, a self-contained page, and leaks.json into a folder; return the path of the page.

    Args:
        folder: folder of the manifest.
        records: records with splits.
        root: folder that the paths of the records are relative to.
        max_pixels: larger films are shown without a picture.
    Raises:
        OutputError: the folder cannot be written.
    """
    by_part = {part: find_leaks(records, part) for part in TRAINING_SPLITS}
    counts = [count_leaks(records, part, part_leaks) for part, part_leaks in by_part.items()]
    units = {count.part: count.unit for count in counts}
    leaks = [leak for part_leaks in by_part.values() for leak in part_leaks]
    folder = Path(folder)
    write_atomic(folder / "leaks.json", json.dumps(_as_json(records, counts, leaks), indent=1) + "\n")
    rows = _film_rows(leaks, units)
    page = load_template("index/pages/leaks.html").render(
        counts=counts,
        verdicts=[verdict(count) for count in counts if count.files or count.part == "test"],
        sizes=part_sizes(records, counts),
        pairs=_pairs(choose_examples(leaks, PAIRS), Path(root), units, max_pixels),
        rows=rows[:ROWS],
        n_rows=len(rows),
        manifest=manifest_hash(records),
        version=__version__,
    )
    write_atomic(folder / "leaks.html", page + "\n")
    return folder / "leaks.html"


def remove_old_leaks(folder: str | Path) -> None:
    """Remove leaks.html and leaks.json if no manifest in the folder is the one that they describe."""
    page, figures = Path(folder, "leaks.html"), Path(folder, "leaks.json")
    try:
        known = parse_json(figures.read_bytes())["manifest_sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # there is no such file, or it belongs to another program
    if known not in {sha256_of(path) for path in Path(folder).glob("*.csv") if path.is_file()}:
        page.unlink(missing_ok=True)
        figures.unlink()


def verdict(count: LeakCounts) -> str:
    """Say how much of a part leaks, and how many films and patients the part has."""
    if not count.files:
        return f"There is no {count.part} part."
    worth = f"The {count.part} part is worth {_size(count.films, count.groups, count.unit)}"
    if not count.grouped_files:
        part = f"{count.part} file"
        tested = f"no {part}" if count.files == 1 else f"none of {_counted(count.files, part)}"
        return (
            f"No leak found: {tested} has a copy of its film, or another film of its {count.unit}, in "
            f"training, as far as the manifest tells. {worth}."
        )
    copies, others = count.leaked_files, count.grouped_files - count.leaked_files
    show = "shows" if others == 1 else "show"
    other_films = f"; {others:,} more ({percent(others, count.files)}) {show} another film of a training {count.unit}"
    new = _size(count.new_films, count.new_groups, count.unit) if count.new_films else "none"
    part = f"{copies:,} of {_counted(count.files, f'{count.part} file')} ({percent(copies, count.files)})"
    if copies == count.files == 1:
        part = f"The only {count.part} file"
    return (
        f"{part} "
        f"{'has' if count.files == 1 else 'have'} a copy of the same film in training"
        f"{other_films if others else ''}. {worth}, not {_counted(count.files, 'file')}; {new} of "
        f"these {'is' if count.new_films < 2 else 'are'} new to the training."
    )


def _size(films: int, groups: int, unit: str) -> str:
    """Return the number of films, and of groups if these are patients or contain several films."""
    in_groups = f" of {_counted(groups, unit)}" if unit == "patient" or films != groups else ""
    return _counted(films, "film") + in_groups


def _counted(n: int, word: str) -> str:
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def part_sizes(records: Sequence[Record], counts: Sequence[LeakCounts]) -> list[Size]:
    """Return the size of each part; a leaking part is followed by its size without the leaking films and groups."""
    leaking = {count.part: count for count in counts if count.grouped_files}
    sizes = []
    for name in SPLITS:
        whole = count_records(usable(records, name))
        sizes.append(Size(name, whole.files, whole.films, whole.groups))
        if name in leaking:
            left = leaking[name]
            sizes.append(Size(f"{name} without leaks", left.new_files, left.new_films, left.new_groups))
    return sizes


def choose_examples(leaks: Sequence[Leak], most: int) -> list[Leak]:
    """Choose a few leaks of each film, so that no single film fills the page."""
    turns = zip_longest(*(film_leaks[:PAIRS_PER_FILM] for film_leaks in _by_film(leaks).values()))
    return [leak for turn in turns for leak in turn if leak][:most]


def _by_film(leaks: Sequence[Leak]) -> dict[tuple[str, str], list[Leak]]:
    films = defaultdict(list)
    for leak in leaks:
        films[leak.record.split, leak.record.film].append(leak)
    return films


def _film_rows(leaks: Sequence[Leak], units: dict[str, str]) -> list[FilmRow]:
    return [
        FilmRow(part, one_line(film), one_line(first.record.group), 1 + len(others), first, _known_by(first, units))
        for (part, film), (first, *others) in _by_film(leaks).items()
    ]


def _known_by(leak: Leak, units: dict[str, str]) -> str:
    return KNOWN_BY[leak.evidence].format(unit=units[leak.record.split])


def _pairs(chosen: Sequence[Leak], root: Path, units: dict[str, str], max_pixels: int) -> list[Pair]:
    # many leaks share a training file, so each file is read once
    paths = dict.fromkeys(r.path for leak in chosen for r in (leak.record, leak.training_record))
    uris = {path: _uri(root / path, max_pixels) for path in paths}

    def picture(record: Record) -> Picture:
        return Picture(one_line(record.path), one_line(record.label), record.split, uris[record.path])

    return [Pair(picture(leak.record), picture(leak.training_record), _known_by(leak, units)) for leak in chosen]


def _uri(path: Path, max_pixels: int) -> str:
    try:
        return thumbnail_uri(read_image(path, max_pixels=max_pixels), SIDE_PX)
    except KnownError:
        return ""  # the file is gone or was changed since it was indexed


def _as_json(records: Sequence[Record], counts: Sequence[LeakCounts], leaks: Sequence[Leak]) -> dict[str, Any]:
    return {
        "manifest_sha256": manifest_hash(records),
        "stamp": stamp_text(counts),
        "verdict": " ".join(verdict(count) for count in counts if count.files or count.part == "test"),
        "parts": [asdict(count) for count in counts],
        "sizes": [asdict(size) for size in part_sizes(records, counts)],
        "leaks": [
            {
                "file": leak.record.path,
                "part": leak.record.split,
                "film": leak.record.film,
                "group": leak.record.group,
                "training_file": leak.training_record.path,
                "training_part": leak.training_record.split,
                "training_film": leak.training_record.film,
                "known_by": leak.evidence,
            }
            for leak in leaks
        ],
    }
