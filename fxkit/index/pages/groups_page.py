"""Write groups.html and groups.json: copies found by pixels, overlaid, with their evidence, the least certain first."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from fxkit.data.film_names import film_keys
from fxkit.data.manifest import Record, usable
from fxkit.html import load_template
from fxkit.index.copies.compare import Evidence
from fxkit.index.copies.features import Picture, picture_of
from fxkit.index.find_copies import Copies, Link
from preprocess.errors import KnownError, one_line
from preprocess.files import write_atomic
from preprocess.image_files import MAX_PIXELS
from preprocess.images import read_image, thumbnail_uri, to_grey8

JOINED, ALIKE = 150, 60  # most pairs with pictures, of about 60 kB each; groups.json lists all pairs

TEXTS = 200  # most marker texts that are listed


@dataclass(frozen=True)
class PairView:
    """A pair of films as shown on the page."""

    first: str
    second: str
    labels: tuple[str, str]
    patients: tuple[str, str]
    score: float
    evidence: Evidence
    uris: tuple[str, ...]  # the first film in the frame of the second, the second, both; empty if one is unreadable


@dataclass(frozen=True)
class SharedText:
    """A marker text on films of several groups, which may belong to one patient."""

    text: str
    films: tuple[str, ...]  # path of one film of each group


def write_groups(
    folder: str | Path,
    records: Sequence[Record],
    root: str | Path,
    copies: Copies,
    texts: Mapping[str, Sequence[str]] | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
) -> Path:
    """Write groups.html, a self-contained page, and groups.json into a folder; return the path of the page.

    Args:
        folder: folder of the manifest.
        records: all records of the manifest.
        root: folder that the paths of the records are relative to.
        copies: the copies that `find_copies` found among the files of the records.
        texts: path -> texts of the markers on the film. Films that share a text may belong to one patient.
        max_pixels: larger films are shown without a picture.
    Raises:
        OutputError: the folder cannot be written.
    """
    folder, readable = Path(folder), usable(records)
    by_hash = {record.sha256: record for record in reversed(readable)}
    joined = [link for link in _only_by_pixels(copies.links, readable) if link.joined]
    alike = _not_joined(copies)
    shared_texts = find_shared_texts(readable, texts or {})
    write_atomic(folder / "groups.json", json.dumps(_as_json(joined, alike, by_hash), indent=1) + "\n")
    page = load_template("index/pages/groups.html").render(
        n_joined=len(joined),
        joined=_views(joined[:JOINED], by_hash, Path(root), max_pixels),
        n_alike=len(alike),
        alike=_views(_one_per_group_pair(alike, copies)[:ALIKE], by_hash, Path(root), max_pixels),
        shared_texts=shared_texts[:TEXTS],
        n_shared_texts=len(shared_texts),
        n_files=len(readable),
        n_groups=len({record.group for record in readable}),
        compared=bool(copies.groups),
    )
    write_atomic(folder / "groups.html", page + "\n")
    return folder / "groups.html"


def _not_joined(copies: Copies) -> list[Link]:
    """Return the links between films of different groups, the most likely copies first."""
    groups = copies.groups
    return [link for link in reversed(copies.links) if not link.joined and groups[link.first] != groups[link.second]]


def _only_by_pixels(links: Iterable[Link], records: Sequence[Record]) -> list[Link]:
    """Leave out links between files whose names already say that they are copies."""
    keys = film_keys([record.path for record in records])
    names = {record.sha256: key for record, key in zip(records, keys, strict=True)}
    return [link for link in links if names[link.first] != names[link.second]]


def _one_per_group_pair(links: Iterable[Link], copies: Copies) -> list[Link]:
    """Keep only the first link between any two groups."""
    first: dict[frozenset[str], Link] = {}
    for link in links:
        first.setdefault(frozenset((copies.groups[link.first], copies.groups[link.second])), link)
    return list(first.values())


def find_shared_texts(records: Sequence[Record], texts: Mapping[str, Sequence[str]]) -> list[SharedText]:
    """Return the marker texts that are on films of several groups, the rarest first.

    A text must have three or more characters and a digit, such as "AB12": single letters, such as L or R, are on
    every film. Films are not joined by their texts.

    Args:
        texts: path -> texts of the markers on the film.
    """
    films: dict[str, dict[str, str]] = {}
    for record in records:
        for text in texts.get(record.path, ()):
            code = "".join(text.upper().split())
            if len(code) > 2 and any(sign.isdigit() for sign in code):
                films.setdefault(code, {}).setdefault(record.group, record.path)
    shared = [SharedText(code, tuple(groups.values())) for code, groups in films.items() if len(groups) > 1]
    return sorted(shared, key=lambda text: (len(text.films), text.text))


def _views(links: Iterable[Link], by_hash: Mapping[str, Record], root: Path, max_pixels: int) -> list[PairView]:
    views = []
    for link in links:
        one, other = by_hash[link.first], by_hash[link.second]
        views.append(
            PairView(
                one_line(one.path),
                one_line(other.path),
                (one.label, other.label),
                (one.patient, other.patient),
                link.score,
                link.evidence,
                _pictures(root / one.path, root / other.path, link.evidence, max_pixels),
            )
        )
    return views


def _pictures(first: Path, second: Path, evidence: Evidence, max_pixels: int) -> tuple[str, ...]:
    try:
        one, other = (picture_of(to_grey8(read_image(path, max_pixels=max_pixels))) for path in (first, second))
    except KnownError:
        return ()
    return tuple(thumbnail_uri(picture, max(picture.shape)) for picture in overlay(one, other, evidence))


def overlay(one: Picture, other: Picture, evidence: Evidence) -> tuple[Picture, Picture, Picture]:
    """Overlay two pictures, (h, w) uint8, by the affine map of their evidence.

    Returns:
        The first picture in the frame of the second, the second picture, and both as colours, (h, w, 3) uint8. In the
        colours, copies are grey; red is bright only in the first picture, blue-green only in the second.
    """
    size = other.shape[::-1]
    registered = cv2.warpAffine(255 - one if evidence.inverted else one, np.array(evidence.matrix), size)
    equalise = cv2.createCLAHE(2.0, (4, 4)).apply
    red, blue_green = equalise(np.asarray(registered, np.uint8)), equalise(other)
    return np.asarray(registered, np.uint8), other, np.dstack([red, blue_green, blue_green])


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
