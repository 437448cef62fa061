"""The turned and mirrored views of an image, and the way back from a point in a view to the image."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preprocess.images import Array


@dataclass(frozen=True)
class View:
    """An image mirrored left to right (if so), then turned counter-clockwise by quarter turns."""

    turns: int = 0
    mirrored: bool = False

    def show(self, image: Array) -> Array:
        """Return (H, W) or (H, W, C) pixels as this view shows them."""
        flipped = image[:, ::-1] if self.mirrored else image
        return np.ascontiguousarray(np.rot90(flipped, self.turns))

    def undo(self, seen: Array) -> Array:
        """Return (..., H, W) pixels of this view as the image has them."""
        flipped = np.rot90(seen, -self.turns, (-2, -1))
        return np.asarray(flipped[..., ::-1] if self.mirrored else flipped)

    def back(self, points: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return where (N, 2) points (x, y) of the view lie in the image of this shape, exactly."""
        x, y = np.asarray(points, np.float64).T
        height, width = shape[:2]
        if self.turns % 2:
            height, width = width, height
        for _ in range(self.turns % 4):  # each pass undoes one quarter turn
            x, y, height, width = height - y, x, width, height
        return np.stack([shape[1] - x if self.mirrored else x, y], axis=1)


def views(turns: int, mirrored: bool) -> tuple[View, ...]:
    """Return the first so many quarter turns, and the same of the mirrored image when asked."""
    return tuple(View(turn, flip) for flip in ((False, True) if mirrored else (False,)) for turn in range(turns))
