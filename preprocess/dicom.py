"""Open DICOM files and decode their pixels. Needs the extra `dicom`; `preprocess.images` calls `decode_dicom`."""

import io
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from preprocess.dicom_grey import to_film
from preprocess.errors import ImageError
from preprocess.formats.deflated import check_inflation
from preprocess.formats.dicom_frame import decode_frame
from preprocess.image_files import DICOM_EXTENSIONS, MAX_PIXELS, check_size, has_dicom_head


def is_dicom(path: str | Path, data: bytes) -> bool:
    """Return whether a file is DICOM, by its first bytes or by its extension."""
    return has_dicom_head(data) or Path(path).suffix.lower() in DICOM_EXTENSIONS


def open_dicom(path: str | Path, data: bytes, *, pixels: bool = True, max_pixels: int = MAX_PIXELS) -> Any:
    """Parse the bytes of a DICOM file into a pydicom dataset. The pixels are not decoded.

    Args:
        path: where the bytes come from; error texts start with it.
        pixels: if False, stop before the pixel data.
        max_pixels: a deflated file may inflate to the bytes of a film of this size.
    Raises:
        ImageError: the extra `dicom` is not installed, or the bytes are not DICOM.
    """
    try:
        import pydicom
    except ImportError as error:
        raise ImageError(f"{path}: reading DICOM needs the extra: pip install 'fxkit[dicom]'") from error
    try:
        check_inflation(data, max_pixels)
        dataset = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=not pixels, force=has_dicom_head(data))
        _name_encoding(dataset)
    except Exception as error:
        raise ImageError(f"{path}: not a DICOM file ({error})") from error
    return dataset


def _name_encoding(dataset: Any) -> None:
    """Add the transfer syntax that a file without preamble leaves out, so that its pixels can be decoded."""
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    if "TransferSyntaxUID" not in dataset.file_meta:
        is_implicit = dataset.original_encoding[0]
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if is_implicit else ExplicitVRLittleEndian


def decode_dicom(path: str | Path, data: bytes, max_pixels: int, *, frame: int = 0) -> NDArray[Any]:
    """Decode a frame of a DICOM file; `preprocess.dicom_grey.to_film` describes the grey levels.

    Args:
        frame: its number, from 0. All frames have the window and rescaling of the first one.
    Returns:
        (H, W) uint8 if the file stores up to 8 bits, else (H, W) uint16 that knows its white; or (H, W, 3) RGB.
    Raises:
        ImageError: the bytes are not DICOM, hold no pixels, are corrupt, or hold more than `max_pixels` pixels.
    """
    dataset = open_dicom(path, data, max_pixels=max_pixels)
    _check_has_pixels(path, dataset)
    try:
        check_size(path, int(dataset.Columns), int(dataset.Rows), max_pixels)
        return to_film(path, dataset, decode_frame(dataset, frame))
    except ImageError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ImageError(f"{path}: the pixels cannot be decoded ({reason}); export the film uncompressed") from error


def _check_has_pixels(path: str | Path, dataset: Any) -> None:
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        raise ImageError(f"{path}: its pixels are floating-point numbers; export the film with 8 or 16 bits")
    if "PixelData" not in dataset:
        raise ImageError(f"{path}: a DICOM file without pixels; copy it again if it was cut, else leave it out")
