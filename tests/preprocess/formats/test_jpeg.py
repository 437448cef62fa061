"""JPEG files that are whole, and such as libjpeg only warns of."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from preprocess.errors import ImageError
from preprocess.formats.jpeg import MAX_SCANS, check_jpeg, decode_jpeg
from preprocess.images import decode_image, read_grey8, read_image

from .conftest import FILM, HEIGHT, encode, zeroed

SEQUENTIAL = encode(FILM, "JPEG", quality=90)
PROGRESSIVE = encode(FILM, "JPEG", quality=90, progressive=True)
RESTARTS = encode(FILM, "JPEG", quality=90, restart_marker_rows=1)
COLOUR = encode(np.dstack([FILM, FILM[::-1], FILM]), "JPEG", quality=90)
END = b"\xff\xd9"


def with_height(data: bytes, height: int) -> bytes:
    at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2")) + 5
    return data[:at] + height.to_bytes(2, "big") + data[at + 2 :]


def closed_at(data: bytes, fraction: float) -> bytes:
    return data[: round(len(data) * fraction)] + END


@pytest.mark.parametrize("data", [SEQUENTIAL, PROGRESSIVE, RESTARTS, COLOUR], ids=["plain", "prog", "rst", "rgb"])
def test_a_whole_film_is_decoded_to_the_pixels_of_pillow(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(data)
    assert np.array_equal(read_image(tmp_path / "a.jpg"), np.array(Image.open(tmp_path / "a.jpg")))


@pytest.mark.parametrize(
    "data",
    [
        SEQUENTIAL + b"written after the end" * 50,
        SEQUENTIAL[:20] + b"junk" + SEQUENTIAL[20:],
        SEQUENTIAL[:-2] + bytes(30) + END,
        PROGRESSIVE[:-2] + bytes(20) + END,
        SEQUENTIAL.replace(b"JFIF\0\x01", b"JFIF\0\x07"),
        SEQUENTIAL[:2] + b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0\x09" + SEQUENTIAL[2:],
    ],
    ids=["after", "between", "zeros", "progressive zeros", "version", "adobe"],
)
def test_what_libjpeg_finds_odd_but_decodes_wholly_is_accepted(data: bytes) -> None:
    assert np.array_equal(decode_image("a.jpg", data), decode_image("a.jpg", PROGRESSIVE))


@pytest.mark.parametrize("data", [SEQUENTIAL, RESTARTS, COLOUR], ids=["plain", "restarts", "colour"])
@pytest.mark.parametrize("fraction", [0.5, 0.9, 0.99])
def test_a_scan_that_was_cut_and_closed_is_refused_with_its_last_row(data: bytes, fraction: float) -> None:
    with pytest.raises(ImageError, match=rf"a\.jpg: truncated or corrupt \(the scan ends at about row \d+ of {HEIGHT}"):
        decode_image("a.jpg", closed_at(data, fraction))


def test_the_row_at_which_a_scan_ends_is_right() -> None:
    cut = closed_at(SEQUENTIAL, 0.6)
    whole, damaged = (np.array(Image.open(io.BytesIO(data))) for data in (SEQUENTIAL, cut))
    with pytest.raises(ValueError, match=f"at about row [0-9]+ of {HEIGHT}") as caught:
        check_jpeg(cut)
    row = int(str(caught.value).split()[-3])
    assert abs(row - int((whole != damaged).any(axis=1).argmax())) <= 8


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 0.99])
def test_a_progressive_film_that_was_cut_and_closed_is_refused(fraction: float) -> None:
    with pytest.raises(ImageError, match=r"ends after scan \d+, and later scans|scan ends at about row"):
        decode_image("a.jpg", closed_at(PROGRESSIVE, fraction))


def test_a_progressive_film_that_was_cut_between_two_scans_is_refused() -> None:
    at = [at for at in range(len(PROGRESSIVE)) if PROGRESSIVE[at : at + 2] == b"\xff\xda"]
    for number, start in enumerate(at[1:], start=1):
        with pytest.raises(ValueError, match=f"ends after scan {number}, and later scans"):
            check_jpeg(PROGRESSIVE[:start] + END)


@pytest.mark.parametrize("data", [SEQUENTIAL, PROGRESSIVE, RESTARTS], ids=["plain", "progressive", "restarts"])
@pytest.mark.parametrize("height", [100, 192, 208, 400])
def test_a_wrong_height_is_refused(data: bytes, height: int) -> None:
    with pytest.raises(ImageError, match="truncated or corrupt"):
        decode_image("a.jpg", with_height(data, height))


@pytest.mark.parametrize("data", [SEQUENTIAL, PROGRESSIVE, RESTARTS], ids=["plain", "progressive", "restarts"])
@pytest.mark.parametrize("count", [64, 512])
def test_zeros_in_the_middle_are_refused(data: bytes, count: int) -> None:
    with pytest.raises(ImageError, match="truncated or corrupt"):
        decode_image("a.jpg", zeroed(data, count))


def test_a_missing_restart_interval_is_refused() -> None:
    start, end = RESTARTS.index(b"\xff\xd3"), RESTARTS.index(b"\xff\xd4")
    with pytest.raises(ImageError, match="found marker 0xd4 instead of RST3"):
        decode_image("a.jpg", RESTARTS[:start] + RESTARTS[end:])


def test_damage_is_found_behind_something_harmless() -> None:
    odd = SEQUENTIAL[:20] + b"junk" + SEQUENTIAL[20:]
    with pytest.raises(ValueError, match="the scan ends at about row"):
        check_jpeg(closed_at(odd, 0.5))
    with pytest.raises(ValueError, match=r"\d+ bytes of image data are left over after the last row"):
        check_jpeg(odd[:-2] + b"hello, hello" + END)


def test_a_film_with_more_scans_than_any_encoder_writes_is_refused() -> None:
    start = PROGRESSIVE.rindex(b"\xff\xda")
    with pytest.raises(ValueError, match=f"more than {MAX_SCANS} scans"):
        check_jpeg(PROGRESSIVE[:-2] + PROGRESSIVE[start:-2] * MAX_SCANS + END)


def test_decoding_small_refuses_the_same_films(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(closed_at(COLOUR, 0.9))
    with pytest.raises(ImageError, match="the scan ends at about row"):
        read_grey8(tmp_path / "a.jpg", at_least_px=24)


def test_a_cut_cmyk_film_is_refused() -> None:
    data = encode(FILM, "JPEG", mode="CMYK")
    assert decode_image("a.jpg", data).shape == (*FILM.shape, 3)
    with pytest.raises(ImageError, match="the scan ends at about row"):
        decode_image("a.jpg", closed_at(data, 0.7))


def test_a_film_with_unusual_subsampling_is_left_to_pillow() -> None:
    data = bytearray(COLOUR)
    at = data.index(b"\xff\xc0") + 11
    assert data[at] == 0x22
    data[at] = 0x31  # chroma at a third of the width; simplejpeg has no name for it
    assert decode_jpeg(bytes(data), "RGB") is None
