"""Decode JPEG data, and refuse data that is not whole.

libjpeg only warns of damaged data and fills what is missing with grey. Pillow hides these warnings. simplejpeg raises
them, and decodes to the same pixels.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

# Source of the markers: ITU-T T.81 (1992), table B.1.
SOF_SEQUENTIAL, SOF_PROGRESSIVE = {0xC0, 0xC1, 0xC9}, {0xC2, 0xCA}
FRAMES = SOF_SEQUENTIAL | SOF_PROGRESSIVE
SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
NEEDED = {0xC4, 0xCC, 0xDB, 0xDD}  # tables and the restart interval
WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}

SCAN_END = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")

ALL_COEFFICIENTS = (1 << 64) - 1

MAX_SCANS = 100  # no film has so many; each costs the time of a whole image, however small it is

MOST_LOCATED = 20_000_000  # pixels; to find the last row of a larger film takes too much memory

HARMLESS = re.compile("extraneous bytes|Premature end of JPEG file|Unknown Adobe|JFIF revision|Invalid SOS|ICC")
EXTRANEOUS = re.compile(r"(\d+) extraneous bytes")
ENDS_EARLY = re.compile("premature end of data segment")
UNKNOWN_SAMPLING = re.compile("subsampling")


@dataclass(frozen=True)
class Segment:
    """A marker segment.

    Attributes:
        marker: second byte of the marker.
        body: content without marker and length.
        end: where it ends in the file. The entropy-coded data follow there if it is the header of a scan.
    """

    marker: int
    body: bytes
    end: int


def decode_jpeg(data: bytes, colours: str, height: int = 1, width: int = 1) -> NDArray[np.uint8] | None:
    """Decode a JPEG file and prove that it is whole.

    Args:
        data: the bytes of the file. Bytes after its end are ignored.
        colours: "GRAY", "RGB" or "CMYK".
        height, width: decode at the smallest n/8 of the size that has at least this many pixels.
    Returns:
        (H, W, 1), (H, W, 3) or (H, W, 4) uint8; None if the data is whole but odd: use another decoder.
    Raises:
        ValueError: the data is damaged or ends early; the text says what was found.
    """
    check_scans(data)
    try:
        return _decode_strictly(data, colours, height, width)
    except ValueError as error:
        warning = str(error)
    if HARMLESS.search(warning):
        data = _bare(data)
        warning = _first_warning(data)
    if warning and not UNKNOWN_SAMPLING.search(warning):
        raise ValueError(_reason(data, warning))
    return None


def _decode_strictly(data: bytes, colours: str, height: int = 1, width: int = 1) -> NDArray[np.uint8]:
    pixels: Any = simplejpeg.decode_jpeg(data, colours, min_height=height, min_width=width, strict=True)
    return np.asarray(pixels, np.uint8)


def check_jpeg(data: bytes) -> None:
    """Check that a JPEG file is whole, without the time for its pixels.

    Raises:
        ValueError: see `decode_jpeg`.
    """
    decode_jpeg(data, "GRAY")


def _first_warning(bare: bytes) -> str:
    """Return the first warning of damage, or "" if there is none. Zeros that fill the end are no damage."""
    warning = ""
    for _ in range(2):
        try:
            _decode_strictly(bare, "GRAY")
        except ValueError as error:
            warning = str(error)
        else:
            return ""
        extra = EXTRANEOUS.search(warning)
        if not extra or any(bare[-2 - int(extra[1]) : -2]):
            break
        bare = bare[: -2 - int(extra[1])] + bare[-2:]
    return warning


def _reason(data: bytes, warning: str) -> str:
    """Say what is damaged, and where a scan ends early."""
    if not ENDS_EARLY.search(warning):
        extra = EXTRANEOUS.search(warning)
        return f"{extra[1]} bytes of image data are left over after the last row" if extra else warning
    height, width = _size(data)
    row = _last_row(data) if height * width <= MOST_LOCATED else height
    return f"the scan ends at about row {row} of {height}" if row < height else "the scan ends early"


def _size(data: bytes) -> tuple[int, int]:
    """Return the height and width that the header names."""
    sizes = [one.body[1:5] for one in read_segments(data) if one.marker in FRAMES]
    return int.from_bytes(sizes[0][:2], "big"), int.from_bytes(sizes[0][2:], "big")


def _last_row(data: bytes) -> int:
    """Return the first row that changes when the last bytes of the last scan are dropped."""
    start = [one.end for one in read_segments(data) if one.marker == SOS][-1]
    end = _scan_end(data, start)
    shorter = data[: max(start, end - 8)] + bytes([0xFF, EOI])
    files = (data[:end] + shorter[-2:], shorter)
    whole, cut = (simplejpeg.decode_jpeg(one, "RGB", strict=False) for one in files)
    changed = (whole != cut).any(axis=(1, 2))
    return int(changed.argmax()) if changed.any() else len(changed)


def check_scans(data: bytes) -> None:
    """Check that the scans of a JPEG file hold all coefficients of all components.

    libjpeg does not warn of a file that was cut between two scans and closed.

    Raises:
        ValueError: a scan is missing, or there are too many.
    """
    missing: dict[int, int] = {}  # number of the component -> a bit for each coefficient
    progressive, scans = False, 0
    for segment in read_segments(data):
        if segment.marker in FRAMES:
            progressive = segment.marker in SOF_PROGRESSIVE
            missing = dict.fromkeys(segment.body[6::3], ALL_COEFFICIENTS)
        elif segment.marker == SOS:
            scans += 1
            _take_scan(missing, segment.body, progressive)
            if not (progressive or any(missing.values())):
                return
        if scans > MAX_SCANS:
            raise ValueError(f"more than {MAX_SCANS} scans")
    if scans and any(missing.values()):
        raise ValueError(f"it ends after scan {scans}, and later scans with a part of the image are missing")


def _take_scan(missing: dict[int, int], body: bytes, progressive: bool) -> None:
    """Mark the coefficients that a scan completes as no longer missing."""
    count = body[0] if body else 0
    if len(body) < 2 * count + 4:
        raise ValueError("the header of a scan is damaged")
    first, last, bits_left = body[2 * count + 1], body[2 * count + 2], body[2 * count + 3] & 15
    for number in body[1 : 2 * count + 1 : 2]:
        if number in missing and not progressive:
            missing[number] = 0
        elif number in missing and not bits_left:
            missing[number] &= ~((1 << (last + 1)) - (1 << first))


def read_segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments of a JPEG file up to its end. Bytes between segments are skipped, as libjpeg does."""
    at = 2
    while (at := data.find(b"\xff", at)) >= 0:
        while data[at : at + 1] == b"\xff":
            at += 1
        marker = data[at] if at < len(data) else EOI
        if marker == EOI:
            return
        at += 1
        if marker == 0 or marker in WITHOUT_LENGTH:
            continue
        end = at + int.from_bytes(data[at : at + 2], "big")
        yield Segment(marker, data[at + 2 : end], end)
        at = _scan_end(data, end) if marker == SOS else end


def _scan_end(data: bytes, start: int) -> int:
    found = SCAN_END.search(data, start)
    return found.start() if found else len(data)


def _bare(data: bytes) -> bytes:
    """Return a JPEG file with what its pixels need only: no odd segments, no bytes between them."""
    parts, sequential = [bytes([0xFF, SOI])], False
    for segment in read_segments(data):
        body = segment.body
        if segment.marker in NEEDED | FRAMES | {SOS}:
            sequential = sequential or segment.marker in SOF_SEQUENTIAL
            if segment.marker == SOS and sequential:
                body = body[:-3] + bytes([0, 63, 0])  # the only values that a sequential scan can have
            parts += [bytes([0xFF, segment.marker]), (len(body) + 2).to_bytes(2, "big"), body]
            if segment.marker == SOS:
                parts.append(data[segment.end : _scan_end(data, segment.end)])
    return b"".join([*parts, bytes([0xFF, EOI])])
