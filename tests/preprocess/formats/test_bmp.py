import struct

import numpy as np
import pytest

from preprocess.errors import ImageError
from preprocess.images import decode_image

from .conftest import FILM, HEIGHT, encode

BMP = encode(FILM, "BMP")


def with_height(data: bytes, height: int) -> bytes:
    return data[:22] + struct.pack("<i", height) + data[26:]


def test_a_whole_film_with_bytes_after_its_end_is_accepted() -> None:
    assert np.array_equal(decode_image("a.bmp", BMP + b"written after the end" * 50), FILM)


@pytest.mark.parametrize("unstated", [False, True])
def test_a_film_with_more_rows_than_its_height_is_refused(unstated: bool) -> None:
    data = with_height(BMP, 100)
    if unstated:
        data = data[:34] + bytes(4) + data[38:]
    with pytest.raises(ImageError, match=f"a.bmp: .*the image data holds {HEIGHT} rows, but the header names 100"):
        decode_image("a.bmp", data)


def test_missing_rows_are_refused() -> None:
    for data in (with_height(BMP, HEIGHT + 1), BMP[:-200]):
        with pytest.raises(ImageError, match="truncated or corrupt"):
            decode_image("a.bmp", data)
