"""Rotated and mirrored views of an image, and the way back from a view to the image."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preprocess.images import Array


@dataclass(frozen=True)
class View:
    """A view of an image: mirrored left to right or not, then rotated counter-clockwise by quarter turns."""

    turns: int = 0
    mirrored: bool = False

    def show(self, image: Array) -> Array:
        """Return this view of an (H, W) or (H, W, C) image."""
        flipped = image[:, ::-1] if self.mirrored else image
        return np.ascontiguousarray(np.rot90(flipped, self.turns))

    def undo(self, pixels: Array) -> Array:
        """Rotate and mirror (..., H, W) pixels of this view back to their positions in the image."""
        flipped = np.rot90(pixels, -self.turns, (-2, -1))
        return np.asarray(flipped[..., ::-1] if self.mirrored else flipped)

    def back(self, points: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Convert (N, 2) points (x, y) of this view exactly to coordinates of the image of the given shape."""
        x, y = np.asarray(points, np.float64).T
        height, width = shape[:2]
        if self.turns % 2:
            height, width = width, height
        for _ in range(self.turns % 4):  # each pass undoes one quarter turn
            x, y, height, width = height - y, x, width, height
        return np.stack([shape[1] - x if self.mirrored else x, y], axis=1)


def views(turns: int, mirrored: bool) -> tuple[View, ...]:
    """Return the views of the first `turns` quarter turns; if `mirrored`, also those of the mirrored image."""
    return tuple(View(turn, flip) for flip in ((False, True) if mirrored else (False,)) for turn in range(turns))
