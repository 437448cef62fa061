"""DICOM files of the corpus."""

import io
import struct
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from tests.fxkit.corpus.film import HEIGHT, WIDTH, Kind, deep_film, film8

IMPLICIT, EXPLICIT, DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"
BIG, RLE = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.5"
JPEG, JPEG_LS, JPEG_2000 = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"

DAMAGED = "decoded|truncated|corrupt|damaged|row|short|ends|missing|broken|premature"


def dataset(pixels: NDArray[Any] | bytes, syntax: str = EXPLICIT, **tags: Any) -> pydicom.Dataset:
    """Return a grey 12-bit film in 16 bits as a dataset.

    Args:
        pixels: stored values, or the encoded frame of a compressed transfer syntax.
        tags: attributes to set; None deletes one.
    """
    film = pydicom.Dataset()
    film.file_meta = pydicom.dataset.FileMetaDataset()
    film.file_meta.TransferSyntaxUID = UID(syntax)
    film.SOPClassUID, film.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", pydicom.uid.generate_uid()
    film.Rows, film.Columns, film.SamplesPerPixel = HEIGHT, WIDTH, 1
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 12, 11, 0
    film.PhotometricInterpretation = "MONOCHROME2"
    film.update({name: value for name, value in tags.items() if value is not None})
    data = (
        pixels if isinstance(pixels, bytes) else pixels.astype(">" * (syntax == BIG) + pixels.dtype.str[1:]).tobytes()
    )
    wide = int(film.BitsAllocated) > 8 and UID(syntax).is_compressed is False
    film.add_new("PixelData", "OW" if wide else "OB", data)
    if UID(syntax).is_compressed and syntax != DEFLATED:
        film["PixelData"].is_undefined_length = True
    for name in (name for name, value in tags.items() if value is None):
        del film[name]
    return film


def written(film: pydicom.Dataset, *, preamble: bool = True) -> bytes:
    """Return the bytes of a DICOM file."""
    out = io.BytesIO()
    if preamble:
        film.preamble = bytes(128)
        film.save_as(out, enforce_file_format=True)
    else:
        syntax = film.file_meta.TransferSyntaxUID
        del film.file_meta
        film.save_as(out, implicit_vr=syntax == IMPLICIT, little_endian=True, enforce_file_format=False)
    return out.getvalue()


def made(pixels: NDArray[Any] | bytes, syntax: str = EXPLICIT, **tags: Any) -> bytes:
    """Return the bytes of a DICOM file; see `dataset`."""
    return written(dataset(pixels, syntax, **tags))


def dicoms() -> list[Kind]:
    """Return the DICOM files of the corpus."""
    return [*_grey(), *_senses(), *_windows(), *_encoded(), *_names(), *_refused()]


def _grey() -> Iterator[Kind]:
    film, deep = film8(), deep_film()
    yield Kind("dicom-12-bits.dcm", made(deep), film)
    yield Kind("dicom-8-bits.dcm", made(film, BitsAllocated=8, BitsStored=8, HighBit=7), film)
    yield Kind("dicom-16-bits.dcm", made(deep_film(16), BitsStored=16, HighBit=15), film)
    yield Kind("dicom-implicit.dcm", made(deep, IMPLICIT), film)
    yield Kind("dicom-big-endian.dcm", made(deep, BIG), film)
    yield Kind("dicom-deflated.dcm", made(deep, DEFLATED), film)
    noise = np.random.default_rng(0).integers(0, 16, deep.shape).astype(np.uint16) << 12
    yield Kind("dicom-overlay-in-the-high-bits.dcm", made(deep | noise), film)
    padded, expected = deep.copy(), film.copy()
    padded[:, -12:], expected[:, -12:] = 65535, 0
    for sense in ("MONOCHROME2", "MONOCHROME1"):
        stored = padded if sense == "MONOCHROME2" else np.where(padded == 65535, 65535, 4095 - padded).astype(np.uint16)
        tags = {"PhotometricInterpretation": sense, "BitsStored": 16, "HighBit": 15, "PixelPaddingValue": 65535}
        window = {"WindowCenter": 2048, "WindowWidth": 4096}
        yield Kind(f"dicom-padding-{sense.lower()}.dcm", made(stored, **tags, **window), expected, 2)
    signed = deep.astype(np.int16) - 2048
    tags = {"PixelRepresentation": 1, "BitsStored": 16, "HighBit": 15}
    yield Kind("dicom-signed-with-window.dcm", made(signed, **tags, WindowCenter=0, WindowWidth=4096), film, 2)


def _senses() -> Iterator[Kind]:
    film, deep = film8(), deep_film()
    yield Kind("dicom-monochrome1.dcm", made(4095 - deep, PhotometricInterpretation="MONOCHROME1"), film)
    inverse = {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}
    yield Kind("dicom-monochrome1-told-twice.dcm", made(4095 - deep, **inverse), film)
    yield Kind("dicom-identity.dcm", made(deep, PresentationLUTShape="IDENTITY"), film)
    table = np.array([257 * (255 - level) for level in range(256)], "<u2").tobytes()
    colours = {f"{c}PaletteColorLookupTableData": table for c in ("Red", "Green", "Blue")}
    colours |= {f"{c}PaletteColorLookupTableDescriptor": [256, 0, 16] for c in ("Red", "Green", "Blue")}
    bits8 = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    yield Kind(
        "dicom-palette.dcm", made(255 - film, PhotometricInterpretation="PALETTE COLOR", **bits8, **colours), film
    )
    three = np.dstack([film] * 3)
    colour = bits8 | {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}
    yield Kind("dicom-colour.dcm", made(three, **colour, PlanarConfiguration=0), film)
    planes = np.ascontiguousarray(three.transpose(2, 0, 1))
    yield Kind("dicom-colour-planar.dcm", made(planes, **colour, PlanarConfiguration=1), film)
    ybr = np.dstack([film, np.full_like(film, 128), np.full_like(film, 128)])
    colour |= {"PhotometricInterpretation": "YBR_FULL", "PlanarConfiguration": 0}
    yield Kind("dicom-ybr.dcm", made(ybr, **colour), film, 2)


def _windows() -> Iterator[Kind]:
    film, deep = film8(), deep_film()
    yield Kind("dicom-window.dcm", made(deep, WindowCenter=2048, WindowWidth=4096), film)
    wide = np.round(film / 2).astype(np.uint8)
    yield Kind("dicom-window-twice-as-wide.dcm", made(deep, WindowCenter=4096, WindowWidth=8192), wide, 2)
    narrow = np.clip((deep.astype(float) - 1000) / 1000 * 255, 0, 255).round().astype(np.uint8)
    yield Kind("dicom-window-narrow.dcm", made(deep, WindowCenter=1500, WindowWidth=1000), narrow, 2)
    yield Kind("dicom-two-windows.dcm", made(deep, WindowCenter=[1500, 2048], WindowWidth=[1000, 4096]), narrow, 2)
    scaled = {"RescaleSlope": 2, "RescaleIntercept": -1000, "WindowCenter": 2000, "WindowWidth": 2000}
    yield Kind("dicom-rescaled-window.dcm", made(deep, **scaled), narrow, 2)
    lut = pydicom.Dataset()
    lut.LUTDescriptor, lut.LUTData = [4096, 0, 8], [255 - level // 16 for level in range(4096)]
    lut["LUTDescriptor"].VR, lut["LUTData"].VR = "US", "US"
    expected = (255 - (deep // 16)).astype(np.uint8)
    yield Kind("dicom-voi-table.dcm", made(deep, VOILUTSequence=[lut]), expected, 2)


def _encoded() -> Iterator[Kind]:
    film, deep = film8(), deep_film()
    bits8 = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    jpeg = io.BytesIO()
    Image.fromarray(film).save(jpeg, "JPEG", quality=98)
    yield Kind("dicom-jpeg.dcm", made(encapsulate([jpeg.getvalue()]), JPEG, **bits8), film, 12)
    jp2 = cv2.imencode(".jp2", film, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])[1].tobytes()
    codestream = jp2[jp2.index(b"\xff\x4f\xff\x51") :]
    yield Kind("dicom-jpeg-2000.dcm", made(encapsulate([codestream]), JPEG_2000, **bits8), film, 2)
    rle = dataset(deep)
    rle.compress(RLE)
    yield Kind("dicom-rle.dcm", written(rle), film)
    frames = np.stack([deep, deep[::-1]])
    yield Kind("dicom-two-frames.dcm", made(frames, NumberOfFrames=2), film)


def _names() -> Iterator[Kind]:
    film, deep = film8(), deep_film()
    yield Kind("dicom-without-extension", made(deep), film)
    yield Kind("1.2.826.0.1.3680043.8.498.117", made(deep), film)
    yield Kind("dicom.ima", made(deep), film)
    yield Kind("DICOM-UPPER.DCM", made(deep), film)
    yield Kind("dicom-without-preamble.dcm", written(dataset(deep, IMPLICIT), preamble=False), film)
    yield Kind("dicom-that-is-a-png.dcm", bytes(cv2.imencode(".png", film)[1]), film, 0, "DICOM")


def _refused() -> Iterator[Kind]:
    film, deep = film8(), deep_film()
    bits8 = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    yield Kind("dicom-no-pixels.dcm", made(deep, PixelData=None), reason="without pixels")
    yield Kind("dicom-half-its-rows.dcm", made(deep[: HEIGHT // 2]), reason=DAMAGED)
    whole = made(deep)
    yield Kind("dicom-cut.dcm", whole[: len(whole) // 2], reason=DAMAGED)
    yield Kind("dicom-no-rows.dcm", made(deep, Rows=None), reason=DAMAGED)
    yield Kind(
        "dicom-window-not-a-number.dcm", made(deep, WindowCenter="nan", WindowWidth="nan"), film, reason="[Ww]indow"
    )
    noisy = np.clip(film + np.random.default_rng(0).normal(0, 12, film.shape), 0, 255).astype(np.uint8)
    jpeg = io.BytesIO()
    Image.fromarray(noisy).save(jpeg, "JPEG", quality=95)
    closed = jpeg.getvalue()[: len(jpeg.getvalue()) // 2] + b"\xff\xd9"
    yield Kind("dicom-jpeg-closed-early.dcm", made(encapsulate([closed]), JPEG, **bits8), reason=DAMAGED)
    size = struct.pack(">BHHB", 8, 30_000, 30_000, 1) + b"\x01\x11\x00"
    bomb = (
        b"\xff\xd8\xff\xf7"
        + struct.pack(">H", 2 + len(size))
        + size
        + b"\xff\xda\0\x08\x01\x01\0\0\0\0"
        + bytes(50)
        + b"\xff\xd9"
    )
    yield Kind("dicom-jpeg-ls-bomb.dcm", made(encapsulate([bomb]), JPEG_LS, **bits8), reason="pixels|size|decoded")
    inflated = {"Rows": 30_000, "Columns": 30_000} | bits8
    yield Kind("dicom-deflated-bomb.dcm", made(bytes(300_000_000), DEFLATED, **inflated), reason="limit|inflat|large")
    yield Kind("dicom-page-of-text.dcm", b"<html>login</html>" * 20, reason="DICOM")
