"""Fill masked pixels from their surroundings."""

import cv2
import numpy as np

from preprocess.images import Array
from preprocess.mask import Mask, mask_parts

RADIUS_PX = 3.0  # neighbourhood from which a masked pixel is filled


def inpaint(image: Array, mask: Mask) -> Array:
    """Fill the masked pixels from their surroundings; return all others unchanged.

    Works on a window around each separate part of the mask, so that the time goes with the masked area and
    not with the film. A film that is masked all over becomes flat, at its median.

    Args:
        image: (H, W) or (H, W, 3), uint8 or uint16; not modified.
        mask: (H, W) bool, True on marker pixels.
    Raises:
        ValueError: mask and image differ in height or width.
    Source: Telea 2004, "An image inpainting technique based on the fast marching method".
    """
    if mask.shape != image.shape[:2]:
        raise ValueError(f"the mask is {mask.shape}, the image {image.shape[:2]} (height, width)")
    filled: Array = image.copy()
    if mask.all():
        filled[:] = np.median(image, axis=(0, 1)).astype(image.dtype)
        return filled
    for window, part in mask_parts(mask, lambda _: 5):
        filled[window][part] = _telea(image[window], mask[window])[part]
    return filled


def _telea(image: Array, mask: Mask) -> Array:
    """OpenCV takes colour at 8 bits only, so the channels go one by one."""
    if image.ndim == 3:
        return np.dstack([_telea(image[..., channel], mask) for channel in range(image.shape[2])])
    holes = mask.astype(np.uint8)
    return np.asarray(cv2.inpaint(np.ascontiguousarray(image), holes, RADIUS_PX, cv2.INPAINT_TELEA))
