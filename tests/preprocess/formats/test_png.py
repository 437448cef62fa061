"""PNG files that are whole, and such as Pillow reads without a word."""

import numpy as np
import pytest

from preprocess.errors import ImageError
from preprocess.formats.png import PASSES
from preprocess.images import decode_image

from .conftest import FILM, HEIGHT, encode, png, png_rows, zeroed

DEEP = FILM.astype(np.uint16) * 200


def interlaced_rows(image: np.ndarray, passes: int = 7) -> bytes:
    """Return the rows of the first passes of an interlaced image."""
    return b"".join(png_rows(image[top::down, left::across]) for left, top, across, down in PASSES[:passes])


@pytest.mark.parametrize("image", [FILM, DEEP, np.dstack([DEEP, DEEP // 2, DEEP])], ids=["8", "16", "colour16"])
def test_a_whole_film_keeps_its_pixels(image: np.ndarray) -> None:
    data = png(png_rows(image), HEIGHT, bits=8 * image.itemsize, colour=2 * (image.ndim - 2))
    assert np.array_equal(decode_image("a.png", data), image)
    assert np.array_equal(decode_image("a.png", data + b"written after the end"), image)


@pytest.mark.parametrize("image", [FILM, DEEP, np.dstack([DEEP, DEEP // 2, DEEP])], ids=["8", "16", "colour16"])
def test_a_film_with_half_its_rows_is_refused(image: np.ndarray) -> None:
    data = png(png_rows(image[: HEIGHT // 2]), HEIGHT, bits=8 * image.itemsize, colour=2 * (image.ndim - 2))
    with pytest.raises(ImageError, match=r"a\.png: .*the image data ends after \d+ of \d+ bytes, at row 100 of 200"):
        decode_image("a.png", data)


def test_an_interlaced_film_needs_all_its_passes() -> None:
    assert np.array_equal(decode_image("a.png", png(interlaced_rows(FILM), HEIGHT, interlaced=1)), FILM)
    for passes in range(1, 7):
        with pytest.raises(ImageError, match=r"the image data ends after \d+ of \d+ bytes\)"):
            decode_image("a.png", png(interlaced_rows(FILM, passes), HEIGHT, interlaced=1))


def test_a_film_with_more_rows_than_its_header_names_is_refused() -> None:
    with pytest.raises(ImageError, match="goes on after row 150, the last one that the header names"):
        decode_image("a.png", png(png_rows(FILM), 150))


def test_image_data_with_a_wrong_checksum_is_refused() -> None:
    data = png(png_rows(FILM), HEIGHT)
    at = data.index(b"IEND") - 5  # last byte of the checksum before the chunk IEND
    with pytest.raises(ImageError, match="the checksum of the image data is wrong"):
        decode_image("a.png", data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 0.99])
def test_a_film_that_was_cut_is_refused_with_its_last_row(fraction: float) -> None:
    data = encode(FILM, "PNG")
    with pytest.raises(ImageError, match=rf"at row \d+ of {HEIGHT}"):
        decode_image("a.png", data[: round(len(data) * fraction)])


@pytest.mark.parametrize("count", [64, 512, 4096])
def test_zeros_in_the_middle_are_refused(count: int) -> None:
    with pytest.raises(ImageError, match="truncated or corrupt"):
        decode_image("a.png", zeroed(encode(FILM, "PNG"), count))
