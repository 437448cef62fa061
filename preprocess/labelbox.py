"""Find the filled box that a label's text stands in."""

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.markers import Quad, around, quad_area, quad_sides
from preprocess.tighten import cut, pixel_corners

REACH = 2.0  # a label's edge lies at most this many text heights from its text
TOLERANCE = 6  # grey levels within which a fill is even
EVEN_SHARE = 0.25  # of the text's quad that the fill must take up at least
RECTANGULAR = 0.85  # share of its own turned rectangle that a label covers, its text included
LARGEST = 6.0  # times its text's quad that a label takes up at most


def label_box(image: NDArray[np.uint8], quad: Quad) -> Quad | None:
    """Return the quad of the filled box around a text's quad, or None where it stands on the film itself.

    A box is an even fill behind the text that ends as a rectangle nearby; the film's own ground runs on.

    Args:
        image: (H, W) uint8.
    """
    left, top, window, inside = cut(image, quad, REACH * min(quad_sides(quad)) + 2)
    if not inside.any():
        return None
    region = _fill(window, inside)
    if region is None or region[inside].mean() < 0.5 or _runs_on(region, image, left, top):
        return None
    box = around(pixel_corners(region, left, top))
    fits = region.sum() >= RECTANGULAR * quad_area(box) and quad_area(box) <= LARGEST * quad_area(quad)
    return box if fits else None


def _fill(window: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The even part around the commonest grey inside, with the text's holes closed."""
    values = window[inside]
    grey = int(np.bincount(values, minlength=256).argmax())
    even = np.abs(window.astype(np.int16) - grey) <= TOLERANCE
    if even[inside].mean() < EVEN_SHARE:
        return None
    _, labels = cv2.connectedComponents(even.astype(np.uint8), connectivity=4)
    here = np.bincount(labels[inside & even], minlength=2)
    region = (labels == int(here[1:].argmax()) + 1).astype(np.uint8)
    outlines, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(region, outlines, -1, 1, cv2.FILLED)
    return np.asarray(region, bool)


def _runs_on(region: NDArray[np.bool_], image: NDArray[np.uint8], left: int, top: int) -> bool:
    """The region reaches an edge of the window that is no edge of the image."""
    height, width = region.shape
    return bool(
        (region[0].any() and top > 0)
        or (region[:, 0].any() and left > 0)
        or (region[-1].any() and top + height < image.shape[0])
        or (region[:, -1].any() and left + width < image.shape[1])
    )
