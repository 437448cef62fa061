"""Prove that the image data of a PNG file is whole.

Pillow does not check the checksums of image data, and stops without a word where the data ends, or where the last row
is read.
"""

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type

# Adam7: first column, first row, step of columns, step of rows of each pass. Source: PNG specification, section 8.2.
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def without_compression(data: bytes) -> bytes:
    """Return a PNG file with the same chunks whose image data is whole and stored without compression.

    The image data is inflated here, because only then its checksums and its length are known. It need not be inflated
    twice.

    Args:
        data: the bytes of a PNG file with a valid header. Bytes after its end are ignored.
    Raises:
        ValueError: a checksum of the image data is wrong, or rows are missing or left over.
    """
    chunks = list(_chunks(data))
    packed = b"".join(body for name, body in chunks if name == b"IDAT")
    rows = zlib.compress(_inflate(packed, chunks[0][1]), 0)
    first = [name for name, _ in chunks].index(b"IDAT")
    kept = [(name, body) for name, body in chunks[first:] if name != b"IDAT"]
    return SIGNATURE + b"".join(_written(*chunk) for chunk in [*chunks[:first], (b"IDAT", rows), *kept])


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and content of each chunk; check the checksums of the image data, as the reader checks others."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        body, crc = data[at + 8 : at + 8 + size], data[at + 8 + size : at + 12 + size]
        if name == b"IDAT" and len(crc) == 4 and zlib.crc32(body, zlib.crc32(name)) != int.from_bytes(crc, "big"):
            raise ValueError("the checksum of the image data is wrong")
        yield name, body
        at += 12 + size
        if name == b"IEND":
            return


def _written(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))


def _inflate(packed: bytes, header: bytes) -> bytes:
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    row_bits = depth * CHANNELS[colour]
    passes = PASSES if interlaced else ((0, 0, 1, 1),)
    wanted = sum(_pass_size(width, height, row_bits, *steps) for steps in passes)
    row = 1 + (width * row_bits + 7) // 8
    try:
        rows = zlib.decompressobj().decompress(packed, wanted + row)
    except zlib.error as error:
        raise ValueError(f"the image data cannot be inflated: {error}") from error
    if len(rows) < wanted:
        raise ValueError(
            f"the image data ends after {len(rows)} of {wanted} bytes"
            + ("" if interlaced else f", at row {len(rows) // row} of {height}")
        )
    if len(rows) == wanted + row:
        raise ValueError(f"the image data goes on after row {height}, the last one that the header names")
    return rows[:wanted]


def _pass_size(width: int, height: int, bits: int, left: int, top: int, across: int, down: int) -> int:
    """Return the bytes of one pass of an image, with the filter byte of each row."""
    columns, rows = -(-(width - left) // across), -(-(height - top) // down)
    return rows * (1 + (columns * bits + 7) // 8) if columns > 0 and rows > 0 else 0
