"""Separate the exposed field of a film from the dark area around it, so that each is filled with its own content."""

import cv2
import numpy as np

from preprocess.inpainting.source import Plane
from preprocess.mask import Mask

DARK = 0.03  # of the grey range; pixels around a field are no brighter

SPECK_PX = 5  # brighter spots around a field, such as JPEG ringing beside its edge, are narrower


def find_field(grey: Plane, unknown: Mask) -> tuple[Mask, Mask]:
    """Return two (H, W) masks of a film: the exposed field, and the known dark pixels around it.

    The field is assumed to be convex, and everything around it to be dark, as in the corners of a rotated film. Unknown
    pixels are ignored, so a hole over a corner of the field cuts that corner off.

    Args:
        grey: (H, W) grey levels from 0 to 1.
        unknown: (H, W), True on pixels whose content is unknown, such as holes.
    """
    bright = ((grey > DARK) & ~unknown).astype(np.uint8)
    whole = cv2.morphologyEx(bright, cv2.MORPH_OPEN, np.ones((SPECK_PX, SPECK_PX), np.uint8))
    hull = np.zeros_like(whole)
    outlines, _ = cv2.findContours(whole, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if outlines:
        cv2.fillConvexPoly(hull, cv2.convexHull(np.concatenate(outlines)), 1)
    field = hull > 0
    return field, np.asarray(~(field | unknown | (bright > 0)))


def split_by_field(hole: Mask, field: Mask, dark: Mask) -> list[Mask]:
    """Return the (H, W) masks of the sides in which a hole lies: the field, the area beyond it, or both.

    If the hole touches no dark pixel beyond the field, the only side is the whole film.
    """
    beyond = cv2.dilate((hole & ~field).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if not (beyond & dark).any():
        return [np.ones_like(field)]
    return [side for side in (field, ~field) if (hole & side).any()]
