"""Decode and encode images. All other code reads image files through this module.

Images are (H, W), or (H, W, 3) in RGB order, with dtype uint8 or uint16. Their EXIF orientation is applied. Those of
uint16 know which value is white: see `preprocess.grey_levels.DeepImage`.
"""

import base64
import io
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from preprocess.deep_tiff import decode_deep_colour, has_deep_colour, to_min_is_black
from preprocess.dicom import decode_dicom, is_dicom
from preprocess.errors import ImageError, OutputError
from preprocess.files import write_atomic
from preprocess.formats.whole import load_whole
from preprocess.grey_levels import find_white, to_8_bits, white_of, with_white
from preprocess.image_files import MAX_PIXELS, check_size, read_bytes
from preprocess.stored_white import add_white, read_white

Array = NDArray[Any]

# Damaged films are refused with a reason. Without this, the libraries also print their own lines on stderr.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
logging.getLogger("PIL").addHandler(logging.NullHandler())

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")

WRITTEN = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

EXIF_ORIENTATION = 0x0112

# EXIF orientation -> (mirror left to right first, then this many quarter turns counter-clockwise)
EXIF_VIEWS = {
    2: (True, 0),
    3: (False, 2),
    4: (True, 2),
    5: (True, 1),
    6: (False, 3),
    7: (True, 3),
    8: (False, 1),
}

_pillow_limit = threading.Lock()


def read_image(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> Array:
    """Read and decode an image file; see `decode_image`."""
    return decode_image(path, read_bytes(path), max_pixels=max_pixels)


def read_grey8(path: str | Path, *, at_least_px: int | None = None, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Read an image file as (H, W) uint8; see `to_grey8`.

    Args:
        at_least_px: decode a JPEG at 1/2, 1/4 or 1/8 of its size, provided that its shorter side keeps this many
            pixels. Only the luma channel is then decoded, which may differ by rounding from the grey of the RGB
            values. Other formats are decoded at full size.
    Raises:
        ImageError: see `decode_image`.
    """
    path, data = Path(path), read_bytes(path)
    if at_least_px is None or is_dicom(path, data):
        return to_grey8(decode_image(path, data, max_pixels=max_pixels))
    return to_grey8(_decode_picture(path, data, max_pixels, at_least_px))


def decode_image(path: str | Path, data: bytes, *, max_pixels: int = MAX_PIXELS, frame: int = 0) -> Array:
    """Decode the bytes of a whole image file.

    Palette and CMYK images become RGB or grey. Transparent pixels are blended with black. A file with several pages
    gives its first page. DICOM files are decoded by `preprocess.dicom.decode_dicom`.

    Args:
        path: where the bytes come from; error texts start with it. Its extension identifies DICOM without preamble.
        frame: number of the frame of a DICOM file, from 0.
    Raises:
        ImageError: the bytes are not an image, are truncated or corrupt, or hold more than `max_pixels` pixels.
    """
    path = Path(path)
    if is_dicom(path, data):
        return decode_dicom(path, data, max_pixels, frame=frame)
    return _decode_picture(path, data, max_pixels)


def to_grey8(image: Array) -> NDArray[np.uint8]:
    """Convert an image to (H, W) uint8.

    uint16 values are divided by the image's white; brighter ones become 255. `read_image` returns images that know
    their white. For other arrays it is found as in a file: see `preprocess.grey_levels.find_white`.
    """
    grey = np.asarray(image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    return grey if grey.dtype == np.uint8 else to_8_bits(grey, white_of(image))


def write_image(path: str | Path, image: Array) -> None:
    """Write an image atomically, in the format of the path's extension. PNG and TIFF are lossless.

    A 16-bit PNG or TIFF also holds the image's white, so that it is read with the same grey scale.

    Raises:
        OutputError: the file cannot be written, or its extension is not an image format.
    """
    write_atomic(path, encode_image(path, image))


def encode_image(path: str | Path, image: Array) -> bytes:
    """Return the bytes of the file that `write_image` writes.

    Raises:
        OutputError: the path's extension is not an image format.
    """
    path = Path(path)
    try:
        encoded, data = cv2.imencode(path.suffix, _to_bgr(image))
    except cv2.error:
        encoded = False
    if not encoded:
        raise OutputError(
            f"{path}: {path.suffix!r} is not an image format that can be written; use one of {', '.join(WRITTEN)}"
        )
    if image.dtype != np.uint16:
        return bytes(data)
    return add_white(bytes(data), path.suffix.lower(), white_of(image))


def encode_jpeg(image: Array, quality: int) -> bytes:
    """Return an (H, W) or (H, W, 3) uint8 image as the bytes of a JPEG file."""
    return bytes(cv2.imencode(".jpg", _to_bgr(image), [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())


def thumbnail_uri(image: Array, side_px: int) -> str:
    """Return an image as the data URI of a JPEG whose longer side is at most side_px."""
    scale = min(1.0, side_px / max(image.shape[:2]))
    image8 = image if image.ndim == 3 and image.dtype == np.uint8 else to_grey8(image)
    size = [max(1, round(side * scale)) for side in (image.shape[1], image.shape[0])]
    small = cv2.resize(image8, size, interpolation=cv2.INTER_AREA)
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(small, 80)).decode()


def open_picture(path: str | Path, data: bytes) -> Image.Image:
    """Read the header of an image file other than DICOM. The pixels are not decoded and may be damaged.

    Raises:
        ImageError: the bytes are not an image, or the header is corrupt.
    """
    path = Path(path)
    try:
        with _no_pillow_limit(), _no_warnings():
            return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ImageError(f"{path}: not an image; expected {', '.join(FORMATS)} or DICOM") from error
    except Exception as error:  # noqa: BLE001  decoders raise anything on hostile headers
        _refuse_corrupt(path, error)


def _to_bgr(image: Array) -> Array:
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


@contextmanager
def _no_pillow_limit() -> Iterator[None]:
    """Lift Pillow's own size limit while a header is read. `check_size` follows, and its error says more."""
    with _pillow_limit:
        saved, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = saved


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Silence Pillow, which warns of odd tags in files that it reads correctly, and of damage just before it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _decode_picture(path: Path, data: bytes, max_pixels: int, at_least_px: int | None = None) -> Array:
    picture = open_picture(path, data)
    check_size(path, picture.width, picture.height, max_pixels)
    try:
        if _is_deep_colour(picture, data):
            return _know_white(picture, _decode_deep_colour(path, data, picture))
        with _no_warnings():
            if at_least_px is not None:
                picture.draft("L", (at_least_px, at_least_px))  # affects JPEG only
            picture = load_whole(picture, data)
            return _know_white(picture, _to_array(path, picture, ImageOps.exif_transpose(picture)))
    except ImageError:
        raise
    except Exception as error:  # noqa: BLE001  decoders raise anything on damaged data
        _refuse_corrupt(path, error)


def _know_white(picture: Image.Image, image: Array) -> Array:
    """Let a uint16 image know its white: the one that the file names, else the one that its values show."""
    if image.dtype == np.uint8:
        return image
    return with_white(image, read_white(picture) or find_white(image))


def _refuse_corrupt(path: Path, error: Exception) -> NoReturn:
    raise ImageError(f"{path}: truncated or corrupt ({error}); copy or export the file again") from error


def _is_deep_colour(picture: Image.Image, data: bytes) -> bool:
    """Return whether an image has several channels of 16 bits, which Pillow would reduce to 8."""
    if picture.format == "PNG":
        return data[24] == 16 and data[25] in (2, 4, 6)  # bit depth and colour type in the header
    return picture.format == "TIFF" and has_deep_colour(picture)


def _decode_deep_colour(path: Path, data: bytes, picture: Image.Image) -> Array:
    orientation = picture.getexif().get(EXIF_ORIENTATION, 1)
    with _no_warnings():
        load_whole(picture, data)  # raises on damage first; OpenCV would only print a message
    if picture.format == "TIFF":
        colour, oriented = decode_deep_colour(path, picture, data)
        return _collapse_grey(colour if oriented else _orient(colour, orientation))
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise ValueError("16-bit colour data ends early or is damaged")
    if image.shape[2] == 4:
        image = np.round(image[..., :3] * (image[..., 3:] / 65535.0)).astype(np.uint16)
    return _collapse_grey(_orient(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)), orientation))


def _orient(image: Array, orientation: int) -> Array:
    """Mirror and rotate an image according to its EXIF orientation."""
    mirrored, turns = EXIF_VIEWS.get(orientation, (False, 0))
    return np.ascontiguousarray(np.rot90(image[:, ::-1] if mirrored else image, turns))


def _to_array(path: Path, opened: Image.Image, picture: Image.Image) -> Array:
    """Return the pixels of a picture that was turned upright; `opened` has the tags of its file."""
    mode = picture.mode
    if mode in ("L", "RGB"):
        return np.array(picture)
    if mode.startswith("I") or mode == "F":
        return to_min_is_black(path, opened, _to_uint16(path, np.array(picture)))
    if mode in ("1", "LA", "La"):
        return np.array(_over_black(picture, "L"))
    if mode == "P":
        return _collapse_grey(np.array(_over_black(picture, "RGB")))
    return np.array(_over_black(picture, "RGB"))


def _over_black(picture: Image.Image, mode: str) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert(mode)
    layered = picture.convert("RGBA")
    ground = Image.new("RGBA", layered.size, (0, 0, 0, 255))
    return Image.alpha_composite(ground, layered).convert(mode)


def _collapse_grey(image: Array) -> Array:
    """Return an (H, W, 3) image as (H, W) if its three channels are equal."""
    same = (image[..., 0] == image[..., 1]).all() and (image[..., 0] == image[..., 2]).all()
    return np.ascontiguousarray(image[..., 0]) if same else image


def _to_uint16(path: Path, values: Array) -> Array:
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f" or low < 0 or high > 65535:
        raise ImageError(
            f"{path}: values of type {values.dtype} from {low:g} to {high:g}; expected whole numbers from 0 "
            "to 65535; export the film with 8 or 16 bits"
        )
    return values.astype(np.uint16)
