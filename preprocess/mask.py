"""Masks of the pixels to erase: made from markers, and split into connected parts."""

from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.markers import Marker, Quad, quad_sides

Mask = NDArray[np.bool_]

Window = tuple[slice, slice]


BLOCK = 8  # side of a JPEG block in pixels; windows start at block borders

SOFT_EDGE_PX = 1.5  # the edges of letters are blurred over this width, even on small films


def marker_mask(
    shape: tuple[int, ...],
    markers: Iterable[Marker],
    *,
    grow_fraction: float = 0.1,
    grow_px: float = 3.0,
) -> Mask:
    """Return an (H, W) bool mask that is True on every marker and on a margin around it.

    Args:
        shape: shape of the image; only height and width are used.
        grow_fraction: margin as a fraction of the marker's shorter side. It covers soft edges and tight quads.
            Plates have faint edges and get only the margin of `grow_px`, and so do the strokes of annotations.
        grow_px: smallest margin, in pixels of a film of 1,000 px; it scales with the film.
    """
    canvas = np.zeros(shape[:2], np.uint8)
    smallest = max(grow_px * max(shape[:2]) / 1000, min(grow_px, SOFT_EDGE_PX))
    for marker in markers:
        relative = 0.0 if marker.style == "plate" or marker.strokes else grow_fraction * min(quad_sides(marker.quad))
        margin = max(smallest, relative)
        for quad in marker.strokes or (marker.quad,):
            cv2.fillPoly(canvas, [_pixels(_grow(quad, margin), shape)], 1)
    return canvas.astype(bool)


def mask_parts(mask: Mask, margin: Callable[[int, int], int]) -> Iterator[tuple[Window, Mask]]:
    """Yield each connected part of an (H, W) mask: a window around the part, and the part's mask in that window.

    Args:
        margin: takes height and width of the part's upright box, and returns the margin of the window in pixels.
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
    """Return the upright box around an (H, W) mask, widened by a margin and clipped to the image.

    The window of an empty mask is empty.
    """
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    bottom, right = min(y + height + margin, mask.shape[0]), min(x + width + margin, mask.shape[1])
    return slice(max(y - margin, 0), bottom), slice(max(x - margin, 0), right)


def sample(mask: Mask, limit: int) -> NDArray[np.int64]:
    """Return the (N, 2) rows and columns of a mask's True pixels: all, or `limit` of them at even steps."""
    pixels = np.argwhere(mask)
    return pixels[np.linspace(0, len(pixels) - 1, min(len(pixels), limit)).astype(np.int64)]


def _grow(quad: Quad, margin: float) -> NDArray[np.float64]:
    """Move each side of a convex quad outwards, by moving each corner along its two sides."""
    points = np.array(quad, np.float64)
    to_next, to_previous = np.roll(points, -1, axis=0) - points, np.roll(points, 1, axis=0) - points
    return points - margin * (_unit(to_next) + _unit(to_previous))


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))


def _pixels(points: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Round outer coordinates to pixel indices. Distant corners are clipped, because fillPoly overflows near 2**15."""
    limit = 4 * max(shape[:2]) + 16
    return np.round(np.clip(points, -limit, limit) - 0.5).astype(np.int32)


def outline_path(mask: Mask) -> str:
    """Return the outline of an (H, W) mask as an SVG path in its pixels."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    tolerance_px = max(mask.shape) / 500
    shapes = (cv2.approxPolyDP(contour, tolerance_px, True)[:, 0].tolist() for contour in contours)
    return " ".join("M" + "L".join(f"{x} {y}" for x, y in points) + "Z" for points in shapes)
