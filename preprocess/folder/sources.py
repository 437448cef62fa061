"""Which files are to be cleaned, and the names of what is made of them."""

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from preprocess.errors import KnownError, OutputError
from preprocess.images import EXTENSIONS
from preprocess.listing import image_paths


@dataclass(frozen=True)
class Sources:
    """Image files below a root as sorted relative POSIX paths, and folders not listed (path, error)."""

    root: Path
    paths: tuple[str, ...]
    unlisted: tuple[tuple[str, str], ...] = ()


def list_sources(data: str | Path, root: str | Path | None = None) -> Sources:
    """List the images of a folder, or those that the `path` column of a CSV file names.

    Args:
        root: what the CSV's paths are relative to; by default its own folder.
    Raises:
        KnownError: there is no such folder or CSV, no image in it, or a path leads out of the root.
    """
    data = Path(data)
    sources = _from_csv(data, Path(root) if root else data.parent) if data.is_file() else _from_folder(data)
    if not sources.paths and not sources.unlisted:
        raise KnownError(f"{data}: no image; expected files ending in {', '.join(sorted(EXTENSIONS))}")
    return sources


def _from_folder(root: Path) -> Sources:
    if not root.is_dir():
        raise KnownError(f"{root}: no such folder or CSV file; give the folder that holds the images")
    unlisted: list[tuple[str, str]] = []
    paths = image_paths(root, on_error=lambda folder, error: unlisted.append((folder, str(error))))
    return Sources(root, tuple(paths), tuple(unlisted))


def _from_csv(file: Path, root: Path) -> Sources:
    try:
        with file.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, csv.Error) as error:
        raise KnownError(f"{file}: cannot be read as CSV ({error}); expected a column `path`") from error
    if rows and "path" not in rows[0]:
        raise KnownError(f"{file}: its columns are {', '.join(map(str, rows[0]))}; expected one named `path`")
    return Sources(root, checked_paths((row["path"] or "" for row in rows), str(file)))


def checked_paths(paths: Iterable[str], where: str) -> tuple[str, ...]:
    """Return paths sorted, each once.

    Raises:
        KnownError: one is empty, absolute or leads out of the root; `where` opens its text.
    """
    unique = sorted({PurePosixPath(path).as_posix() for path in paths})
    for path in unique:
        if path == "." or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise KnownError(f"{where}: path {path!r} leads out of the image root; expected one below it")
    return tuple(unique)


def default_out(root: Path) -> Path:
    """Return ROOT-clean, the folder beside the real place of the root where cleaned films go by default.

    Raises:
        OutputError: the root is a link that leads to itself.
    """
    real = _real(root)
    return real.parent / f"{real.name}-clean"


def choose_out(root: Path, out: str | Path | None) -> Path:
    """Return the output folder, by default ROOT-clean beside the root.

    Raises:
        OutputError: it is the root, lies inside it, or holds it.
    """
    real_root = _real(root)
    chosen = Path(out) if out else default_out(root)
    real = _real(chosen)
    if real == real_root or real_root in real.parents or real in real_root.parents:
        raise OutputError(
            f"{chosen}: the output would be, lie in or hold the input folder {root}, which is never changed; "
            "choose a folder apart from it with --out"
        )
    if real.exists() and not real.is_dir():
        raise OutputError(f"{chosen}: is a file; choose a folder with --out")
    return chosen


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # a RuntimeError before Python 3.13
        raise OutputError(f"{path}: a link that leads to itself; choose another folder") from error


class PngNames:
    """Names of the PNGs made of the images below a root; a folder of them is listed once, when it is reached."""

    def __init__(self, root: Path) -> None:
        self._beside = lru_cache(maxsize=16)(lambda folder: _names(root / folder))  # sorted paths leave none for good

    def of(self, path: str) -> str | None:
        """Return `a.png`, or `a.jpg.png` beside another file `a`; None where that is another source's name."""
        posix = PurePosixPath(path)
        if posix.suffix.lower() == ".png":
            return posix.as_posix()
        names, shared = self._beside(posix.parent)
        alone = posix.stem.lower() not in shared
        made = posix.with_suffix(".png") if alone else posix.with_name(posix.name + ".png")
        return None if made.name.lower() in names else made.as_posix()


def _names(folder: Path) -> tuple[set[str], set[str]]:
    """The names of a folder's images, and the stems that several of them share, in lower case."""
    try:
        names = {entry.name.lower() for entry in folder.iterdir() if entry.suffix.lower() in EXTENSIONS}
    except OSError:
        return set(), set()  # its files then fail by themselves, each with its reason
    stems = Counter(PurePosixPath(name).stem for name in names)
    return names, {stem for stem, count in stems.items() if count > 1}
