"""Small files that decoders would fill the memory with: each is refused quickly and within little memory."""

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from preprocess.errors import ImageError
from preprocess.formats.deflated import check_inflation
from preprocess.images import decode_image

from .conftest import FILM, HEIGHT, WIDTH, chunk, dicom, encode, png_rows

ROOT = Path(__file__).parents[3]
MOST_MB, MOST_S = 300, 5.0

READ = """
import resource, sys, time
from preprocess.errors import ImageError
from preprocess.images import read_image
try:
    import pydicom.pixels
except ImportError:
    pass
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
try:
    read_image(sys.argv[1])
except ImageError as error:
    print(error)
else:
    print("accepted")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
print(time.process_time() - start)
"""


def refusal(file: Path, data: bytes) -> str:
    """Return why a file is refused by a process of its own, whose memory and time are limited."""
    file.write_bytes(data)
    done = subprocess.run([sys.executable, "-c", READ, str(file)], capture_output=True, text=True, cwd=ROOT, check=True)
    text, megabytes, seconds = done.stdout.splitlines()
    assert int(megabytes) < MOST_MB
    assert float(seconds) < MOST_S
    return text


def inflated(megabytes: int, before: bytes = b"", window: int = zlib.MAX_WBITS) -> bytes:
    """Return deflated data of many zeros."""
    stream, zeros = zlib.compressobj(6, zlib.DEFLATED, window), bytes(1 << 20)
    return b"".join([stream.compress(before), *(stream.compress(zeros) for _ in range(megabytes)), stream.flush()])


def test_png_data_that_inflates_to_more_than_the_film_is_refused(tmp_path: Path) -> None:
    header = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0))
    rows, end = png_rows(FILM), chunk(b"IEND", b"")
    pixels = chunk(b"IDAT", inflated(500, rows))
    assert "goes on after row 200" in refusal(tmp_path / "a.png", header + pixels + end)
    profile = chunk(b"iCCP", b"a\0\0" + inflated(100)) + chunk(b"IDAT", zlib.compress(rows))
    assert "Decompressed data too large" in refusal(tmp_path / "a.png", header + profile + end)


def test_a_deflated_dicom_file_that_inflates_to_much_more_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pydicom")
    whole = dicom(FILM, "1.2.840.10008.1.2.1.99")
    assert decode_image("a.dcm", whole).shape == FILM.shape
    start = whole.index(b"1.2.840.10008.1.2.1.99") + 22
    private = struct.pack("<HH2sHI", 9, 0x1010, b"OB", 0, 600 << 20)
    text = refusal(tmp_path / "a.dcm", whole[:start] + inflated(600, private, -zlib.MAX_WBITS))
    assert "it inflates to more than 250000000 bytes; raise the limit with --max-pixels" in text


def test_the_limit_of_inflation_follows_the_limit_of_pixels() -> None:
    pytest.importorskip("pydicom")
    whole = dicom(FILM, "1.2.840.10008.1.2.1.99")
    check_inflation(whole, FILM.size)
    with pytest.raises(ValueError, match="inflates to more than 25000 bytes"):
        check_inflation(whole, 10000)


def test_a_small_jpeg_that_names_a_huge_size_is_refused(tmp_path: Path) -> None:
    data = encode(FILM, "JPEG")
    at = data.index(b"\xff\xc0") + 5
    huge = data[:at] + struct.pack(">HH", 9000, 9000) + data[at + 4 :]
    assert "the scan ends early" in refusal(tmp_path / "a.jpg", huge)
    with pytest.raises(ImageError, match="more than the limit"):
        decode_image("a.jpg", data[:at] + struct.pack(">HH", 60000, 60000) + data[at + 4 :])
