"""Augment and normalise films; `fxkit.data.preprocessing` resizes them."""

import math
import os
from functools import lru_cache
from typing import Any

import albumentations as A
import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from fxkit.config import AugmentConfig
from fxkit.data.preprocessing import Grey, Preprocessing, scale

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # importing it would otherwise contact a server


# Shorter side of a film decoded for training, as a multiple of the network's input size. Against crops of the whole
# film, random crops lose 30 % of the variance of their fine detail at 1.5, 16 % at 2 and 5 % at 3
# (benchmarks/loader.py --detail).
SHARPNESS = 2.0


def training_px(config: AugmentConfig, preprocessing: Preprocessing) -> int:
    """Return the shorter side, in pixels, to which a film can be reduced before random crops are taken.

    At this size no crop is enlarged, and crops lose little detail.
    """
    low, high = config.crop_ratio
    smallest_crop_fraction = math.sqrt(config.crop_scale[0] * min(low, 1 / low, high, 1 / high))  # of the side
    return math.ceil(preprocessing.image_size * max(SHARPNESS, 1 / smallest_crop_fraction))


def shrink(image: Grey, side_px: int) -> Grey:
    """Reduce a film, (H, W) uint8, so that its shorter side has side_px pixels; return smaller films unchanged.

    Down to half the size, linear interpolation is used: it still uses every pixel and takes a sixth of the time of
    averaging over areas.
    """
    height, width = image.shape
    factor = side_px / min(height, width)
    if factor >= 1:
        return image
    size = (round(width * factor), round(height * factor))
    if factor >= 0.5:
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    return scale(image, *size)


def to_tensor(image: Grey, preprocessing: Preprocessing) -> torch.Tensor:
    """Normalise a film, (H, W) uint8, to a tensor, (3, H, W) float32."""
    return torch.from_numpy(np.stack([cv2.LUT(image, table) for table in _tables(preprocessing)]))


@lru_cache(maxsize=8)
def _tables(preprocessing: Preprocessing) -> tuple[NDArray[np.float32], ...]:
    """Return, for each channel, the normalised values of the 256 grey values, (256,): faster than pixel arithmetic."""
    values = np.arange(256, dtype=np.float32) / np.float32(255)
    mean, std = (np.array(v, np.float32) for v in (preprocessing.mean, preprocessing.std))
    return tuple((values - m) / s for m, s in zip(mean, std, strict=True))


class _Crop(A.RandomResizedCrop):  # type: ignore[misc]  # albumentations has no types
    """A random crop that is resized as films are resized for prediction: both have the same fine detail.

    Albumentations would use one interpolation for both sides, so a crop with a side that shrinks and a side that grows
    would get repeated or skipped pixels.
    """

    def apply(self, img: Grey, crop_coords: tuple[int, int, int, int], **_params: Any) -> Grey:
        left, top, right, bottom = crop_coords
        height, width = self.size
        return scale(np.ascontiguousarray(img[top:bottom, left:right]), width, height)


def build_augmentation(config: AugmentConfig, preprocessing: Preprocessing) -> A.Compose:
    """Build the random training transform, (H, W) uint8 to (S, S) uint8; `augment` applies it with a seed."""
    size = (preprocessing.image_size, preprocessing.image_size)
    steps = [*_geometry(config, size), *_grey_values(config), _holes(config)]
    return A.Compose([step for step in steps if step.p > 0])


def augment(image: Grey, transform: A.Compose, preprocessing: Preprocessing, seed: int) -> Grey:
    """Return one augmented view of a film, (S, S) uint8; the same seed gives the same view."""
    if preprocessing.resize == "pad":
        image = _pad_square(image)
    transform.set_random_seed(seed)
    return np.asarray(transform(image=image)["image"], np.uint8)


def _geometry(config: AugmentConfig, size: tuple[int, int]) -> list[Any]:
    shift = config.shift_fraction
    return [
        _Crop(size, scale=config.crop_scale, ratio=config.crop_ratio),
        A.HorizontalFlip(p=config.horizontal_flip),
        A.VerticalFlip(p=config.vertical_flip),
        A.Rotate((-config.rotate_deg, config.rotate_deg), p=config.rotate_probability),
        A.Affine(
            scale=config.zoom,
            translate_percent=(-shift, shift),
            shear=(-config.shear_deg, config.shear_deg),
            p=config.affine_probability,
        ),
    ]


def _grey_values(config: AugmentConfig) -> list[Any]:
    return [
        A.RandomBrightnessContrast(config.brightness, config.contrast, p=config.brightness_contrast_probability),
        A.RandomGamma(config.gamma_percent, p=config.gamma_probability),
        A.CLAHE(clip_limit=(1.0, 3.0), p=config.clahe_probability),
        A.GaussianBlur(blur_limit=(3, 5), p=config.blur_probability),
        A.GaussNoise(std_range=config.noise_std, p=config.noise_probability),
    ]


def _holes(config: AugmentConfig) -> Any:
    return A.CoarseDropout(
        num_holes_range=config.dropout_holes,
        hole_height_range=config.dropout_size,
        hole_width_range=config.dropout_size,
        p=config.dropout_probability,
    )


def _pad_square(image: Grey) -> Grey:
    side = max(image.shape)
    top, left = (side - image.shape[0]) // 2, (side - image.shape[1]) // 2
    bottom, right = side - image.shape[0] - top, side - image.shape[1] - left
    return np.asarray(cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=0), np.uint8)
