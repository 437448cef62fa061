"""Find the filled box that a label's text stands in."""

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.markers import Quad, around, quad_box, quad_sides

REACH = 2.0  # a label's edge lies at most this many text heights from its text
TOLERANCE = 6  # grey levels within which a fill is even
EVEN_SHARE = 0.25  # of the text's quad that the fill must take up at least
RECTANGULAR = 0.85  # share of its own turned rectangle that a label covers, its text included
STEP = 12  # grey levels by which a label differs from what is around it


def label_box(image: NDArray[np.uint8], quad: Quad) -> Quad | None:
    """Return the quad of the filled box around a text's quad, or None where it stands on the film itself.

    A box is an even fill behind the text that ends as a rectangle nearby; the film's own ground runs on.

    Args:
        image: (H, W) uint8.
    """
    left, top, window = _window(image, quad)
    inside = np.zeros(window.shape, np.uint8)
    cv2.fillPoly(inside, [np.round(np.subtract(quad, (left, top)) - 0.5).astype(np.int32)], 1)
    if not inside.any():
        return None
    region = _fill(window, inside.astype(bool))
    if region is None or _runs_on(region, image, left, top):
        return None
    box = _rectangle(region, inside.astype(bool))
    return None if box is None else _shift(box, left, top)


def _window(image: NDArray[np.uint8], quad: Quad) -> tuple[int, int, NDArray[np.uint8]]:
    reach = REACH * min(quad_sides(quad)) + 2
    x0, y0, x1, y1 = quad_box(quad)
    left, top = max(int(x0 - reach), 0), max(int(y0 - reach), 0)
    return left, top, image[top : max(int(y1 + reach), top + 1), left : max(int(x1 + reach), left + 1)]


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


def _rectangle(region: NDArray[np.bool_], inside: NDArray[np.bool_]) -> Quad | None:
    points = np.argwhere(region)[:, ::-1].astype(np.float32)
    (_, _), (width, height), _ = cv2.minAreaRect(points)
    if len(points) < RECTANGULAR * (width + 1) * (height + 1) or region[inside].mean() < 0.5:
        return None
    corners = np.concatenate([points + corner for corner in np.array([(0, 0), (0, 1), (1, 0), (1, 1)])])
    return around(corners)


def _shift(quad: Quad, left: int, top: int) -> Quad:
    a, b, c, d = ((x + left, y + top) for x, y in quad)
    return (a, b, c, d)
