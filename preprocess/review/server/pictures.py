"""Pictures of films for the page: JPEG, at most 4,096 pixels wide and high."""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import cv2
import numpy as np

from preprocess.images import Array, encode_jpeg, read_image, to_grey8

LARGEST_PX = 4096

QUALITY = 92

KEPT = 12  # pictures in memory, a few megabytes each


@dataclass(frozen=True)
class Picture:
    """A film as the page shows it.

    Args:
        jpeg: the bytes of the file.
        width, height: size of the film in pixels, which may be larger than the JPEG.
    """

    jpeg: bytes
    width: int
    height: int


class Pictures:
    """Makes pictures of films, and keeps the last few; the page asks for a picture before a person opens the film."""

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._kept: OrderedDict[tuple[Path, str], Picture] = OrderedDict()
        self._mutex = Lock()

    def get(self, file: Path, version: str) -> Picture:
        """Return the picture of a film.

        Args:
            version: another version of the same file has another picture.
        Raises:
            ImageError: the film cannot be read.
        """
        key = file, version
        with self._mutex:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        picture = make_picture(read_image(file, max_pixels=self._max_pixels))
        with self._mutex:
            self._kept[key] = picture
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return picture


def make_picture(image: Array) -> Picture:
    """Return the picture of an (H, W) or (H, W, 3) film, uint8 or uint16."""
    height, width = image.shape[:2]
    image8 = image if image.ndim == 3 and image.dtype == np.uint8 else to_grey8(image)
    scale = min(1.0, LARGEST_PX / max(width, height))
    if scale < 1:
        size = [max(1, round(side * scale)) for side in (width, height)]
        image8 = np.asarray(cv2.resize(image8, size, interpolation=cv2.INTER_AREA))
    return Picture(encode_jpeg(image8, QUALITY), width, height)
