"""Whole films in several formats, and what damages them."""

import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image

HEIGHT, WIDTH = 200, 150

FILM = cv2.resize(np.random.default_rng(0).integers(0, 256, (20, 15), dtype=np.uint8), (WIDTH, HEIGHT))


def encode(image: np.ndarray, kind: str, *, mode: str | None = None, **options: object) -> bytes:
    """Return an image as the bytes of a file, in another mode of Pillow if given."""
    file = io.BytesIO()
    Image.fromarray(image).convert(mode).save(file, kind, **options)
    return file.getvalue()


def zeroed(data: bytes, count: int) -> bytes:
    """Return data with zeros in the middle."""
    at = len(data) // 2
    return data[:at] + bytes(count) + data[at + count :]


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(rows: bytes, height: int, *, bits: int = 8, colour: int = 0, interlaced: int = 0) -> bytes:
    """Return a PNG file of the film's width whose image data are the given rows, whatever its header says."""
    header = struct.pack(">IIBBBBB", WIDTH, height, bits, colour, 0, 0, interlaced)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def png_rows(image: np.ndarray) -> bytes:
    """Return the rows of an image as PNG stores them, without a filter."""
    big_endian = image.astype(image.dtype.newbyteorder(">"))
    return b"".join(b"\0" + row.tobytes() for row in big_endian)


def with_tag(data: bytes, tag: int, value: int, *, count: int | None = None) -> bytes:
    """Return a little-endian TIFF file with another value, or last value, or count of values, of a tag."""
    out = bytearray(data)
    (directory,) = struct.unpack_from("<I", out, 4)
    for number in range(struct.unpack_from("<H", out, directory)[0]):
        at = directory + 2 + 12 * number
        name, kind, length, place = struct.unpack_from("<HHII", out, at)
        form, size = {3: ("<H", 2), 4: ("<I", 4)}.get(kind, ("<I", 4))
        if name == tag and count is not None:
            struct.pack_into("<I", out, at + 4, count)
        elif name == tag:
            struct.pack_into(form, out, at + 8 if length * size <= 4 else place + size * (length - 1), value)
    return bytes(out)


def dicom(image: np.ndarray, syntax: str = "1.2.840.10008.1.2.1", frame: bytes | None = None, **tags: object) -> bytes:
    """Return a grey film as a DICOM file; with the given compressed frame if there is one.

    Args:
        tags: other values of elements, by keyword; they may contradict the pixel data.
    """
    import pydicom
    from pydicom.encaps import encapsulate

    film = pydicom.Dataset()
    film.file_meta = pydicom.dataset.FileMetaDataset()
    film.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    film.file_meta.MediaStorageSOPClassUID = film.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    film.file_meta.MediaStorageSOPInstanceUID = film.SOPInstanceUID = "1.2.3"
    film.Rows, film.Columns = image.shape
    film.SamplesPerPixel, film.PhotometricInterpretation, film.PixelRepresentation = 1, "MONOCHROME2", 0
    film.BitsAllocated = film.BitsStored = 8 * image.itemsize
    film.HighBit = film.BitsStored - 1
    film.PixelData = image.tobytes() if frame is None else encapsulate([frame])
    film["PixelData"].VR = "OB" if frame is not None or image.itemsize == 1 else "OW"
    for keyword, value in tags.items():
        setattr(film, keyword, value)
    file = io.BytesIO()
    film.save_as(file, enforce_file_format=True)
    return file.getvalue()
