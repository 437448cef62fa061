from pathlib import Path

import numpy as np
import pytest

from preprocess.errors import ImageError
from preprocess.images import read_image


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
