"""Write the review page of a cleaned folder: one HTML file that shows films before and after cleaning.

The films that a person should check first come first. The size of the page is bounded: at most PICTURES films have
pictures and at most ROWS films are listed; the ledger has all of them. Memory is bounded too: the rows are read three
times, and only the listed ones are kept.
"""

import heapq
import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from preprocess.clean_image import build_mask
from preprocess.errors import KnownError, one_line
from preprocess.files import write_atomic
from preprocess.images import Array, read_image, thumbnail_uri
from preprocess.ledger import LedgerRow
from preprocess.markers import Marker, describe_style, quad_box
from preprocess.mask import outline_path
from preprocess.review.association import Association, ClassLookup, format_p
from preprocess.review.ranking import REASONS, Census, list_reasons, min_confidence, sort_key, take_census
from preprocess.settings import CleanSettings

PICTURES = 200  # films with pictures, about 40 kB each: the film and its least certain marker, before and after

ROWS = 20_000  # films in the list, about 200 bytes each

NAMED = 8  # films that the top of the page links to

SIDE_PX = 320

DETAIL_PX = 160


@dataclass(frozen=True)
class ReviewInputs:
    """What the review page shows.

    Args:
        rows: rows of the ledger. They are iterated several times.
        root: folder of the original films, which the page links to.
        settings: how markers were found and erased.
        max_pixels: images with more pixels are not shown.
        classes: lookup of the class of a film.
        association: association of the markers with the class; None if the films have no classes.
    """

    rows: Iterable[LedgerRow]
    root: Path
    settings: CleanSettings
    max_pixels: int
    classes: ClassLookup
    association: Association | None


def write_review(file: Path, inputs: ReviewInputs) -> None:
    """Write the review page into the folder of the cleaned films.

    Raises:
        OutputError: the file cannot be written.
    """
    census, reasons = take_census(inputs.rows), Counter[str]()
    listed = heapq.nsmallest(ROWS, _count_reasons(inputs.rows, census, reasons), key=lambda row: sort_key(row, census))
    films = [_describe_film(row, census, inputs.classes if inputs.association else None) for row in listed]
    mixed = _take_turns(listed, census)
    pictures = _make_pictures([row for row in mixed if row.status != "failed"][:PICTURES], file.parent, inputs)
    for film, row in zip(films, listed, strict=True):
        film |= pictures.get(row.path, {})
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["p"] = format_p
    template = environment.from_string(Path(__file__).with_name("review.html").read_text("utf-8"))
    page = template.render(
        census=census,
        total=census.statuses.total(),
        reasons=[(name, reasons[name], meaning) for name, (_, meaning) in REASONS.items() if reasons[name]],
        named=[_describe_film(row, census) for row in mixed[: 3 * NAMED] if list_reasons(row, census)][:NAMED],
        films=films,
        pictured=len(pictures),
        association=inputs.association,
        root=_link(inputs.root, file.parent),
        command="fxkit review FOLDER",
    )
    write_atomic(file, page + "\n")


def _count_reasons(rows: Iterable[LedgerRow], census: Census, reasons: Counter[str]) -> Iterator[LedgerRow]:
    """Yield the rows unchanged, and add the reasons of each to `reasons`."""
    for row in rows:
        reasons.update(list_reasons(row, census))
        yield row


def _describe_film(row: LedgerRow, census: Census, classes: ClassLookup | None = None) -> dict[str, Any]:
    """Return the facts of a film for the script of the page; empty ones are left out."""
    unit = classes.find(row.path) if classes else None
    lowest = min_confidence(row)
    film = {
        "path": one_line(row.path),
        "output": one_line(row.output) if row.output != row.path else "",
        "status": row.status,
        "class": one_line(unit[0]) if unit else "",
        "least": None if lowest is None else round(lowest, 2),
        "share": round(100 * row.mask_fraction, 2),
        "texts": [one_line(marker.text) for marker in row.markers],
        "kinds": sorted({describe_style(marker) for marker in row.markers}),
        "why": list_reasons(row, census),
        "error": one_line(row.error),
    }
    if one_line(row.path) != row.path:
        film |= {"link": _quoted(row.path), "outlink": _quoted(row.output)}
    return {key: value for key, value in film.items() if value not in ("", [], ()) or key in ("texts", "kinds", "why")}


def _quoted(path: str) -> str:
    return quote(os.fsencode(path))


def _link(root: Path, folder: Path) -> str:
    try:
        return quote(os.fsencode(Path(os.path.relpath(root.resolve(), folder.resolve())).as_posix()))
    except ValueError:  # the folders are on different drives
        return root.resolve().as_uri()


def _take_turns(listed: Sequence[LedgerRow], census: Census) -> list[LedgerRow]:
    """Reorder the rows so that all reasons appear early.

    The rows are grouped by their first reason and by whether they have markers, and the groups take turns.
    """
    groups: dict[tuple[str, bool], list[LedgerRow]] = {}
    for row in listed:
        groups.setdefault((next(iter(list_reasons(row, census)), ""), bool(row.markers)), []).append(row)
    return [row for turn in itertools.zip_longest(*groups.values()) for row in turn if row]


def _make_pictures(rows: Iterable[LedgerRow], out: Path, inputs: ReviewInputs) -> dict[str, dict[str, Any]]:
    pictures: dict[str, dict[str, Any]] = {}
    for row in rows:
        try:
            before = read_image(inputs.root / row.path, max_pixels=inputs.max_pixels)
            after = before if row.status != "cleaned" else read_image(out / row.output, max_pixels=inputs.max_pixels)
        except KnownError:
            continue  # the source was removed after it was cleaned
        pictures[row.path] = {
            "size": before.shape[1::-1],
            "outline": outline_path(build_mask(before.shape, row.markers, inputs.settings)),
            "before": _views(before, row.markers),
            "after": _views(after, row.markers) if row.status == "cleaned" else [],
        }
    return pictures


def _views(image: Array, markers: Sequence[Marker]) -> list[str]:
    """Return data URIs of the whole film and, if it has markers, of the region around its least certain marker."""
    whole = [thumbnail_uri(image, SIDE_PX)]
    if not markers:
        return whole
    x0, y0, x1, y1 = quad_box(min(markers, key=lambda marker: marker.confidence).quad)
    margin = max(x1 - x0, y1 - y0, 24)
    edges = (x0 - margin, y0 - margin, x1 + margin, y1 + margin)
    left, top, right, bottom = (max(0, round(edge)) for edge in edges)
    detail = image[top:bottom, left:right]
    return [*whole, thumbnail_uri(detail, DETAIL_PX)] if detail.size else whole
