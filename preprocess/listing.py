"""List the image files of a folder, and find a film under the name that `clean-labels` gave it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from preprocess.errors import ImageError
from preprocess.image_files import EXTENSIONS, drop_extension


def image_paths(root: str | Path, *, on_error: Callable[[str, ImageError], None] | None = None) -> list[str]:
    """List the image files below root as sorted relative POSIX paths. Names that start with a dot are left out.

    Symbolic links are followed. Each folder is visited once, so that loops of links end.

    Args:
        on_error: called for each folder below root that cannot be listed, with its relative path and the error.
    Raises:
        ImageError: root cannot be listed; or, without `on_error`, a folder below it.
    """
    root = Path(root)

    def refuse(folder: Path, error: ImageError) -> None:
        if on_error is None or folder == root:
            raise error
        on_error(folder.relative_to(root).as_posix(), error)

    files = _walk(root, set(), refuse)
    return sorted(p.relative_to(root).as_posix() for p in files if p.suffix.lower() in EXTENSIONS)


def other_paths(root: str | Path) -> list[str]:
    """List the files below root whose extension is not that of an image, in the same way as `image_paths`.

    Folders that cannot be listed are skipped.
    """
    files = _walk(Path(root), set(), lambda folder, error: None)
    return sorted(p.relative_to(root).as_posix() for p in files if p.suffix.lower() not in EXTENSIONS)


def find_image(root: str | Path, path: str) -> Path:
    """Return the file of an image below root: the file of this name, or the PNG that `clean-labels` made from it.

    `clean-labels` writes `a.jpg` as `a.png`, or as `a.jpg.png` if the folder has another `a.png`.

    Raises:
        ImageError: none of the three files exists.
    """
    named = Path(root) / path
    for candidate in (
        named,
        named.with_name(f"{named.name}.png"),
        named.with_name(f"{drop_extension(named.name)}.png"),
    ):
        if os.path.exists(candidate):  # unlike Path.exists, False for a name that is too long
            return candidate
    raise ImageError(f"{named}: no such file, nor a .png made from it; check the image root")


def _walk(folder: Path, seen: set[Path], refuse: Callable[[Path, ImageError], None]) -> Iterator[Path]:
    try:
        real = folder.resolve()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name) if real not in seen else []
    except (OSError, RuntimeError) as error:  # before Python 3.13, resolve raises RuntimeError on a loop of links
        reason = getattr(error, "strerror", None) or error
        refuse(folder, ImageError(f"{folder}: cannot be listed ({reason}); check its permissions"))
        return
    seen.add(real)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if is_folder(entry):
            yield from _walk(Path(entry.path), seen, refuse)
        else:
            yield Path(entry.path)


def is_folder(entry: "os.DirEntry[str]") -> bool:
    """Return whether an entry of a folder is a folder or a link to one."""
    try:
        return entry.is_dir()
    except OSError:  # a link that points at itself counts as a file, which then cannot be read
        return False
