"""Store the white of a 16-bit film in its PNG file, so that a cleaned film is read with the grey scale of the raw one.

The chunk sBIT of PNG does not fit: it is for values that were multiplied to fill 16 bits, and these were not.
"""

import re
import struct
import zlib

from PIL import Image

from preprocess.grey_levels import FULL

KEY = "fxkit:white"  # of the text chunk

HEADER_BYTES = 33  # signature and IHDR, which comes first


def add_white(png: bytes, white: int) -> bytes:
    """Return a PNG file with a text chunk that holds the white, 1 to 65535."""
    content = b"tEXt" + KEY.encode() + b"\0" + str(white).encode()
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    return png[:HEADER_BYTES] + chunk + png[HEADER_BYTES:]


def read_white(picture: Image.Image) -> int | None:
    """Return the white that a PNG file holds; None if it holds none, or no number from 1 to 65535."""
    text = picture.info.get(KEY)
    if not isinstance(text, str) or not re.fullmatch("[0-9]{1,5}", text):
        return None
    return int(text) if 1 <= int(text) <= FULL else None
