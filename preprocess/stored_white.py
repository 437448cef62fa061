"""Store the white of a 16-bit film in its PNG or TIFF file, so that it is read with the grey scale of its source.

No field of the formats fits. The chunk sBIT of PNG is for values that were multiplied to fill 16 bits, and these were
not. MaxSampleValue of TIFF is the largest value that occurs, by which programs must not choose how a film looks.
"""

import re
import struct
import zlib

from PIL import Image

from preprocess.grey_levels import FULL

KEY = "fxkit:white"  # of the text chunk in PNG; before "=" in the ImageDescription of TIFF

PNG_ENDINGS, TIFF_ENDINGS = (".png",), (".tif", ".tiff")

HEADER_BYTES = 33  # PNG: signature and IHDR, which comes first

LITTLE_ENDIAN_TIFF = b"II*\0"

DESCRIPTION, ASCII, ENTRY_BYTES = 270, 2, 12  # TIFF 6.0, sections 2 and 8


def add_white(data: bytes, ending: str, white: int) -> bytes:
    """Return a file with a text that holds the white, 1 to 65535; other kinds of files as they are.

    Args:
        data: a PNG file, or a little-endian TIFF file of one page without description, as OpenCV writes it.
        ending: ending of the file's name in lower case, such as ".png".
    """
    if ending in PNG_ENDINGS:
        return _add_to_png(data, white)
    return _add_to_tiff(data, white) if ending in TIFF_ENDINGS and data.startswith(LITTLE_ENDIAN_TIFF) else data


def read_white(picture: Image.Image) -> int | None:
    """Return the white that a PNG or TIFF file holds; None if it holds none, or no number from 1 to 65535."""
    if picture.format == "TIFF":
        text = picture.tag_v2.get(DESCRIPTION)  # type: ignore[attr-defined]
        text = text.removeprefix(f"{KEY}=") if isinstance(text, str) and text.startswith(f"{KEY}=") else None
    else:
        text = picture.info.get(KEY)
    if not isinstance(text, str) or not re.fullmatch("[0-9]{1,5}", text):
        return None
    return int(text) if 1 <= int(text) <= FULL else None


def _add_to_png(png: bytes, white: int) -> bytes:
    content = b"tEXt" + KEY.encode() + b"\0" + str(white).encode()
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    return png[:HEADER_BYTES] + chunk + png[HEADER_BYTES:]


def _add_to_tiff(tiff: bytes, white: int) -> bytes:
    """Append the text and a copy of the directory with an entry for it, and let the header point to the copy."""
    (start,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, start)
    entries = [tiff[start + 2 + ENTRY_BYTES * i :][:ENTRY_BYTES] for i in range(count)]
    text = f"{KEY}={white}\0".encode()
    data = tiff + bytes(len(tiff) % 2) + text + bytes(len(text) % 2)  # directories begin at even places
    place = len(tiff) + len(tiff) % 2
    entries.append(struct.pack("<HHII", DESCRIPTION, ASCII, len(text), place))
    entries.sort(key=lambda entry: int.from_bytes(entry[:2], "little"))
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + directory
