"""Decode a frame of a DICOM file, and refuse it if it is not whole or not as large as the header says.

Decoders believe the size that the compressed data states, whatever Rows and Columns are, and gdcm ends the process on
some data of another size. So the size is compared before anything is decoded. gdcm also ends the process where libjpeg
gives a warning, so Pillow decodes JPEG of 8 bits, and other JPEG is refused if it has odd segments. Needs the extra
`dicom`.
"""

import struct
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from preprocess.formats.jpeg import SOS, check_jpeg, read_segments
from preprocess.formats.packbits import unpacked_size

LOSSLESS = {0xC3, 0xC7, 0xCB, 0xCF}
JPEG_FRAMES = LOSSLESS | {0xC0, 0xC1, 0xC2, 0xC5, 0xC6, 0xC9, 0xCA, 0xCD, 0xCE, 0xF7}  # 0xF7: JPEG-LS
HUFFMAN_8_BITS = {0xC0, 0xC1, 0xC2}
PILLOW_SYNTAXES = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"}  # JPEG baseline and extended
JFIF, ADOBE = 0xE0, 0xEE  # markers of the segments that writers describe themselves in

JPEG2000_START, JPEG2000_TILE, END = b"\xff\x4f\xff\x51", b"\xff\x90", b"\xff\xd9"
MOST_TILES = 65535  # that the standard allows

RLE_HEADER = 64  # bytes

PROBED_BYTES = 4


def count_frames(dataset: Any) -> int:
    """Return the number of frames that the header of a pydicom dataset names; 1 if it names none."""
    return max(1, int(dataset.get("NumberOfFrames") or 1))


def decode_frame(dataset: Any, index: int = 0) -> NDArray[Any]:
    """Decode a frame of a pydicom dataset.

    Args:
        index: of the frame, from 0.
    Returns:
        The stored values, (H, W) or (H, W, 3), with whatever unused bits hold.
    Raises:
        ValueError: the pixel data is missing, too short or too long, damaged, or of another size than Rows x Columns.
        Exception: what pydicom raises on damaged data.
    """
    from pydicom.pixels import pixel_array

    if not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        _check_length(dataset)
        return _native(pixel_array(dataset, index=index, correct_unused_bits=False))
    frame = _frame(dataset, index)
    marker = _check_frame(dataset, frame)
    is_8_bits = marker in HUFFMAN_8_BITS and int(dataset.BitsAllocated) == 8
    plugin = "pillow" if is_8_bits and dataset.file_meta.TransferSyntaxUID in PILLOW_SYNTAXES else ""
    if marker and not plugin:
        _refuse_odd_segments(frame)
    try:
        stored = _native(pixel_array(dataset, index=index, correct_unused_bits=False, decoding_plugin=plugin))
    except Exception as error:
        if "NoneType" in str(error):  # all that gdcm says
            raise ValueError("the compressed data is damaged or ends early") from error
        raise
    if marker in LOSSLESS:
        _check_lossless(dataset, frame, stored)
    return stored


def _native(values: NDArray[Any]) -> NDArray[Any]:
    """Return values in this machine's order of bytes; big-endian files have another one."""
    return np.asarray(values, values.dtype.newbyteorder("="))


def _check_length(dataset: Any) -> None:
    """Check that uncompressed pixel data holds the rows and frames that the header names."""
    pixel_bits = int(dataset.BitsAllocated) * int(dataset.get("SamplesPerPixel", 1))
    if "422" in str(dataset.get("PhotometricInterpretation", "")):
        pixel_bits = pixel_bits * 2 // 3
    row_bits, rows = int(dataset.Columns) * pixel_bits, int(dataset.Rows)
    wanted, held = (row_bits * rows * count_frames(dataset) + 7) // 8, len(dataset.PixelData)
    if held < wanted:
        raise ValueError(
            f"the pixel data ends after {held} of {wanted} bytes, at row {min(rows, held * 8 // max(1, row_bits))} of "
            f"{rows}"
        )
    if (held - wanted) * 8 >= row_bits:
        raise ValueError(f"the pixel data has {held} bytes, but {rows} rows need {wanted}")


def _frame(dataset: Any, index: int) -> bytes:
    from pydicom.encaps import get_frame, parse_fragments

    fragments = parse_fragments(dataset.PixelData)[0] - 1  # the first item is the table of offsets
    frames = count_frames(dataset)
    if fragments < frames:
        raise ValueError(
            f"the number of fragments of pixel data is {fragments}; expected {frames} or more, one a frame"
        )
    return bytes(get_frame(dataset.PixelData, index, number_of_frames=frames))


def _check_frame(dataset: Any, frame: bytes) -> int:
    """Check the size that compressed data states and whether it is whole; return the JPEG frame marker, 0 if none."""
    start = frame.find(JPEG2000_START)
    if frame[:2] == b"\xff\xd8":
        return _check_jpeg_frame(dataset, frame)
    if start >= 0 and frame[:1] in (b"\xff", b"\0"):
        _check_jpeg2000(dataset, frame[start:])
    elif dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.5":
        _check_rle(dataset, frame)
    return 0


def _check_size(dataset: Any, width: int, height: int, samples: int) -> None:
    named = int(dataset.Columns), int(dataset.Rows), int(dataset.get("SamplesPerPixel", 1))
    if (width, height, samples) != named:
        found, expected = (f"{size[0]} x {size[1]} x {size[2]}" for size in ((width, height, samples), named))
        raise ValueError(f"the compressed data says {found} values, but the header {expected}")


def _check_jpeg_frame(dataset: Any, frame: bytes) -> int:
    for segment in read_segments(frame):
        if segment.marker in JPEG_FRAMES and len(segment.body) >= 6:
            bits, height, width, samples = struct.unpack_from(">BHHB", segment.body)
            _check_size(dataset, width, height, samples)
            if bits == 8 and segment.marker in HUFFMAN_8_BITS:
                check_jpeg(frame)
            return segment.marker
        if segment.marker == SOS:
            break
    raise ValueError("the compressed data does not say its size")


def _refuse_odd_segments(frame: bytes) -> None:
    """Refuse JPEG data at which libjpeg would warn of its segments: gdcm makes an error of it that ends the process."""
    at = 2
    for segment in read_segments(frame):
        start = segment.end - len(segment.body) - 4  # of the marker
        gap = frame[at:start].strip(b"\xff")  # any number of bytes 0xFF may precede a marker
        if gap:
            raise ValueError(f"{len(gap)} bytes of the compressed data belong to no segment")
        is_jfif = segment.marker == JFIF and segment.body[:5] == b"JFIF\0"
        is_adobe = segment.marker == ADOBE and segment.body[:5] == b"Adobe"
        if (is_jfif and segment.body[5:6] != b"\1") or (is_adobe and segment.body[11:12] not in (b"\0", b"\1", b"\2")):
            raise ValueError(f"the compressed data has a damaged {'JFIF' if is_jfif else 'Adobe'} segment")
        if segment.marker == SOS:
            return
        at = segment.end


def _check_jpeg2000(dataset: Any, stream: bytes) -> None:
    """Check the size and number of tiles, and that every tile part is there.

    Source: ITU-T T.800, annex A.
    """
    if len(stream) < 44:
        raise ValueError("the header of the compressed data is cut")
    right, bottom, left, top, across, down, _, _, samples = struct.unpack_from(">8IH", stream, 8)
    _check_size(dataset, right - left, bottom - top, samples)
    if not (across and down) or -(-right // across) * -(-bottom // down) > MOST_TILES:
        raise ValueError(f"tiles of {across} x {down} pixels")
    at, parts = 2, 0
    while at + 4 <= len(stream) and stream[at : at + 2] != END:
        if stream[at : at + 2] == JPEG2000_TILE and at + 10 <= len(stream):
            parts += 1
            (size,) = struct.unpack_from(">I", stream, at + 6)
            at += max(2, size or len(stream.rstrip(b"\0")) - len(END) - at)  # 0: up to the end
        else:
            at += 2 + struct.unpack_from(">H", stream, at + 2)[0]
    if stream[at : at + 2] != END or not parts:
        raise ValueError(f"the compressed data ends after {len(stream)} bytes, within tile part {parts}")


def _check_rle(dataset: Any, frame: bytes) -> None:
    """Check that each segment of run-length coded data holds one byte of every pixel. Source: DICOM PS3.5, annex G."""
    if len(frame) < RLE_HEADER:
        raise ValueError("the header of the run-length coded data is cut")
    count, *offsets = struct.unpack_from("<16I", frame)
    expected = int(dataset.get("SamplesPerPixel", 1)) * -(-int(dataset.BitsAllocated) // 8)
    if count != expected:
        raise ValueError(f"the run-length coded data has {count} segments; expected {expected}")
    pixels, columns = int(dataset.Rows) * int(dataset.Columns), int(dataset.Columns)
    bounds = [*offsets[:count], len(frame)]
    for start, end in pairwise(bounds):
        segment = frame[start:end] if RLE_HEADER <= start < end else b""
        held = unpacked_size(segment, pixels + 1)
        if held < pixels:
            raise ValueError(f"the run-length coded data ends at row {held // columns} of {dataset.Rows}")
        if held > pixels and unpacked_size(segment.rstrip(b"\0"), pixels + 1) > pixels:  # zeros may fill the end
            raise ValueError(f"the run-length coded data goes on after row {dataset.Rows}")


def _check_lossless(dataset: Any, frame: bytes, stored: NDArray[Any]) -> None:
    """Check that the last bytes of lossless JPEG data decide on the last rows, and no others.

    gdcm reads past the end of such data without an error. So it decodes them again with other last bytes: rows that
    change before the last ones lie behind the end of the data; if none changes, data is left over.
    """
    from pydicom import Dataset
    from pydicom.encaps import encapsulate
    from pydicom.pixels import pixel_array

    twin = Dataset()
    twin.file_meta = dataset.file_meta
    for element in dataset.group_dataset(0x0028):
        twin.add(element)
    twin.NumberOfFrames = 1
    twin.PixelData = encapsulate([_with_other_end(frame)])
    twin["PixelData"].VR = "OB"
    changed = np.asarray(pixel_array(twin, index=0, correct_unused_bits=False)) != stored
    rows = changed.reshape(len(stored), -1).any(axis=1)
    if not rows.any():
        raise ValueError("image data is left over after the last row")
    last = int(rows.argmax())
    if last < len(stored) - 2 - 8 * PROBED_BYTES // stored.shape[1]:
        raise ValueError(f"the scan ends at about row {last} of {len(stored)}")


def _with_other_end(frame: bytes) -> bytes:
    """Return JPEG data with the last bytes before its end marker inverted."""
    end = frame.rindex(END)
    start = end - PROBED_BYTES
    start -= frame[start - 1] == 0xFF  # keep a byte 0xFF and its stuffed zero together
    inverted = bytes(255 - byte for byte in frame[start:end].replace(b"\xff\0", b"\xff"))
    return frame[:start] + inverted.replace(b"\xff", b"\xff\0") + frame[end:]
