"""Ground truth of a training picture: six int8 layers at half the size of the picture.

The layers (`LAYERS`) are marker (0 or 1; -1 where unknown), style (index into STYLES; -1 outside markers), plate (0 or
1), up_x and up_y (direction of the top of the text, as hundredths of a unit vector; 0 without text), and mirrored (0 or
1; -1 without text).
"""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.detectors.markernet import STYLES
from preprocess.detectors.regions import STRIDE
from preprocess.markernet.laying import Points
from preprocess.markernet.marker_parts import UNKNOWN, Area
from preprocess.markers import as_quad, is_mirrored

Truth = NDArray[np.int8]

LAYERS = ("marker", "style", "plate", "up_x", "up_y", "mirrored")


def empty_truth(side_px: int) -> Truth:
    """Return the (6, side / 2, side / 2) int8 ground truth of a picture without markers."""
    truth = np.zeros((len(LAYERS), side_px // STRIDE, side_px // STRIDE), np.int8)
    truth[1], truth[5] = -1, -1
    return truth


def _fill_quad(quad: Points, shape: tuple[int, ...], grow: float = 0.0) -> NDArray[np.uint8]:
    """Return a mask at half size of the pixels that a quad touches, optionally grown by some pixels."""
    canvas = np.zeros(shape, np.uint8)
    centre = quad.mean(0)
    points = quad / STRIDE - 0.5
    if grow:
        away = quad - centre
        points = points + grow * away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
    cv2.fillPoly(canvas, [np.round(np.clip(points, -4000, 4000) * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    return canvas


def is_free(truth: Truth, areas: Iterable[Area]) -> bool:
    """Return whether the areas, grown by 3 pixels, overlap no marker and no plate."""
    return not any(
        (_fill_quad(area.quad, truth.shape[1:], 3.0) & (truth[0] | truth[2]).astype(np.uint8)).any() for area in areas
    )


def write_truth(truth: Truth, area: Area) -> None:
    """Write an area into the ground truth, in place."""
    here = np.zeros(truth.shape[1:], np.bool_)
    for quad in area.strokes or (area.quad,):
        here |= _fill_quad(quad, truth.shape[1:]) > 0
    if area.style == UNKNOWN:
        truth[0][here & (truth[0] == 0)] = -1
        return
    if area.style == "plate":
        truth[2][here] = 1
        return
    truth[0][here] = 1
    truth[1][here] = STYLES.index(area.style) if area.style in STYLES else -1
    if area.text:
        top = area.quad[0] - area.quad[3]
        up = top / max(float(np.linalg.norm(top)), 1e-6)
        truth[3][here], truth[4][here] = np.round(100 * up)
        truth[5][here] = int(is_mirrored(as_quad(area.quad)))
