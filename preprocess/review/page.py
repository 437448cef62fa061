"""A page to review what was cleaned: one HTML file with before and after, the films most worth a look first.

Its size is bounded: PICTURES films have pictures, and ROWS films are listed; the rest is in the ledger. Memory too,
however many films there are: the rows are passed over three times, and only those that are listed are held.
"""

import heapq
import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import jinja2
import numpy as np

from preprocess.clean_image import mask_of
from preprocess.errors import KnownError, one_line
from preprocess.files import write_atomic
from preprocess.images import Array, read_image, thumbnail_uri
from preprocess.ledger import LedgerRow
from preprocess.markers import Marker, kind_of, quad_box
from preprocess.mask import Mask
from preprocess.review.association import Association, ClassOf, p_text
from preprocess.review.ranking import REASONS, Census, least_confidence, rank, reasons_of, take_census
from preprocess.settings import CleanSettings

PICTURES = 200  # about 40 kB each: before and after, whole and the least certain marker's surroundings

ROWS = 20_000  # about 200 bytes each

NAMED = 8  # films that the top of the page names

SIDE_PX = 320

DETAIL_PX = 160


def write_review(
    file: Path,
    rows: Iterable[LedgerRow],
    root: Path,
    settings: CleanSettings,
    max_pixels: int,
    classes: ClassOf,
    association: Association | None,
) -> None:
    """Write the page beside the cleaned films.

    Args:
        rows: can be passed over several times, as a list can.
        root: the films' folder, which the page links to.
    Raises:
        OutputError: the file cannot be written.
    """
    census, reasons = take_census(rows), Counter[str]()
    listed = heapq.nsmallest(ROWS, _counted(rows, census, reasons), key=lambda row: rank(row, census))
    films = [_film(row, census, classes if association else None) for row in listed]
    turns = _by_turns(listed, census)
    worth = [row for row in turns if row.status != "failed"][:PICTURES]
    pictures = _pictures(worth, root, file.parent, settings, max_pixels)
    for film, row in zip(films, listed, strict=True):
        film |= pictures.get(row.path, {})
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["p"] = p_text
    template = environment.from_string(Path(__file__).with_name("review.html").read_text("utf-8"))
    page = template.render(
        census=census,
        total=census.statuses.total(),
        reasons=[(name, reasons[name], meaning) for name, (_, meaning) in REASONS.items() if reasons[name]],
        named=[_film(row, census) for row in turns[: 3 * NAMED] if reasons_of(row, census)][:NAMED],
        films=films,
        pictured=len(pictures),
        association=association,
        settings=settings,
        root=_link(root, file.parent),
    )
    write_atomic(file, page + "\n")


def _counted(rows: Iterable[LedgerRow], census: Census, reasons: Counter[str]) -> Iterator[LedgerRow]:
    for row in rows:
        reasons.update(reasons_of(row, census))
        yield row


def _film(row: LedgerRow, census: Census, classes: ClassOf | None = None) -> dict[str, Any]:
    """One film as the page's script takes it."""
    unit = classes.find(row.path) if classes else None
    least = least_confidence(row)
    film = {
        "path": one_line(row.path),
        "output": one_line(row.output) if row.output != row.path else "",
        "status": row.status,
        "class": one_line(unit[0]) if unit else "",
        "least": None if least is None else round(least, 2),
        "share": round(100 * row.mask_fraction, 2),
        "texts": [one_line(marker.text) for marker in row.markers],
        "kinds": sorted({kind_of(marker) for marker in row.markers}),
        "why": reasons_of(row, census),
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
    except ValueError:  # on another drive
        return root.resolve().as_uri()


def _by_turns(listed: Sequence[LedgerRow], census: Census) -> list[LedgerRow]:
    """Films of each first reason by turns, and of those with none: with markers and without."""
    kinds: dict[tuple[str, bool], list[LedgerRow]] = {}
    for row in listed:
        kinds.setdefault((next(iter(reasons_of(row, census)), ""), bool(row.markers)), []).append(row)
    return [row for turn in itertools.zip_longest(*kinds.values()) for row in turn if row]


def _pictures(
    rows: Iterable[LedgerRow], root: Path, out: Path, settings: CleanSettings, max_pixels: int
) -> dict[str, dict[str, Any]]:
    pictures: dict[str, dict[str, Any]] = {}
    for row in rows:
        try:
            before = read_image(root / row.path, max_pixels=max_pixels)
            after = before if row.status != "cleaned" else read_image(out / row.output, max_pixels=max_pixels)
        except KnownError:
            continue  # its source went away since it was cleaned
        pictures[row.path] = {
            "size": before.shape[1::-1],
            "outline": _outline(mask_of(before.shape, row.markers, settings)),
            "before": _views(before, row.markers),
            "after": _views(after, row.markers) if row.status == "cleaned" else [],
        }
    return pictures


def _views(image: Array, markers: Sequence[Marker]) -> list[str]:
    """The whole film, and the surroundings of its least certain marker."""
    whole = [thumbnail_uri(image, SIDE_PX)]
    if not markers:
        return whole
    x0, y0, x1, y1 = quad_box(min(markers, key=lambda marker: marker.confidence).quad)
    reach = max(x1 - x0, y1 - y0, 24)
    left, top, right, bottom = (max(0, round(edge)) for edge in (x0 - reach, y0 - reach, x1 + reach, y1 + reach))
    part = image[top:bottom, left:right]
    return [*whole, thumbnail_uri(part, DETAIL_PX)] if part.size else whole


def _outline(mask: Mask) -> str:
    """The mask's edges as an SVG path in pixels of the film."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    coarse = max(mask.shape) / 500
    shapes = (cv2.approxPolyDP(contour, coarse, True)[:, 0].tolist() for contour in contours)
    return " ".join("M" + "L".join(f"{x} {y}" for x, y in points) + "Z" for points in shapes)
