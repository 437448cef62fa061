import base64
import contextlib
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from preprocess.errors import ImageError, OutputError
from preprocess.image_files import read_bytes
from preprocess.images import decode_image, encode_image, read_grey8, read_image, thumbnail_uri, to_grey8, write_image

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (40, 60), dtype=np.uint8)
RGB = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)
GREY16 = RNG.integers(0, 65536, (40, 60), dtype=np.uint16)
RGB16 = RNG.integers(0, 65536, (40, 60, 3), dtype=np.uint16)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
@pytest.mark.parametrize("image", [GREY, RGB, GREY16, RGB16], ids=["grey8", "rgb8", "grey16", "rgb16"])
def test_lossless_formats_keep_every_bit(tmp_path: Path, suffix: str, image: np.ndarray) -> None:
    if suffix == ".bmp" and image.dtype == np.uint16:
        pytest.skip("BMP has 8 bits")
    write_image(tmp_path / f"a{suffix}", image)
    back = read_image(tmp_path / f"a{suffix}")
    assert back.dtype == image.dtype
    assert np.array_equal(back, image) or (suffix == ".bmp" and np.array_equal(back, to_rgb(image)))


def to_rgb(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 3 else np.dstack([image] * 3)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_encoded_bytes_equal_the_written_file(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a{suffix}"
    write_image(file, RGB)
    assert read_bytes(file) == encode_image(file, RGB)
    assert np.array_equal(decode_image(f"none{suffix}", read_bytes(file)), read_image(file))


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "a.tif")
    assert np.array_equal(read_image(tmp_path / "a.tif"), RGB)


def test_a_grey_palette_gives_grey_and_a_colour_palette_gives_rgb(tmp_path: Path) -> None:
    Image.fromarray(GREY).convert("P").save(tmp_path / "grey.png")
    Image.fromarray(RGB).quantize(16).save(tmp_path / "colour.png")
    assert np.array_equal(read_image(tmp_path / "grey.png"), GREY)
    assert read_image(tmp_path / "colour.png").shape == (40, 60, 3)


@pytest.mark.parametrize("top", [255, 65535])
def test_transparent_pixels_become_black(tmp_path: Path, top: int) -> None:
    kind = np.uint8 if top == 255 else np.uint16
    image = np.full((4, 4, 4), top, kind)
    image[:2, :, 3] = 0
    cv2.imwrite(str(tmp_path / "a.png"), image)
    read = read_image(tmp_path / "a.png")
    assert read.dtype == kind
    assert not read[:2].any()
    assert (read[2:] == top).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_8_and_16_bit_films_alike(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=exif)
    deep = with_chunk(tmp_path / "deep.png", RGB.astype(np.uint16) * 257, b"eXIf", exif.tobytes()[6:])
    assert np.array_equal(read_image(deep), read_image(tmp_path / "a.png").astype(np.uint16) * 257)


def with_chunk(path: Path, image: np.ndarray, name: bytes, content: bytes) -> Path:
    """Write a PNG with an extra chunk after its header."""
    write_image(path, image)
    data = path.read_bytes()
    path.write_bytes(data[:33] + chunk(name, content) + data[33:])
    return path


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with pytest.raises(ImageError, match=r"60000 x 60000 = 3600000000 pixels, more than the limit of 100000000"):
        read_image(tmp_path / "a.png")


def test_the_pixel_limit_can_be_lowered(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", GREY)
    with pytest.raises(ImageError, match="40 = 2400 pixels, more than the limit of 2399"):
        read_image(tmp_path / "a.png", max_pixels=2399)


def test_unusable_files_are_refused_with_the_reason(tmp_path: Path) -> None:
    write_image(tmp_path / "whole.png", GREY)
    write_image(tmp_path / "deep.png", RGB16)
    whole, deep = (tmp_path / "whole.png").read_bytes(), (tmp_path / "deep.png").read_bytes()
    damaged = deep[:3000] + bytes([deep[3000] ^ 255]) + deep[3001:]
    cases = {
        "zero.png": (b"", "zero bytes long"),
        "text.jpg": (b"hello", "not an image; expected PNG, JPEG, TIFF"),
        "gif.png": (b"GIF89a" + bytes(40), "not an image"),
        "cut.png": (whole[:900], "truncated or corrupt"),
        "cut16.png": (deep[:9000], "truncated or corrupt"),
        "damaged16.png": (damaged, "truncated or corrupt"),
        "text.dcm": (b"x" * 200, "not a DICOM file"),
    }
    for name, (data, reason) in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ImageError, match=reason) as caught:
            read_image(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["int32", "float32"])
def test_negative_and_fractional_values_are_refused(tmp_path: Path, kind: str) -> None:
    Image.fromarray(GREY.astype(kind) - 100).save(tmp_path / "a.tif")
    with pytest.raises(ImageError, match=r"expected whole numbers from 0 to 65535"):
        read_image(tmp_path / "a.tif")


def test_the_first_page_of_a_tiff_is_read(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.tif", save_all=True, append_images=[Image.fromarray(GREY[::-1])])
    assert np.array_equal(read_image(tmp_path / "a.tif"), GREY)


def test_12_bit_films_keep_their_brightness_in_8_bits() -> None:
    film = np.array([[0, 4095]], np.uint16)
    assert to_grey8(film).tolist() == [[0, 255]]
    assert to_grey8(film * 16).tolist() == [[0, 255]]


def test_erasing_a_bright_marker_does_not_change_the_scale_of_a_deep_film() -> None:
    erased = np.full((8, 8), 20000, np.uint16)
    marked = erased.copy()
    marked[:2] = 65535
    assert np.array_equal(to_grey8(marked)[2:], to_grey8(erased)[2:])
    assert to_grey8(np.array([[0, 255]], np.uint16)).tolist() == [[0, 255]]


def test_an_unknown_extension_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"'\.xyz' is not an image format that can be written; use one of \.bmp"):
        write_image(tmp_path / "a.xyz", GREY)


def test_files_with_the_longest_names_can_be_written(tmp_path: Path) -> None:
    name = "影" * 83 + ".png"  # 253 bytes
    write_image(tmp_path / name, GREY)
    assert np.array_equal(read_image(tmp_path / name), GREY)


def test_a_truncated_film_of_a_public_dataset_is_refused(shared_data: Path) -> None:
    with pytest.raises(ImageError, match="truncated or corrupt"):
        read_image(shared_data / "fracatlas_hand" / "not_fractured" / "IMG0004256.jpg")


def smooth_film(height: int, width: int) -> np.ndarray:
    coarse = np.random.default_rng(1).integers(0, 256, (9, 9), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize(("wanted", "shape"), [(301, (600, 800)), (300, (300, 400)), (76, (150, 200)), (1, (75, 100))])
def test_a_jpeg_is_decoded_small_but_never_below_the_wanted_size(
    tmp_path: Path, wanted: int, shape: tuple[int, int]
) -> None:
    film = smooth_film(600, 800)
    Image.fromarray(film).save(tmp_path / "a.jpg", quality=95)
    small = read_grey8(tmp_path / "a.jpg", at_least_px=wanted)
    assert small.shape == shape
    expected = cv2.resize(read_image(tmp_path / "a.jpg"), shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - expected).mean() < 1


@pytest.mark.parametrize("options", [{}, {"keep_rgb": True}, {"subsampling": 0}], ids=["default", "rgb", "444"])
def test_the_luma_of_a_colour_jpeg_is_close_to_its_grey(tmp_path: Path, options: dict[str, object]) -> None:
    film = np.dstack([smooth_film(64, 48), smooth_film(64, 48) // 2 + 40, np.full((64, 48), 90, np.uint8)])
    Image.fromarray(film).save(tmp_path / "a.jpg", quality=95, **options)
    grey = read_grey8(tmp_path / "a.jpg", at_least_px=48)
    assert np.abs(grey.astype(int) - to_grey8(read_image(tmp_path / "a.jpg"))).max() <= 3


def test_a_cmyk_jpeg_is_decoded_small(tmp_path: Path) -> None:
    film = Image.fromarray(np.dstack([smooth_film(64, 48)] * 3))
    film.convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert read_grey8(tmp_path / "a.jpg", at_least_px=24).shape == (32, 24)


def test_a_small_jpeg_is_turned_by_its_exif_orientation(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(smooth_film(64, 48)).save(tmp_path / "a.jpg", exif=exif)
    assert read_grey8(tmp_path / "a.jpg", at_least_px=24).shape == (24, 32)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_other_formats_are_decoded_at_full_size(tmp_path: Path, suffix: str) -> None:
    write_image(tmp_path / f"a{suffix}", RGB)
    assert np.array_equal(read_grey8(tmp_path / f"a{suffix}", at_least_px=8), to_grey8(RGB))
    assert np.array_equal(read_grey8(tmp_path / f"a{suffix}"), to_grey8(RGB))


def test_decoding_small_refuses_the_same_files(tmp_path: Path) -> None:
    Image.fromarray(smooth_film(640, 480)).save(tmp_path / "a.jpg")
    with pytest.raises(ImageError, match="more than the limit of 307199"):
        read_grey8(tmp_path / "a.jpg", at_least_px=24, max_pixels=307199)
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:-2000])
    with pytest.raises(ImageError, match="truncated or corrupt"):
        read_grey8(tmp_path / "cut.jpg", at_least_px=24)


@pytest.mark.parametrize(
    ("shape", "dtype", "small"),
    [((400, 200), np.uint8, (100, 50)), ((60, 80), np.uint16, (60, 80)), ((1, 900, 3), np.uint8, (1, 100, 3))],
)
def test_a_thumbnail_exceeds_neither_limit_nor_image(shape: tuple[int, ...], dtype: type, small: tuple) -> None:
    image = np.zeros(shape, dtype)
    image[..., :1] = 200  # red if there are three channels; a grey one would come back as (H, W)
    head, data = thumbnail_uri(image, 100).split(",")
    assert head == "data:image/jpeg;base64"
    assert decode_image("x.jpg", base64.b64decode(data)).shape == small


def test_opencv_logs_nothing_on_damaged_films(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    film = np.random.default_rng(0).integers(0, 65535, (40, 50, 3), np.uint16)
    data = bytearray(cv2.imencode(".tif", film)[1].tobytes())
    start = int.from_bytes(data[4:8], "little")
    for at in range(start, len(data), 3):
        damaged = bytearray(data)
        damaged[at] ^= 0x55
        with contextlib.suppress(ImageError):
            decode_image("film.tif", bytes(damaged))
    assert "grfmt_tiff" not in capfd.readouterr().err  # as in [ERROR:0@17.4] global grfmt_tiff.cpp:117 TIFF_Error
