"""Read and write images: the project's only decoder and encoder.

Images are (H, W) uint8 or uint16, or (H, W, 3) uint8 or uint16 in RGB order, rotated as their EXIF says.
"""

import base64
import io
import os
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

from preprocess.errors import ImageError, OutputError
from preprocess.files import write_atomic

Array = NDArray[Any]


EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".dcm", ".dicom"})

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")

MAX_PIXELS = 100_000_000  # a 10,000 x 10,000 film: five times the largest detector plate


# EXIF orientation -> whether to mirror left to right, then how many quarter turns counter-clockwise
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
    """Read an image file as (H, W) uint8, as `to_grey8` gives it; of a JPEG decode no more than is wanted.

    With at_least_px, a JPEG comes at 1/2, 1/4 or 1/8 of its size where its shorter side then still has that many px,
    and of its colours only the luma is decoded, which may differ by rounding from that of the RGB values.

    Raises:
        ImageError: as `decode_image`.
    """
    path, data = Path(path), read_bytes(path)
    if at_least_px is None or is_dicom(path, data):
        return to_grey8(decode_image(path, data, max_pixels=max_pixels))
    return to_grey8(_decode(path, data, max_pixels, at_least_px))


def read_bytes(path: str | Path) -> bytes:
    """Read a file that may be an image.

    Raises:
        ImageError: not readable, empty, or neither a file nor a folder.
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


def decode_image(path: str | Path, data: bytes, *, max_pixels: int = MAX_PIXELS) -> Array:
    """Decode the bytes of a whole image file.

    Palettes, CMYK and the like become RGB or grey; transparency is laid over black; of several pages the
    first is read. DICOM (extra `dicom`) has its value and window tables applied and MONOCHROME1 turned to
    bright bone.

    Args:
        path: where they were read; it opens the text of errors, and its extension tells DICOM without a preamble.
    Raises:
        ImageError: not an image, truncated, corrupt, or of more than `max_pixels`.
    """
    path = Path(path)
    if is_dicom(path, data):
        return _decode_dicom(path, data, max_pixels)
    return _decode(path, data, max_pixels)


def is_dicom(path: str | Path, data: bytes) -> bool:
    """Tell DICOM by its preamble, or by the name where there is none."""
    return data[128:132] == b"DICM" or Path(path).suffix.lower() in {".dcm", ".dicom"}


def to_grey8(image: Array) -> NDArray[np.uint8]:
    """Return image as (H, W) uint8.

    16-bit values are scaled as 8, 12 or 16 bits, the least that holds their maximum, so 12-bit films stored in
    16-bit files keep their brightness. With depths between these, erasing a bright marker, which often holds
    the maximum, would change the scale of the whole film.
    """
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    if grey.dtype == np.uint8:
        return np.asarray(grey, np.uint8)
    top = next(top for top in (255, 4095, 65535) if grey.max() <= top)
    return np.asarray(np.round(grey * (255.0 / top)), np.uint8)


def write_image(path: str | Path, image: Array) -> None:
    """Write image in the format of the path's extension, atomically; PNG and TIFF keep every bit.

    Raises:
        OutputError: the file cannot be written, or its extension names no image format.
    """
    write_atomic(path, encode_image(path, image))


def encode_image(path: str | Path, image: Array) -> bytes:
    """Return the bytes of the file that `write_image` writes.

    Raises:
        OutputError: the path's extension names no image format.
    """
    path = Path(path)
    try:
        encoded, data = cv2.imencode(path.suffix, _to_bgr(image))
    except cv2.error:
        encoded = False
    if not encoded:
        expected = ", ".join(sorted(EXTENSIONS - {".dcm", ".dicom"}))
        raise OutputError(f"{path}: no image can be written as {path.suffix!r}; use one of {expected}")
    return bytes(data)


def encode_jpeg(image: Array, quality: int) -> bytes:
    """Return (H, W) or (H, W, 3) uint8 as the bytes of a JPEG file, for pages that hold their pictures."""
    return bytes(cv2.imencode(".jpg", _to_bgr(image), [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())


def _to_bgr(image: Array) -> Array:
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


@contextmanager
def _no_pillow_limit() -> Iterator[None]:
    """Lift Pillow's own size limit while a header is read: ours is checked next, and tells more."""
    with _pillow_limit:
        saved, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = saved


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow warns of odd tags in files that it reads well, and of damage that it raises for next."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def open_picture(path: str | Path, data: bytes) -> Image.Image:
    """Read the head of an image file other than DICOM; its pixels are not decoded, and may be damaged.

    Raises:
        ImageError: not an image, or a corrupt head.
    """
    path = Path(path)
    try:
        with _no_pillow_limit(), _quiet():
            return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ImageError(f"{path}: not an image; expected {', '.join(FORMATS)} or DICOM") from error
    except Exception as error:  # noqa: BLE001  decoders raise anything on hostile headers
        _refuse_corrupt(path, error)


def _decode(path: Path, data: bytes, max_pixels: int, at_least_px: int | None = None) -> Array:
    picture = open_picture(path, data)
    _check_size(path, picture.width, picture.height, max_pixels)
    try:
        if _is_deep_colour(picture, data):
            return _decode_deep_colour(data, picture)
        with _quiet():
            if at_least_px is not None:
                picture.draft("L", (at_least_px, at_least_px))  # does nothing to other formats than JPEG
            picture.load()
            return _to_array(path, ImageOps.exif_transpose(picture))
    except ImageError:
        raise
    except Exception as error:  # noqa: BLE001  as above
        _refuse_corrupt(path, error)


def _refuse_corrupt(path: Path, error: Exception) -> NoReturn:
    raise ImageError(f"{path}: truncated or corrupt ({error}); copy or export the file again") from error


def _check_size(path: Path, width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise ImageError(
            f"{path}: {width} x {height} = {width * height} pixels, more than the limit of {max_pixels}; "
            "raise it with --max-pixels if the file is to be trusted"
        )


def _is_deep_colour(picture: Image.Image, data: bytes) -> bool:
    """16 bits in each of several channels, which Pillow would cut down to 8."""
    if picture.format == "PNG":
        return data[24] == 16 and data[25] in (2, 4, 6)
    bits = picture.tag_v2.get(258, (8,)) if picture.format == "TIFF" else (8,)  # type: ignore[attr-defined]
    return len(bits) >= 3 and max(bits) == 16


def _decode_deep_colour(data: bytes, picture: Image.Image) -> Array:
    orientation = picture.getexif().get(0x0112, 1)
    with _quiet():
        picture.load()  # finds damage first: OpenCV's decoders print their complaints instead of raising them
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise ValueError("16-bit colour data ends early or is damaged")
    if image.shape[2] == 4:
        image = np.round(image[..., :3] * (image[..., 3:] / 65535.0)).astype(np.uint16)
    return _collapse_grey(_as_exif_says(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)), orientation))


def _as_exif_says(image: Array, orientation: int) -> Array:
    mirrored, turns = EXIF_VIEWS.get(orientation, (False, 0))
    return np.ascontiguousarray(np.rot90(image[:, ::-1] if mirrored else image, turns))


def _to_array(path: Path, picture: Image.Image) -> Array:
    mode = picture.mode
    if mode == "L" or mode == "RGB":
        return np.array(picture)
    if mode.startswith("I") or mode == "F":
        return _to_uint16(path, np.array(picture))
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
    """A palette of greys is a grey image."""
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


def open_dicom(path: str | Path, data: bytes, *, pixels: bool = True) -> Any:
    """Return a DICOM file as pydicom's dataset; its pixels are not decoded.

    Args:
        pixels: read on to the end; without them only what stands before.
    Raises:
        ImageError: the extra is missing, or not DICOM.
    """
    try:
        import pydicom
    except ImportError as error:
        raise ImageError(f"{path}: reading DICOM needs the extra: pip install 'fxkit[dicom]'") from error
    try:
        return pydicom.dcmread(io.BytesIO(data), stop_before_pixels=not pixels)
    except Exception as error:
        raise ImageError(f"{path}: not a DICOM file ({error})") from error


def _decode_dicom(path: Path, data: bytes, max_pixels: int) -> Array:
    dataset = open_dicom(path, data)
    from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array

    if "PixelData" not in dataset:
        raise ImageError(f"{path}: a DICOM file without pixels; leave it out")
    try:
        _check_size(path, int(dataset.Columns), int(dataset.Rows), max_pixels)
        stored = pixel_array(dataset, index=0)  # of several frames the first
        values = apply_voi_lut(apply_modality_lut(stored, dataset), dataset)
        return _scale_dicom(path, dataset, np.asarray(values))
    except ImageError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ImageError(f"{path}: its pixels cannot be decoded ({reason}); export it uncompressed") from error


def _scale_dicom(path: Path, dataset: Any, values: Array) -> Array:
    if values.ndim == 3 and values.shape[-1] == 3 and values.dtype == np.uint8:
        return values
    if values.ndim != 2:
        raise ImageError(f"{path}: pixels of shape {values.shape}; expected one grey film")
    low, high = float(values.min()), float(values.max())
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        values = low + high - values
    top, kind = (255, np.uint8) if int(dataset.BitsStored) <= 8 else (65535, np.uint16)
    return np.round((values - low) * (top / max(high - low, 1e-9))).astype(kind)


def thumbnail_uri(image: Array, side_px: int) -> str:
    """Return an image as the data URI of a JPEG whose longer side is side_px at most."""
    scale = min(1.0, side_px / max(image.shape[:2]))
    shown = image if image.ndim == 3 and image.dtype == np.uint8 else to_grey8(image)
    size = [max(1, round(side * scale)) for side in (image.shape[1], image.shape[0])]
    small = cv2.resize(shown, size, interpolation=cv2.INTER_AREA)
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(small, 80)).decode()
