"""leaks.html and leaks.json: what leaks in a split, examples side by side, and what the split is worth."""

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

PAIRS = 60  # examples with pictures, about 20 kB each,

A_FILM = 6  # of them of one film at most

ROWS = 1_000  # films in the table; leaks.json lists every file

SIDE_PX = 256


KNOWN_BY = {
    "bytes": "the same bytes",
    "name": "the same film by name",
    "film": "the same film by the manifest: by its pixels, or through other copies",
    "group": "another film of the same {unit}",
}


@dataclass(frozen=True)
class Size:
    """What a part of the split holds."""

    name: str
    files: int
    films: int
    groups: int


@dataclass(frozen=True)
class Picture:
    name: str
    label: str
    part: str
    uri: str  # "" where the file cannot be read


@dataclass(frozen=True)
class Pair:
    own: Picture
    seen: Picture
    known_by: str


@dataclass(frozen=True)
class FilmRow:
    """One leaking film of the table."""

    part: str
    film: str
    group: str
    files: int
    first: Leak
    known_by: str


def write_leaks(
    folder: str | Path, records: Sequence[Record], root: str | Path, *, max_pixels: int = MAX_PIXELS
) -> Path:
    """Write leaks.html, a page that needs nothing else, and leaks.json into folder; return the page's path.

    Args:
        records: with splits.
        root: folder that their paths are relative to.
        max_pixels: larger films have no picture.
    Raises:
        OutputError: the folder cannot be written.
    """
    by_part = {part: find_leaks(records, part) for part in TRAINING_SPLITS}
    counts = [count_leaks(records, part, own) for part, own in by_part.items()]
    units = {count.part: count.unit for count in counts}
    found = [leak for own in by_part.values() for leak in own]
    folder = Path(folder)
    write_atomic(folder / "leaks.json", json.dumps(_as_json(records, counts, found), indent=1) + "\n")
    rows = _film_rows(found, units)
    page = load_template("index/pages/leaks.html").render(
        counts=counts,
        verdicts=[verdict(count) for count in counts if count.files or count.part == "test"],
        sizes=sizes(records, counts),
        pairs=_pairs(choose(found, PAIRS), Path(root), units, max_pixels),
        rows=rows[:ROWS],
        n_rows=len(rows),
        manifest=manifest_hash(records),
        version=__version__,
    )
    write_atomic(folder / "leaks.html", page + "\n")
    return folder / "leaks.html"


def remove_old_leaks(folder: str | Path) -> None:
    """Remove the two files where no manifest beside them is the one that they are of."""
    page, figures = Path(folder, "leaks.html"), Path(folder, "leaks.json")
    try:
        known = json.loads(figures.read_bytes())["manifest_sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # there is none, or another program's
    if known not in {sha256_of(path) for path in Path(folder).glob("*.csv") if path.is_file()}:
        page.unlink(missing_ok=True)
        figures.unlink()


def verdict(count: LeakCounts) -> str:
    """Say in plain words how much of a part leaks, and what the part is worth."""
    if not count.files:
        return f"There is no {count.part} part."
    worth = f"The {count.part} part is worth {_size(count.films, count.groups, count.unit)}"
    if not count.grouped_files:
        return (
            f"No leak found: none of the {count.files:,} {count.part} files has a copy of its film, or another film of "
            f"its {count.unit}, in training, as far as the manifest tells. {worth}."
        )
    copies, others = count.leaked_files, count.grouped_files - count.leaked_files
    more = f"; {others:,} more ({percent(others, count.files)}) show another film of a training {count.unit}"
    new = _size(count.new_films, count.new_groups, count.unit) if count.new_films else "none"
    return (
        f"{copies:,} of {count.files:,} {count.part} files ({percent(copies, count.files)}) have a copy of the same "
        f"film in training{more if others else ''}. {worth}, not {_many(count.files, 'file')}; {new} of these "
        f"{'is' if count.new_films < 2 else 'are'} new to the training."
    )


def _size(films: int, groups: int, unit: str) -> str:
    """A group that is no patient is told only where it is more than a film."""
    told = f" of {_many(groups, unit)}" if unit == "patient" or films != groups else ""
    return _many(films, "film") + told


def _many(n: int, word: str) -> str:
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def sizes(records: Sequence[Record], counts: Sequence[LeakCounts]) -> list[Size]:
    """Return what each part holds, and below it what is left of a leaking part without its leaking films and groups."""
    leaking = {count.part: count for count in counts if count.grouped_files}
    found = []
    for name in SPLITS:
        whole = count_records(usable(records, name))
        found.append(Size(name, whole.files, whole.films, whole.groups))
        if name in leaking:
            left = leaking[name]
            found.append(Size(f"{name} without leaks", left.new_files, left.new_films, left.new_groups))
    return found


def choose(found: Sequence[Leak], most: int) -> list[Leak]:
    """Take leaks by turns over their films, and few of each, so that no film fills the page."""
    turns = zip_longest(*(own[:A_FILM] for own in _by_film(found).values()))
    return [leak for turn in turns for leak in turn if leak][:most]


def _by_film(found: Sequence[Leak]) -> dict[tuple[str, str], list[Leak]]:
    films = defaultdict(list)
    for leak in found:
        films[leak.record.split, leak.record.film].append(leak)
    return films


def _film_rows(found: Sequence[Leak], units: dict[str, str]) -> list[FilmRow]:
    return [
        FilmRow(part, one_line(film), one_line(own[0].record.group), len(own), own[0], _known_by(own[0], units))
        for (part, film), own in _by_film(found).items()
    ]


def _known_by(leak: Leak, units: dict[str, str]) -> str:
    return KNOWN_BY[leak.evidence].format(unit=units[leak.record.split])


def _pairs(chosen: Sequence[Leak], root: Path, units: dict[str, str], max_pixels: int) -> list[Pair]:
    paths = dict.fromkeys(
        r.path for leak in chosen for r in (leak.record, leak.training_record)
    )  # many share a training file
    uris = {path: _uri(root / path, max_pixels) for path in paths}

    def picture(record: Record) -> Picture:
        return Picture(one_line(record.path), one_line(record.label), record.split, uris[record.path])

    return [Pair(picture(leak.record), picture(leak.training_record), _known_by(leak, units)) for leak in chosen]


def _uri(path: Path, max_pixels: int) -> str:
    try:
        return thumbnail_uri(read_image(path, max_pixels=max_pixels), SIDE_PX)
    except KnownError:
        return ""  # it went away since it was indexed


def _as_json(records: Sequence[Record], counts: Sequence[LeakCounts], found: Sequence[Leak]) -> dict[str, Any]:
    return {
        "manifest_sha256": manifest_hash(records),
        "stamp": stamp_text(counts),
        "verdict": " ".join(verdict(count) for count in counts if count.files or count.part == "test"),
        "parts": [asdict(count) for count in counts],
        "sizes": [asdict(size) for size in sizes(records, counts)],
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
            for leak in found
        ],
    }
