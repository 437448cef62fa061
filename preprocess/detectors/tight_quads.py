"""Draw a loose quad tight around the ink in it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.markers import Quad, enclosing_quad, quad_area, quad_box, quad_sides

FAINT = 20  # grey levels: less contrast than this is no ink to go by

INK = 0.25  # see `share`

ON_EDGE = 0.08  # share of the quad's outline that ink may cross: more is cut-off text, or anatomy

SPECK = 0.002  # share of the quad below which a separate spot is noise


def tighten(image: NDArray[np.uint8], quad: Quad, share: float = INK) -> Quad:
    """Return the smallest turned rectangle around the ink in a quad, or the quad where ink is hard to tell.

    Finders of text leave a margin that would cost anatomy. The ground is what stands along the quad's outline;
    where that is not even, as over bone, the quad stays.

    Args:
        image: (H, W) uint8.
        share: of the way from the ground to the brightest ink from which a pixel is ink.
    """
    left, top, window, inside = cut(image, quad)
    if not inside.any():
        return quad
    outline = inside & ~cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0).astype(bool)
    ground, peak = float(np.median(window[outline])), float(np.quantile(window[inside], 0.99))
    ink = inside & (window > ground + share * (peak - ground))
    if peak - ground < FAINT or ink[outline].mean() > ON_EDGE:
        return quad
    points = pixel_corners(_without_specks(ink, SPECK * inside.sum()), left, top)
    tight = enclosing_quad(points) if len(points) else quad
    return tight if quad_area(tight) < quad_area(quad) else quad


def cut(
    image: NDArray[np.uint8], quad: Quad, reach: float = 0.0
) -> tuple[int, int, NDArray[np.uint8], NDArray[np.bool_]]:
    """Return left, top and pixels of the window around a quad, and which of them lie inside the quad."""
    x0, y0, x1, y1 = quad_box(quad)
    left, top = max(int(x0 - reach), 0), max(int(y0 - reach), 0)
    window = image[top : max(int(np.ceil(y1 + reach)), top + 1), left : max(int(np.ceil(x1 + reach)), left + 1)]
    inside = np.zeros(window.shape, np.uint8)
    if inside.size:
        cv2.fillPoly(inside, [np.round(np.subtract(quad, (left, top)) - 0.5).astype(np.int32)], 1)
    return left, top, window, inside.astype(bool)


def pixel_corners(region: NDArray[np.bool_], left: int, top: int) -> NDArray[np.float32]:
    """Return (N, 2) points: the corners of each pixel of an (H, W) region that starts at left and top."""
    points = np.argwhere(region)[:, ::-1].astype(np.float32)
    shifts = np.array([(0, 0), (0, 1), (1, 0), (1, 1)], np.float32) + np.array((left, top), np.float32)
    return np.asarray((points[:, None] + shifts).reshape(-1, 2))


def _without_specks(ink: NDArray[np.bool_], least: float) -> NDArray[np.bool_]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= max(least, 2)
    large[0] = False
    return np.asarray(large[labels])


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
    box = enclosing_quad(pixel_corners(region, left, top))
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
