"""Limit what a deflated DICOM file may inflate to. pydicom inflates all of it in memory, however large."""

import struct
import zlib

SYNTAXES = (b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.4.95")

BYTES_PER_PIXEL = 2.5  # of 16-bit films, with room for what else the file says

LONG_LENGTHS = {b"OB", b"OW", b"UN", b"SQ", b"UT", b"OF", b"OD", b"OL", b"UC", b"UR"}

STEP = 1 << 20


def check_inflation(data: bytes, max_pixels: int) -> None:
    """Check that a DICOM file, if it is deflated, does not inflate to more bytes than the largest film needs.

    Raises:
        ValueError: it does.
    """
    at, syntax = _meta_information(data)
    if syntax not in SYNTAXES:
        return
    limit, size = int(max_pixels * BYTES_PER_PIXEL), 0
    stream, packed = zlib.decompressobj(-zlib.MAX_WBITS), memoryview(data)[at:]
    for start in range(0, len(packed), 1024):  # which inflate to 1 MiB at most
        size += len(stream.decompress(packed[start : start + 1024]))
        if size > limit:
            raise ValueError(f"it inflates to more than {limit} bytes; raise the limit with --max-pixels")


def _meta_information(data: bytes) -> tuple[int, bytes]:
    """Return where the meta information of a DICOM file ends, and its transfer syntax; b"" if it names none."""
    at, syntax = 132, b""
    while data[128:132] == b"DICM" and data[at : at + 2] == b"\x02\0" and at + 12 <= len(data):
        element, kind = data[at + 2 : at + 4], data[at + 4 : at + 6]
        long = kind in LONG_LENGTHS
        (size,) = struct.unpack_from("<I" if long else "<H", data, at + 8 if long else at + 6)
        at += 12 if long else 8
        if element == b"\x10\0":
            syntax = data[at : at + size].strip(b"\0 ")
        at += size
    return at, syntax
