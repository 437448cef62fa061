"""What the pages show of a film: its picture, attention map, markers, other films of its group, and metadata."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fxkit.data.manifest import Record, usable
from fxkit.evaluation.films.tested import TestedFilms
from fxkit.metrics.json_result import read_optional_json
from preprocess.errors import KnownError, one_line
from preprocess.folder.sources import default_out
from preprocess.image_files import MAX_PIXELS
from preprocess.images import read_image, thumbnail_uri
from preprocess.known_markers import KnownMarkers, read_known_markers
from preprocess.ledger import LEDGER, read_ledger_if_any
from preprocess.markers import describe_style
from preprocess.mask import outline_path
from preprocess.tables.paths import FilmPaths
from preprocess.tables.read import read_table

PICTURES = 200  # films with pictures, about 40 kB each

SIDE_PX, OTHER_PX = 320, 96

OTHERS = 4  # other films of the group that are shown; all are counted

FACTS = (("format", "format"), ("bits", "bits"), ("jpeg_quality", "JPEG quality"), ("software", "written by"))

Card = dict[str, Any]


@dataclass(frozen=True)
class CardOptions:
    """Where the pages find what they show.

    Attributes:
        markers: cleaned folder, its ledger or a COCO file; None for the ledger in or beside the folder of the films.
        data_card: data.json of `fxkit index`; None for that in the run folder, if there is one.
        pictures: number of films with pictures.
        max_pixels: larger films are shown without a picture.
    """

    markers: Path | None = None
    data_card: Path | None = None
    pictures: int = PICTURES
    max_pixels: int = MAX_PIXELS


DEFAULTS = CardOptions()


@dataclass(frozen=True)
class FilmCards:
    """Makes the cards of films of a run."""

    tested: TestedFilms
    options: CardOptions = DEFAULTS

    @cached_property
    def markers(self) -> KnownMarkers | None:
        """The known markers of the films."""
        if self.options.markers is not None:
            return read_known_markers(self.options.markers)
        root = self.tested.root
        folders = (root, default_out(root)) if root else ()
        folder = next((folder for folder in folders if (folder / LEDGER).is_file()), None)
        return read_known_markers(folder) if folder else None

    @cached_property
    def maps(self) -> Mapping[str, Path]:
        """Path -> picture that `fxkit cam` wrote of the run's film."""
        folder = self.tested.run.folder / "cam"
        if self.tested.part or not (folder / "attention.csv").is_file():
            return {}
        rows = read_table(folder / "attention.csv", "make it with `fxkit cam`").rows
        return {row.values.get("path", ""): folder / f"{n:04d}.png" for n, row in enumerate(rows)}

    @cached_property
    def facts(self) -> Mapping[str, Mapping[str, Any]]:
        """Path -> facts of the file, from the data card."""
        file = self.options.data_card or self.tested.run.folder / "data.json"
        return read_optional_json(file, lambda values: {str(row["path"]): row for row in values["files"]}) or {}

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """Path -> cleaned file, if the films are those of a cleaned folder."""
        rows = read_ledger_if_any(self.tested.root) if self.tested.root else {}
        return {path: row.output for path, row in rows.items()}

    @cached_property
    def group_films(self) -> Mapping[str, list[tuple[str, str, str]]]:
        """Group -> film, path of one file, and class, of all its films."""
        films: dict[str, dict[str, tuple[str, str, str]]] = defaultdict(dict)
        tested = self.tested.films
        for n, (film, group) in enumerate(zip(tested.films, tested.groups, strict=True)):
            films[group].setdefault(film, (film, self.tested.paths[n][0], tested.classes[tested.labels[n]]))
        for record in usable(self.tested.records.values()):
            films[record.group].setdefault(record.film, (record.film, record.path, record.label))
        return {group: list(by_film.values()) for group, by_film in films.items()}

    @cached_property
    def predicted(self) -> Mapping[str, str]:
        """Film -> its class with the highest probability, as text."""
        films = self.tested.films
        best = films.probabilities.argmax(axis=1)
        return {
            film: f"{films.classes[k]} {films.probabilities[n, k]:.2f}"
            for n, (film, k) in enumerate(zip(films.films, best, strict=True))
        }

    def card(self, row: int, *, pictured: bool) -> Card:
        """Return the card of a film for the script of the page; empty values are left out.

        Args:
            row: row of the film in `tested.films`.
            pictured: whether the card has pictures.
        """
        films, paths = self.tested.films, self.tested.paths[row]
        probabilities = films.probabilities[row]
        record = self.tested.records.get(paths[0])
        card: Card = {
            "film": films.films[row],
            "path": paths[0],
            "name": one_line(paths[0]),
            "label": films.classes[films.labels[row]],
            "chances": [[films.classes[k], round(float(probabilities[k]), 3)] for k in np.argsort(-probabilities)[:4]],
            "site": one_line(record.site) if record else "",
            "facts": list(self._describe(row, record)),
            "others": [],
        }
        marked = next(filter(None, (self.markers.find(path) for path in paths)), None) if self.markers else None
        if marked:
            card["texts"] = [one_line(marker.text) for marker in marked.markers if marker.text]
            card["styles"] = sorted({describe_style(marker) for marker in marked.markers}) or ["no marker"]
        others = [other for other in self.group_films[films.groups[row]] if other[0] != films.films[row]]
        card["n_others"] = len(others)
        card["others"] = [self._other(*other, pictured=pictured) for other in others[:OTHERS]]
        if pictured:
            card |= self._pictures(paths)
        return {key: value for key, value in card.items() if value not in ("", [], None)}

    def _describe(self, row: int, record: Record | None) -> Iterable[tuple[str, str]]:
        """Yield names and values of a film's metadata."""
        films, paths = self.tested.films, self.tested.paths[row]
        if record and record.patient:
            yield "patient", one_line(record.patient)
        yield "group", one_line(films.groups[row])
        if len(paths) > 1:
            yield "files", f"{len(paths)}, whose probabilities are averaged"
        if record is None:
            return
        for name in ("site", "split", "fold"):
            if getattr(record, name):
                yield name, one_line(getattr(record, name))
        if record.width:
            yield "size", f"{record.width} x {record.height} px"
        if record.given_label:
            yield "label before a verdict", one_line(record.given_label)
        facts = self.facts.get(record.path, {})
        yield from ((name, one_line(str(facts[key]))) for key, name in FACTS if facts.get(key))

    def _other(self, film: str, path: str, label: str, *, pictured: bool) -> Card:
        """Return what the page shows of another film of the group."""
        record = self.tested.records.get(path)
        learnt = f"in {record.split}" if record and record.split and film not in self.predicted else ""
        other = {
            "name": one_line(path),
            "label": label,
            "predicted": self.predicted.get(film, learnt),
            "picture": self._thumbnail(path, OTHER_PX) if pictured else "",
        }
        return {key: value for key, value in other.items() if value}

    def _pictures(self, paths: tuple[str, ...]) -> Card:
        """Return the picture of a film, the outline of its markers, and its attention map."""
        picture: Card = {}
        path = next(filter(self.file_of, paths), paths[0])
        picture["picture"] = self._thumbnail(path, SIDE_PX)
        map_file = next((self.maps[path] for path in paths if path in self.maps), None)
        if map_file and map_file.is_file():
            picture["map"] = _overlay_of(map_file)
        mask = self.markers.mask(path) if self.markers else None
        if mask is not None and mask.any():
            picture |= {"size": mask.shape[::-1], "outline": outline_path(mask)}
        return {key: value for key, value in picture.items() if value}

    def file_of(self, path: str) -> Path | None:
        """Return the file of a film; None if it is not at hand. Keys of other programs may lack the extension."""
        root = self.tested.root
        if root is None:
            return None
        file = root / (self.outputs.get(path) or path)
        try:
            file = file if file.is_file() else root / self._finder.find(path, str(root))
        except KnownError:
            return None  # a path that leads out of the folder
        return file if file.is_file() else None

    @cached_property
    def _finder(self) -> FilmPaths:
        return FilmPaths(self.tested.root or Path())

    @property
    def lines(self) -> list[str]:
        """Say why the page has no picture, if no film is at hand."""
        tested, wanted = self.tested, self.options.pictures
        if not wanted or any(self.file_of(path) for paths in tested.paths[:wanted] for path in paths):
            return []
        where = f"none of the films is in {tested.root}" if tested.root else "the films are not at hand"
        return [f"{where}, so the page has no pictures; give --root, the folder that their paths are relative to"]

    def _thumbnail(self, path: str, side_px: int) -> str:
        file = self.file_of(path)
        try:
            return thumbnail_uri(read_image(file, max_pixels=self.options.max_pixels), side_px) if file else ""
        except KnownError:
            return ""  # damaged, or larger than allowed


def _overlay_of(panel_file: Path) -> str:
    """Return the right third of a picture that `fxkit cam` wrote: the film with its map, without the caption."""
    try:
        panel = read_image(panel_file)
    except KnownError:
        return ""
    side = panel.shape[1] // 3
    return thumbnail_uri(np.ascontiguousarray(panel[-side:, 2 * side :]), SIDE_PX)
