"""Load the pixels of an image file, or refuse it if a part of the image is missing or damaged."""

import io
from typing import Any

from PIL import Image

from preprocess.formats.bmp import check_bmp
from preprocess.formats.jpeg import decode_jpeg
from preprocess.formats.png import without_compression
from preprocess.formats.tiff import check_tiff

COLOURS = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}


def load_whole(picture: Image.Image, data: bytes) -> Image.Image:
    """Return a picture with its pixels loaded, provided that the file is whole.

    Args:
        picture: the opened file; a draft size that was set is kept.
        data: the bytes of the file.
    Raises:
        ValueError: the file is damaged; the text says what was found.
        Exception: what Pillow raises on damaged data.
    """
    if picture.format in {"JPEG", "MPO"}:
        return _load_jpeg(picture, data)
    if picture.format == "PNG":
        picture = Image.open(io.BytesIO(without_compression(data)), formats=("PNG",))
    elif picture.format == "TIFF":
        tiff: Any = picture
        check_tiff(data, tiff.tag_v2)
    elif picture.format == "BMP":
        check_bmp(data)
    picture.load()
    return picture


def _load_jpeg(picture: Image.Image, data: bytes) -> Image.Image:
    pixels = decode_jpeg(data, COLOURS[picture.mode], picture.height, picture.width)
    if pixels is None or picture.mode == "CMYK":  # Pillow inverts CMYK where the file says so
        picture.load()
        return picture
    loaded = Image.fromarray(pixels[..., 0] if picture.mode == "L" else pixels)
    loaded.info = picture.info  # holds the EXIF data
    return loaded
