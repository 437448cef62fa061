"""TIFF files that are whole, and such as libtiff only prints a message of."""

import io

import numpy as np
import pytest
from PIL import Image

from preprocess.errors import ImageError
from preprocess.images import decode_image

from .conftest import FILM, HEIGHT, WIDTH, encode, with_tag, zeroed

STRIPS, COUNTS, ROWS, TILE_ROWS = 273, 279, 257, 323
STRIP_ROWS = 40

COMPRESSIONS = ["packbits", "tiff_lzw", "tiff_deflate", "jpeg"]
COLOUR = np.dstack([FILM, FILM[::-1], FILM])


def tiff(compression: str | None, image: np.ndarray = FILM) -> bytes:
    return encode(image, "TIFF", compression=compression, strip_size=STRIP_ROWS * WIDTH * image[0, 0].nbytes)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("image", [FILM, COLOUR, FILM.astype(np.uint16) * 200], ids=["8", "colour", "16"])
def test_a_whole_film_is_read(compression: str, image: np.ndarray) -> None:
    if compression == "jpeg" and image.dtype == np.uint16:
        pytest.skip("JPEG has 8 bits")
    film = decode_image("a.tif", tiff(compression, image) + b"written after the end")
    assert film.shape == image.shape
    assert np.abs(film.astype(int) - image).max() <= (40 if compression == "jpeg" else 0)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_missing_strips_are_refused(compression: str) -> None:
    whole = tiff(compression)
    strips = HEIGHT // STRIP_ROWS
    with pytest.raises(ImageError, match=f"the number of strips is {strips - 1}, .* need {strips}"):
        decode_image("a.tif", with_tag(whole, STRIPS, 0, count=strips - 1))
    for damaged, found in [
        (with_tag(whole, COUNTS, 0), "is missing"),
        (with_tag(whole, STRIPS, 0), "is missing"),
        (with_tag(whole, STRIPS, len(whole) - 20), "lies beyond the end of the file"),
    ]:
        with pytest.raises(ImageError, match=rf"a\.tif: .*the data from row 160 of {HEIGHT} on {found}"):
            decode_image("a.tif", damaged)


@pytest.mark.parametrize("compression", [*COMPRESSIONS, None])
@pytest.mark.parametrize("height", [100, 400])
def test_a_wrong_height_is_refused(compression: str | None, height: int) -> None:
    with pytest.raises(ImageError, match=r"a\.tif: truncated or corrupt"):
        decode_image("a.tif", with_tag(tiff(compression), ROWS, height))


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("count", [64, 512])
def test_zeros_in_the_middle_are_refused(compression: str, count: int) -> None:
    with pytest.raises(ImageError, match="truncated or corrupt"):
        decode_image("a.tif", zeroed(tiff(compression), count))


def test_a_strip_of_a_jpeg_that_ends_early_is_refused() -> None:
    whole = tiff("jpeg")
    tags = Image.open(io.BytesIO(whole)).tag_v2
    end = tags[STRIPS][2] + tags[COUNTS][2]
    cut = whole[: end - 40] + b"\xff\xd9" + bytes(38) + whole[end:]
    with pytest.raises(ImageError, match="the data from row 80 of 200 on is damaged: the scan ends at about row"):
        decode_image("a.tif", cut)


def test_an_uncompressed_film_that_is_too_short_is_refused() -> None:
    whole = tiff(None)
    with pytest.raises(ImageError, match="the data from row 0 of 200 on has 1000 bytes; expected 30000"):
        decode_image("a.tif", with_tag(whole, COUNTS, 1000))


def test_the_last_strip_may_be_filled_up() -> None:
    with_rest = with_tag(tiff("tiff_deflate"), ROWS, HEIGHT - 7)
    assert np.array_equal(decode_image("a.tif", with_rest), FILM[:-7])


def test_huge_tiles_are_refused() -> None:
    tifffile = pytest.importorskip("tifffile")
    file = io.BytesIO()
    tifffile.imwrite(file, FILM, tile=(64, 64), compression="zlib")
    assert np.array_equal(decode_image("a.tif", file.getvalue()), FILM)
    huge = with_tag(with_tag(file.getvalue(), TILE_ROWS, 60000), TILE_ROWS - 1, 60000)
    with pytest.raises(ImageError, match="tiles of 60000 x 60000 pixels in an image of 150 x 200"):
        decode_image("a.tif", huge)
