"""A thumbnail is a small JPEG in a page, whatever the film's depth and size."""

import base64

import numpy as np
import pytest

from preprocess.images import decode_image
from preprocess.thumbnail import thumbnail_uri


@pytest.mark.parametrize(
    ("shape", "dtype", "small"),
    [((400, 200), np.uint8, (100, 50)), ((60, 80), np.uint16, (60, 80)), ((1, 900, 3), np.uint8, (1, 100, 3))],
)
def test_the_longer_side_is_bounded_and_nothing_grows(shape: tuple[int, ...], dtype: type, small: tuple) -> None:
    image = np.zeros(shape, dtype)
    image[..., :1] = 200  # of three channels red, or a JPEG of greys comes back as grey
    head, data = thumbnail_uri(image, 100).split(",")
    assert head == "data:image/jpeg;base64"
    assert decode_image("x.jpg", base64.b64decode(data)).shape == small
