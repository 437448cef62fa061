"""What a DICOM file says of whose film it is, and which."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocess.images import is_dicom, open_dicom


@dataclass(frozen=True)
class DicomIds:
    """Ids as they stand in a file, without space around them; "" where there is none.

    Source: DICOM PS3.3, modules Patient, General Study, General Equipment and SOP Common.

    Args:
        patient: PatientID (0010,0020); unique for its issuer only.
        issuer: IssuerOfPatientID (0010,0021).
        study: StudyInstanceUID (0020,000D); a study is of one patient.
        film: SOPInstanceUID (0008,0018).
        institution: InstitutionName (0008,0080).
    """

    patient: str = ""
    issuer: str = ""
    study: str = ""
    film: str = ""
    institution: str = ""


KEYWORDS = {
    "patient": "PatientID",
    "issuer": "IssuerOfPatientID",
    "study": "StudyInstanceUID",
    "film": "SOPInstanceUID",
    "institution": "InstitutionName",
}


def read_ids(path: str | Path, data: bytes) -> DicomIds | None:
    """Return the ids of a file from its bytes; None where it is no DICOM.

    Raises:
        ImageError: the extra is missing, or the file is not DICOM though its name or its preamble says so.
    """
    if not is_dicom(path, data):
        return None
    dataset = open_dicom(path, data, pixels=False)
    return DicomIds(**{name: _text(dataset, keyword) for name, keyword in KEYWORDS.items()})


def _text(dataset: Any, keyword: str) -> str:
    try:
        value = dataset.get(keyword)
    except Exception:  # noqa: BLE001  one damaged element of a film that can be read
        return ""
    values = [value] if isinstance(value, str) else value or []  # of several, which the standard forbids, all
    return " ".join("\\".join(map(str, values)).replace("\0", " ").split())
