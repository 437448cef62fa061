"""DICOM films that are whole, cut, or larger when decoded than their headers say."""

import io
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from preprocess.errors import ImageError
from preprocess.images import decode_image

from .conftest import FILM, HEIGHT, WIDTH, dicom, encode, zeroed

pydicom = pytest.importorskip("pydicom")

END = b"\xff\xd9"
DEEP = FILM.astype(np.uint16) * 200 + np.random.default_rng(1).integers(0, 16, FILM.shape, dtype=np.uint16)
BASELINE, LOSSLESS = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70"
JPEG_LS, JPEG_2000, RLE = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"
SYNTAXES = {"baseline": BASELINE, "lossless": LOSSLESS, "jpeg-ls": JPEG_LS, "jpeg 2000": JPEG_2000, "rle": RLE}


def compress(image: np.ndarray, syntax: str, folder: Path) -> bytes:
    """Return a film compressed."""
    if syntax == BASELINE:
        return encode((image >> (8 * image.itemsize - 8)).astype(np.uint8), "JPEG", quality=90)
    if syntax == JPEG_2000:
        return encode(image, "JPEG2000", no_jp2=True)
    if syntax == LOSSLESS:
        return first_frame(compress_lossless(dicom(image), folder))
    film = pydicom.dcmread(io.BytesIO(dicom(image)))
    film.compress(syntax)
    return next(pydicom.encaps.generate_frames(film.PixelData, number_of_frames=1))


def compress_lossless(film: bytes, folder: Path) -> bytes:
    gdcm = pytest.importorskip("gdcm")
    (folder / "whole.dcm").write_bytes(film)
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(folder / "whole.dcm"))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFile(reader.GetFile())
    writer.SetFileName(str(folder / "compressed.dcm"))
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return (folder / "compressed.dcm").read_bytes()


def first_frame(film: bytes) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(film))
    return next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1))


def image_of(syntax: str) -> np.ndarray:
    return FILM if syntax == BASELINE else DEEP


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES.keys())
def test_a_whole_film_with_padding_is_accepted(syntax: str, tmp_path: Path) -> None:
    image = image_of(syntax)
    frame = compress(image, syntax, tmp_path)
    film = decode_image("a.dcm", dicom(image, syntax, frame))
    assert film.shape == image.shape
    assert np.array_equal(decode_image("a.dcm", dicom(image, syntax, frame + bytes(40))), film)
    if syntax != BASELINE:
        assert np.array_equal(film, decode_image("a.dcm", dicom(image)))


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES.keys())
@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9, 0.99])
def test_a_film_that_was_cut_is_refused_even_if_it_was_closed(syntax: str, fraction: float, tmp_path: Path) -> None:
    image = image_of(syntax)
    whole = compress(image, syntax, tmp_path)
    cut = whole[: round(len(whole) * fraction)]
    for frame in (cut, cut + END):
        with pytest.raises(ImageError, match=r"a\.dcm: the pixels cannot be decoded \(.*(ends|damaged|Unable)"):
            decode_image("a.dcm", dicom(image, syntax, frame))


@pytest.mark.parametrize("syntax", [LOSSLESS, JPEG_LS, RLE, BASELINE], ids=["lossless", "jpeg-ls", "rle", "baseline"])
def test_zeros_in_the_middle_are_refused(syntax: str, tmp_path: Path) -> None:
    image = image_of(syntax)
    with pytest.raises(ImageError, match="the pixels cannot be decoded"):
        decode_image("a.dcm", dicom(image, syntax, zeroed(compress(image, syntax, tmp_path), 4096)))


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES.keys())
@pytest.mark.parametrize(("keyword", "value"), [("Rows", 100), ("Rows", 250), ("Columns", 75)])
def test_compressed_data_of_another_size_is_refused(syntax: str, keyword: str, value: int, tmp_path: Path) -> None:
    image = image_of(syntax)
    data = dicom(image, syntax, compress(image, syntax, tmp_path), **{keyword: value})
    found = "run-length coded data" if syntax == RLE else f"says {WIDTH} x {HEIGHT} x 1 values, but the header"
    with pytest.raises(ImageError, match=found):
        decode_image("a.dcm", data)


def test_uncompressed_films_need_all_their_rows_and_no_more() -> None:
    row = 2 * WIDTH
    assert np.array_equal(decode_image("a.dcm", dicom(DEEP, PixelData=DEEP.tobytes() + bytes(40))).shape, DEEP.shape)
    with pytest.raises(ImageError, match=r"the pixel data ends after 30000 of 60000 bytes, at row 100 of 200"):
        decode_image("a.dcm", dicom(DEEP, PixelData=DEEP.tobytes()[: 100 * row]))
    with pytest.raises(ImageError, match=r"the pixel data has 60000 bytes, but 150 rows need 45000"):
        decode_image("a.dcm", dicom(DEEP, Rows=150))
    with pytest.raises(ImageError, match=r"the pixel data ends after 60000 of 60000000000000 bytes"):
        decode_image("a.dcm", dicom(DEEP, NumberOfFrames=10**9))


def test_missing_fragments_are_refused(tmp_path: Path) -> None:
    data = dicom(FILM, BASELINE, compress(FILM, BASELINE, tmp_path), NumberOfFrames=2)
    with pytest.raises(ImageError, match="the number of fragments of pixel data is 1; expected 2 or more"):
        decode_image("a.dcm", data)


@pytest.mark.parametrize("side", [1, 3])
def test_jpeg_2000_with_more_tiles_than_the_standard_allows_is_refused(side: int, tmp_path: Path) -> None:
    frame = compress(DEEP, JPEG_2000, tmp_path)
    huge = frame[:8] + struct.pack(">8I", 30000, 30000, 0, 0, side, side, 0, 0) + frame[40:]
    with pytest.raises(ImageError, match=f"tiles of {side} x {side} pixels"):
        decode_image("a.dcm", dicom(DEEP, JPEG_2000, huge, Rows=30000, Columns=30000), max_pixels=10**9)


def test_compressed_data_that_is_larger_than_the_limit_is_refused(tmp_path: Path) -> None:
    frame = bytearray(compress(DEEP, JPEG_LS, tmp_path))
    at = frame.index(b"\xff\xf7") + 5
    frame[at : at + 4] = struct.pack(">HH", 20000, 20000)
    with pytest.raises(ImageError, match="says 20000 x 20000 x 1 values, but the header 150 x 200 x 1"):
        decode_image("a.dcm", dicom(DEEP, JPEG_LS, bytes(frame)))
    with pytest.raises(ImageError, match="20000 x 20000 = 400000000 pixels, more than the limit"):
        decode_image("a.dcm", dicom(DEEP, JPEG_LS, bytes(frame), Rows=20000, Columns=20000))


def decoded_apart(film: bytes, folder: Path) -> str:
    """Decode a film in another process, which may end; return what it prints."""
    (folder / "film.dcm").write_bytes(film)
    code = (
        "import sys\nfrom pathlib import Path\nfrom preprocess.errors import ImageError\n"
        "from preprocess.images import decode_image\n"
        "try:\n    print(decode_image('film.dcm', Path(sys.argv[1]).read_bytes()).shape)\n"
        "except ImageError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(folder / "film.dcm")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("syntax", [BASELINE, LOSSLESS])
@pytest.mark.parametrize("odd", [b"\xff\xe0\x00\x10JFIF\0\7\1\0\0\1\0\1\0\0", b"\x65\xc4" + bytes(17)])
def test_odd_segments_do_not_end_the_process(syntax: str, odd: bytes, tmp_path: Path) -> None:
    """gdcm ends the process at an unknown version of JFIF and at bytes between two segments."""
    frame = compress(image_of(syntax), syntax, tmp_path)
    at = 4 + int.from_bytes(frame[4:6], "big")  # behind the first segment
    frame = frame[:at] + odd + frame[at:]
    text = decoded_apart(dicom(image_of(syntax), syntax, frame), tmp_path)
    if syntax == BASELINE:
        assert text == f"({HEIGHT}, {WIDTH})\n"
    else:
        assert re.search("damaged JFIF segment|19 bytes of the compressed data belong to no segment", text)
