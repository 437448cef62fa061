"""Ids in DICOM files made here, and in real ones."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preprocess.dicom_ids import DicomIds, read_ids
from preprocess.errors import ImageError
from preprocess.images import encode_image

pydicom = pytest.importorskip("pydicom")


def dicom(**elements: Any) -> bytes:
    film = pydicom.Dataset()
    for name, value in elements.items():
        setattr(film, name, value)
    film.file_meta = pydicom.dataset.FileMetaDataset()
    film.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    out = io.BytesIO()
    pydicom.dcmwrite(out, film, enforce_file_format=True)
    return out.getvalue()


def test_ids_are_read_as_they_stand() -> None:
    data = dicom(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.1",
        PatientID=" 0007 ",
        IssuerOfPatientID="St. Mary",
        StudyInstanceUID="1.2.840.99999.1.7",
        SOPInstanceUID="1.2.840.99999.1.7.1",
        InstitutionName="St.  Mary\0",
    )
    assert read_ids("film", data) == DicomIds(
        "0007", "St. Mary", "1.2.840.99999.1.7", "1.2.840.99999.1.7.1", "St. Mary"
    )


def test_what_is_not_there_is_empty() -> None:
    data = dicom(SOPClassUID="1.2.840.10008.5.1.4.1.1.1", SOPInstanceUID="1.2.840.99999.1.7.1", PatientID=None)
    assert read_ids("film.dcm", data) == DicomIds(film="1.2.840.99999.1.7.1")


def test_several_values_are_one_id() -> None:
    data = dicom(SOPClassUID="1.2.840.10008.5.1.4.1.1.1", SOPInstanceUID="1.2.3", PatientID=["7", "8"])
    found = read_ids("film.dcm", data)
    assert found is not None
    assert found.patient == "7\\8"


def test_other_files_have_none() -> None:
    assert read_ids("film.png", encode_image("film.png", np.zeros((8, 8), np.uint8))) is None
    with pytest.raises(ImageError, match=r"film\.dcm: not a DICOM file \("):
        read_ids("film.dcm", b"none")


def test_real_files_name_their_patients(shared_data: Path) -> None:
    files = [shared_data / "dicom" / f"WG04_RG{name}.dcm" for name in ("2_J2KI", "3_J2KI", "3_RLE")]
    one, two, again = (read_ids(file, file.read_bytes()) or DicomIds() for file in files)
    assert (one.patient, two.patient, again.patient) == ("10RG2", "11RG3", "11RG3")
    assert two.institution == "N.C.C. HIGASHI"
    assert two.film != again.film
