"""Cleaned DICOM files: values outside the mask and tags stay; what is new is said in standard tags."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from preprocess.dicom import open_dicom
from preprocess.dicom_output import LONGEST_TEXT, Erasure, count_overlays, erase_in_dicom, say_whether_burned_in
from preprocess.formats.dicom_frame import count_frames, decode_frame
from preprocess.images import decode_image, to_grey8
from preprocess.markers import Marker, box_quad

pydicom = pytest.importorskip("pydicom")

SHAPE = (120, 90)

LETTER = (slice(14, 30), slice(54, 72))

MASK = np.zeros(SHAPE, bool)
MASK[10:34, 50:76] = True

MARKER = Marker(box_quad(50, 10, 76, 34), "R", 0.9)

EXPLICIT, IMPLICIT, DEFLATED, BIG_ENDIAN, RLE = (f"1.2.840.10008.1.2{end}" for end in (".1", "", ".1.99", ".2", ".5"))


def bone(low: float, high: float, dtype: str = "uint16") -> np.ndarray:
    """A noisy limb with a bright bone, and the letter at a value far above."""
    rng = np.random.default_rng(5)
    shares = cv2.GaussianBlur(rng.normal(0.3, 0.05, SHAPE), (5, 5), 0)
    shares[:, 20:34] += 0.4
    shares[LETTER] = 1.0
    return np.round(low + np.clip(shares, 0, 1) * (high - low)).astype(dtype)


def dicom_bytes(frames: np.ndarray, *, bits: int, syntax: str = EXPLICIT, **tags: Any) -> bytes:
    """Return frames, (H, W), (H, W, 3) or (F, H, W), as the bytes of a DICOM file."""
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = EXPLICIT if syntax == RLE else syntax
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3.4.5.6.7"
    data.PatientID, data.ImageType, data.BurnedInAnnotation = "P7", ["ORIGINAL", "PRIMARY", "AXIAL"], "YES"
    colour = frames.ndim == 3 and frames.shape[-1] == 3
    if frames.ndim == 3 and not colour:
        data.NumberOfFrames = len(frames)
    data.Rows, data.Columns = SHAPE
    data.SamplesPerPixel = 3 if colour else 1
    if colour:
        data.PlanarConfiguration = 0
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = 8 * frames.dtype.itemsize, bits, bits - 1
    data.PixelRepresentation = int(frames.dtype.kind == "i")
    order = ">" if syntax == BIG_ENDIAN else "<"
    data.PixelData = frames.astype(frames.dtype.newbyteorder(order)).tobytes()
    data["PixelData"].VR = "OB" if frames.dtype.itemsize == 1 else "OW"
    for name, value in tags.items():
        setattr(data, name, value)
    if syntax == RLE:
        data.compress(RLE, generate_instance_uid=False)
    buffer = io.BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def clean(data: bytes, mask: np.ndarray = MASK, mode: str = "inpaint", **options: Any) -> bytes:
    return erase_in_dicom("a.dcm", data, Erasure(mask, mode, (MARKER,), "markernet", **options))


def stored(data: bytes, index: int = 0) -> np.ndarray:
    return decode_frame(open_dicom("a.dcm", data), index)


def shown(data: bytes) -> np.ndarray:
    return to_grey8(decode_image("a.dcm", data))


KINDS: dict[str, bytes] = {
    "8 bits": dicom_bytes(bone(0, 255, "uint8"), bits=8),
    "12 bits": dicom_bytes(bone(0, 4095), bits=12),
    "16 bits with a window": dicom_bytes(bone(0, 60000), bits=16, WindowCenter=20000, WindowWidth=30000),
    "signed": dicom_bytes(bone(-1000, 3000, "int16"), bits=16, RescaleSlope=1, RescaleIntercept=0),
    "signed in 12 bits": dicom_bytes(bone(-2000, 2000, "int16"), bits=12, WindowCenter=0, WindowWidth=4000),
    "dark is high": dicom_bytes(bone(4095, 0), bits=12, PhotometricInterpretation="MONOCHROME1"),
    "negative slope": dicom_bytes(bone(4095, 0), bits=12, RescaleSlope=-1, RescaleIntercept=4095),
    "upper bits": dicom_bytes(bone(0, 4095) << 4, bits=12, HighBit=15),
    "big-endian": dicom_bytes(bone(0, 4095), bits=12, syntax=BIG_ENDIAN),
    "implicit": dicom_bytes(bone(0, 4095), bits=12, syntax=IMPLICIT),
    "deflated": dicom_bytes(bone(0, 4095), bits=12, syntax=DEFLATED),
    "run-length coded": dicom_bytes(bone(0, 4095), bits=12, syntax=RLE),
    "colour": dicom_bytes(np.repeat(bone(0, 255, "uint8")[..., None], 3, 2) // np.uint8([1, 2, 1]), bits=8),
    "odd number of bytes": dicom_bytes(bone(0, 255, "uint8"), bits=8, WindowCenter=128, WindowWidth=256),
}


@pytest.mark.parametrize("data", KINDS.values(), ids=KINDS.keys())
def test_only_masked_values_change_and_the_letter_is_gone(data: bytes) -> None:
    cleaned = clean(data)
    before, after = stored(data), stored(cleaned)
    assert before.dtype == after.dtype
    assert np.array_equal(before[~MASK], after[~MASK])
    assert np.array_equal(shown(data)[~MASK], shown(cleaned)[~MASK])
    letter, ground = shown(cleaned)[LETTER], shown(cleaned)[40:70, 54:72]
    assert abs(float(letter.mean()) - float(ground.mean())) < 25  # the letter was more than 100 brighter
    assert letter.std() > 0.5 * ground.std()  # filled with grain, not flat


@pytest.mark.parametrize("data", KINDS.values(), ids=KINDS.keys())
def test_a_mode_fills_the_film_as_it_is_shown(data: bytes) -> None:
    black = shown(clean(data, mode="box"))[15:29, 55:71]
    assert black.max() <= np.quantile(shown(data)[~MASK], 0.02) + 2  # dark also where the largest values are dark


def test_letters_at_the_top_of_16_bits_do_not_change_the_scale_when_they_are_erased() -> None:
    values = bone(0, 4095)
    values[LETTER] = 65535
    values[100:104, 60:80] = 65535  # not erased: still brighter than the film
    data = dicom_bytes(values, bits=16)
    cleaned = clean(data)
    assert np.array_equal(shown(data)[~MASK], shown(cleaned)[~MASK])
    values[100:104, 60:80] = 300
    deep = values.copy()
    deep[60:, :] = np.minimum(deep[60:, :].astype(int) * 2, 8000)  # a film whose letters hold up its depth
    for film in (values, deep):
        data = dicom_bytes(film, bits=16)
        assert np.array_equal(shown(data)[~MASK], shown(clean(data))[~MASK])


def test_signed_films_without_a_window_keep_their_scale() -> None:
    values = bone(-2000, 3000, "int16")
    values[LETTER] = 32000  # 2.7 % of the film, so that it is white
    data = dicom_bytes(values, bits=16)
    cleaned = clean(data)
    assert open_dicom("a.dcm", cleaned).VOILUTFunction == "LINEAR_EXACT"
    assert np.array_equal(shown(data)[~MASK], shown(cleaned)[~MASK])


def test_padding_goes_on_under_the_mask() -> None:
    values = bone(100, 4000, "int16")
    values[:, 44:] = -2000
    values[LETTER] = 4000
    cleaned = stored(clean(dicom_bytes(values, bits=16, PixelPaddingValue=-2000)))
    assert (cleaned[:, 44:] == -2000).all()


def test_palette_colours_stay_indices_in_use() -> None:
    values = bone(0, 200, "uint8")
    values[LETTER] = 250
    table = np.arange(256, dtype="<u2") * 257
    tags: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        tags[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        tags[f"{colour}PaletteColorLookupTableData"] = table.tobytes()
    data = dicom_bytes(values, bits=8, **tags)
    after = stored(clean(data))
    assert np.array_equal(after[~MASK], values[~MASK])
    assert set(np.unique(after[MASK])) <= set(np.unique(values[~MASK]))
    assert after[MASK].max() < 150


def test_every_frame_is_cleaned() -> None:
    frames = np.stack([bone(0, 4095), bone(0, 3000), bone(500, 3500)])
    data = dicom_bytes(frames, bits=12)
    cleaned = clean(data)
    assert count_frames(open_dicom("a.dcm", cleaned)) == 3
    for index, frame in enumerate(frames):
        after = stored(cleaned, index)
        assert np.array_equal(after[~MASK], frame[~MASK])
        assert after[LETTER].mean() < 0.6 * frame[LETTER].mean()
    assert "in each of 3 frames" in open_dicom("a.dcm", cleaned).DerivationDescription


def test_the_file_says_what_it_was_made_from_and_how() -> None:
    data = dicom_bytes(bone(0, 4095), bits=12, syntax=RLE, DerivationDescription="RLE", LargestImagePixelValue=4095)
    cleaned = clean(data)
    assert cleaned == clean(data)  # a second run gives the same bytes
    before, after = (open_dicom("a.dcm", content) for content in (data, cleaned))
    assert after.SOPInstanceUID != before.SOPInstanceUID
    assert after.SOPInstanceUID.is_valid
    assert after.SOPInstanceUID.startswith("2.25.")
    assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID
    assert after.file_meta.TransferSyntaxUID == EXPLICIT
    assert list(after.ImageType) == ["DERIVED", "PRIMARY", "AXIAL"]
    (source,) = after.SourceImageSequence
    assert (source.ReferencedSOPInstanceUID, source.SpatialLocationsPreserved) == ("1.2.3.4.5.6.7", "YES")
    assert source.PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    assert after.ContributingEquipmentSequence[0].Manufacturer == "fxkit"
    text = after.DerivationDescription
    assert text.startswith("RLE; 1 marker erased with fxkit ")
    assert "(filled by inpaint, found by markernet); regions (column,row,width,height): 50,10,26,24" in text
    assert after.LargestImagePixelValue == stored(cleaned).max()
    changed = {element.keyword for element in after if before.get(element.tag) != element} | {
        element.keyword for element in before if element.tag not in after
    }
    assert changed == {
        "ImageType",
        "SOPInstanceUID",
        "DerivationDescription",
        "SourceImageSequence",
        "ContributingEquipmentSequence",
        "LargestImagePixelValue",
        "PixelData",
    }


def test_a_long_list_of_regions_is_shortened() -> None:
    markers = tuple(Marker(box_quad(n % 80, n % 100, n % 80 + 5, n % 100 + 5)) for n in range(300))
    data = erase_in_dicom("a.dcm", KINDS["12 bits"], Erasure(MASK, "fill", markers, "markernet"))
    text = open_dicom("a.dcm", data).DerivationDescription
    assert len(text) <= LONGEST_TEXT
    listed = text.split(": ")[-1].split(" and ")[0].split()
    assert text.endswith(f" and {300 - len(listed)} more")


def test_lossy_files_are_stored_as_decoded_and_say_so() -> None:
    picture = cv2.imencode(".jpg", bone(0, 255, "uint8"), [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
    data = pydicom.dcmread(io.BytesIO(KINDS["8 bits"]))
    data.PixelData = pydicom.encaps.encapsulate([picture])
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = pydicom.uid.JPEGBaseline8Bit
    buffer = io.BytesIO()
    data.save_as(buffer)
    cleaned = open_dicom("a.dcm", clean(buffer.getvalue()))
    assert cleaned.LossyImageCompression == "01"
    assert "values of a lossy compression kept as decoded" in cleaned.DerivationDescription
    assert np.array_equal(stored(clean(buffer.getvalue()))[~MASK], stored(buffer.getvalue())[~MASK])


def test_thumbnails_are_removed_because_they_show_the_markers() -> None:
    data = pydicom.dcmread(io.BytesIO(KINDS["8 bits"]))
    data.IconImageSequence = [pydicom.Dataset()]
    buffer = io.BytesIO()
    data.save_as(buffer)
    assert "IconImageSequence" not in open_dicom("a.dcm", clean(buffer.getvalue()))


@pytest.mark.parametrize("erases", [False, True])
def test_overlays_are_kept_or_erased(erases: bool) -> None:
    data = pydicom.dcmread(io.BytesIO(KINDS["12 bits"]))
    for group in (0x6000, 0x6002):
        data.add_new((group, 0x0010), "US", SHAPE[0])
        data.add_new((group, 0x0011), "US", SHAPE[1])
        data.add_new((group, 0x3000), "OW", bytes(SHAPE[0] * SHAPE[1] // 8 + 1 & ~1))
    buffer = io.BytesIO()
    data.save_as(buffer)
    cleaned = open_dicom("a.dcm", clean(buffer.getvalue(), erase_overlays=erases))
    assert count_overlays(data) == 2
    assert count_overlays(cleaned) == (0 if erases else 2)
    assert ("overlays removed" in cleaned.DerivationDescription) == erases
    if not erases:
        assert cleaned[0x6002, 0x3000].value == data[0x6002, 0x3000].value


@pytest.mark.parametrize(("burned_in", "said"), [(True, "YES"), (False, "NO")])
def test_burned_in_annotation_is_said(burned_in: bool, said: str) -> None:
    data = say_whether_burned_in("a.dcm", clean(KINDS["deflated"]), burned_in=burned_in)
    assert open_dicom("a.dcm", data).BurnedInAnnotation == said
    assert np.array_equal(shown(data), shown(clean(KINDS["deflated"])))


def test_a_film_without_class_and_preamble_is_written(tmp_path: Path) -> None:
    data = pydicom.dcmread(io.BytesIO(KINDS["8 bits"]))
    del data.SOPClassUID, data.SOPInstanceUID
    data.save_as(tmp_path / "a.dcm", enforce_file_format=False)
    cleaned = clean((tmp_path / "a.dcm").read_bytes())
    assert "SourceImageSequence" not in open_dicom("a.dcm", cleaned)
    assert np.array_equal(stored(cleaned)[~MASK], bone(0, 255, "uint8")[~MASK])
