"""Tell a film's field from the dark around it, so that neither is filled with the other."""

import cv2
import numpy as np

from preprocess.inpainting.source import Plane
from preprocess.mask import Mask

DARK = 0.03  # of the grey range: what is around a field is no brighter

SPECK_PX = 5  # brighter spots around a field, as of JPEG beside its edge, are narrower


def field_of(grey: Plane, unknown: Mask) -> tuple[Mask, Mask]:
    """Return where the field of an (H, W) film is, and where around it dark is known.

    A field is convex, and around it, as in the corners of a turned film, all is dark. What is not known counts for
    nothing, so that a hole over the field's corner cuts that off.
    """
    bright = ((grey > DARK) & ~unknown).astype(np.uint8)
    whole = cv2.morphologyEx(bright, cv2.MORPH_OPEN, np.ones((SPECK_PX, SPECK_PX), np.uint8))
    hull = np.zeros_like(whole)
    outlines, _ = cv2.findContours(whole, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if outlines:
        cv2.fillConvexPoly(hull, cv2.convexHull(np.concatenate(outlines)), 1)
    field = hull > 0
    return field, np.asarray(~(field | unknown | (bright > 0)))


def sides(hole: Mask, field: Mask, dark: Mask) -> list[Mask]:
    """Return the field and what is beyond it, as far as the hole lies in them; all, if it lies beside nothing dark."""
    beyond = cv2.dilate((hole & ~field).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if not (beyond & dark).any():
        return [np.ones_like(field)]
    return [side for side in (field, ~field) if (hole & side).any()]
