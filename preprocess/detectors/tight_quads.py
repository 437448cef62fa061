"""Fit quads to what they enclose: tightly to the ink of the text, or to the filled box of a label."""

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.markers import Quad, enclosing_quad, quad_area, quad_box, quad_sides

MIN_CONTRAST = 20  # grey levels; with less contrast, ink cannot be told from the ground

INK_FRACTION = 0.25  # see `ink_fraction` of `tighten`

MAX_EDGE_FRACTION = 0.08  # if more of the quad's outline is ink, text is cut off, or the ink is anatomy

SPECK_FRACTION = 0.002  # separate spots smaller than this fraction of the quad are noise


def tighten(image: NDArray[np.uint8], quad: Quad, ink_fraction: float = INK_FRACTION) -> Quad:
    """Return the smallest rotated rectangle around the ink in a quad, so that less anatomy is erased.

    The grey level of the background is measured along the quad's outline. The quad is returned unchanged if ink and
    background cannot be told apart, for example over bone.

    Args:
        image: (H, W) uint8.
        ink_fraction: a pixel is ink if its grey level exceeds the background by more than this fraction of the contrast
            between background and brightest ink.
    """
    left, top, window, inside = cut_window(image, quad)
    if not inside.any():
        return quad
    outline = inside & ~cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0).astype(bool)
    ground, peak = float(np.median(window[outline])), float(np.quantile(window[inside], 0.99))
    ink = inside & (window > ground + ink_fraction * (peak - ground))
    if peak - ground < MIN_CONTRAST or ink[outline].mean() > MAX_EDGE_FRACTION:
        return quad
    points = pixel_corners(_without_specks(ink, SPECK_FRACTION * inside.sum()), left, top)
    tight = enclosing_quad(points) if len(points) else quad
    return tight if quad_area(tight) < quad_area(quad) else quad


def cut_window(
    image: NDArray[np.uint8], quad: Quad, margin: float = 0.0
) -> tuple[int, int, NDArray[np.uint8], NDArray[np.bool_]]:
    """Cut the window around a quad out of an image, with a margin in pixels.

    Returns:
        Left and top of the window, its (h, w) pixels, and an (h, w) mask that is True inside the quad.
    """
    x0, y0, x1, y1 = quad_box(quad)
    left, top = max(int(x0 - margin), 0), max(int(y0 - margin), 0)
    window = image[top : max(int(np.ceil(y1 + margin)), top + 1), left : max(int(np.ceil(x1 + margin)), left + 1)]
    inside = np.zeros(window.shape, np.uint8)
    if inside.size:
        cv2.fillPoly(inside, [np.round(np.subtract(quad, (left, top)) - 0.5).astype(np.int32)], 1)
    return left, top, window, inside.astype(bool)


def pixel_corners(region: NDArray[np.bool_], left: int, top: int) -> NDArray[np.float32]:
    """Return the (N, 2) corners of all True pixels of an (h, w) region whose upper left pixel is (left, top)."""
    points = np.argwhere(region)[:, ::-1].astype(np.float32)
    shifts = np.array([(0, 0), (0, 1), (1, 0), (1, 1)], np.float32) + np.array((left, top), np.float32)
    return np.asarray((points[:, None] + shifts).reshape(-1, 2))


def _without_specks(ink: NDArray[np.bool_], min_size: float) -> NDArray[np.bool_]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= max(min_size, 2)
    large[0] = False
    return np.asarray(large[labels])


REACH = 2.0  # the edge of a label is at most this many text heights away from its text

TOLERANCE = 6  # grey levels by which the fill of a label may vary

MIN_EVEN_FRACTION = 0.25  # at least this fraction of the text's quad must be fill

RECTANGULAR_FRACTION = 0.85  # a label fills this fraction of its rotated rectangle, text included

MAX_LABEL_RATIO = 6.0  # a label is at most this many times as large as its text's quad


def find_label_box(image: NDArray[np.uint8], quad: Quad) -> Quad | None:
    """Return the quad of the filled box around a text, or None if the text lies on the film itself.

    A box is a uniform area behind the text with a rectangular outline nearby. The background of a film extends further.

    Args:
        image: (H, W) uint8.
    """
    left, top, window, inside = cut_window(image, quad, REACH * min(quad_sides(quad)) + 2)
    if not inside.any():
        return None
    region = _fill(window, inside)
    if region is None or region[inside].mean() < 0.5 or _is_cut_off(region, image, left, top):
        return None
    box = enclosing_quad(pixel_corners(region, left, top))
    fits = region.sum() >= RECTANGULAR_FRACTION * quad_area(box) and quad_area(box) <= MAX_LABEL_RATIO * quad_area(quad)
    return box if fits else None


def _fill(window: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Return the connected area of the most common grey level inside the quad, with the text's holes closed."""
    values = window[inside]
    grey = int(np.bincount(values, minlength=256).argmax())
    even = np.abs(window.astype(np.int16) - grey) <= TOLERANCE
    if even[inside].mean() < MIN_EVEN_FRACTION:
        return None
    _, labels = cv2.connectedComponents(even.astype(np.uint8), connectivity=4)
    sizes = np.bincount(labels[inside & even], minlength=2)
    region = (labels == int(sizes[1:].argmax()) + 1).astype(np.uint8)
    outlines, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(region, outlines, -1, 1, cv2.FILLED)
    return np.asarray(region, bool)


def _is_cut_off(region: NDArray[np.bool_], image: NDArray[np.uint8], left: int, top: int) -> bool:
    """Return whether the region reaches an edge of the window that is not an edge of the image."""
    height, width = region.shape
    return bool(
        (region[0].any() and top > 0)
        or (region[:, 0].any() and left > 0)
        or (region[-1].any() and top + height < image.shape[0])
        or (region[:, -1].any() and left + width < image.shape[1])
    )
