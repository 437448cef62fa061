"""List the image files to clean, and choose the output folder and the names of the PNG files."""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from preprocess.errors import KnownError, OutputError
from preprocess.files import real_path
from preprocess.image_files import EXPECTED_FILES, drop_extension
from preprocess.listing import is_folder, list_images
from preprocess.tables.films import CLASS_COLUMNS, read_film_table
from preprocess.tables.paths import FilmPaths


@dataclass(frozen=True)
class Sources:
    """Image files below a root folder.

    Args:
        root: the folder that all paths are relative to.
        paths: POSIX paths of the image files, sorted.
        unlisted: folders that could not be listed, as (path, error text).
        notes: messages for the user.
    """

    root: Path
    paths: tuple[str, ...]
    unlisted: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def list_sources(data: str | Path, root: str | Path | None = None) -> Sources:
    """List the images of a folder, or those that the `path` column of a CSV file names.

    Args:
        root: folder that the paths of the CSV file are relative to. Default: the folder of the CSV file.
    Raises:
        KnownError: the folder or CSV file does not exist, holds no image, or names a path outside the root.
    """
    data = Path(data)
    sources = _from_csv(data, Path(root) if root else data.parent) if data.is_file() else _from_folder(data)
    if not sources.paths and not sources.unlisted:
        raise KnownError("; ".join([f"{data}: holds no image", *sources.notes, f"expected {EXPECTED_FILES}"]))
    return sources


def _from_folder(root: Path) -> Sources:
    if not root.is_dir():
        raise KnownError(f"{root}: no such folder or CSV file; give the folder that holds the images")
    listing = list_images(root)
    unlisted = tuple((folder, str(error)) for folder, error in listing.unlisted)
    return Sources(root, listing.paths, unlisted, listing.notes)


def _from_csv(file: Path, root: Path) -> Sources:
    table = read_film_table(file, root, CLASS_COLUMNS, "give a CSV file with a column `path`")
    return Sources(root, tuple(sorted({row.path for row in table.rows})), notes=table.notes)


def check_paths(paths: Iterable[str], root: Path, where: str) -> tuple[str, ...]:
    """Return the paths sorted, relative to root and without duplicates.

    Args:
        where: source of the paths; error texts start with it.
    Raises:
        DataError: a path is empty or leads out of the root.
    """
    films = FilmPaths(root)
    return tuple(sorted({films.find(path, where) for path in paths}))


def default_out(root: Path) -> Path:
    """Return the default output folder, ROOT-clean next to the root; symbolic links are resolved first.

    Raises:
        OutputError: the root is a symbolic link to itself.
    """
    real = real_path(root)
    return real.parent / f"{real.name}-clean"


def choose_out(root: Path, out: str | Path | None) -> Path:
    """Return the output folder. Default: ROOT-clean next to the root.

    Raises:
        OutputError: the output folder is the root, lies inside it, or contains it; or it is a file.
    """
    real_root = real_path(root)
    chosen = Path(out) if out else default_out(root)
    real = real_path(chosen)
    if real == real_root or real_root in real.parents or real in real_root.parents:
        raise OutputError(
            f"{chosen}: the output folder overlaps the input folder {root}, which is never changed; "
            "choose a separate folder with --out"
        )
    if real.exists() and not real.is_dir():
        raise OutputError(f"{chosen}: is a file; choose a folder with --out")
    return chosen


def relative_root(root: Path, out: Path) -> str:
    """Return the POSIX path from the output folder to the root, so that both can be moved together.

    It is the absolute path if the folders are on different drives.
    """
    try:
        return Path(os.path.relpath(root.resolve(), out.resolve())).as_posix()
    except ValueError:
        return root.resolve().as_posix()


class PngNames:
    """Names of the PNG files that are made from the images below a root.

    A folder is listed when its first image is named, and the listing is cached.
    """

    def __init__(self, root: Path) -> None:
        # 16 folders are enough: sorted paths do not come back to a folder after they left it
        self._list_folder = lru_cache(maxsize=16)(lambda folder: _list_names(root / folder))

    def of(self, path: str) -> str | None:
        """Return `a.png` for `a.jpg`, or `a.jpg.png` if another image is called `a`; None if that name is taken."""
        posix = PurePosixPath(path)
        if posix.suffix.lower() == ".png":
            return posix.as_posix()
        names, shared_stems = self._list_folder(posix.parent)
        stem = drop_extension(posix.name)
        png = posix.with_name(f"{posix.name if stem.lower() in shared_stems else stem}.png")
        return None if png.name.lower() in names else png.as_posix()


def _list_names(folder: Path) -> tuple[set[str], set[str]]:
    """Return the names of the files of a folder, and the names without extension that several share, in lower case."""
    try:
        with os.scandir(folder) as entries:
            names = {entry.name.lower() for entry in entries if not is_folder(entry)}
    except OSError:
        return set(), set()  # each file of the folder then fails with its own reason
    stems = Counter(map(drop_extension, names))
    return names, {stem for stem, count in stems.items() if count > 1}
