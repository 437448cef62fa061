"""Find the films that a COCO file means where an annotation tool has changed their names.

CVAT keeps the paths below the folder it was given. FiftyOne writes bare names, absolute paths, or paths below
`rel_dir`. Label Studio writes `images/1a2b3c4d-name.png` of uploads, with what is no letter, digit, dot, dash
or underscore taken out of the name, `images/1a2b3c4d__name.png` of copies, and `/data/local-files/?d=PATH`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import unquote

from preprocess.errors import MarkerFileError
from preprocess.markers import MarkedImage

HASHED = re.compile(r"[0-9a-f]{8}(?:-|__)(.+)")  # Label Studio's mark before a name


def name_films(images: Mapping[str, MarkedImage], paths: Sequence[str], where: str) -> dict[str, MarkedImage]:
    """Return the images by the paths of their films; what fits no film keeps its name.

    Where any name is a film's path, all are taken as they stand: the file then has the films' own names.
    Otherwise a name means a film if one ends in the other, folder by folder, or, where it has Label Studio's
    mark, if they are alike without mark and folders.

    Args:
        paths: of all films, relative and POSIX.
        where: the file, which opens an error's text.
    Raises:
        MarkerFileError: a name fits several films, or several names fit one.
    """
    if not set(images).isdisjoint(paths):
        return dict(images)
    by_name, by_plain_name = _by_name(paths, str), _by_name(paths, _plain)
    found: dict[str, str] = {}
    for name in images:
        path = _only(name, _by_folders(name, by_name) or by_plain_name.get(_unmarked(name), []), where)
        if path in found:
            raise MarkerFileError(
                f"{where}: file_name {found[path]!r} and {name!r} both fit the film {path}; export it with the "
                "films' folders in its names"
            )
        found[path] = name
    return {path: images[name] for path, name in found.items()}


def _by_name(paths: Iterable[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for path in paths:
        names.setdefault(key(path.rpartition("/")[2]), []).append(path)
    return names


def _only(name: str, fits: Sequence[str], where: str) -> str:
    if len(fits) > 1:
        raise MarkerFileError(
            f"{where}: file_name {name!r} fits {len(fits)} films, {fits[0]} and {fits[1]} among them; export it with "
            "the films' folders in its names (FiftyOne: rel_dir; Label Studio: local storage), or one folder at a time"
        )
    return fits[0] if fits else name


def _by_folders(name: str, by_name: Mapping[str, Sequence[str]]) -> list[str]:
    """The films that share the most of their path, counted from its end, with one of the two used up."""
    for parts in (_parts(name), _parts(unquote(name))):
        shared = {path: _shared(parts, path.split("/")) for path in by_name.get(parts[-1], [])}
        most = max(shared.values(), default=0)
        if most:
            return [path for path, count in shared.items() if count == most]
    return []


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    shorter = min(len(one), len(other))
    return shorter if list(one[-shorter:]) == list(other[-shorter:]) else 0


def _parts(name: str) -> list[str]:
    place = name.replace("\\", "/").rpartition("?d=")[2]
    return [part for part in place.split("/") if part not in ("", ".", "..")] or [name]


def _unmarked(name: str) -> str:
    match = HASHED.fullmatch(_parts(unquote(name))[-1])
    return _plain(match[1]) if match else ""


def _plain(name: str) -> str:
    return re.sub(r"[^-\w.]", "", name.strip().replace(" ", "_"))
