"""A film made small, as text that stands in a page."""

import base64

import cv2
import numpy as np

from preprocess.images import Array, encode_jpeg, to_grey8


def thumbnail_uri(image: Array, side_px: int) -> str:
    """Return an image as the data URI of a JPEG whose longer side is side_px at most."""
    scale = min(1.0, side_px / max(image.shape[:2]))
    shown = image if image.ndim == 3 and image.dtype == np.uint8 else to_grey8(image)
    size = [max(1, round(side * scale)) for side in (image.shape[1], image.shape[0])]
    small = cv2.resize(shown, size, interpolation=cv2.INTER_AREA)
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(small, 80)).decode()
