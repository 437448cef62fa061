"""Prove that the strips or tiles of a TIFF file are there and whole. libtiff only prints messages of some damage."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from preprocess.formats.jpeg import check_jpeg
from preprocess.formats.packbits import unpacked_size

# Source: TIFF 6.0, and the Adobe Photoshop TIFF technical notes for compressions 7 and 8.
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, PLANAR = 256, 257, 258, 259, 262, 277, 284
STRIP_OFFSETS, ROWS_PER_STRIP, STRIP_BYTES = 273, 278, 279
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 322, 323, 324, 325
JPEG_TABLES = 347
RAW, JPEG, DEFLATE, PACKBITS = 1, 7, (8, 32946), 32773
SEPARATE, YCBCR = 2, 6

HEADER = 8  # bytes
LARGEST_TILE = 4096 * 4096  # pixels; a larger tile must be no larger than the image


@dataclass(frozen=True)
class Block:
    """A strip or tile.

    Attributes:
        top: its first row in the image.
        data: its bytes in the file.
        size: bytes that its rows need when unpacked; 0 if unknown.
        full: the same for as many rows as every strip has. Some writers fill up the last strip.
        row: bytes of one row.
    """

    top: int
    data: bytes
    size: int
    full: int
    row: int


def check_tiff(data: bytes, tags: Any) -> None:
    """Check the strips or tiles of the first page of a TIFF file.

    Args:
        data: the bytes of the file.
        tags: the tags of the page, by number, as Pillow reads them.
    Raises:
        ValueError: strips or tiles are missing, lie beyond the end of the file, are too short, or hold more rows.
    """
    name, (width, height), across = _layout(tags)
    offsets = _numbers(tags, TILE_OFFSETS if name == "tile" else STRIP_OFFSETS)
    lengths = _numbers(tags, TILE_BYTES if name == "tile" else STRIP_BYTES)
    planes = int(tags.get(SAMPLES, 1)) if tags.get(PLANAR, 1) == SEPARATE else 1
    down = -(-int(tags[HEIGHT]) // height)
    if not len(offsets) == len(lengths) == across * down * planes:
        raise ValueError(
            f"the number of {name}s is {len(offsets)}, and of their byte counts {len(lengths)}; {tags[WIDTH]} x "
            f"{tags[HEIGHT]} pixels need {across * down * planes}"
        )
    row = _row_size(tags, width, planes)
    for number, (start, length) in enumerate(zip(offsets, lengths, strict=True)):
        top = number // across % down * height
        rows = height if name == "tile" else min(height, int(tags[HEIGHT]) - top)
        block = Block(top, data[start : start + length], rows * row, height * row, row)
        _check_block(tags, block, start, length)


def _layout(tags: Any) -> tuple[str, tuple[int, int], int]:
    """Return what the image is cut into, the width and height of one, and how many lie side by side."""
    width, height = int(tags[WIDTH]), int(tags[HEIGHT])
    if TILE_OFFSETS not in tags:
        return "strip", (width, max(1, min(height, int(tags.get(ROWS_PER_STRIP, height))))), 1
    size = int(tags[TILE_WIDTH]), int(tags[TILE_HEIGHT])
    if min(size) < 1 or size[0] * size[1] > max(LARGEST_TILE, width * height):
        raise ValueError(f"tiles of {size[0]} x {size[1]} pixels in an image of {width} x {height}")
    return "tile", size, -(-width // size[0])


def _numbers(tags: Any, tag: int) -> Sequence[int]:
    value = tags.get(tag, ())
    return value if isinstance(value, tuple) else (value,)


def _row_size(tags: Any, width: int, planes: int) -> int:
    """Return the bytes of a row of a strip or tile; 0 if chroma is stored at a smaller size."""
    if tags.get(PHOTOMETRIC) == YCBCR:
        return 0
    bits, samples = _numbers(tags, BITS) or (1,), int(tags.get(SAMPLES, 1))
    pixel = bits[0] if planes > 1 else sum(bits) if len(bits) == samples else bits[0] * samples
    return (width * pixel + 7) // 8


def _check_block(tags: Any, block: Block, start: int, length: int) -> None:
    compression = tags.get(COMPRESSION, RAW)
    place = f"the data from row {block.top} of {tags[HEIGHT]} on"
    if start < HEADER or length == 0:
        raise ValueError(f"{place} is missing")
    if len(block.data) < (min(length, block.size) if compression == RAW else length):
        raise ValueError(f"{place} lies beyond the end of the file")
    try:
        if compression == JPEG:
            check_jpeg(_with_tables(tags.get(JPEG_TABLES, b""), block.data))
            return
        held = _held(compression, block)
    except (ValueError, zlib.error) as error:
        raise ValueError(f"{place} is damaged: {error}") from error
    slack = 1 if compression == PACKBITS else block.row
    if held < block.size or (block.size and held != block.full and held >= block.size + slack):
        raise ValueError(f"{place} has {held} bytes; expected {block.size}")


def _held(compression: int, block: Block) -> int:
    """Return how many bytes a block holds when unpacked; what it needs if libtiff checks this itself."""
    if compression == RAW:
        return len(block.data)
    if compression == PACKBITS:
        return unpacked_size(block.data, block.full + 1)
    if compression in DEFLATE:
        return len(zlib.decompressobj().decompress(block.data, block.full + block.row))  # and its checksum is checked
    return block.size


def _with_tables(tables: bytes, strip: bytes) -> bytes:
    """Return a strip as a JPEG file of its own, with the tables that all strips share."""
    return strip[:2] + tables[2:-2] + strip[2:]
