"""Facts of an image file that do not depend on what the film shows: size, encoding, brightness and border."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from preprocess.dicom import is_dicom, open_dicom
from preprocess.grey_levels import white_of
from preprocess.images import open_picture, to_grey8
from preprocess.one_value import has_one_value

FRAME_FRACTION = 0.02  # width of the border, of the shorter side

CORNER_FRACTION = 0.08  # legs of the corner triangles, of the shorter side; turned films have black corners

BLACK, SATURATED = 5, 254  # black up to 5, saturated from 254: JPEG changes grey values by a few steps

SOFTWARE_TAG = 305  # of EXIF and TIFF

# Luminance table of quality 50: ITU-T T.81 (1992), table K.1. Sorted, because files differ in the order.
LUMINANCE = np.sort([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
])  # fmt: skip


@dataclass(frozen=True)
class FileFacts:
    """The facts of one file. Brightness is a fraction of the full scale; shares are fractions of pixels.

    Attributes:
        bits: bit depth. DICOM files state it; other files have 8, 10, 12, 14 or 16: see
            `preprocess.grey_levels.find_white`.
        jpeg_quality: 1 to 100 on the scale of the Independent JPEG Group; None if the file is not a JPEG.
        mean, median: brightness.
        p1, p99: 1st and 99th percentile of the brightness.
        black, saturated: share of black and of saturated pixels.
        border_black: black share of the border.
        border_constant: share of the border that has its most common grey value, give or take 1/255.
        corner_black: black share of the four corner triangles.
        tagged: whether the file has EXIF data or names the software or device that wrote it.
        software: name of that software or device.
        one_value: whether all pixels have one grey value; None if an older version wrote the cache.
    """

    path: str
    size_bytes: int
    format: str
    width: int
    height: int
    bits: int
    channels: int
    jpeg_quality: int | None
    mean: float
    median: float
    p1: float
    p99: float
    black: float
    saturated: float
    border_black: float
    border_constant: float
    corner_black: float
    tagged: bool
    software: str
    one_value: bool | None = None

    @property
    def aspect(self) -> float:
        """Width divided by height."""
        return self.width / self.height

    @property
    def is_blank(self) -> bool:
        """Whether all pixels have one grey value; for facts of an older version, as far as their figures show it."""
        return self.mean == self.median == self.p1 == self.p99 if self.one_value is None else self.one_value


@dataclass(frozen=True)
class _Head:
    format: str
    bits: int | None  # None if the pixels decide
    jpeg_quality: int | None
    tagged: bool
    software: str


def facts_of(path: str, data: bytes, image: NDArray[Any]) -> FileFacts:
    """Return the facts of a file.

    Args:
        path: path of the file; its extension helps to recognise DICOM.
        data: the bytes of the file.
        image: the decoded image, (H, W) or (H, W, 3), uint8 or uint16.
    """
    head = _dicom_head(path, data) if is_dicom(path, data) else _picture_head(path, data)
    pixel_bits = white_of(image).bit_length()
    return FileFacts(
        path=path,
        size_bytes=len(data),
        format=head.format,
        width=image.shape[1],
        height=image.shape[0],
        bits=head.bits or pixel_bits,
        channels=1 if image.ndim == 2 else image.shape[2],
        jpeg_quality=head.jpeg_quality,
        **_pixel_facts(to_grey8(image)),
        tagged=head.tagged,
        software=head.software,
        one_value=has_one_value(image),
    )


def _picture_head(path: str, data: bytes) -> _Head:
    picture = open_picture(path, data)
    tables = getattr(picture, "quantization", None) or {}
    quality = jpeg_quality(tables[min(tables)]) if tables else None
    software = _software(picture)
    return _Head(str(picture.format), None, quality, bool(software or "exif" in picture.info), software)


def _software(picture: Image.Image) -> str:
    try:
        name = picture.getexif().get(SOFTWARE_TAG) or picture.info.get("Software") or ""
    except Exception:  # noqa: BLE001  the EXIF data are damaged, but the picture is not
        name = ""
    return " ".join(str(name).replace("\0", " ").split())


def _dicom_head(path: str, data: bytes) -> _Head:
    dataset = open_dicom(path, data, pixels=False)
    names = (dataset.get(key) for key in ("Manufacturer", "ManufacturerModelName"))
    software = " ".join(" ".join(str(name) for name in names if name).split())
    return _Head("DICOM", int(dataset.BitsStored), None, bool(software), software)


def jpeg_quality(table: Sequence[int]) -> int:
    """Return the JPEG quality, 1 to 100, whose luminance table is nearest to a given table of 64 steps.

    Some encoders use another scale. For their files the value says how coarse the compression is, not which quality
    was set.

    Source: jpeg_set_quality of libjpeg (Independent JPEG Group).
    """
    return int(np.abs(np.log(TABLES) - np.log(np.sort(np.maximum(table, 1)))).sum(axis=1).argmin()) + 1


def _tables() -> NDArray[np.float64]:
    """Return the sorted luminance tables, (100, 64), of the qualities 1 to 100."""
    quality = np.arange(1, 101)[:, None]
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return np.asarray(np.clip((LUMINANCE * scale + 50) // 100, 1, 255), float)


TABLES = _tables()


def _pixel_facts(grey: NDArray[np.uint8]) -> Mapping[str, float]:
    counts = np.bincount(grey.ravel(), minlength=256)
    shares = counts / grey.size
    below = np.cumsum(shares)
    median, p1, p99 = (int(np.searchsorted(below, share - 1e-9)) / 255 for share in (0.5, 0.01, 0.99))
    border = _border(grey)
    facts = {
        "mean": float(shares @ np.arange(256)) / 255,
        "median": median,
        "p1": p1,
        "p99": p99,
        "black": float(shares[: BLACK + 1].sum()),
        "saturated": float(shares[SATURATED:].sum()),
        "border_black": float(border[: BLACK + 1].sum()),
        "border_constant": float(np.convolve(border, np.ones(3)).max()),
        "corner_black": float((_corners(grey) <= BLACK).mean()),
    }
    return {name: round(value, 4) for name, value in facts.items()}


def _border(grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the share of the border, (256,), at each grey value."""
    wide = max(1, round(FRAME_FRACTION * min(grey.shape)))
    sides = (grey[:wide], grey[-wide:], grey[wide:-wide, :wide], grey[wide:-wide, -wide:])
    frame = np.concatenate([side.ravel() for side in sides])
    return np.bincount(frame, minlength=256) / len(frame)


def _corners(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the pixels of the four corner triangles."""
    leg = max(1, math.ceil(CORNER_FRACTION * min(grey.shape)))
    inside = np.arange(leg)[:, None] + np.arange(leg) < leg
    views = (grey, grey[::-1], grey[:, ::-1], grey[::-1, ::-1])
    return np.concatenate([view[:leg, :leg][inside] for view in views])
