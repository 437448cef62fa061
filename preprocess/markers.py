"""Markers and their quads.

A quad's corners follow the text as it reads: top left, top right, bottom right, bottom left. Turned text has
a turned quad, mirrored text one that runs counter-clockwise. Coordinates are pixels; (0, 0) is the image's
outer top left corner, so a marker over the whole of an (H, W) image ends at (W, H).
"""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]

Quad = tuple[Point, Point, Point, Point]


STYLES = ("burned", "label", "lead", "symbol", "plate")

SQUARE = 1.2  # ratio of sides up to which an upright box counts as square ...

NO_MORE = 1.05  # ... and of its area to the smallest rectangle's up to which that is as good as upright


@dataclass(frozen=True)
class Marker:
    """One text or symbol burned into a film, or laid on it as lead letters.

    Args:
        quad: corners (x, y) in pixels, in reading order.
        text: as read; empty when nothing legible was found.
        confidence: 0 to 1, that this is a marker at all.
        style: one of STYLES, or empty when it is not known.
    """

    quad: Quad
    text: str = ""
    confidence: float = 1.0
    style: str = ""


@dataclass(frozen=True)
class MarkedImage:
    """The size of one image in pixels, and its markers."""

    width: int
    height: int
    markers: tuple[Marker, ...] = ()


def as_quad(points: Any) -> Quad:
    """Return four (x, y) points as a Quad, rounded to a hundredth of a pixel."""
    a, b, c, d = ((round(float(x), 2) + 0.0, round(float(y), 2) + 0.0) for x, y in points)
    return (a, b, c, d)


def box_quad(x0: float, y0: float, x1: float, y1: float) -> Quad:
    """Return the quad of an upright box."""
    return as_quad(((x0, y0), (x1, y0), (x1, y1), (x0, y1)))


def quad_box(quad: Quad) -> tuple[float, float, float, float]:
    """Return the upright box (x0, y0, x1, y1) around a quad."""
    xs, ys = zip(*quad, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def quad_area(quad: Quad) -> float:
    """Return the area of a quad in square pixels."""
    return abs(_turning(quad)) / 2


def _turning(quad: Quad) -> float:
    """Twice the area, below zero where the corners run counter-clockwise as seen (y points down)."""
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(quad, (*quad[1:], quad[0]), strict=True))


def is_mirrored(quad: Quad) -> bool:
    """Tell whether a quad runs counter-clockwise as seen, so that its text reads as in a mirror."""
    return _turning(quad) < 0


def kind_of(marker: Marker) -> str:
    """Return a marker's style for people: "lead", "mirrored lead", "unknown style"."""
    return f"{'mirrored ' if is_mirrored(marker.quad) else ''}{marker.style or 'unknown style'}"


def place_of(marker: Marker, width: int, height: int) -> str:
    """Return where on a film a marker lies: the "centre" (middle half of both sides), or "top left" and so on."""
    x0, y0, x1, y1 = quad_box(marker.quad)
    x, y = (x0 + x1) / 2 / max(width, 1), (y0 + y1) / 2 / max(height, 1)
    if abs(x - 0.5) < 0.25 and abs(y - 0.5) < 0.25:
        return "centre"
    return f"{'top' if y < 0.5 else 'bottom'} {'left' if x < 0.5 else 'right'}"


def quad_sides(quad: Quad) -> tuple[float, float]:
    """Return a quad's length along its text and its height, in pixels."""
    return math.dist(quad[0], quad[1]), math.dist(quad[1], quad[2])


def lies_on(marker: Marker, plate: Marker) -> bool:
    """Return whether a marker's centre lies on a plate."""
    x, y = (sum(values) / 4 for values in zip(*marker.quad, strict=True))
    return float(cv2.pointPolygonTest(np.array(plate.quad, np.float32), (x, y), False)) >= 0


def around(points: NDArray[np.float32]) -> Quad:
    """Return the smallest turned rectangle around (N, 2) points, from its corner nearest to the top left.

    What is round, as an emblem, has no direction: the square around it stands upright, as one would draw it.
    """
    corners = cv2.boxPoints(cv2.minAreaRect(points.astype(np.float32)))
    quad = as_quad(np.roll(corners, -int(corners.sum(axis=1).argmin()), axis=0))
    low, high = points.min(axis=0), points.max(axis=0)
    across, down = (high - low).tolist()
    if max(across, down) > SQUARE * min(across, down) or across * down > NO_MORE * quad_area(quad):
        return quad
    return as_quad(np.array([low, (high[0], low[1]), high, (low[0], high[1])]))
