"""Which files are copies of one film, and which films must stay together."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

SUFFIXES = "jpe?g|png|bmp|tiff?|webp|dcm"

COPY_TAILS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"-rotated\d+$",
        r"[-_ ]aug(mented)?[-_ ]?\d*$",
        # Roboflow names x.jpg x_jpg.rf.<32 hex digits>; people and file systems cut such names about
        rf"_({SUFFIXES})\.r?f?\.?[0-9a-f]{{8,}}$",
        rf"(_({SUFFIXES}))?\.rf\.?[0-9a-f]{{8,}}$",
        r"\.[0-9a-f]{32}$",
    )
)

EXTENSION_TAIL = re.compile(rf"(?<=[^/])(\.({SUFFIXES}))+$", re.IGNORECASE)

# "wrist (1)" to "wrist (500)" are 500 films renamed at once; "2 (1)" beside "2" is a download of it
NUMBERED = re.compile(r"( \(\d+\)| - copy( \(\d+\))?| copy( \d+)?)$", re.IGNORECASE)


def film_keys(paths: Sequence[str]) -> list[str]:
    """Return what each file's film is called: the path without extension and without marks of a copy.

    Marks are chains of "-rotated1", "_aug", Roboflow's ".rf.<hash>", and " (1)" or " - Copy" where the name
    without it is there too. The folder stays, so equal names under two classes are two films.

    Args:
        paths: relative, with /, without a leading split folder.
    """
    stems = [_without_extensions(path) for path in paths]
    known = {*stems, *map(_strip, stems)}
    return [_film_key(stem, known) for stem in stems]


def _without_extensions(path: str) -> str:
    """Cleaning may turn a.jpg into a.jpg.png, so every image extension goes, and in any case the last one."""
    stem = path[: path.rindex(".")] if "." in path.rpartition("/")[2][1:] else path
    return EXTENSION_TAIL.sub("", stem)


def _strip(stem: str) -> str:
    """Remove marks that always mean a copy, as long as a name is left."""
    while True:
        shorter = stem
        for tail in COPY_TAILS:
            shorter = tail.sub("", shorter)
        if shorter == stem or not shorter.rpartition("/")[2]:
            return stem
        stem = shorter


def _film_key(stem: str, known: set[str]) -> str:
    while True:
        stem = _strip(stem)
        shorter = NUMBERED.sub("", stem)
        if shorter == stem or not {shorter, _strip(shorter)} & known:
            return stem
        stem = shorter


def join(names: Sequence[str], marks: Sequence[str]) -> list[str]:
    """Give names that share a mark one name, the first in order; an empty mark joins nothing.

    Names joined through others are joined too.
    """
    parent = {name: name for name in names}

    def find(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    first: dict[str, str] = {}
    for name, mark in zip(names, marks, strict=True):
        if mark:
            a, b = sorted((find(name), find(first.setdefault(mark, name))))
            parent[b] = a
    return [find(name) for name in names]


def part_films(films: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Tell films apart that share a name but belong to different groups."""
    owners = defaultdict(set)
    for film, group in zip(films, groups, strict=True):
        owners[film].add(group)
    return [film if len(owners[film]) == 1 else f"{film} of {group}" for film, group in zip(films, groups, strict=True)]


def join_all(names: Sequence[str], marks: Iterable[Sequence[str]]) -> list[str]:
    """Join names by marks of several kinds, one kind after the other."""
    for kind in marks:
        names = join(names, kind)
    return list(names)


def assign_groups(
    names: Sequence[str],
    patients: Sequence[str],
    same_film: Sequence[Sequence[str]],
    same_group: Sequence[Sequence[str]] = (),
) -> tuple[list[str], list[str]]:
    """Return film and group of every file.

    Args:
        names: of films, as `film_keys` gives them.
        patients: empty where unknown; then the film is the group.
        same_film: marks of every file, such as the hash of its bytes; files that share one that is not empty are one
            film and one group.
        same_group: marks, such as of a study, with which files are one group.
    """
    films = join_all(names, same_film)
    groups = [patient or film for patient, film in zip(patients, films, strict=True)]
    groups = join_all(groups, [*same_film, *same_group])
    return part_films(films, groups), groups


SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def split_of(path: str) -> str:
    """Return the split that a leading folder names, or nothing."""
    first, _, rest = path.partition("/")
    return SPLIT_WORDS.get(first.lower(), "") if rest else ""


def without_split(path: str) -> str:
    """Drop a leading split folder."""
    return path.partition("/")[2] if split_of(path) else path
