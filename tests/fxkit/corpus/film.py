"""The film that every kind of file in the corpus holds, and what should become of each file."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HEIGHT, WIDTH = 90, 120

MARKER = (8, 8, 22, 16)  # x, y, width and height of the burned-in letter in pixels

BITS = 12


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes:
        name: file name, unique in the corpus.
        data: bytes of the file.
        film: the (H, W) uint8 film that must be read from it; None if the file must be refused. With both `film` and
            `reason`, either is right.
        tolerance: largest difference of grey levels that the encoding causes.
        reason: regular expression that matches the reason of the refusal.
    """

    name: str
    data: bytes
    film: NDArray[np.uint8] | None = None
    tolerance: int = 1
    reason: str = ""


def deep_film(bits: int = BITS) -> NDArray[np.uint16]:
    """Return the film as (H, W) uint16 with grey values of this many bits: soft tissue, bone, and a burned-in L."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    tissue = 0.12 + 0.2 * np.exp(-(((x - 60) / 40) ** 2)) + 0.05 * y / HEIGHT
    bone = 0.5 * np.exp(-(((x - 55 - 8 * np.sin(y / 20)) / 10) ** 2))
    values = np.clip(tissue + bone, 0, 1)
    left, top, width, height = MARKER
    values[top + 2 : top + height - 2, left + 3 : left + 6] = 1
    values[top + height - 5 : top + height - 2, left + 3 : left + width - 8] = 1
    return np.round(values * (2**bits - 1)).astype(np.uint16)


def film8() -> NDArray[np.uint8]:
    """Return the film as (H, W) uint8: the same as `deep_film` of any depth, scaled to 8 bits."""
    return np.round(deep_film(16) / 257.0).astype(np.uint8)


def mask() -> NDArray[np.bool_]:
    """Return (H, W) bool, true around the letter, where cleaning may change the film."""
    left, top, width, height = MARKER
    around = np.zeros((HEIGHT, WIDTH), bool)
    around[max(0, top - 8) : top + height + 8, max(0, left - 8) : left + width + 8] = True
    return around
