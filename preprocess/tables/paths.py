"""Find the file that a path in a table means, below the root of the images."""

import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from preprocess.errors import DataError
from preprocess.image_files import drop_extension
from preprocess.tables.cells import clean_cell, decode_legacy

WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\[^\\]")  # C:\films\1.png or \\server\films\1.png


class FilmPaths:
    """Turns the paths of a table into paths relative to a root, with forward slashes.

    Attributes:
        renamed: path as written -> file, where they differ in case, Unicode form or a missing extension.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.renamed: dict[str, str] = {}
        self._folders: dict[Path, Mapping[str, list[str]]] = {}

    def find(self, cell: str, where: str) -> str:
        """Return the path of the file that a cell means; a file that does not exist keeps the path as written.

        Args:
            cell: relative path, or absolute path or file:// address below the root; slashes or backslashes.
            where: start of the error text, such as "films.csv, row 3".

        Raises:
            DataError: the path leads out of the root.
        """
        if not clean_cell(cell):
            raise DataError(f"{where}: no path; fill it in or delete the row")
        written = _spellings(cell)
        for name in written:
            path = self._relative(name)
            if path and os.path.lexists(self.root / path):
                return path
        path, shown = self._relative(written[-1]), decode_legacy(clean_cell(cell))
        if not path or (os.name != "nt" and WINDOWS.match(shown)):
            raise DataError(
                f"{where}: {shown} is outside of {self.root}; give the folder that contains all files with "
                "--root, and paths below it"
            )
        similar = self._find_similar(path) or self._find_similar(decode_legacy(path))
        if similar:
            self.renamed[path] = similar
        return similar or path

    def notes(self, table: Path) -> list[str]:
        """Name the paths that differ from their files."""
        if not self.renamed:
            return []
        first, *more = (f"{decode_legacy(written)} is {file}" for written, file in self.renamed.items())
        n = len(self.renamed)
        what, file = "1 path differs from its file", "is read as that file"
        if n > 1:
            what, file = f"{n} paths differ from their files", "are read as these files"
        rest = f" and {len(more)} more" if more else ""
        return [f"{table}: {what} in case, accents, encoding or extension, and {file}: {first}{rest}"]

    def _relative(self, name: str) -> str:
        """Return a path relative to the root; "" if it is outside of the root, or the root itself."""
        if os.path.isabs(name):
            inside = os.path.relpath(name, self.root.absolute())
            name = os.path.relpath(name, self.root.resolve()) if inside.startswith("..") else inside
        relative = PurePosixPath(os.path.normpath(name).replace(os.sep, "/"))
        outside = relative.is_absolute() or relative.parts[:1] == ("..",) or not relative.parts
        return "" if outside else str(relative)

    def _find_similar(self, path: str) -> str:
        """Return the only file that differs from the path in case, Unicode form or a missing extension; else ""."""
        found = PurePosixPath()
        for part in PurePosixPath(path).parts:
            if os.path.lexists(self.root / found / part):
                found /= part
                continue
            names = self._list(self.root / found).get(_key(part), [])
            if len(names) != 1:
                return ""
            found /= names[0]
        return str(found)

    def _list(self, folder: Path) -> Mapping[str, list[str]]:
        """Return the entries of a folder by their keys, images also without extension."""
        if folder not in self._folders:
            by_key: dict[str, list[str]] = {}
            try:
                names = sorted(os.listdir(folder))
            except OSError:
                names = []
            for name in names:
                by_key.setdefault(_key(name), []).append(name)
            for name in names:
                if drop_extension(name) != name:
                    by_key.setdefault(_key(drop_extension(name)), []).append(name)
            self._folders[folder] = by_key
        return self._folders[folder]


def plain_path(cell: str) -> str:
    """Return the path in a cell with forward slashes, and without a drive, a server or a leading slash."""
    path = re.sub(r"^[A-Za-z]:(?=/)", "", _spellings(cell)[-1])
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return "/".join(parts)


def loose_path(path: str) -> str:
    """Return a path without case, Unicode form and image extension, to compare paths that people wrote."""
    return _key(drop_extension(path))


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _spellings(cell: str) -> list[str]:
    """Return what a cell may mean: itself, without outer space, without file://, and with forward slashes."""
    text = clean_cell(cell)
    if text.lower().startswith("file://"):
        text = unquote(re.sub(r"^file://(localhost)?", "", text, flags=re.IGNORECASE))
    return list(dict.fromkeys([cell, text, text.replace("\\", "/")]))
