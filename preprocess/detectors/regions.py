"""Find the connected pieces of what the marker network takes for a marker, and part those that hold several."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.markers import Quad, enclosing_quad, quad_area

# (CHANNELS, h, w) logits. Channel 0: a marker; 1 to 4: its style is STYLES[0..3]; 5: the plate under lead letters;
# 6 and 7: where the text's top points, x and y; 8: it is mirrored
Said = NDArray[np.float32]

Parts = NDArray[np.int32]  # (h, w): 0 for no part, then their numbers


STRIDE = 2  # film pixels, as the network sees them, to one pixel of what it says

MULTIPLE = 32  # of which the sides of what it sees must be

SMALLEST = 12  # pixels

LEVELS = (0.0, 2.0, 4.0)  # logits above which several markers in one region may come apart

FULL = 0.85  # share of its rectangle from which a region is one marker

LEAST = 0.1  # share of a region that each of its parts has

GAIN = 0.92  # share of the region's rectangle that the parts' rectangles take together at most


@dataclass(frozen=True)
class Region:
    """One connected piece of what the network takes for a marker, in pixels of what it says.

    Args:
        here: (x, y) of the upper left pixel of the box around it.
        shape: (h, w) bool, True on its pixels within that box.
    """

    here: tuple[int, int]
    shape: NDArray[np.bool_]

    def window(self, said: Said) -> Said:
        """Return what is said of the box around it, (CHANNELS, h, w) or (h, w)."""
        (x, y), (h, w) = self.here, self.shape.shape
        return said[..., y : y + h, x : x + w]

    def of(self, said: Said) -> Said:
        """Return what is said of this region's pixels, (CHANNELS, pixels)."""
        return np.asarray(self.window(said)[:, self.shape], np.float32)

    def above(self, said: NDArray[np.float32], least: float) -> "Region":
        """Return its pixels that reach `least` of (H, W) logits; not cropped."""
        return Region(self.here, self.shape & (self.window(said) >= least))

    def quad(self, scale: NDArray[np.float64]) -> Quad:
        """Return the smallest turned rectangle around its pixels, in film pixels."""
        outlines, _ = cv2.findContours(self.shape.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        points = np.concatenate(outlines).reshape(-1, 2) + np.array(self.here)
        corners = np.concatenate([points + np.array((i, j)) for i in (0, 1) for j in (0, 1)])
        return enclosing_quad((corners * scale).astype(np.float32))


def regions(said: NDArray[np.float32], core: float, edge: float) -> list[Region]:
    """Return the connected pieces of (h, w) logits of `edge` and more of which SMALLEST pixels reach `core`.

    Source: Canny 1986, "A computational approach to edge detection" (hysteresis).
    """
    _, marks, stats, _ = cv2.connectedComponentsWithStats((said >= edge).astype(np.uint8))
    cores = np.bincount(marks[said >= core], minlength=len(stats))
    found = []
    for number, (x, y, w, h, _) in enumerate(stats[1:].tolist(), 1):
        if cores[number] >= SMALLEST:
            found.append(Region((x, y), marks[y : y + h, x : x + w] == number))
    return found


def pieces(said: Said, region: Region) -> list[Region]:
    """Part a region that holds several markers, such as a label and the letter below it, so that less is erased.

    It comes apart by style or where the network is less sure, if the parts' rectangles then take up clearly less.
    """
    whole = _area(region)
    if region.shape.sum() >= FULL * whole:
        return [region]
    for parts in _cuts(region.window(said), region.shape):
        apart = _apart(region, parts)
        if len(apart) > 1 and sum(map(_area, apart)) < GAIN * whole:
            return [piece for part in apart for piece in pieces(said, part)]
    return [region]


def _area(region: Region) -> float:
    return quad_area(region.quad(np.ones(2)))


def _cuts(said: Said, shape: NDArray[np.bool_]) -> Iterator[Parts]:
    styles = said[1:5].argmax(0)
    yield _connected([shape & (said[0] >= LEVELS[0]) & (styles == style) for style in range(4)])
    for level in LEVELS:
        yield _connected([shape & (said[0] >= level)])


def _connected(masks: Sequence[NDArray[np.bool_]]) -> Parts:
    parts, last = np.zeros(masks[0].shape, np.int32), 0
    for mask in masks:
        count, marks = cv2.connectedComponents(mask.astype(np.uint8))
        parts[mask] = marks[mask] + last
        last += count - 1
    return parts


def _apart(region: Region, parts: Parts) -> list[Region]:
    """Give each pixel of the region to the nearest of its larger parts."""
    least = max(SMALLEST, LEAST * region.shape.sum())
    numbers = [number for number, size in enumerate(np.bincount(parts.ravel())) if number and size >= least]
    if len(numbers) < 2:
        return [region]
    far = [cv2.distanceTransform((parts != number).astype(np.uint8), cv2.DIST_L2, 5) for number in numbers]
    nearest = np.argmin(far, axis=0)
    return [_cropped(region, region.shape & (nearest == place)) for place in range(len(numbers))]


def _cropped(region: Region, shape: NDArray[np.bool_]) -> Region:
    x, y, w, h = cv2.boundingRect(shape.astype(np.uint8))
    return Region((region.here[0] + x, region.here[1] + y), shape[y : y + h, x : x + w])
