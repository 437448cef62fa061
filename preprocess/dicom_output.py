"""Write a cleaned DICOM file: the pixels outside the mask and all tags but those about the pixels stay as they are."""

import hashlib
import io
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from preprocess.dicom import open_dicom
from preprocess.dicom_fill import fill_stored
from preprocess.dicom_grey import COLOUR, implied_window
from preprocess.formats.dicom_frame import count_frames, decode_frame
from preprocess.image_files import MAX_PIXELS
from preprocess.images import decode_image, to_grey8
from preprocess.markers import Marker, quad_box
from preprocess.mask import Mask
from preprocess.words import amount

Values = NDArray[Any]

OVERLAY_GROUPS = range(0x6000, 0x6020, 2)

# These show or describe the pixels before cleaning: offsets of compressed frames, a thumbnail, signatures.
STALE = ("ExtendedOffsetTable", "ExtendedOffsetTableLengths", "IconImageSequence", "DigitalSignaturesSequence")

LONGEST_TEXT = 1024  # characters of a DerivationDescription


@dataclass(frozen=True)
class Erasure:
    """What was erased in a DICOM file, and how.

    Attributes:
        mask: (H, W) bool; the same for all frames.
        mode: see `CleanSettings.mode`.
        markers: markers under the mask.
        detector: name of the detector, or of the file of markers.
        erase_overlays: remove overlay planes.
    """

    mask: Mask
    mode: str
    markers: Sequence[Marker]
    detector: str
    erase_overlays: bool = False


def count_overlays(dataset: Any) -> int:
    """Return the number of overlay planes of a pydicom dataset."""
    return sum((group, 0x0010) in dataset for group in OVERLAY_GROUPS)


def erase_in_dicom(path: str | Path, data: bytes, erasure: Erasure, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """Return the bytes of a DICOM file with the masked pixels of every frame filled.

    Uncompressed files keep their transfer syntax. Compressed ones become Explicit VR Little Endian, so that the values
    outside the mask are exactly those that were decoded. Colours are stored as RGB. The file is a new instance that
    refers to its source. A grey film without a window gets one if it would otherwise be shown with another scale than
    before. BurnedInAnnotation stays; see `say_whether_burned_in`.

    Raises:
        ImageError: see `preprocess.dicom.decode_dicom`.
    """
    source, out = (open_dicom(path, data, max_pixels=max_pixels) for _ in range(2))
    decoded = [decode_frame(source, index) for index in range(count_frames(source))]
    film = decode_image(path, data, max_pixels=max_pixels)
    window = implied_window(source, decoded[0]) if film.ndim == 2 else None
    frames = [fill_stored(source, frame, erasure.mask, erasure.mode) for frame in decoded]
    _put_pixels(out, frames)
    _describe_derivation(out, source, erasure, len(frames))
    for name in STALE:
        if name in out:
            del out[name]
    for group in OVERLAY_GROUPS if erasure.erase_overlays else ():
        for element in out.group_dataset(group):
            del out[element.tag]
    cleaned = _save(out)
    if window is None or _looks_the_same(film, decode_image(path, cleaned, max_pixels=max_pixels), erasure.mask):
        return cleaned
    out.WindowCenter, out.WindowWidth = (float(f"{number:.9g}") for number in window)
    out.VOILUTFunction = "LINEAR_EXACT"
    return _save(out)


def say_whether_burned_in(path: str | Path, data: bytes, *, burned_in: bool) -> bytes:
    """Return the bytes of a DICOM file whose BurnedInAnnotation says whether its pixels bear text."""
    dataset = open_dicom(path, data)
    dataset.BurnedInAnnotation = "YES" if burned_in else "NO"
    return _save(dataset)


def _looks_the_same(before: Values, after: Values, mask: Mask) -> bool:
    return bool((to_grey8(before) == to_grey8(after))[~mask].all())


def _put_pixels(dataset: Any, frames: Sequence[Values]) -> None:
    """Replace the pixels of a dataset, and what its tags say of their form."""
    from pydicom.uid import ExplicitVRLittleEndian

    first = frames[0]
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        if not _is_lossless(syntax):
            dataset.LossyImageCompression = "01"
    if first.ndim == 3:
        dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
        dataset.PhotometricInterpretation = "RGB"
    dataset.BitsAllocated = 8 * first.dtype.itemsize
    order: Literal["<", ">"] = "<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
    pixels = b"".join(np.ascontiguousarray(frame, frame.dtype.newbyteorder(order)).tobytes() for frame in frames)
    dataset.PixelData = pixels + bytes(len(pixels) % 2)
    dataset["PixelData"].VR = "OB" if first.dtype.itemsize == 1 else "OW"
    dataset["PixelData"].is_undefined_length = False
    for name, end in (("SmallestImagePixelValue", np.min), ("LargestImagePixelValue", np.max)):
        if name in dataset:
            setattr(dataset, name, int(min(map(end, frames)) if end is np.min else max(map(end, frames))))


def _is_lossless(syntax: Any) -> bool:
    return "Lossless" in syntax.name or syntax.name.startswith("RLE")


def _describe_derivation(dataset: Any, source: Any, erasure: Erasure, n_frames: int) -> None:
    """Make a new instance of a dataset, which says what was done to which source."""
    kinds = list(dataset.get("ImageType") or ["ORIGINAL", "PRIMARY"])
    dataset.ImageType = ["DERIVED", *kinds[1:]] if len(kinds) > 1 else ["DERIVED", "PRIMARY"]
    dataset.DerivationDescription = _describe(dataset, source, erasure, n_frames)
    uid = _derive_uid(str(source.get("SOPInstanceUID", "")), dataset.PixelData)
    if "SOPInstanceUID" in source and "SOPClassUID" in source:
        dataset.SourceImageSequence = [*(dataset.get("SourceImageSequence") or []), _reference(source)]
    dataset.SOPInstanceUID = uid
    if "SOPClassUID" in dataset:
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = uid
    equipment = _equipment()
    dataset.ContributingEquipmentSequence = [*(dataset.get("ContributingEquipmentSequence") or []), equipment]


def _derive_uid(source_uid: str, pixels: bytes) -> str:
    """Return a UID that depends on the source and on the new pixels alone, so that a second run gives the same file."""
    name = f"{source_uid} {hashlib.sha256(pixels).hexdigest()}"
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, name).int}"  # the root of UIDs that are UUIDs: DICOM PS3.5, annex B


def _describe(dataset: Any, source: Any, erasure: Erasure, n_frames: int) -> str:
    """Return what was erased, in at most LONGEST_TEXT characters."""
    earlier = f"{dataset.DerivationDescription}; " if dataset.get("DerivationDescription") else ""
    frames = f" in each of {n_frames} frames" if n_frames > 1 else ""
    colours = str(source.get("PhotometricInterpretation", "")).upper() in COLOUR[1:]
    parts = [
        f"{amount(len(erasure.markers), 'marker')} erased{frames} with fxkit {version('fxkit')} (filled by "
        f"{erasure.mode}, found by {erasure.detector})",
        "colours converted to RGB" if colours else "",
        "overlays removed" if erasure.erase_overlays and count_overlays(source) else "",
        "values of a lossy compression kept as decoded" if dataset.get("LossyImageCompression") == "01" else "",
    ]
    text = earlier + "; ".join(filter(None, parts))
    boxes = [quad_box(marker.quad) for marker in erasure.markers]
    regions = [f"{round(x0)},{round(y0)},{round(x1 - x0)},{round(y1 - y0)}" for x0, y0, x1, y1 in boxes]
    if regions:
        text += "; regions (column,row,width,height): "
    fitting = [region for n, region in enumerate(regions) if len(text) + len(" ".join(regions[: n + 1])) <= 1000]
    rest = len(regions) - len(fitting)
    return (text + " ".join(fitting) + (f" and {rest} more" if rest else ""))[:LONGEST_TEXT]


def _reference(source: Any) -> Any:
    """Return the item of SourceImageSequence for a source. Code: DICOM PS3.16, CID 7202."""
    from pydicom import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = source.SOPClassUID, source.SOPInstanceUID
    item.SpatialLocationsPreserved = "YES"
    item.PurposeOfReferenceCodeSequence = [_code("121322", "Source image for image processing operation")]
    return item


def _equipment() -> Any:
    """Return the item of ContributingEquipmentSequence for fxkit. Code: DICOM PS3.16, CID 7005."""
    from pydicom import Dataset

    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [_code("109103", "Modifying Equipment")]
    item.Manufacturer, item.ManufacturerModelName, item.SoftwareVersions = "fxkit", "clean-labels", version("fxkit")
    item.ContributionDescription = "Text markers erased from the pixels"
    return item


def _code(value: str, meaning: str) -> Any:
    from pydicom import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _save(dataset: Any) -> bytes:
    """Return a dataset as the bytes of a file; one without a class gets no complete file header."""
    buffer = io.BytesIO()
    if dataset.preamble is None:
        dataset.preamble = bytes(128)
    dataset.save_as(buffer, enforce_file_format="SOPClassUID" in dataset)
    return buffer.getvalue()
