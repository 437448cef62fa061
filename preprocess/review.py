"""A contact sheet of what was cleaned: before, mask and after, the least certain first."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import jinja2
import numpy as np
from numpy.typing import NDArray

from preprocess.errors import KnownError, one_line
from preprocess.film import mask_of
from preprocess.images import Array, encode_jpeg, read_image, to_grey8, write_atomic
from preprocess.ledger import LedgerRow
from preprocess.mask import Mask
from preprocess.settings import CleanSettings

MOST = 300  # films with markers on the sheet: about 6 MB
MOST_UNMARKED = 60
SIDE_PX = 224
TINT = (230, 120, 20)  # orange: clear on grey for every kind of colour vision


@dataclass(frozen=True)
class Card:
    """One film on the sheet; pictures are data URIs."""

    path: str
    texts: tuple[str, ...]
    confidence: float | None
    mask_fraction: float
    before: str
    mask: str
    after: str


def write_review(
    file: Path, rows: Sequence[LedgerRow], root: Path, out: Path, settings: CleanSettings, max_pixels: int
) -> None:
    """Write the sheet as one HTML file that needs nothing else.

    It shows films with markers by their least confident one, then some without, then a list of failed files.

    Raises:
        OutputError: the file cannot be written.
    """
    marked = sorted((row for row in rows if row.markers), key=lambda row: (_least(row), row.path))
    unmarked = [row for row in rows if not row.markers and row.status != "failed"]
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(Path(__file__).with_name("review.html").read_text("utf-8"))
    page = template.render(
        marked=_cards(marked[:MOST], root, out, settings, max_pixels),
        unmarked=_cards(unmarked[:MOST_UNMARKED], root, out, settings, max_pixels),
        failed=[(one_line(row.path), one_line(row.error)) for row in rows if row.status == "failed"],
        count=len(rows),
        marked_count=len(marked),
        unmarked_count=len(unmarked),
        marker_count=sum(len(row.markers) for row in rows),
        settings=settings,
    )
    write_atomic(file, page + "\n")


def _least(row: LedgerRow) -> float:
    return min(marker.confidence for marker in row.markers)


def _cards(rows: Iterable[LedgerRow], root: Path, out: Path, settings: CleanSettings, max_pixels: int) -> list[Card]:
    cards = (_card(row, root, out, settings, max_pixels) for row in rows)
    return [card for card in cards if card is not None]


def _card(row: LedgerRow, root: Path, out: Path, settings: CleanSettings, max_pixels: int) -> Card | None:
    try:
        before = read_image(root / row.path, max_pixels=max_pixels)
        after = before if row.status != "cleaned" else read_image(out / row.output, max_pixels=max_pixels)
    except KnownError:
        return None  # its source went away since it was cleaned
    mask = mask_of(before.shape, row.markers, settings)
    return Card(
        path=one_line(row.path),
        texts=tuple(one_line(marker.text) or "(not legible)" for marker in row.markers),
        confidence=_least(row) if row.markers else None,
        mask_fraction=row.mask_fraction,
        before=_picture(before),
        mask=_picture(_tinted(before, mask)),
        after=_picture(after),
    )


def _tinted(image: Array, mask: Mask) -> NDArray[np.uint8]:
    colour = cv2.cvtColor(to_grey8(image), cv2.COLOR_GRAY2RGB)
    colour[mask] = TINT
    return np.asarray(colour, np.uint8)


def _picture(image: Array) -> str:
    scale = SIDE_PX / max(image.shape[:2])
    shown = image if image.ndim == 3 and image.dtype == np.uint8 else to_grey8(image)
    size = [max(1, round(side * scale)) for side in (image.shape[1], image.shape[0])]
    small = cv2.resize(shown, size, interpolation=cv2.INTER_AREA)
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(small, 80)).decode()
