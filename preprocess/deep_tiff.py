"""Read the TIFF films of more than 8 bits that Pillow or OpenCV would read wrongly, or refuse them by name."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import OPEN_INFO

from preprocess.errors import ImageError

Array = NDArray[Any]

BITS, COMPRESSION, PHOTOMETRIC, OFFSETS, SAMPLES = 258, 259, 262, 273, 277  # tags: TIFF 6.0, section 8
COUNTS, PLANAR, EXTRA_SAMPLES, SAMPLE_FORMAT = 279, 284, 338, 339

# Pillow knows 16-bit grey with 0 as white in little-endian files only; `to_min_is_black` inverts it.
OPEN_INFO.setdefault((b"MM", 0, (1,), 1, (16,), ()), ("I;16B", "I;16B"))

MIN_IS_WHITE, RGB, SEPARATE, UNCOMPRESSED, PREMULTIPLIED = 0, 2, 2, 1, 1


def has_deep_colour(picture: Image.Image) -> bool:
    """Return whether a TIFF file has several channels of 16 bits, which Pillow would reduce to 8."""
    bits = _tags(picture).get(BITS, (8,))
    return len(bits) >= 3 and max(bits) == 16


def to_min_is_black(path: Path, picture: Image.Image, values: Array) -> Array:
    """Return the values of a grey film of more than 8 bits with 0 as black. Pillow inverts only up to 8 bits.

    Raises:
        ImageError: 0 is white, and the values have more than 16 bits.
    """
    if picture.format != "TIFF" or _tags(picture).get(PHOTOMETRIC) != MIN_IS_WHITE:
        return values
    bits = int(_tags(picture).get(BITS, (16,))[0])
    if values.dtype.kind != "u" or bits > 16:
        raise ImageError(f"{path}: values of {bits} bits with 0 as white; export the film with 8 or 16 bits")
    return np.asarray((1 << bits) - 1 - values, np.uint16)


def decode_deep_colour(path: Path, picture: Image.Image, data: bytes) -> tuple[Array, bool]:
    """Return the (H, W, 3) uint16 RGB values of a TIFF file, and whether its orientation was applied.

    Raises:
        ImageError: the kind of colour is not supported.
        ValueError: the data are damaged.
    """
    tags = _tags(picture)
    kinds, samples = tags.get(SAMPLE_FORMAT, (1,)), int(tags.get(SAMPLES, 3))
    if tags.get(PHOTOMETRIC) != RGB or samples not in (3, 4) or set(kinds) != {1} or set(tags[BITS]) != {16}:
        raise ImageError(
            f"{path}: 16-bit colour with PhotometricInterpretation {tags.get(PHOTOMETRIC)}, {samples} channels and "
            f"SampleFormat {kinds[0]}; expected RGB of unsigned numbers; export the film as PNG or as 16-bit grey"
        )
    separate = tags.get(PLANAR, 1) == SEPARATE
    image = _read_planes(path, picture, data) if separate else _read_pixels(data)
    if samples == 4:
        is_blended = tags.get(EXTRA_SAMPLES, (2,))[0] == PREMULTIPLIED
        image = image[..., :3] if is_blended else np.round(image[..., :3] * (image[..., 3:] / 65535.0))
    return np.ascontiguousarray(image, np.uint16), not separate


def _tags(picture: Image.Image) -> Any:
    return picture.tag_v2  # type: ignore[attr-defined]


def _read_pixels(data: bytes) -> Array:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint16:
        raise ValueError("16-bit colour data ends early or is damaged")
    return np.asarray(image[..., [2, 1, 0, 3][: image.shape[2]]])


def _read_planes(path: Path, picture: Image.Image, data: bytes) -> Array:
    """Return (H, W, channels) values that are stored channel by channel. OpenCV scrambles them."""
    tags = _tags(picture)
    if tags.get(COMPRESSION, UNCOMPRESSED) != UNCOMPRESSED or OFFSETS not in tags or COUNTS not in tags:
        raise ImageError(
            f"{path}: 16-bit colour in separate planes (PlanarConfiguration 2), compressed or in tiles; save it with "
            "PlanarConfiguration 1, or as PNG"
        )
    parts = [data[start : start + size] for start, size in zip(tags[OFFSETS], tags[COUNTS], strict=True)]
    values = np.frombuffer(b"".join(parts), ">u2" if data[:2] == b"MM" else "<u2")
    width, height = (int(tags[tag]) for tag in (256, 257))
    return np.moveaxis(values.reshape(int(tags.get(SAMPLES, 3)), height, width), 0, 2)
