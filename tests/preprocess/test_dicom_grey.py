from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from preprocess.clean_image import erase
from preprocess.errors import ImageError
from preprocess.images import read_image, to_grey8, write_image
from preprocess.markers import Marker
from preprocess.settings import CleanSettings

pydicom = pytest.importorskip("pydicom")


def film(low: int, high: int, shape: tuple[int, int] = (96, 80)) -> np.ndarray:
    coarse = np.random.default_rng(3).random((7, 6))
    smooth = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.round(low + np.clip(smooth, 0, 1) * (high - low)).astype(np.int64)


RAMP = film(300, 3900)


def write_dicom(path: Path, values: np.ndarray, bits: int = 12, **tags: Any) -> Path:
    """Write values as an uncompressed DICOM file with the given tags."""
    signed = values.dtype.kind == "i" and values.min() < 0
    size = int(tags.pop("BitsAllocated", 8 if bits <= 8 else 16))
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID, data.Modality = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3.4.5.6.7", "DX"
    data.Rows, data.Columns = values.shape[:2]
    data.SamplesPerPixel = 3 if values.ndim == 3 else 1
    if values.ndim == 3:
        data.PlanarConfiguration = 0
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = size, bits, bits - 1, int(signed)
    data.PhotometricInterpretation = "RGB" if values.ndim == 3 else "MONOCHROME2"
    data.PixelData = values.astype(f"<{'i' if signed else 'u'}{size // 8}").tobytes()
    for name, value in tags.items():
        setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return path


def read(path: Path, values: np.ndarray, bits: int = 12, **tags: Any) -> np.ndarray:
    return to_grey8(read_image(write_dicom(path / "a.dcm", values, bits, **tags)))


def grey(shown: np.ndarray) -> np.ndarray:
    """Return shares of white as grey levels."""
    return np.round(np.clip(shown, 0, 1) * 255)


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    assert np.abs(found.astype(float) - expected).max() <= 1


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("spoilt", [False, True], ids=["plain", "with letters and a hot pixel"])
def test_without_a_window_a_film_looks_like_a_png_file_of_its_values(tmp_path: Path, bits: int, spoilt: bool) -> None:
    values = (film(300, 3900) * 2**bits // 4096).astype(np.uint16)
    if spoilt:
        ink = cv2.putText(np.zeros(values.shape, np.uint8), "R", (8, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 1, 2)
        values[ink > 0] = 65535
        values[60, 60] = 40000
    cv2.imwrite(str(tmp_path / "a.png"), values)
    expected = grey(values / (2**bits - 1))
    assert_close(read(tmp_path, values, 16), expected)
    assert np.array_equal(read(tmp_path, values, 16), to_grey8(read_image(tmp_path / "a.png")))


@pytest.mark.parametrize(
    ("tags", "shown"),
    [
        ({"WindowCenter": 2048, "WindowWidth": 4096}, RAMP / 4095),
        ({"WindowCenter": 4096, "WindowWidth": 8192}, RAMP / 8191),
        ({"WindowCenter": [1000, 3000], "WindowWidth": [400, 90]}, (RAMP - 999.5) / 399 + 0.5),
        ({"WindowCenter": 1000, "WindowWidth": 400, "VOILUTFunction": "LINEAR_EXACT"}, (RAMP - 1000) / 400 + 0.5),
        (
            {"WindowCenter": 1000, "WindowWidth": 900, "VOILUTFunction": "SIGMOID"},
            1 / (1 + np.exp(-4 * (RAMP - 1000) / 900)),
        ),
        ({"WindowCenter": 1000, "WindowWidth": 1}, RAMP > 999.5),
        ({"WindowCenter": 1000, "WindowWidth": 0}, RAMP / 4095),
        (
            {"WindowCenter": 0, "WindowWidth": 2000, "RescaleSlope": 2, "RescaleIntercept": -3000},
            (RAMP * 2 - 3000 + 0.5) / 1999 + 0.5,
        ),
        ({"RescaleSlope": 0.5, "RescaleIntercept": -1000}, RAMP / 4095),
        ({"RescaleSlope": -1, "RescaleIntercept": 4095}, 1 - RAMP / 4095),
    ],
)
@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2", "INVERSE", "both"])
def test_windows_and_rescaling_are_applied_once(tmp_path: Path, tags: dict, shown: np.ndarray, kind: str) -> None:
    sense = {"PhotometricInterpretation": "MONOCHROME1" if kind in ("MONOCHROME1", "both") else "MONOCHROME2"}
    if kind in ("INVERSE", "both"):
        sense["PresentationLUTShape"] = "INVERSE"
    expected = np.clip(shown, 0, 1)
    assert_close(read(tmp_path, RAMP, **tags, **sense), grey(expected if kind == "MONOCHROME2" else 1 - expected))


def table(entries: np.ndarray, first: int, bits: int) -> Any:
    item = pydicom.Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries) % 65536, first, bits])
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    return pydicom.Sequence([item])


def test_tables_are_applied_once(tmp_path: Path) -> None:
    curve = np.round(1023 * np.linspace(0, 1, 4096) ** 2)
    assert_close(read(tmp_path, RAMP, VOILUTSequence=table(curve, 0, 10)), grey(curve[RAMP] / 1023))
    modality = table(curve, 0, 10)
    modality[0].ModalityLUTType = "US"
    assert_close(read(tmp_path, RAMP, ModalityLUTSequence=modality), grey(curve[RAMP] / 1023))
    windowed = read(tmp_path, RAMP, ModalityLUTSequence=modality, WindowCenter=512, WindowWidth=200)
    assert_close(windowed, grey((curve[RAMP] - 511.5) / 199 + 0.5))


@pytest.mark.parametrize(
    ("values", "bits", "pad", "tags"),
    [
        (RAMP, 16, 65535, {"PixelPaddingValue": 65535}),
        (RAMP, 12, 0, {"PixelPaddingValue": 0}),
        (RAMP, 12, 4095, {"PixelPaddingValue": 4000, "PixelPaddingRangeLimit": 4095}),
        (RAMP, 12, 4000, {"PixelPaddingValue": 4095, "PixelPaddingRangeLimit": 4000}),
        (RAMP, 16, -32768, {"PixelPaddingValue": -32768}),
        (RAMP, 16, -2000, {"PixelPaddingValue": -3000, "PixelPaddingRangeLimit": -1000}),
        (RAMP, 16, -2000, {"PixelPaddingValue": -2000, "RescaleSlope": 1, "RescaleIntercept": -1024}),
    ],
)
@pytest.mark.parametrize("window", [{}, {"WindowCenter": 2048, "WindowWidth": 4096}], ids=["no window", "window"])
@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_decides_nothing(
    tmp_path: Path, values: np.ndarray, bits: int, pad: int, tags: dict, window: dict, kind: str
) -> None:
    if window and "RescaleIntercept" in tags:
        window = {"WindowCenter": 1024, "WindowWidth": 4096}
    padded = values.copy()
    padded[:, :30] = pad
    shown = values / 4095 if kind == "MONOCHROME2" else 1 - values / 4095
    found = read(tmp_path, padded, bits, PhotometricInterpretation=kind, **tags, **window)
    assert not found[:, :30].any()
    assert_close(found[:, 30:], grey(shown[:, 30:]))


def test_unused_bits_do_not_count(tmp_path: Path) -> None:
    upper = np.random.default_rng(0).integers(0, 16, RAMP.shape)
    overlaid = (RAMP + 4096 * (upper > 13)).astype(np.uint16)
    assert_close(read(tmp_path, overlaid), grey(RAMP / 4095))
    shifted = read(tmp_path, (RAMP * 16 + upper).astype(np.uint16), HighBit=15)
    assert_close(shifted, grey(RAMP / 4095))
    negative = film(-1500, 1500)
    spoilt = (negative.astype(np.int16).view(np.uint16) & 0xFFF) + (4096 * (upper > 13)).astype(np.uint16)
    window = {"WindowCenter": 0, "WindowWidth": 3000, "PixelRepresentation": 1}
    assert_close(read(tmp_path, spoilt, **window), grey((negative + 0.5) / 2999 + 0.5))


def test_a_false_number_of_bits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"a\.dcm: BitsStored is 12, but the values use more bits \(up to 1\d{4}\)"):
        read(tmp_path, film(300, 16000))


def test_values_below_zero_get_the_full_scale(tmp_path: Path) -> None:
    values = film(-900, 2900)
    found = read(tmp_path, values, 16)
    assert (found.min(), found.max()) == (0, 255)
    low, high = np.quantile(values, (0.005, 0.995))
    assert_close(found, grey((values - low) / (high - low)))


@pytest.mark.parametrize("bits", [8, 6, 1])
def test_films_of_up_to_8_bits_keep_their_scale(tmp_path: Path, bits: int) -> None:
    values = film(0, 2**bits * 2 // 3)
    found = read_image(write_dicom(tmp_path / "a.dcm", values, bits))
    assert found.dtype == np.uint8
    assert_close(found, grey(values / (2**bits - 1)))


@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2"])
def test_a_film_of_15_bits_has_the_white_that_its_file_states(tmp_path: Path, kind: str) -> None:
    values = film(800, 26500)
    shown = values / 32767 if kind == "MONOCHROME2" else 1 - values / 32767
    assert_close(read(tmp_path, values, 15, PhotometricInterpretation=kind), grey(shown))


@pytest.mark.parametrize("bits", [8, 16])
def test_a_palette_is_applied(tmp_path: Path, bits: int) -> None:
    entries = np.random.default_rng(1).integers(0, 2**bits, (3, 256))
    tags: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, column in zip(("Red", "Green", "Blue"), entries, strict=True):
        tags[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, bits]
        tags[f"{name}PaletteColorLookupTableData"] = column.astype(f"<u{bits // 8}").tobytes()
    values = film(0, 255)
    found = read_image(write_dicom(tmp_path / "a.dcm", values, 8, **tags))
    assert_close(found, np.moveaxis(entries[:, values] * (255 / (2**bits - 1)), 0, 2))


def test_a_grey_palette_with_a_negative_first_value_gives_grey(tmp_path: Path) -> None:
    entries = np.arange(256)[::-1] * 257
    tags: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name in ("Red", "Green", "Blue"):
        tags[f"{name}PaletteColorLookupTableDescriptor"] = [256, -100, 16]
        tags[f"{name}PaletteColorLookupTableData"] = entries.astype("<u2").tobytes()
    values = film(-100, 155)
    assert_close(read_image(write_dicom(tmp_path / "a.dcm", values, 16, **tags)), 255 - (values + 100))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("planar", [0, 1])
def test_colour_is_read_in_both_orders(tmp_path: Path, bits: int, planar: int) -> None:
    image = np.dstack([film(0, 2**bits - 1), film(0, 2**bits - 1)[::-1], film(0, 2**bits // 3)])
    stored = np.moveaxis(image, 2, 0) if planar else image
    kind = f"<u{bits // 8}"
    path = write_dicom(
        tmp_path / "a.dcm", image, bits, PixelData=stored.astype(kind).tobytes(), PlanarConfiguration=planar
    )
    assert np.array_equal(read_image(path), image)


def test_the_first_of_several_frames_is_read_with_its_own_window(tmp_path: Path) -> None:
    window, group = pydicom.Dataset(), pydicom.Dataset()
    window.WindowCenter, window.WindowWidth = 1000, 400
    group.FrameVOILUTSequence = pydicom.Sequence([window])
    frames = np.stack([RAMP, RAMP[::-1]]).astype("<u2").tobytes()
    tags = {"PerFrameFunctionalGroupsSequence": pydicom.Sequence([group, group])}
    assert_close(read(tmp_path, RAMP, PixelData=frames, NumberOfFrames=2, **tags), grey((RAMP - 999.5) / 399 + 0.5))


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"PhotometricInterpretation": "HSV"}, "pixels of the kind HSV"),
        ({"PresentationLUTSequence": table(np.arange(4096), 0, 12)}, "has a PresentationLUTSequence"),
        ({"WindowCenter": 9, "WindowWidth": 9, "VOILUTFunction": "CUBIC"}, "VOILUTFunction is CUBIC; expected LINEAR"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(tmp_path: Path, tags: dict, reason: str) -> None:
    with pytest.raises(ImageError, match=rf"a\.dcm: .*{reason}"):
        read(tmp_path, RAMP, **tags)


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", RAMP)
    dataset = pydicom.dcmread(path)
    del dataset.PixelData
    dataset.FloatPixelData = RAMP.astype("<f4").tobytes()
    dataset.save_as(path)
    with pytest.raises(ImageError, match=r"floating-point numbers; export the film with 8 or 16 bits"):
        read_image(path)


@pytest.mark.parametrize("tags", [{}, {"WindowCenter": 3000, "WindowWidth": 9000}], ids=["no window", "wide window"])
@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2"])
def test_a_cleaned_film_keeps_the_grey_levels_of_the_dicom_file(tmp_path: Path, tags: dict, kind: str) -> None:
    values = RAMP.copy()
    values[10:20, 10:30] = 4095 if kind == "MONOCHROME2" else 0
    before = read_image(write_dicom(tmp_path / "a.dcm", values, PhotometricInterpretation=kind, **tags))
    marker = Marker(((8.0, 8.0), (32.0, 8.0), (32.0, 22.0), (8.0, 22.0)))
    cleaned = erase(before, [marker], CleanSettings(max_fraction=1))
    write_image(tmp_path / "a.png", cleaned.image)
    after = read_image(tmp_path / "a.png")
    assert np.array_equal(before[~cleaned.mask], after[~cleaned.mask])
    assert np.array_equal(to_grey8(before)[~cleaned.mask], to_grey8(after)[~cleaned.mask])
    assert cleaned.mask.any()
