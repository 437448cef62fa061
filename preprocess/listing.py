"""List the image files of a folder, and find a film where `clean-labels` wrote it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from preprocess.errors import ImageError
from preprocess.image_files import EXTENSIONS


def image_paths(root: str | Path, *, on_error: Callable[[str, ImageError], None] | None = None) -> list[str]:
    """List the image files below root as sorted relative POSIX paths, without names that start with a dot.

    Symbolic links are followed, each folder once, so that loops end.

    Args:
        on_error: called with the relative path of a folder below root that cannot be listed, and the error.
    Raises:
        ImageError: root cannot be listed, or a folder below it while there is no `on_error`.
    """
    root = Path(root)

    def refuse(folder: Path, error: ImageError) -> None:
        if on_error is None or folder == root:
            raise error
        on_error(folder.relative_to(root).as_posix(), error)

    files = _walk(root, set(), refuse)
    return sorted(p.relative_to(root).as_posix() for p in files if p.suffix.lower() in EXTENSIONS)


def other_paths(root: str | Path) -> list[str]:
    """List the files below root that `image_paths` does not, by their extension, in the same way."""
    files = _walk(Path(root), set(), lambda folder, error: None)
    return sorted(p.relative_to(root).as_posix() for p in files if p.suffix.lower() not in EXTENSIONS)


def find_image(root: str | Path, path: str) -> Path:
    """Return where the image of this relative path lies under root: as named, or as the PNG made of it.

    `clean-labels` writes `a.jpg` as `a.png`, or as `a.jpg.png` where an `a.png` would stand in its way.

    Raises:
        ImageError: there is none of the three.
    """
    named = Path(root) / path
    for candidate in (named, named.with_name(named.name + ".png"), named.with_suffix(".png")):
        if os.path.exists(candidate):  # unlike Path.exists, False for a name that is too long
            return candidate
    raise ImageError(f"{named}: no such file, nor a .png made of it; check the image root")


def _walk(folder: Path, seen: set[Path], refuse: Callable[[Path, ImageError], None]) -> Iterator[Path]:
    try:
        real = folder.resolve()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name) if real not in seen else []
    except (
        OSError,
        RuntimeError,
    ) as error:  # resolve calls a loop of links a RuntimeError before Python 3.13
        reason = getattr(error, "strerror", None) or error
        refuse(folder, ImageError(f"{folder}: cannot be listed ({reason}); check its permissions"))
        return
    seen.add(real)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if _is_folder(entry):
            yield from _walk(Path(entry.path), seen, refuse)
        else:
            yield Path(entry.path)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that points at itself: a file that cannot be read
        return False
