"""Turn markers into a mask of the pixels to erase."""

from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.markers import Marker, Quad, quad_sides

Mask = NDArray[np.bool_]

Window = tuple[slice, slice]


BLOCK = 8  # JPEG's; windows start at its borders

SOFT_EDGE_PX = 1.5  # however small the film, its letters' edges are blurred over this much


def marker_mask(
    shape: tuple[int, ...],
    markers: Iterable[Marker],
    *,
    grow_fraction: float = 0.1,
    grow_px: float = 3.0,
) -> Mask:
    """Return an (H, W) bool mask that is True on every marker and a little around it.

    Args:
        shape: of the image; the first two numbers count.
        grow_fraction: share of a marker's shorter side by which each of its sides moves outwards, for soft
            edges and quads that sit tight; plates, whose edges are faint, grow by `grow_px` alone.
        grow_px: pixels by which each side moves at least, on a film of 1,000 px; in proportion on others.
    """
    canvas = np.zeros(shape[:2], np.uint8)
    least = max(grow_px * max(shape[:2]) / 1000, min(grow_px, SOFT_EDGE_PX))
    for marker in markers:
        soft = 0.0 if marker.style == "plate" else grow_fraction * min(quad_sides(marker.quad))
        margin = max(least, soft)
        cv2.fillPoly(canvas, [_pixels(_grow(marker.quad, margin), shape)], 1)
    return canvas.astype(bool)


def mask_parts(mask: Mask, margin: Callable[[int, int], int]) -> Iterator[tuple[Window, Mask]]:
    """Yield each connected part of a mask: a window around it, and the part within the window.

    Args:
        margin: of the window, in pixels, for the height and width of the part's upright box.
    """
    if not mask.any():
        return
    rows, columns = window_around(mask, 0)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask[rows, columns].astype(np.uint8), connectivity=8)
    for number in range(1, count):
        x, y, width, height = (int(value) for value in stats[number, :4])
        shape = parts[y : y + height, x : x + width] == number
        x, y, reach = x + columns.start, y + rows.start, margin(height, width)
        top, left = (max(start - reach, 0) // BLOCK * BLOCK for start in (y, x))
        window = (slice(top, y + height + reach), slice(left, x + width + reach))
        part = np.zeros_like(mask[window])
        part[y - top : y - top + height, x - left : x - left + width] = shape
        yield window, part


def window_around(mask: Mask, margin: int) -> Window:
    """Return the upright box around a mask, with a margin, cut at the border; empty for an empty mask."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    bottom, right = min(y + height + margin, mask.shape[0]), min(x + width + margin, mask.shape[1])
    return slice(max(y - margin, 0), bottom), slice(max(x - margin, 0), right)


def sample(mask: Mask, most: int) -> NDArray[np.int64]:
    """Return (N, 2) rows and columns of a mask's True places: all, or `most` of them evenly."""
    places = np.argwhere(mask)
    return places[np.linspace(0, len(places) - 1, min(len(places), most)).astype(np.int64)]


def _grow(quad: Quad, margin: float) -> NDArray[np.float64]:
    """Move each side of a convex quad outwards: each corner goes along both of its sides."""
    points = np.array(quad, np.float64)
    to_next, to_last = np.roll(points, -1, axis=0) - points, np.roll(points, 1, axis=0) - points
    return points - margin * (_unit(to_next) + _unit(to_last))


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))


def _pixels(points: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Pixel centres lie at halves; far corners are drawn in, since fillPoly overflows beyond 2**15 or so."""
    limit = 4 * max(shape[:2]) + 16
    return np.round(np.clip(points, -limit, limit) - 0.5).astype(np.int32)
