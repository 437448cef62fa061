"""Define which files count as images and how large they may be, and read their bytes. Nothing is decoded here."""

import os
import re
import struct
from pathlib import Path

from preprocess.errors import ImageError

PICTURE_EXTENSIONS = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp", ".tif", ".tiff", ".bmp", ".dib", ".webp"}
)

DICOM_EXTENSIONS = frozenset({".dcm", ".dicom", ".dic", ".ima"})  # .ima: Siemens; files without extension exist too

EXTENSIONS = PICTURE_EXTENSIONS | DICOM_EXTENSIONS

HEAD_BYTES = 132  # a DICOM file begins with 128 bytes of any content and the letters DICM

EXTENSION = re.compile(rf"(?<=[^/])({'|'.join(map(re.escape, sorted(EXTENSIONS)))})$", re.IGNORECASE)

EXPECTED_FILES = f"files ending in {', '.join(sorted(EXTENSIONS))}, or DICOM files"

MAX_PIXELS = 100_000_000  # 10,000 x 10,000 pixels: five times as many as the largest detector plate has


def drop_extension(path: str) -> str:
    """Return a POSIX path without its extension, if that is one of an image.

    Other endings belong to the name: DICOM files are often named by their UID, such as 1.2.840.113619.2.5, whose last
    part tells two films apart. A name that begins with the extension is kept.
    """
    return EXTENSION.sub("", path)


def has_dicom_head(data: bytes) -> bool:
    """Return whether bytes begin as a DICOM file does, with its preamble or, in old files, without one.

    A file without preamble begins with its elements: here with two of group 2 or 8, in ascending order, in one of the
    little-endian encodings.

    Source: DICOM PS3.10, section 7.1, and PS3.5, section 7.1.

    Args:
        data: the first HEAD_BYTES bytes of a file, or more.
    """
    if data[128:132] == b"DICM":
        return True
    first = _element(data, 0)
    second = first and _element(data, first[1])
    return bool(first and second and first[0] < second[0])


def _element(data: bytes, start: int) -> tuple[tuple[int, int], int] | None:
    """Return the tag of the element at this byte and the byte after it; None if none can be there."""
    head = data[start : start + 8]
    if len(head) < 8:
        return None
    group, number, length, short_length = *struct.unpack("<HHI", head), int.from_bytes(head[6:8], "little")
    if re.match(rb"[A-Z]{2}", head[4:6]):  # the type of the value, which explicit encodings name
        length = short_length
    if group not in (0x0002, 0x0008) or length > HEAD_BYTES or length % 2:
        return None
    return (group, number), start + 8 + length


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
