import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from preprocess.errors import ImageError
from preprocess.images import read_image, to_grey8, white_of

RNG = np.random.default_rng(2)
GREY = RNG.integers(0, 65536, (30, 50), dtype=np.uint16)
COLOUR = RNG.integers(0, 65536, (30, 50, 3), dtype=np.uint16)


def write_tiff(path: Path, values: np.ndarray, *, big: bool = False, **tags: int) -> Path:
    """Write an uncompressed TIFF file of one strip, or of one strip a channel if the channels come first."""
    order, separate = ">" if big else "<", values.ndim == 3 and len(values) in (3, 4)
    height, width = values.shape[1:] if separate else values.shape[:2]
    channels = 1 if values.ndim == 2 else len(values) if separate else values.shape[2]
    strips = [plane.astype(f"{order}u2").tobytes() for plane in (values if separate else [values])]
    chosen = {"photometric": 1 if channels == 1 else 2, "orientation": 1, "format": 1, "compression": 1} | tags
    bits = tags.get("bits", 16)
    entries: list[tuple[int, list[int], str]] = [
        (256, [width], "H"),
        (257, [height], "H"),
        (258, [bits] * channels, "H"),
        (259, [chosen["compression"]], "H"),
        (262, [chosen["photometric"]], "H"),
        (273, [], "I"),
        (274, [chosen["orientation"]], "H"),
        (277, [channels], "H"),
        (278, [height], "H"),
        (279, [len(strip) for strip in strips], "I"),
        (284, [2 if separate else 1], "H"),
        (339, [chosen["format"]] * channels, "H"),
    ]
    if channels == 4:
        entries.insert(11, (338, [tags.get("alpha", 2)], "H"))
    start = 8 + 2 + 12 * len(entries) + 4
    extra = b""
    pixels_at = start + 200
    offsets = [pixels_at + sum(map(len, strips[:number])) for number in range(len(strips))]
    table = b""
    for tag, numbers, kind in entries:
        numbers = offsets if tag == 273 else numbers
        packed = struct.pack(f"{order}{len(numbers)}{kind}", *numbers)
        if len(packed) > 4:
            place, extra = start + len(extra), extra + packed
            packed = struct.pack(f"{order}I", place)
        table += struct.pack(f"{order}HHI", tag, {"H": 3, "I": 4}[kind], len(numbers)) + packed.ljust(4, b"\0")
    head = (b"MM" if big else b"II") + struct.pack(f"{order}HIH", 42, 8, len(entries))
    path.write_bytes(head + table + bytes(4) + extra.ljust(200, b"\0") + b"".join(strips))
    return path


VIEWS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a[:, ::-1].swapaxes(0, 1),
}


@pytest.mark.parametrize("big", [False, True], ids=["little", "big"])
@pytest.mark.parametrize("orientation", VIEWS)
def test_films_are_turned_once(tmp_path: Path, big: bool, orientation: int) -> None:
    upright = VIEWS[orientation]
    for values, shown in ((GREY, GREY), (COLOUR, COLOUR), (np.moveaxis(COLOUR, 2, 0), COLOUR)):
        path = write_tiff(tmp_path / "a.tif", values, big=big, orientation=orientation)
        for _ in range(2):
            assert np.array_equal(read_image(path), upright(shown))


@pytest.mark.parametrize("orientation", [1, 6])
def test_white_as_zero_is_inverted(tmp_path: Path, orientation: int) -> None:
    path = write_tiff(tmp_path / "a.tif", 65535 - GREY, photometric=0, orientation=orientation)
    assert np.array_equal(read_image(path), VIEWS[orientation](GREY))


def test_a_12_bit_film_with_white_as_zero_looks_like_the_other(tmp_path: Path) -> None:
    film = cv2.resize(RNG.random((6, 6)), (80, 90), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    values = np.round(film * 4095).astype(np.uint16)
    image = read_image(write_tiff(tmp_path / "a.tif", 65535 - values, photometric=0))
    assert white_of(image) == 4095
    assert np.array_equal(to_grey8(image), np.round(values * (255 / 4095)))


@pytest.mark.parametrize("separate", [False, True])
def test_transparency_is_blended_with_black(tmp_path: Path, separate: bool) -> None:
    opacity = RNG.integers(0, 65536, (30, 50, 1), dtype=np.uint16)
    values = np.concatenate([COLOUR, opacity], axis=2)
    path = write_tiff(tmp_path / "a.tif", np.moveaxis(values, 2, 0) if separate else values)
    assert np.array_equal(read_image(path), np.round(COLOUR * (opacity / 65535)))


@pytest.mark.parametrize(
    ("values", "tags", "reason"),
    [
        (COLOUR, {"format": 2}, "SampleFormat 2|not an image"),  # which reader refuses it depends on Pillow's version
        (COLOUR, {"photometric": 6}, "truncated or corrupt|PhotometricInterpretation 6|not an image"),
        (np.dstack([COLOUR, GREY]), {"photometric": 5}, "PhotometricInterpretation 5, 4 channels|not an image"),
        (np.moveaxis(COLOUR, 2, 0), {"compression": 8}, "separate planes|truncated or corrupt"),
    ],
)
def test_other_kinds_are_refused_by_name(tmp_path: Path, values: np.ndarray, tags: dict, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        read_image(write_tiff(tmp_path / "a.tif", values, **tags))


def test_compressed_planes_are_refused_by_name(tmp_path: Path) -> None:
    from preprocess.deep_tiff import decode_deep_colour

    path = write_tiff(tmp_path / "a.tif", np.moveaxis(COLOUR, 2, 0), compression=8)
    with (
        Image.open(path) as picture,
        pytest.raises(
            ImageError, match=r"a\.tif: 16-bit colour in separate planes .*save it with PlanarConfiguration 1"
        ),
    ):
        decode_deep_colour(path, picture, path.read_bytes())
