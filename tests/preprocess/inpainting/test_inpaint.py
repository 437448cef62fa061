from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.images import read_image, to_grey8
from preprocess.inpainting.inpaint import inpaint

from ..conftest import block


def grain(seed: int, shape: tuple[int, int] = (300, 300), level: float = 90, spread: float = 6) -> np.ndarray:
    """Return correlated noise like that of a film, in 8-bit grey levels."""
    noise = cv2.GaussianBlur(np.random.default_rng(seed).standard_normal(shape), (0, 0), 0.8)
    return level + spread * noise / noise.std()


def steps(image: np.ndarray, at: tuple[int, ...]) -> float:
    """Return the mean step from these columns to the next, in rows 130 to 170."""
    return float(np.abs(np.diff(image.astype(float), axis=1))[130:170, list(at)].mean())


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 24),
    st.integers(1, 24),
    st.sampled_from([np.uint8, np.uint16]),
    st.booleans(),
    st.floats(0, 1),
    st.integers(0, 10_000),
)
def test_pixels_outside_the_mask_are_identical(
    height: int, width: int, kind: type, colour: bool, share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    shape = (height, width, 3) if colour else (height, width)
    image = rng.integers(0, np.iinfo(kind).max + 1, shape, dtype=kind)
    before, mask = image.copy(), rng.random((height, width)) < share
    filled = inpaint(image, mask)
    assert filled.dtype == kind
    assert filled.shape == shape
    assert np.array_equal(filled[~mask], before[~mask])
    assert np.array_equal(image, before)


def test_three_equal_channels_stay_equal() -> None:
    image = np.rint(grain(3)).astype(np.uint8)
    mask = block(image.shape, slice(100, 130), slice(80, 140))
    filled = inpaint(np.repeat(image[..., None], 3, axis=2), mask)
    assert np.array_equal(filled, np.repeat(inpaint(image, mask)[..., None], 3, axis=2))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("value", [0, 100, 255])
def test_a_hole_in_an_even_ground_gets_exactly_its_value(kind: type, value: int) -> None:
    image = np.full((60, 60), value, kind)
    mask = block((60, 60), slice(20, 35), slice(0, 30))  # reaches the border
    image[mask] = 180
    assert (inpaint(image, mask) == value).all()


def test_black_outside_the_collimated_field_stays_black() -> None:
    film = grain(0).astype(np.uint8)
    film[:, :150] = 0
    mask = block(film.shape, slice(120, 160), slice(110, 180))
    marked = np.where(mask, 250, film).astype(np.uint8)
    filled = inpaint(marked, mask)
    assert (filled[120:160, 110:140] == 0).all()
    assert filled[120:160, 160:180].mean() == pytest.approx(90, abs=6)


@pytest.mark.parametrize("scale", [1, 257])
def test_the_grain_continues_at_8_and_16_bits(scale: int) -> None:
    film = (grain(1) * scale).astype(np.uint16 if scale > 1 else np.uint8)
    mask = block(film.shape, slice(120, 180), slice(100, 200))
    filled = inpaint(np.where(mask, np.iinfo(film.dtype).max, film).astype(film.dtype), mask)
    inside, before = filled[mask].astype(float) / scale, film[mask].astype(float) / scale
    assert inside.std() == pytest.approx(before.std(), rel=0.15)
    fine = [np.abs(np.diff(f[125:175, 105:195].astype(float) / scale)).mean() for f in (filled, film)]
    assert fine[0] == pytest.approx(fine[1], rel=0.15)


def test_steps_across_the_seam_equal_the_steps_of_the_grain() -> None:
    seam, elsewhere = [], []
    for seed in range(6):
        film = grain(seed).astype(np.uint8)
        mask = block(film.shape, slice(120, 180), slice(100, 200))
        filled = inpaint(np.where(mask, 255, film).astype(np.uint8), mask)
        seam.append(steps(filled, (99, 199)))
        elsewhere.append(steps(film, (20, 60, 240, 280)))
    assert np.mean(seam) == pytest.approx(np.mean(elsewhere), rel=0.15)


def test_an_edge_continues_under_the_mask() -> None:
    rows, columns = np.indices((300, 300))
    film = np.where(columns > 100 + 0.4 * rows, 160, 60) + grain(3, level=0, spread=2)
    film = cv2.GaussianBlur(film, (0, 0), 1.0).astype(np.uint8)
    mask = block(film.shape, slice(130, 170), slice(130, 190))
    filled = inpaint(np.where(mask, 255, film).astype(np.uint8), mask)
    wrong = np.abs(filled.astype(int) - film) > 50
    assert wrong[mask].mean() < 0.05


def test_a_slope_continues_under_the_mask() -> None:
    slope = np.tile(np.arange(0, 20000, 200, dtype=np.uint16), (100, 1))
    mask = block((100, 100), slice(40, 60), slice(45, 55))
    marked = np.where(mask, 65535, slope).astype(np.uint16)
    assert np.abs(inpaint(marked, mask).astype(int) - slope).max() < 1500


def test_a_grey_film_in_three_channels_stays_grey() -> None:
    film = np.dstack([grain(4).astype(np.uint8)] * 3)
    mask = block(film.shape[:2], slice(120, 160), slice(100, 180))
    film[mask] = 255
    filled = inpaint(film, mask)
    assert (filled == filled[..., :1]).all()
    assert filled[mask].max() < 130


def test_other_markers_are_never_copied() -> None:
    film = grain(5).astype(np.uint8)
    mask = block(film.shape, slice(100, 140), slice(60, 120)) | block(film.shape, slice(100, 140), slice(160, 220))
    film[mask] = 255
    assert inpaint(film, mask)[mask].max() < 130


def test_a_mask_over_nearly_all_of_a_film_is_filled_from_the_rest() -> None:
    film = grain(6, (120, 160)).astype(np.uint8)
    mask = block(film.shape, slice(6, 120), slice(0, 160))
    film[mask] = 255
    filled = inpaint(film, mask)
    assert filled[mask].max() < 200
    assert filled[mask].mean() == pytest.approx(90, abs=10)


def test_a_completely_masked_film_becomes_flat() -> None:
    filled = inpaint(np.arange(9, dtype=np.uint8).reshape(3, 3), np.ones((3, 3), bool))
    assert (filled == 4).all()


def test_the_result_is_reproducible() -> None:
    film = grain(7).astype(np.uint8)
    mask = block(film.shape, slice(120, 160), slice(100, 180))
    assert np.array_equal(inpaint(film, mask), inpaint(film, mask))


def test_a_real_film_keeps_its_noise_unlike_with_telea(shared_data: Path) -> None:
    film = to_grey8(read_image(shared_data / "forearm" / "testing" / "fractured" / "2.jpg"))
    height = len(film)
    mask = block(film.shape, slice(height - 200, height - 120), slice(40, 160))
    ours, telea = inpaint(film, mask), cv2.inpaint(film, mask.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    fine = [f.astype(float) - cv2.GaussianBlur(f.astype(float), (0, 0), 1.5) for f in (film, ours, telea)]
    noise = [part[mask].std() for part in fine]
    assert noise[1] == pytest.approx(noise[0], rel=0.35)
    assert noise[2] < 0.6 * noise[0]


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the mask is \(3, 3\), the image \(4, 4\)"):
        inpaint(np.zeros((4, 4), np.uint8), np.zeros((3, 3), bool))


def film_with_strip() -> np.ndarray:
    """Return grain with a white strip, 2 px wide, along the left border."""
    image = np.rint(grain(6, spread=1)).astype(np.uint8)
    image[:, :2] = 255
    return image


def test_a_strip_along_the_border_continues_through_a_hole_there() -> None:
    filled = inpaint(film_with_strip(), block((300, 300), slice(120, 180), slice(0, 12)))
    assert (filled[:, :2] == 255).all()
    assert filled[:, 4:].max() < 110


def test_a_bright_strip_does_not_glow_into_a_hole_beside_it() -> None:
    filled = inpaint(film_with_strip(), block((300, 300), slice(0, 28), slice(2, 50)))
    assert filled[:28, 4:50].max() < 110
    assert filled[:28, 4:50].mean() == pytest.approx(90, abs=8)


@pytest.mark.parametrize(("place", "turned"), [((30, 140), 10), ((195, 100), -10)])
def test_a_hole_over_the_corner_of_a_turned_film_is_not_filled_with_bone(place: tuple[int, int], turned: int) -> None:
    """No place of the film has ground and black corner as in the hole, so the hole is filled in parts."""
    x = np.arange(224)
    bone = np.exp(-(((x - 120) / 30) ** 4)) * (120 + 30 * np.sin(x / 7)[:, None] * np.cos(x / 5))
    matrix = cv2.getRotationMatrix2D((112, 112), 10, 1.0)
    turn = cv2.warpAffine(grain(0, (224, 224), 30, 1) + bone, matrix, (224, 224))
    film = np.clip(np.rint(turn), 0, 255).astype(np.uint8)
    mask = np.zeros(film.shape, np.uint8)
    cv2.fillPoly(mask, [cv2.boxPoints((place, (60, 120), turned)).astype(int)], 1)
    hole = mask > 0
    assert film[hole].max() < 40
    assert film.max() > 150
    filled = inpaint(film, hole)
    assert filled[hole].max() < 60
    assert np.abs(filled[hole].astype(float) - film[hole]).mean() < 5


def test_a_hole_with_most_pixels_at_its_far_end_is_split() -> None:
    film = np.random.default_rng(0).integers(0, 255, (120, 120)).astype(np.uint8)
    mask = block(film.shape, slice(30, 70), slice(40, 41)) | block(film.shape, slice(70, 71), slice(40, 81))
    filled = inpaint(film, mask)
    assert np.array_equal(filled[~mask], film[~mask])
    assert (filled[mask] != film[mask]).any()
