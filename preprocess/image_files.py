"""Define which files count as images and how large they may be, and read their bytes. Nothing is decoded here."""

import os
import re
from pathlib import Path

from preprocess.errors import ImageError

PICTURE_EXTENSIONS = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp", ".tif", ".tiff", ".bmp", ".dib", ".webp"}
)

DICOM_EXTENSIONS = frozenset({".dcm", ".dicom", ".dic", ".ima"})  # .ima: Siemens; files without extension exist too

EXTENSIONS = PICTURE_EXTENSIONS | DICOM_EXTENSIONS

EXTENSION = re.compile(rf"(?<=[^/])({'|'.join(map(re.escape, sorted(EXTENSIONS)))})$", re.IGNORECASE)

MAX_PIXELS = 100_000_000  # 10,000 x 10,000 pixels: five times as many as the largest detector plate has


def drop_extension(path: str) -> str:
    """Return a POSIX path without its extension, if that is one of an image.

    Other endings belong to the name: DICOM files are often named by their UID, such as 1.2.840.113619.2.5, whose last
    part tells two films apart. A name that begins with the extension is kept.
    """
    return EXTENSION.sub("", path)


def read_bytes(path: str | Path) -> bytes:
    """Read the bytes of a file that may be an image.

    Raises:
        ImageError: the file cannot be read, is empty, or is a pipe or device.
    """
    path = Path(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise ImageError(f"{path}: neither a file nor a folder (a pipe or a device); leave it out")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror})") from error
    if not data:
        raise ImageError(f"{path}: zero bytes long; copy the file again")
    return data


def check_size(path: str | Path, width: int, height: int, max_pixels: int) -> None:
    """Refuse an image with more than max_pixels pixels.

    Raises:
        ImageError: the image is too large.
    """
    if width * height > max_pixels:
        raise ImageError(
            f"{path}: {width} x {height} = {width * height} pixels, more than the limit of {max_pixels}; "
            "raise the limit with --max-pixels if you trust the file"
        )
