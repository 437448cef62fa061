"""List the image files of a folder, and find a film under the name that `clean-labels` gave it."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from preprocess.errors import ImageError, first_few
from preprocess.image_files import EXTENSIONS, HEAD_BYTES, drop_extension, has_dicom_head

# Folders of network drives, recycle bins and archives, in lower case. Their pictures are thumbnails and deleted films.
SYSTEM_FOLDERS = frozenset(
    {"@eadir", "@tmp", "@recycle", "@__thumb", "@recently-snapshot", "#recycle", "#snapshot", "~snapshot"}
    | {"$recycle.bin", "recycler", "recycled", "system volume information", "found.000", "lost+found"}
    | {"__macosx", "network trash folder", "temporary items", "__pycache__"}
)

SYSTEM_FILES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini"})

# Compressed files, and images in other formats.
UNREAD = frozenset(
    {
        ".gz",
        ".tgz",
        ".zip",
        ".7z",
        ".rar",
        ".tar",
        ".bz2",
        ".xz",
        ".zst",
        ".nii",
        ".mha",
        ".mhd",
        ".nrrd",
        ".npy",
        ".h5",
    }
    | {
        ".gif",
        ".jp2",
        ".j2k",
        ".jpx",
        ".jxl",
        ".avif",
        ".heic",
        ".heif",
        ".pdf",
        ".svg",
        ".psd",
        ".dng",
        ".mp4",
        ".avi",
    }
)

# Tables and texts. They are not opened to see whether they are DICOM, and often lie beside the films on purpose.
DOCUMENTS = frozenset(
    {".csv", ".tsv", ".txt", ".json", ".jsonl", ".yaml", ".yml", ".xml", ".html", ".htm", ".md", ".rst", ".log", ".ini"}
    | {".xls", ".xlsx", ".ods", ".doc", ".docx", ".odt", ".py", ".ipynb", ".db", ".sqlite", ".cache", ".md5", ".sha256"}
)

DICOM_INDEX = "dicomdir"  # the table of contents of a CD: DICOM without pixels


@dataclass(frozen=True)
class Listing:
    """The image files below a folder, and what was left out. All paths are relative POSIX paths, sorted.

    Args:
        paths: image files.
        unread: compressed files, and images in formats that are not read.
        others: other files, without the tables and texts in folders that hold no image.
        system: folders and image files that are hidden or belong to the system, such as recycle bins.
        unlisted: folders that cannot be listed, with the error.
    """

    paths: tuple[str, ...]
    unread: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    system: tuple[str, ...] = ()
    unlisted: tuple[tuple[str, ImageError], ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Messages for the user that count and name what was left out, without `unlisted`."""
        endings = ", ".join(sorted({_ending(path) for path in self.unread}))
        notes = (
            (
                self.system,
                "folder or file is hidden or belongs to the system and is left out",
                "folders or files are hidden or belong to the system and are left out",
            ),
            (
                self.unread,
                f"file ({endings}) is compressed or in a format that is not read; unpack or convert it",
                f"files ({endings}) are compressed or in a format that is not read; unpack or convert them",
            ),
            (
                self.others,
                "file is left out because its name has no image extension",
                "files are left out because their names have no image extension",
            ),
        )
        return tuple(
            f"{len(paths)} {one if len(paths) == 1 else many}: {first_few(paths)}"
            for paths, one, many in notes
            if paths
        )


def list_images(root: str | Path) -> Listing:
    """List the image files below root, and what is left out.

    A file is an image if it has the extension of one, or if it is DICOM under a name without a known extension: such
    files, and no others, are opened, for their first bytes. Names that start with a dot, and folders that
    systems make for themselves, are left out. Symbolic links are followed. Each folder is visited once, so that loops
    of links end.

    Raises:
        ImageError: root cannot be listed.
    """
    walk = _Walk()
    images: list[str] = []
    unread: list[str] = []
    others: list[str] = []
    for path, entry in walk.files(str(root), ""):
        ending, is_hidden = _ending(entry.name), entry.name.startswith(".")
        if is_hidden or entry.name.lower() in SYSTEM_FILES:
            if not is_hidden or ending in EXTENSIONS:
                walk.system.append(path)
        elif ending in EXTENSIONS or _is_dicom(entry, ending):
            images.append(path)
        else:
            (unread if ending in UNREAD else others).append(path)
    folders = {path.rpartition("/")[0] for path in images}
    others = [path for path in others if _ending(path) not in DOCUMENTS or path.rpartition("/")[0] in folders]
    unlisted = tuple(sorted(walk.unlisted, key=lambda item: item[0]))
    return Listing(_sorted(images), _sorted(unread), _sorted(others), _sorted(walk.system), unlisted)


def image_paths(root: str | Path, *, on_error: Callable[[str, ImageError], None] | None = None) -> list[str]:
    """Return the image files below root as sorted relative POSIX paths; see `list_images`.

    Args:
        on_error: called for each folder below root that cannot be listed, with its relative path and the error.
    Raises:
        ImageError: root cannot be listed; or, without `on_error`, a folder below it.
    """
    listing = list_images(root)
    for folder, error in listing.unlisted:
        if on_error is None:
            raise error
        on_error(folder, error)
    return list(listing.paths)


def find_image(root: str | Path, path: str) -> Path:
    """Return the file of an image below root: the file of this name, or the PNG that `clean-labels` made from it.

    `clean-labels` writes `a.jpg` as `a.png`, or as `a.jpg.png` if the folder has another `a.png`.

    Raises:
        ImageError: none of the three files exists.
    """
    named = Path(root) / path
    for name in (named.name, f"{named.name}.png", f"{drop_extension(named.name)}.png"):
        if os.path.exists(named.with_name(name)):  # unlike Path.exists, False for a name that is too long
            return named.with_name(name)
    raise ImageError(
        f"{named}: no such file, nor a .png made from it; give the folder that paths are relative to with --root"
    )


def is_folder(entry: "os.DirEntry[str]") -> bool:
    """Return whether an entry of a folder is a folder or a link to one."""
    try:
        return entry.is_dir()
    except OSError:  # a link that points at itself counts as a file, which then cannot be read
        return False


@dataclass(frozen=True)
class _Walk:
    """A walk through a folder, and what it did not enter."""

    seen: set[str] = field(default_factory=set)
    system: list[str] = field(default_factory=list)
    unlisted: list[tuple[str, ImageError]] = field(default_factory=list)

    def files(self, folder: str, path: str) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
        """Yield the relative path and the entry of each file below a folder."""
        try:
            real = os.path.realpath(folder, strict=True)  # raises on a loop of links; since 3.13, Path.resolve does not
            entries = [] if real in self.seen else list(os.scandir(folder))
        except OSError as error:
            reason = ImageError(f"{folder}: cannot be listed ({error.strerror or error}); check its permissions")
            if not path:
                raise reason from error
            self.unlisted.append((path, reason))
            return
        self.seen.add(real)
        for entry in entries:
            inner = f"{path}/{entry.name}" if path else entry.name
            if not is_folder(entry):
                yield inner, entry
            elif entry.name.startswith(".") or entry.name.lower() in SYSTEM_FOLDERS:
                self.system.append(inner)
            else:
                yield from self.files(entry.path, inner)


def _is_dicom(entry: "os.DirEntry[str]", ending: str) -> bool:
    """Open a file under a name without a known extension, and return whether it is DICOM."""
    if ending in DOCUMENTS or ending in UNREAD or entry.name.lower() == DICOM_INDEX:
        return False
    try:
        if not entry.is_file():  # opening a pipe would wait for ever
            return False
        with open(entry.path, "rb", buffering=0) as file:
            return has_dicom_head(file.read(HEAD_BYTES))
    except OSError:
        return False


def _sorted(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(paths))


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()
