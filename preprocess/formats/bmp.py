"""Prove that a BMP file holds as many rows as its header names."""

import struct

INFO_HEADER = 40  # bytes; older headers do not tell the size of the image data

UNCOMPRESSED = {0, 3, 6}  # RGB, and RGB with bit masks


def check_bmp(data: bytes) -> None:
    """Check the height of a BMP file against the size of the image data that its header states.

    Missing rows are found by Pillow.

    Raises:
        ValueError: the file holds more rows than its height.
    """
    file_size, offset, header = struct.unpack_from("<I4xII", data, 2)
    if header < INFO_HEADER:
        return
    width, height, bits, compression, stated = struct.unpack_from("<ii2xHII", data, 18)
    if compression not in UNCOMPRESSED:
        return
    row = (abs(width) * bits + 31) // 32 * 4
    rows = (stated or (file_size - offset if file_size == len(data) else 0)) // max(row, 1)
    if rows > abs(height):
        raise ValueError(f"the image data holds {rows} rows, but the header names {abs(height)}")
