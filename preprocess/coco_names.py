"""Match the file names in a COCO file with films, although annotation tools change the names.

- CVAT writes paths relative to the folder that it was given.
- FiftyOne writes bare names, absolute paths, or paths below `rel_dir`.
- Label Studio writes `images/1a2b3c4d-name.png` for uploads, where all characters but letters, digits, dots, dashes
  and underscores are removed from the name; `images/1a2b3c4d__name.png` for copies; and `/data/local-files/?d=PATH`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import unquote

from preprocess.errors import MarkerFileError
from preprocess.markers import MarkedImage

PREFIXED = re.compile(r"[0-9a-f]{8}(?:-|__)(.+)")  # Label Studio puts a prefix before a name


def name_films(images: Mapping[str, MarkedImage], paths: Sequence[str], where: str) -> dict[str, MarkedImage]:
    """Return the images by the paths of their films. A name that matches no film is kept.

    If any name is the path of a film, the file uses the films' own names, and all names are kept. Otherwise a name
    matches a film if the longer of the two paths ends with the shorter one, compared folder by folder. A name with
    Label Studio's prefix also matches if the file names are equal without the prefix.

    Args:
        images: images of a COCO file, by file_name.
        paths: relative POSIX paths of all films.
        where: path of the COCO file; error texts start with it.
    Raises:
        MarkerFileError: a name matches several films, or two names match one film.
    """
    if not set(images).isdisjoint(paths):
        return dict(images)
    by_name, by_plain_name = _by_name(paths, str), _by_name(paths, _plain)
    names: dict[str, str] = {}
    for name in images:
        path = _single(name, _match_folders(name, by_name) or by_plain_name.get(_without_prefix(name), []), where)
        if path in names:
            raise MarkerFileError(
                f"{where}: file_name {names[path]!r} and {name!r} both match the film {path}; export the file again "
                "with the films' folders in its names"
            )
        names[path] = name
    return {path: images[name] for path, name in names.items()}


def _by_name(paths: Iterable[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for path in paths:
        names.setdefault(key(path.rpartition("/")[2]), []).append(path)
    return names


def _single(name: str, matches: Sequence[str], where: str) -> str:
    if len(matches) > 1:
        raise MarkerFileError(
            f"{where}: file_name {name!r} matches {len(matches)} films, such as {matches[0]} and {matches[1]}; export "
            "the file again with the films' folders in its names (FiftyOne: rel_dir; Label Studio: local storage), or "
            "one folder at a time"
        )
    return matches[0] if matches else name


def _match_folders(name: str, by_name: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the films whose paths share the longest ending with the name; see `_common_end`."""
    for parts in (_parts(name), _parts(unquote(name))):
        lengths = {path: _common_end(parts, path.split("/")) for path in by_name.get(parts[-1], [])}
        longest = max(lengths.values(), default=0)
        if longest:
            return [path for path, length in lengths.items() if length == longest]
    return []


def _common_end(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the shorter path if the longer one ends with it, else 0."""
    shorter = min(len(one), len(other))
    return shorter if list(one[-shorter:]) == list(other[-shorter:]) else 0


def _parts(name: str) -> list[str]:
    path = name.replace("\\", "/").rpartition("?d=")[2]
    return [part for part in path.split("/") if part not in ("", ".", "..")] or [name]


def _without_prefix(name: str) -> str:
    match = PREFIXED.fullmatch(_parts(unquote(name))[-1])
    return _plain(match[1]) if match else ""


def _plain(name: str) -> str:
    return re.sub(r"[^-\w.]", "", name.strip().replace(" ", "_"))
