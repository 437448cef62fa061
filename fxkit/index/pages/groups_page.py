"""groups.html: the copies that pixels alone tell, laid on each other with their evidence, the least certain first."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from fxkit.data.groups import film_keys
from fxkit.data.manifest import Record, usable
from fxkit.html import load_template
from fxkit.index.copies.compare import Evidence
from fxkit.index.copies.features import Picture, picture_of
from fxkit.index.find_copies import Copies, Link
from preprocess.errors import KnownError, one_line
from preprocess.files import write_atomic
from preprocess.image_files import MAX_PIXELS
from preprocess.images import read_image, thumbnail_uri, to_grey8

JOINED, ALIKE = 150, 60  # pairs with pictures, about 60 kB each; groups.json lists all

MARKED = 200  # pairs of films by marker text


@dataclass(frozen=True)
class PairShown:
    """Two films laid on each other."""

    first: str
    second: str
    labels: tuple[str, str]
    patients: tuple[str, str]
    score: float
    evidence: Evidence
    uris: tuple[str, ...]  # first as it lies on the second, second, both; empty where one cannot be read


@dataclass(frozen=True)
class Suspicion:
    """Films that may be of one patient: the same text stands on them."""

    text: str
    films: tuple[str, ...]


def write_groups(
    folder: str | Path,
    records: Sequence[Record],
    root: str | Path,
    copies: Copies,
    texts: Mapping[str, Sequence[str]] | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
) -> Path:
    """Write groups.html, a page that needs nothing else, and groups.json into folder; return the page's path.

    Args:
        copies: what `find_copies` found among the records' SHA-256.
        texts: of the markers on each path, such as an operator's code; for films that may be of one patient.
        max_pixels: larger films have no picture.
    Raises:
        OutputError: the folder cannot be written.
    """
    folder, good = Path(folder), usable(records)
    by_hash = {record.sha256: record for record in reversed(good)}
    joined = [link for link in _by_pixels_alone(copies.links, good) if link.joined]
    alike = [
        link for link in copies.links if not link.joined and copies.groups[link.first] != copies.groups[link.second]
    ]
    alike = alike[::-1]  # the likeliest first
    suspected = possible_patients(good, texts or {})
    write_atomic(folder / "groups.json", json.dumps(_as_json(joined, alike, by_hash), indent=1) + "\n")
    page = load_template("index/pages/groups.html").render(
        n_joined=len(joined),
        joined=_shown(joined[:JOINED], by_hash, Path(root), max_pixels),
        n_alike=len(alike),
        alike=_shown(_once_a_pair(alike, copies)[:ALIKE], by_hash, Path(root), max_pixels),
        suspected=suspected[:MARKED],
        n_suspected=len(suspected),
        n_files=len(good),
        n_groups=len({record.group for record in good}),
        compared=bool(copies.groups),
    )
    write_atomic(folder / "groups.html", page + "\n")
    return folder / "groups.html"


def _by_pixels_alone(links: Iterable[Link], records: Sequence[Record]) -> list[Link]:
    """Leave out links of files that their names tell already."""
    keys = film_keys([record.path for record in records])
    names = {record.sha256: key for record, key in zip(records, keys, strict=True)}
    return [link for link in links if names[link.first] != names[link.second]]


def _once_a_pair(links: Iterable[Link], copies: Copies) -> list[Link]:
    """Keep the first link between any two groups."""
    first: dict[frozenset[str], Link] = {}
    for link in links:
        first.setdefault(frozenset((copies.groups[link.first], copies.groups[link.second])), link)
    return list(first.values())


def possible_patients(records: Sequence[Record], texts: Mapping[str, Sequence[str]]) -> list[Suspicion]:
    """Return films of different groups that bear the same longer text, such as an operator's code with a number.

    A letter alone, such as L or R, stands on every film; nothing is joined by this.
    """
    films: dict[str, dict[str, str]] = {}
    for record in records:
        for text in texts.get(record.path, ()):
            code = "".join(text.upper().split())
            if len(code) > 2 and any(sign.isdigit() for sign in code):
                films.setdefault(code, {}).setdefault(record.group, record.path)
    found = [Suspicion(code, tuple(groups.values())) for code, groups in films.items() if len(groups) > 1]
    return sorted(found, key=lambda suspicion: (len(suspicion.films), suspicion.text))


def _shown(links: Iterable[Link], by_hash: Mapping[str, Record], root: Path, max_pixels: int) -> list[PairShown]:
    pairs = []
    for link in links:
        one, other = by_hash[link.first], by_hash[link.second]
        pairs.append(
            PairShown(
                one_line(one.path),
                one_line(other.path),
                (one.label, other.label),
                (one.patient, other.patient),
                link.score,
                link.evidence,
                _pictures(root / one.path, root / other.path, link.evidence, max_pixels),
            )
        )
    return pairs


def _pictures(first: Path, second: Path, evidence: Evidence, max_pixels: int) -> tuple[str, ...]:
    try:
        one, other = (picture_of(to_grey8(read_image(path, max_pixels=max_pixels))) for path in (first, second))
    except KnownError:
        return ()
    return tuple(thumbnail_uri(picture, max(picture.shape)) for picture in overlay(one, other, evidence))


def overlay(one: Picture, other: Picture, evidence: Evidence) -> tuple[Picture, Picture, Picture]:
    """Return the first film as it lies on the second, the second, and both: (h, w, 3) uint8, blue-green where only
    the second is bright, red where only the first is; copies come out grey."""
    size = other.shape[::-1]
    laid = cv2.warpAffine(255 - one if evidence.inverted else one, np.array(evidence.matrix), size)
    even = cv2.createCLAHE(2.0, (4, 4))
    red, rest = even.apply(np.asarray(laid, np.uint8)), even.apply(other)
    return np.asarray(laid, np.uint8), other, np.dstack([red, rest, rest])


def _as_json(joined: Sequence[Link], alike: Sequence[Link], by_hash: Mapping[str, Record]) -> dict[str, object]:
    def rows(links: Sequence[Link]) -> list[dict[str, object]]:
        return [
            {
                "first": by_hash[link.first].path,
                "second": by_hash[link.second].path,
                "score": round(link.score, 3),
                **asdict(link.evidence),
            }
            for link in links
        ]

    return {"joined": rows(joined), "alike": rows(alike)}
