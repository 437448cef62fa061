"""Artificial films with random texture, for the tests of copies."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

Film = NDArray[np.uint8]


def textured(seed: int, height: int = 300, width: int = 240) -> Film:
    """Make a film of blobs of all sizes and fine grain; two seeds share no structure."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width), np.float32)
    for sigma, weight in ((16, 1.0), (7, 0.7), (3, 0.5), (1.3, 0.3)):
        noise = cv2.GaussianBlur(rng.normal(size=(height, width)).astype(np.float32), (0, 0), sigma)
        total += weight * noise / noise.std()
    low, high = np.percentile(total, [0.5, 99.5])
    return np.clip(30 + 190 * (total - low) / (high - low), 20, 230).astype(np.uint8)


@pytest.fixture(scope="session")
def films() -> Callable[[int], Film]:
    """Return a function that makes the film of a seed."""
    return textured
