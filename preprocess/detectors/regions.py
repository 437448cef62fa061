"""Find connected regions in the marker network's logits, and split those that hold several markers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.markers import Quad, enclosing_quad, quad_area

# (CHANNELS, h, w). Channel 0: marker; 1 to 4 and 9: its style is STYLES[0..4]; 5: plate under lead letters;
# 6 and 7: x and y of the direction in which the top of the text points; 8: the text is mirrored.
# Networks of fxkit 0.1 have no channel 9
Logits = NDArray[np.float32]

Labels = NDArray[np.int32]  # (h, w): 0 for no part, else the number of the part

STRIDE = 2  # pixels of the network's input to one pixel of its output

MULTIPLE = 32  # the sides of the network's input must be multiples of this

MIN_PIXELS = 12  # smaller regions are ignored

STYLE_CHANNELS = (1, 2, 3, 4, 9)

CELL = 8  # side of the pieces into which the lines of annotations are cut, in pixels of the network's output

LEVELS = (0.0, 2.0, 4.0)  # logits above which a region may fall apart into several markers

FULL_FRACTION = 0.85  # a region that fills this fraction of its rectangle is one marker

MIN_PART_FRACTION = 0.1  # of a region's pixels; smaller parts are not split off

MAX_AREA_RATIO = 0.92  # a region is split only if the parts' rectangles together have less than this share of its own


@dataclass(frozen=True)
class Region:
    """A connected set of pixels of the network's output.

    Args:
        corner: (x, y) of the upper left pixel of its upright box.
        shape: (h, w) bool, True on its pixels within that box.
    """

    corner: tuple[int, int]
    shape: NDArray[np.bool_]

    def window(self, logits: Logits) -> Logits:
        """Cut the region's upright box out of (CHANNELS, H, W) or (H, W) logits."""
        (x, y), (h, w) = self.corner, self.shape.shape
        return logits[..., y : y + h, x : x + w]

    def values(self, logits: Logits) -> Logits:
        """Return the (CHANNELS, pixels) logits of the region's pixels."""
        return np.asarray(self.window(logits)[:, self.shape], np.float32)

    def above(self, logits: NDArray[np.float32], threshold: float) -> "Region":
        """Return the region without the pixels whose (H, W) logits are below the threshold."""
        return Region(self.corner, self.shape & (self.window(logits) >= threshold))

    def quad(self, scale: NDArray[np.float64]) -> Quad:
        """Return the smallest rotated rectangle around the region, with coordinates multiplied by scale (x, y)."""
        outlines, _ = cv2.findContours(self.shape.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        points = np.concatenate(outlines).reshape(-1, 2) + np.array(self.corner)
        corners = np.concatenate([points + np.array((i, j)) for i in (0, 1) for j in (0, 1)])
        return enclosing_quad((corners * scale).astype(np.float32))


def strokes_of(region: Region, scale: NDArray[np.float64]) -> tuple[Quad, ...]:
    """Return rotated rectangles that cover a region of thin lines, one for each piece of a line.

    The lines are cut by a grid of CELL pixels, so that a circle is covered by short pieces and not by its rectangle.
    """
    quads = []
    height, width = region.shape.shape
    for top in range(0, height, CELL):
        for left in range(0, width, CELL):
            cell = region.shape[top : top + CELL, left : left + CELL].astype(np.uint8)
            corner = (region.corner[0] + left, region.corner[1] + top)
            count, pieces = cv2.connectedComponents(cell)
            quads += [Region(corner, pieces == number).quad(scale) for number in range(1, count)]
    return tuple(quads)


def styles_of(logits: Logits) -> Logits:
    """Return the (styles, ...) logits of the styles in (CHANNELS, ...) logits."""
    return logits[[channel for channel in STYLE_CHANNELS if channel < len(logits)]]


def find_regions(logits: NDArray[np.float32], core: float, edge: float) -> list[Region]:
    """Return the connected regions of (h, w) logits >= edge that have MIN_PIXELS or more pixels >= core.

    Source: Canny 1986, "A computational approach to edge detection" (hysteresis).
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats((logits >= edge).astype(np.uint8))
    core_counts = np.bincount(labels[logits >= core], minlength=len(stats))
    regions = []
    for number, (x, y, w, h, _) in enumerate(stats[1:].tolist(), 1):
        if core_counts[number] >= MIN_PIXELS:
            regions.append(Region((x, y), labels[y : y + h, x : x + w] == number))
    return regions


def split_region(logits: Logits, region: Region) -> list[Region]:
    """Split a region that holds several markers, such as a label and the letter below it.

    The region is split by style, or at pixels with lower logits, if the rectangles of the parts are clearly smaller
    together than that of the region. Then less of the film is erased.

    Returns:
        The parts, or the region alone if it is not split.
    """
    area = _rectangle_area(region)
    if region.shape.sum() >= FULL_FRACTION * area:
        return [region]
    for labels in _candidate_splits(region.window(logits), region.shape):
        parts = _assign_pixels(region, labels)
        if len(parts) > 1 and sum(map(_rectangle_area, parts)) < MAX_AREA_RATIO * area:
            return [piece for part in parts for piece in split_region(logits, part)]
    return [region]


def _rectangle_area(region: Region) -> float:
    return quad_area(region.quad(np.ones(2)))


def _candidate_splits(logits: Logits, shape: NDArray[np.bool_]) -> Iterator[Labels]:
    styles = styles_of(logits)
    best = styles.argmax(0)
    yield _label_parts([shape & (logits[0] >= LEVELS[0]) & (best == style) for style in range(len(styles))])
    for level in LEVELS:
        yield _label_parts([shape & (logits[0] >= level)])


def _label_parts(masks: Sequence[NDArray[np.bool_]]) -> Labels:
    """Number the connected parts of several masks that do not overlap."""
    labels, last = np.zeros(masks[0].shape, np.int32), 0
    for mask in masks:
        count, numbers = cv2.connectedComponents(mask.astype(np.uint8))
        labels[mask] = numbers[mask] + last
        last += count - 1
    return labels


def _assign_pixels(region: Region, labels: Labels) -> list[Region]:
    """Assign each pixel of the region to the nearest of the parts that are large enough."""
    min_size = max(MIN_PIXELS, MIN_PART_FRACTION * region.shape.sum())
    numbers = [number for number, size in enumerate(np.bincount(labels.ravel())) if number and size >= min_size]
    if len(numbers) < 2:
        return [region]
    distances = [cv2.distanceTransform((labels != number).astype(np.uint8), cv2.DIST_L2, 5) for number in numbers]
    nearest = np.argmin(distances, axis=0)
    return [_crop(region, region.shape & (nearest == index)) for index in range(len(numbers))]


def _crop(region: Region, shape: NDArray[np.bool_]) -> Region:
    x, y, w, h = cv2.boundingRect(shape.astype(np.uint8))
    return Region((region.corner[0] + x, region.corner[1] + y), shape[y : y + h, x : x + w])
