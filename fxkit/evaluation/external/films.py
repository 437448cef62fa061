"""The films behind predictions, and the films that the model was trained on: which are copies, and of one patient."""

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fxkit.data.groups import SPLIT_WORDS
from fxkit.data.leaks import count_equal_names
from fxkit.data.manifest import OK, Record
from fxkit.errors import DataError
from fxkit.evaluation.external.columns import find_facts, find_key
from fxkit.evaluation.external.read_predictions import MISSING, Film
from fxkit.index.build import Progress, group_files, read_scan
from fxkit.index.cache import Reading
from fxkit.index.find_copies import NO_COPIES, Copies
from fxkit.index.scan import Scan, ScannedFile
from preprocess.errors import first_few
from preprocess.listing import list_images
from preprocess.tables.cells import is_empty, patient_key
from preprocess.tables.paths import FilmPaths, plain_path
from preprocess.tables.placeholders import CellReader
from preprocess.tables.read import read_table
from preprocess.tables.spellings import PATIENTS, join_spellings
from preprocess.words import amount, part_of

BY_NAMES = "names and tables"  # how films are compared whose files are not at hand


@dataclass(frozen=True)
class TrainingFilms:
    """The films that a model was trained on.

    Attributes:
        root: folder that their keys are relative to; None if the files are not at hand.
        notes: messages for the user.
    """

    films: tuple[Film, ...]
    root: Path | None
    notes: tuple[str, ...] = ()


def read_training_films(source: Path, root: Path | None = None) -> TrainingFilms:
    """Read which films a model was trained on: a folder of films, or a table with a path or id in each row.

    Rows of a table whose split is test are left out, so that a manifest of `fxkit index` can be given.

    Args:
        root: folder that the paths of a table are relative to, if the films are at hand.
    Raises:
        DataError: the source cannot be read or names no film.
    """
    if source.is_dir():
        listing = list_images(source)
        if not listing.paths:
            raise DataError(f"{source}: no image; expected the films that the model was trained on")
        listed = tuple(f"{source}: {note}" for note in listing.notes)
        return TrainingFilms(tuple(Film(path, split="train") for path in listing.paths), source, listed)
    table = read_table(source, "expected a folder of films, or a table with a row for each training film")
    if not table.rows:
        raise DataError(f"{source}: no rows; expected a row for each film that the model was trained on")
    key, key_notes = find_key(table)
    facts, notes = find_facts(table, None, key)
    cells = CellReader(table)
    films = []
    for row in table.rows:
        name = plain_path(row.values.get(key, ""))
        if not name or is_empty(name):
            raise DataError(f"{source}, row {row.line}: no {key}; fill it in or delete the row")
        values = {meaning: cells.read(row, column, MISSING[meaning]) for meaning, column in facts.items()}
        films.append(Film(name, **values))
    kept = [replace(film, split="train") for film in films if SPLIT_WORDS.get(film.split.lower(), "train") != "test"]
    if not kept:
        raise DataError(f"{source}: all rows are of the test split; expected the films that the model was trained on")
    n_left = len(films) - len(kept)
    left = (
        [f"{source}: {amount(n_left, 'row of the test split is', 'rows of the test split are')} left out"]
        if n_left
        else []
    )
    further = filter(None, [table.note, *key_notes, *notes, *cells.notes(), *left])
    return TrainingFilms(tuple(kept), root, tuple(further))


def split_of(film: Film, file: Path) -> str:
    """Return train, val or test for a film; a film without a split is a test film.

    Raises:
        DataError: the split is another word.
    """
    if not film.split:
        return "test"
    split = SPLIT_WORDS.get(film.split.lower())
    if split is None:
        raise DataError(
            f"{file}: the split of {film.key} is {film.split!r}; expected one of {', '.join(SPLIT_WORDS)}, or nothing"
        )
    return split


@dataclass(frozen=True)
class GroupedFilms:
    """Films with their groups.

    Attributes:
        root: folder that the paths of the records are relative to; None if no film is at hand.
        records: one for each given film, then one for each training film.
        compared: how films of training were recognised, in words: by pixels and bytes, or by names and tables.
        notes: messages for the user.
    """

    root: Path | None
    records: tuple[Record, ...]
    compared: str
    notes: tuple[str, ...] = ()


def group_films(
    films: Sequence[Film],
    training: TrainingFilms | None = None,
    root: Path | None = None,
    progress: Progress | None = None,
) -> GroupedFilms:
    """Find which films are copies and which are of one patient, and return a record for each.

    Films at hand are read: their bytes, pixels and DICOM ids are compared. Otherwise names and the tables decide.

    Args:
        films: films with split train, val or test.
        root: folder that the keys are relative to, if the films are at hand.
    Raises:
        DataError: a film is not in its folder.
    """
    trained = training.films if training else ()
    every = [*films, *trained]
    roots = [root] * len(films) + [training.root if training else None] * len(trained)
    top, paths = _below_one_folder(every, roots)
    patients, notes = join_spellings([film.patient for film in every], patient_key, PATIENTS)
    files = [
        ScannedFile(path, film.label, film.split, patient, film.site)
        for path, film, patient in zip(paths, every, patients, strict=True)
    ]
    readings, copies = _read(files, every, roots, top, progress)
    given_films, given_groups = [film.film for film in every], [film.group for film in every]
    found, group_notes = group_files(
        files, readings, copies, films=given_films if any(given_films) else (), groups=given_groups
    )
    records = [replace(record, split=film.split, status=OK) for record, film in zip(found, every, strict=True)]
    records = _keep_names(records, given_films, given_groups)
    compared = "pixels, bytes and names" if top and None not in roots else BY_NAMES
    notes += _name_notes(records) if compared == BY_NAMES else []
    unread = [reading.status for reading in readings if reading.status != OK]
    if unread:
        notes.append(f"{amount(len(unread), 'film')} cannot be read and is compared by name alone: {unread[0]}")
    return GroupedFilms(top, tuple(records), compared, (*notes, *group_notes))


def _name_notes(records: Sequence[Record]) -> list[str]:
    """Say how many test films may be training films in another folder, where no pixels can be compared."""
    n = count_equal_names(records)
    if not n:
        return []
    return [
        f"{amount(n, 'test film has', 'test films have')} the file name of a training film in another folder; whether "
        "they are the same film is not known without the films: give --root and --trained-root, or patients in both "
        "tables"
    ]


def _below_one_folder(films: Sequence[Film], roots: Sequence[Path | None]) -> tuple[Path | None, list[str]]:
    """Return the folder that holds all films at hand, and the path of each film below it."""
    folders = {root for root in roots if root is not None}
    if not folders:
        return None, [film.key for film in films]
    top = Path(os.path.commonpath([folder.resolve() for folder in folders]))
    finders = {folder: FilmPaths(folder) for folder in folders}
    paths, lost = [], []
    for film, root in zip(films, roots, strict=True):
        if root is None:
            paths.append(film.key)
            continue
        file = root.resolve() / finders[root].find(film.key, f"{root}")
        if not file.is_file():
            lost.append(film.key)
        paths.append(Path(os.path.relpath(file, top)).as_posix())
    if lost:
        raise DataError(
            f"{first_few(map(str, folders))}: {part_of(len(lost), len(films), 'film')} not found: {first_few(lost)};"
            " expected the folder that the keys are relative to; correct --root, or leave it out to compare by names"
        )
    return top, paths


def _read(
    files: Sequence[ScannedFile],
    films: Sequence[Film],
    roots: Sequence[Path | None],
    top: Path | None,
    progress: Progress | None,
) -> tuple[list[Reading], Copies]:
    """Return a reading of each film, from its file if it is at hand, and the copies found by pixels."""
    readings = [Reading(film.sha256, _size(film.width), _size(film.height), OK) for film in films]
    at_hand = [n for n, root in enumerate(roots) if root is not None]
    if top is None or not at_hand:
        return readings, NO_COPIES
    found, copies = read_scan(Scan(top, tuple(files[n] for n in at_hand), ()), progress=progress)
    for n, reading in zip(at_hand, found, strict=True):
        readings[n] = reading
    return readings, copies


def _size(text: str) -> int:
    whole = text.removesuffix(".0")
    return int(whole) if whole.isdecimal() else 0


def _keep_names(records: Sequence[Record], films: Sequence[str], groups: Sequence[str]) -> list[Record]:
    """Give films and groups the names that the tables give them, where these are unambiguous."""
    film_names = _given_names([record.film for record in records], films)
    group_names = _given_names([record.group for record in records], groups)
    return [replace(record, film=film_names[record.film], group=group_names[record.group]) for record in records]


def _given_names(found: Sequence[str], given: Sequence[str]) -> dict[str, str]:
    """Return found name -> given name, if all its files have the same; else the found name."""
    names = defaultdict[str, set[str]](set)
    for one, other in zip(found, given, strict=True):
        names[one].add(other)
    chosen = {one: min(others) for one, others in names.items() if len(others) == 1 and others != {""}}
    twice = {name for name, count in Counter(chosen.values()).items() if count > 1}
    return {one: chosen[one] if one in chosen and chosen[one] not in twice else one for one in names}
