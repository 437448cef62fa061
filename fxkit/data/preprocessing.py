"""Resize a film to the network's input size; `fxkit.data.transforms` normalises it.

This module does not import torch, so exported models start fast.
"""

from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

Grey = NDArray[np.uint8]

MAX_IMAGE_SIZE = 8192  # pixels; the longest side of a detector plate is below 5,000

Std = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, config=ConfigDict(allow_inf_nan=False))
class Preprocessing:
    """How a film becomes the network's input; stored with every model.

    Attributes:
        image_size: side of the square input in pixels.
        resize: "stretch" ignores the aspect ratio; "pad" keeps it and fills the rest with black.
        mean: per channel, subtracted from grey values scaled to 0..1.
        std: per channel, divides the result.
    """

    image_size: Annotated[int, Field(ge=1, le=MAX_IMAGE_SIZE)]
    resize: Literal["stretch", "pad"]
    mean: tuple[float, float, float]
    std: tuple[Std, Std, Std]


def resize(image: Grey, preprocessing: Preprocessing) -> Grey:
    """Resize a film, (H, W) uint8, to (S, S) uint8: stretched, or scaled to fit and centred on black."""
    size = preprocessing.image_size
    if preprocessing.resize == "stretch":
        return scale(image, size, size)
    return pad(image, size, size)


def pad(image: Grey, width: int, height: int) -> Grey:
    """Scale a film, (H, W) uint8, to fit into a width and height in pixels, centred on black."""
    factor = min(height / image.shape[0], width / image.shape[1])
    inner = scale(image, max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    top, left = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
    out = np.zeros((height, width), image.dtype)
    out[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return out


def crop(image: Grey, width: int, height: int, fraction: float = 1.0) -> Grey:
    """Scale a film, (H, W) uint8, to cover a width and height in pixels, and cut out its centre.

    Args:
        fraction: the film is scaled to cover (width / fraction, height / fraction), 0 < fraction <= 1.
    """
    factor = max(height / image.shape[0], width / image.shape[1]) / fraction
    whole = scale(image, max(width, round(image.shape[1] * factor)), max(height, round(image.shape[0] * factor)))
    top, left = (whole.shape[0] - height) // 2, (whole.shape[1] - width) // 2
    return whole[top : top + height, left : left + width]


def scale(image: Grey, width: int, height: int) -> Grey:
    """Resize a film, (H, W) uint8, to a width and height in pixels.

    A side that shrinks is averaged over areas, and a side that grows is interpolated linearly. OpenCV's INTER_AREA
    alone would enlarge by repeating pixels, and INTER_LINEAR alone would skip pixels of a side that shrinks.
    """
    shrunk = (min(width, image.shape[1]), min(height, image.shape[0]))
    image = np.asarray(cv2.resize(image, shrunk, interpolation=cv2.INTER_AREA), image.dtype)
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), image.dtype)
