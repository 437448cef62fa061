from pathlib import Path

import numpy as np
import pytest

from preprocess.errors import ImageError
from preprocess.images import read_image
from preprocess.listing import image_paths


def test_dicom_films_are_decoded_or_refused(shared_data: Path) -> None:
    pytest.importorskip("pydicom")
    folder = shared_data / "dicom"
    film = read_image(folder / "WG04_RG3_RLE.dcm")
    assert film.dtype == np.uint16
    assert film.ndim == 2
    assert np.array_equal(film, read_image(folder / "WG04_RG3_JLSL.dcm"))  # the same film in another encoding
    with pytest.raises(ImageError, match="without pixels"):
        read_image(folder / "0_ORIGINAL_no_pixels.dcm")
    with pytest.raises(ImageError, match=r"cannot be decoded .*12-bit.*export the film uncompressed"):
        read_image(folder / "WG04_RG3_JPLY.dcm")


def test_a_dicom_film_without_its_size_is_refused(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    film = pydicom.Dataset()
    film.preamble = bytes(128)
    film.file_meta = pydicom.dataset.FileMetaDataset()
    film.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    film.add_new("PixelData", "OW", bytes(8))
    film.save_as(tmp_path / "a.dcm", enforce_file_format=False)
    with pytest.raises(ImageError, match=r"a\.dcm: .*cannot be decoded .*Columns"):
        read_image(tmp_path / "a.dcm")


@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize("name", ["film.dcm", "film", "film.ima"])
def test_a_dicom_film_without_preamble_is_read(tmp_path: Path, explicit: bool, name: str) -> None:
    pydicom = pytest.importorskip("pydicom")
    film = pydicom.Dataset()
    film.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    film.SOPInstanceUID = "1.2.840.99999.1"
    film.Rows, film.Columns, film.SamplesPerPixel, film.PhotometricInterpretation = 2, 3, 1, "MONOCHROME2"
    film.BitsAllocated = film.BitsStored = 8
    film.HighBit, film.PixelRepresentation = 7, 0
    film.add_new("PixelData", "OB", bytes([0, 51, 102, 153, 204, 255]))
    film.save_as(tmp_path / name, implicit_vr=not explicit, little_endian=True, enforce_file_format=False)
    assert (tmp_path / name).read_bytes()[128:132] != b"DICM"
    assert image_paths(tmp_path) == [name]
    assert np.array_equal(read_image(tmp_path / name), [[0, 51, 102], [153, 204, 255]])


@pytest.mark.parametrize("content", [b"x" * 300, b"\x08\x00" * 100, b"\x89PNG" * 50, bytes(300)])
def test_other_bytes_under_the_name_of_dicom_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "film.dcm").write_bytes(content)
    with pytest.raises(ImageError, match=r"film\.dcm: not a DICOM file"):
        read_image(tmp_path / "film.dcm")
