import io
import pickle
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from preprocess.clean_image import erase
from preprocess.grey_levels import find_white, from_full_scale, to_full_scale, white_of, with_white
from preprocess.images import decode_image, encode_image, read_image, to_grey8, write_image
from preprocess.markers import Marker
from preprocess.settings import CleanSettings
from preprocess.stored_white import add_white

DEPTHS = (8, 10, 12, 14, 16)


def film(bits: int, shape: tuple[int, int] = (300, 200), gain: float = 1.0) -> np.ndarray:
    """Return a smooth film with grain whose values use this many bits, or the share `gain` of their range."""
    rng = np.random.default_rng(5)
    coarse = cv2.resize(rng.random((9, 7)), shape[::-1], interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, 0.01, shape)
    return np.round(np.clip(coarse + grain, 0, 1) * gain * (2**bits - 1)).astype(np.uint16)


def letters(shape: tuple[int, ...], height_px: int, count: int, smooth: bool) -> np.ndarray:
    """Return the share of ink of each pixel, 0 to 1."""
    rng, scale = np.random.default_rng(height_px), 4 if smooth else 1
    ink = np.zeros((shape[0] * scale, shape[1] * scale), np.uint8)
    for _ in range(count):
        place = (int(rng.integers(ink.shape[1] * 2 // 3)), int(rng.integers(height_px * scale, ink.shape[0])))
        thick = max(1, height_px * scale // 10)
        cv2.putText(ink, "L 12", place, cv2.FONT_HERSHEY_SIMPLEX, height_px * scale / 22, 255, thick)
    return cv2.resize(ink, shape[1::-1], interpolation=cv2.INTER_AREA) / 255


def spoilt(clean: np.ndarray, bits: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the film with what must not decide its grey scale."""
    for height_px in (12, 30, 60):
        for count in (1, 8):
            for smooth in (False, True):
                ink = letters(clean.shape, height_px, count, smooth)
                marked = np.round(clean * (1 - ink) + 65535 * ink).astype(np.uint16)
                yield f"{count} x {height_px} px, smooth {smooth}", marked
    for count in (1, 30, 200):
        hot, rng = clean.copy(), np.random.default_rng(count)
        hot.ravel()[rng.integers(0, clean.size, count)] = rng.integers(2**bits - 1, 65536, count)
        yield f"{count} hot pixels", hot
    for name, value in {"white": 65535, "own white": 2**bits - 1, "black": 0}.items():
        framed = clean.copy()
        framed[:20] = framed[-20:] = framed[:, :20] = framed[:, -20:] = value
        yield f"{name} border", framed
    boxed = clean.copy()
    boxed[30:90, 20:150] = 65535
    yield "white box", boxed


@pytest.mark.parametrize("bits", DEPTHS)
@pytest.mark.parametrize("gain", [1, 0.6, 0.4])
def test_the_depth_is_that_of_the_film_whatever_lies_on_it(bits: int, gain: float) -> None:
    clean = film(bits, gain=gain)
    assert find_white(clean) == 2**bits - 1
    for name, image in spoilt(clean, bits):
        assert find_white(image) == 2**bits - 1, name


@pytest.mark.parametrize("bits", DEPTHS)
def test_a_film_looks_alike_at_every_depth(bits: int) -> None:
    assert np.abs(to_grey8(film(bits)).astype(int) - to_grey8(film(16))).max() <= 1


def test_colour_films_have_the_white_of_their_grey() -> None:
    assert find_white(np.dstack([film(12)] * 3)) == 4095


@pytest.mark.parametrize(
    ("image", "white"),
    [
        (np.full((50, 50), 20000, np.uint16), 65535),
        (np.zeros((50, 50), np.uint16), 255),
        (np.array([[0, 2000]], np.uint16), 4095),
        (np.full((1, 1), 65535, np.uint16), 65535),
        (np.tile(np.array([0, 65535], np.uint16), (50, 25)), 255),  # ink only: both values stay as they are
    ],
    ids=["one value", "black", "two pixels", "one pixel", "stripes"],
)
def test_pictures_that_are_no_films_have_a_white(image: np.ndarray, white: int) -> None:
    assert find_white(image) == white


@pytest.mark.parametrize("bits", DEPTHS)
def test_the_full_scale_and_back_is_exact(bits: int) -> None:
    values = np.arange(2**bits, dtype=np.uint16)
    full = to_full_scale(values, 2**bits - 1)
    assert full[-1] == 65535
    assert np.array_equal(from_full_scale(full, 2**bits - 1), values)


def test_views_know_their_white_and_calculated_values_do_not() -> None:
    image = with_white(film(12), 1234)
    sent = pickle.loads(pickle.dumps(image))  # noqa: S301  as between processes
    for view in (image[5:9, ::-1], image.copy(), np.rot90(image), sent):
        assert white_of(view) == 1234
    for values in (image * 2, image + image, np.where(image > 5, image, 0)):
        assert type(values) is np.ndarray
    assert white_of(film(12)) == 4095
    assert white_of(film(8).astype(np.uint8)) == 255


@pytest.mark.parametrize("name", ["a.png", "a.tif", "A.TIFF"])
@pytest.mark.parametrize("white", [1, 300, 4095, 65535])
@pytest.mark.parametrize("shape", [(300, 200), (31, 21), (301, 201, 3)])
def test_a_png_or_tiff_file_keeps_the_white(tmp_path: Path, name: str, white: int, shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(1).integers(0, 4096, shape).astype(np.uint16)
    write_image(tmp_path / name, with_white(image, white))
    back = read_image(tmp_path / name)
    assert np.array_equal(back, image)
    assert white_of(back) == white
    stored = cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(stored if stored.ndim == 2 else stored[..., ::-1], image)


@pytest.mark.parametrize("ending", [".png", ".tif"])
@pytest.mark.parametrize("white", ["0", "65536", "-5", "4095.0", "", "9" * 6000, "٤"])
def test_a_white_that_cannot_be_is_ignored(ending: str, white: str) -> None:
    data = encode_image(f"a{ending}", film(12).astype(np.uint8))  # to have a file without a white
    wide = cv2.imencode(ending, film(12))[1].tobytes()
    assert b"fxkit:white" not in data + wide
    assert white_of(decode_image(f"a{ending}", add_white(wide, ending, white))) == 4095  # type: ignore[arg-type]


def test_the_description_of_another_program_is_no_white() -> None:
    saved = io.BytesIO()
    Image.fromarray(film(12)).save(saved, "TIFF", description="12 bits, white=300")
    assert white_of(decode_image("a.tif", saved.getvalue())) == 4095


def test_formats_without_16_bits_hold_no_white() -> None:
    big_endian = b"MM\0*" + bytes(20)
    assert add_white(b"BM", ".bmp", 300) == b"BM"
    assert add_white(big_endian, ".tif", 300) == big_endian


@pytest.mark.parametrize("bits", DEPTHS)
@pytest.mark.parametrize("mode", ["inpaint", "fill", "noise", "box"])
@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_cleaning_changes_nothing_outside_the_mask_after_conversion(
    tmp_path: Path, bits: int, mode: str, colour: bool, ending: str
) -> None:
    ink = letters((150, 100), 24, 1, True)
    raw = np.round(film(bits, (150, 100), 0.7) * (1 - ink) + 65535 * ink).astype(np.uint16)
    raw = np.dstack([raw, raw, raw // 2]) if colour else raw
    cv2.imwrite(str(tmp_path / f"raw{ending}"), raw[..., ::-1] if colour else raw)
    rows, columns = np.nonzero(ink)
    low, high = (int(columns.min()), int(rows.min())), (int(columns.max()) + 1, int(rows.max()) + 1)
    marker = Marker(((low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])))
    before = read_image(tmp_path / f"raw{ending}")
    cleaned = erase(before, [marker], CleanSettings(mode=mode, max_fraction=1))
    write_image(tmp_path / f"clean{ending}", cleaned.image)
    after = read_image(tmp_path / f"clean{ending}")
    assert np.array_equal(before[~cleaned.mask], after[~cleaned.mask])
    assert np.array_equal(to_grey8(before)[~cleaned.mask], to_grey8(after)[~cleaned.mask])
    assert after.max() < 65535 or bits == 16
    assert after[cleaned.mask].max() <= white_of(before)


def test_an_array_of_another_program_keeps_its_scale_when_it_is_cleaned() -> None:
    image = film(12, (150, 100), 0.2)
    image[50:100, 20:90] = np.linspace(1500, 4000, 3500).reshape(50, 70)  # no plateau, so these values decide
    marker = Marker(((18.0, 48.0), (92.0, 48.0), (92.0, 102.0), (18.0, 102.0)))
    cleaned = erase(image, [marker], CleanSettings(mode="fill", max_fraction=1))
    assert find_white(np.asarray(cleaned.image)) < white_of(image) == 4095
    assert np.array_equal(to_grey8(cleaned.image)[~cleaned.mask], to_grey8(image)[~cleaned.mask])


def blurred_letters(bits: int, height_px: int, sd_px: float) -> np.ndarray:
    """Return a film on which a label was burned in at 65535 before it was blurred or resized."""
    clean = film(bits, (600, 450), 0.8)
    ink = cv2.GaussianBlur(letters(clean.shape, height_px, 1, True), (0, 0), sd_px)
    return np.round(clean * (1 - ink) + 65535 * ink).astype(np.uint16)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("height_px", [20, 40, 80])
@pytest.mark.parametrize("sd_px", [0.7, 1, 2, 3])
def test_letters_with_soft_edges_do_not_decide(bits: int, height_px: int, sd_px: float) -> None:
    assert find_white(blurred_letters(bits, height_px, sd_px)) == 2**bits - 1


def test_bright_values_are_ink_only_if_many_are_three_times_as_bright_as_white() -> None:
    image = film(12, (600, 450), 0.2)  # up to 819
    image[200:300, 100:200] = np.linspace(1100, 4000, 10_000).reshape(100, 100)  # 4 % of the film; up to 4 times 1023
    assert find_white(image) == 1023  # read as ink: more than 15 % of the patch is above 3069
    image[200:300, 100:200] = np.linspace(1100, 3000, 10_000).reshape(100, 100)
    assert find_white(image) == 4095
