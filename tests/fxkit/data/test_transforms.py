"""Resizing, augmentation and normalisation give known results."""

import cv2
import numpy as np
import pytest
import torch

from fxkit.config import AugmentConfig, DataConfig, ModelConfig
from fxkit.data.preprocessing import Grey, Preprocessing, resize, scale
from fxkit.data.transforms import augment, build_augmentation, shrink, to_tensor, training_px
from fxkit.models.backbones import build_preprocessing

PLAIN = Preprocessing(64, "stretch", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
PADDED = Preprocessing(64, "pad", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def test_stretching_fills_the_square() -> None:
    assert (resize(np.full((100, 40), 200, np.uint8), PLAIN) == 200).all()


@pytest.mark.parametrize(("shape", "rows", "columns"), [((128, 64), 64, 32), ((64, 128), 32, 64), ((10, 10), 64, 64)])
def test_padding_keeps_the_aspect_ratio(shape: tuple[int, int], rows: int, columns: int) -> None:
    out = resize(np.full(shape, 200, np.uint8), PADDED)
    lit = np.argwhere(out > 0)
    assert out.shape == (64, 64)
    assert tuple(np.ptp(lit, axis=0) + 1) == (rows, columns)
    assert abs(int(lit.min(axis=0).sum()) - (128 - rows - columns) // 2) <= 1


def test_a_film_one_pixel_wide_can_be_resized() -> None:
    assert resize(np.full((1000, 1), 9, np.uint8), PADDED).shape == (64, 64)


def test_normalisation_uses_mean_and_standard_deviation() -> None:
    tensor = to_tensor(np.full((2, 2), 255, np.uint8), PLAIN)
    assert tensor.shape == (3, 2, 2)
    assert torch.equal(tensor, torch.full((3, 2, 2), 2.0))


def test_the_backbone_supplies_settings_that_are_not_given() -> None:
    default = build_preprocessing(ModelConfig(backbone="resnet50"), DataConfig())
    assert default.image_size == 224
    assert default.mean == (0.485, 0.456, 0.406)
    custom = build_preprocessing(ModelConfig(mean=0.5, std=0.4), DataConfig(image_size=96))
    assert custom == Preprocessing(96, "stretch", (0.5,) * 3, (0.4,) * 3)


@pytest.mark.parametrize("preprocessing", [PLAIN, PADDED])
def test_a_seed_gives_the_same_view_regardless_of_earlier_views(preprocessing: Preprocessing) -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 120), dtype=np.uint8)
    transform = build_augmentation(AugmentConfig(), preprocessing)
    views = [augment(image, transform, preprocessing, seed) for seed in range(6)]
    fresh = build_augmentation(AugmentConfig(), preprocessing)
    assert np.array_equal(augment(image, fresh, preprocessing, 4), views[4])
    assert all(view.shape == (64, 64) and view.dtype == np.uint8 for view in views)
    assert len({view.tobytes() for view in views}) == 6


def test_with_zero_probabilities_only_the_crop_remains() -> None:
    none = {name: 0.0 for name in AugmentConfig.model_fields if name.endswith(("_probability", "_flip"))}
    config = AugmentConfig(crop_scale=(1.0, 1.0), crop_ratio=(1.0, 1.0), **none)
    image = np.full((64, 64), 77, np.uint8)
    image[:, 32:] = 99
    assert np.array_equal(augment(image, build_augmentation(config, PLAIN), PLAIN, 5), image)


def test_a_reduced_film_is_large_enough_for_every_crop() -> None:
    assert training_px(AugmentConfig(), PLAIN) == 2 * PLAIN.image_size
    small_crops = AugmentConfig(crop_scale=(0.08, 1.0), crop_ratio=(0.75, 4 / 3))
    assert training_px(small_crops, PLAIN) == np.ceil(PLAIN.image_size / np.sqrt(0.08 * 0.75))


def test_shrinking_sets_the_shorter_side_and_never_enlarges() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 90), np.uint8)
    assert shrink(image, 30).shape == (30, 45)
    assert shrink(image.T, 30).shape == (45, 30)
    assert shrink(image, 61) is image


@pytest.mark.parametrize("side_px", [30, 35, 43, 52, 59])
def test_shrinking_to_half_or_more_uses_every_pixel(side_px: int) -> None:
    lines = [np.zeros((60, 90), np.uint8) for _ in range(90)]
    for column, line in enumerate(lines):
        line[:, column] = 255
    assert all(shrink(line, side_px).any() for line in lines)


def test_a_reduced_film_gives_nearly_the_same_view() -> None:
    coarse = np.random.default_rng(0).integers(0, 256, (9, 9), np.uint8)
    film = cv2.resize(coarse, (800, 600), interpolation=cv2.INTER_CUBIC)
    config = AugmentConfig(noise_probability=0, dropout_probability=0, clahe_probability=0)
    small = shrink(film, training_px(config, PLAIN))
    differences = []
    for seed in range(9):
        one, other = (augment(image, build_augmentation(config, PLAIN), PLAIN, seed) for image in (film, small))
        differences.append(np.abs(one.astype(int) - other).mean())
    assert np.median(differences) < 3, differences  # rounding may select another crop if one barely fits


def make_fine_film(height: int, width: int) -> Grey:
    """Make a film with detail down to single pixels."""
    noise = np.random.default_rng(0).integers(30, 256, (height, width), np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.8), np.uint8)


def detail(film: Grey) -> float:
    """Return the mean Laplacian without the black of padding and its edges."""
    inside = cv2.erode((film > 0).astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0) > 0
    return float(np.abs(cv2.Laplacian(film, cv2.CV_32F))[inside].mean())


SHAPES = [(40, 50), (64, 64), (50, 150), (200, 40), (100, 120), (400, 300)]


@pytest.mark.parametrize("preprocessing", [PLAIN, PADDED])
@pytest.mark.parametrize("shape", SHAPES)
def test_training_crops_are_as_sharp_as_validation_films(shape: tuple[int, int], preprocessing: Preprocessing) -> None:
    film = make_fine_film(*shape)
    none = {name: 0.0 for name in AugmentConfig.model_fields if name.endswith(("_probability", "_flip"))}
    side = 1.0 if preprocessing.resize == "pad" else shape[1] / shape[0]
    whole = AugmentConfig(crop_scale=(1.0, 1.0), crop_ratio=(side * 0.99, side * 1.01), **none)
    transform, expected = build_augmentation(whole, preprocessing), detail(resize(film, preprocessing))
    assert detail(augment(film, transform, preprocessing, 0)) == pytest.approx(expected, rel=0.02)
    reduced = shrink(film, training_px(AugmentConfig(), preprocessing))  # costs detail of single pixels
    assert detail(augment(reduced, transform, preprocessing, 0)) == pytest.approx(expected, rel=0.15)


def test_a_side_that_shrinks_is_averaged_while_the_other_side_is_interpolated() -> None:
    rows = np.tile(np.array([0, 200] * 100, np.uint8)[:, None], (1, 30))  # each pair of rows has mean 100
    assert (scale(rows, 64, 100) == 100).all()
    ramp = np.tile(np.arange(0, 240, 8, dtype=np.uint8), (200, 1))
    grown = scale(ramp, 90, 100)
    assert len(np.unique(grown[0])) > 80  # repeated pixels would have 30 values
