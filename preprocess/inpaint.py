"""Fill masked pixels from their surroundings."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.images import Array

Window = tuple[slice, slice]


def inpaint(image: Array, mask: NDArray[np.bool_], *, radius_px: float = 3.0) -> Array:
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
    for window, part in _parts(mask, margin=int(np.ceil(radius_px)) + 2):
        filled[window][part] = _telea(image[window], mask[window], radius_px)[part]
    return filled


def _parts(mask: NDArray[np.bool_], margin: int) -> Iterator[tuple[Window, NDArray[np.bool_]]]:
    """Each connected part of the mask: a window with a margin around it, and the part within the window."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    for number in range(1, count):
        x, y, width, height = (int(value) for value in stats[number, :4])
        window = (
            slice(max(y - margin, 0), y + height + margin),
            slice(max(x - margin, 0), x + width + margin),
        )
        yield window, labels[window] == number


def _telea(image: Array, mask: NDArray[np.bool_], radius_px: float) -> Array:
    """OpenCV takes colour at 8 bits only, so the channels go one by one."""
    if image.ndim == 3:
        return np.dstack([_telea(image[..., channel], mask, radius_px) for channel in range(image.shape[2])])
    holes = mask.astype(np.uint8)
    return np.asarray(cv2.inpaint(np.ascontiguousarray(image), holes, radius_px, cv2.INPAINT_TELEA))
