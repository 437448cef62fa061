"""Read the patient, study and film ids of DICOM files, and decide which of them can be used to group films.

Exports are anonymised in many ways. An id may be emptied or replaced: by a word, by the same id in all files, or by a
new id in each file. An id that groups films of several patients is as harmful as a missing id.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxkit.index.scan import ScannedFile, first_few
from preprocess.dicom import is_dicom, open_dicom
from preprocess.tables.cells import clean_cell, is_no_patient, patient_key
from preprocess.tables.spellings import PATIENTS, join_spellings
from preprocess.words import amount


@dataclass(frozen=True)
class DicomIds:
    """The ids in a file, without surrounding space; "" if missing.

    Source: DICOM PS3.3, modules Patient, General Study, General Equipment and SOP Common.

    Attributes:
        patient: PatientID (0010,0020); unique only within its issuer.
        issuer: IssuerOfPatientID (0010,0021).
        study: StudyInstanceUID (0020,000D); a study belongs to one patient.
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
    """Return the ids of a DICOM file; None for other files.

    Args:
        path: path of the file; its extension helps to recognise DICOM.
        data: the bytes of the file.

    Raises:
        ImageError: the extra for DICOM is not installed, or the file is not DICOM although its name or preamble says
            so.
    """
    if not is_dicom(path, data):
        return None
    dataset = open_dicom(path, data, pixels=False)
    return DicomIds(**{name: _text(dataset, keyword) for name, keyword in KEYWORDS.items()})


def _text(dataset: Any, keyword: str) -> str:
    try:
        value = dataset.get(keyword)
    except Exception:  # noqa: BLE001  the element is damaged, but the film is readable
        return ""
    values = [value] if isinstance(value, str) else value or []  # the standard forbids several values; keep all
    return " ".join("\\".join(map(str, values)).replace("\0", " ").split())


ZEROS = re.compile(r"[0x]*")  # in place of a patient; in a CSV file a patient may be 0

UID = re.compile(r"[0-2](\.(0|[1-9]\d*)){2,}")

SHORTEST_UID = 12  # characters; programs write shorter ones, such as 1.2.3.4.5, as placeholders

# An id is a placeholder if it is on more than MANY films and on more than this fraction of all films with such ids.
MANY, COMMON_FRACTION = 50, 0.1


@dataclass(frozen=True)
class UsableIds:
    """The ids of every file that can be used, "" if none. Files that share an id belong together.

    Attributes:
        patients: PatientID, with the issuer if different patients have the same PatientID.
        studies: StudyInstanceUID.
        films: SOPInstanceUID.
        sites: InstitutionName.
        notes: messages for the user.
    """

    patients: tuple[str, ...]
    studies: tuple[str, ...]
    films: tuple[str, ...]
    sites: tuple[str, ...]
    notes: tuple[str, ...] = ()


def select_usable_ids(files: Sequence[ScannedFile], ids: Sequence[DicomIds | None], films: Sequence[str]) -> UsableIds:
    """Drop placeholders and contradictory ids, and collect notes for the user.

    Args:
        files: the scanned files, with their patients if a CSV file names them.
        ids: ids of each file; None for a file that is not DICOM.
        films: film of each file by names, bytes and pixels.
    """
    known = [one or DicomIds() for one in ids]
    if not any(ids):
        empty = ("",) * len(known)
        return UsableIds(empty, empty, empty, empty)
    notes: list[str] = []
    given = {file.patient for file in files if file.patient}
    patients = [replace_placeholder(one.patient) for one in known]
    patients, spelling_notes = join_spellings(patients, patient_key, PATIENTS, given)
    patients = _with_issuers(patients, known)
    patients = _without_common("PatientID", patients, films, notes)
    owners = [file.patient or patient for file, patient in zip(files, patients, strict=True)]
    studies = _without_common("StudyInstanceUID", [_uid(one.study) for one in known], films, notes)
    studies = _without_torn("StudyInstanceUID", studies, owners, notes)
    uids = _without_common("SOPInstanceUID", [_uid(one.film) for one in known], films, notes)
    uids = _without_torn("SOPInstanceUID", uids, owners, notes)
    sites = [replace_placeholder(one.institution) for one in known]
    dicom_files = [number for number, one in enumerate(ids) if one]
    patient_notes = _patient_notes([patients[n] for n in dicom_files], [films[n] for n in dicom_files], bool(given))
    notes = [
        *patient_notes,
        *spelling_notes,
        *notes,
        *_note_joined_films(uids, films),
        *_warn_of_contradictions(files, patients),
    ]
    notes += _site_notes(files, sites)
    return UsableIds(tuple(patients), tuple(studies), tuple(uids), tuple(sites), tuple(notes))


def replace_placeholder(text: str) -> str:
    """Return text, or "" if it is a placeholder: a word such as ANON, or only zeros, x and punctuation."""
    plain = "".join(sign for sign in text.casefold() if sign.isalnum())
    return "" if is_no_patient(clean_cell(text)) or ZEROS.fullmatch(plain) else text


def _uid(text: str) -> str:
    return text if len(text) >= SHORTEST_UID and UID.fullmatch(text) else ""


def _with_issuers(patients: Sequence[str], ids: Sequence[DicomIds]) -> list[str]:
    """Add the issuer to a PatientID that several issuers use, if every file with that PatientID names its issuer."""
    issuers = defaultdict(set)
    for patient, one in zip(patients, ids, strict=True):
        issuers[patient].add(replace_placeholder(one.issuer))
    shared = {patient for patient, named in issuers.items() if patient and len(named) > 1 and "" not in named}
    return [
        f"{patient} of {one.issuer}" if patient in shared else patient
        for patient, one in zip(patients, ids, strict=True)
    ]


def _without_common(name: str, values: Sequence[str], films: Sequence[str], notes: list[str]) -> list[str]:
    """Drop ids that are on too many films to belong to one patient, study or film."""
    films_with = _sets(values, films)
    total = len(set().union(*films_with.values()))
    common = {value for value, its_films in films_with.items() if len(its_films) > max(MANY, COMMON_FRACTION * total)}
    notes += [
        f"WARNING: the {name} {value} is on {len(films_with[value])} of {amount(total, 'film')}, too many "
        f"to be real: it is "
        "ignored as a placeholder"
        for value in sorted(common)
    ]
    return ["" if value in common else value for value in values]


def _without_torn(name: str, uids: Sequence[str], patients: Sequence[str], notes: list[str]) -> list[str]:
    """Drop UIDs that are on films of several patients."""
    torn = {uid: owners for uid, owners in _sets(uids, patients).items() if len(owners) > 1}
    if torn:
        listed = first_few(f"{uid} ({first_few(sorted(owners))})" for uid, owners in sorted(torn.items()))
        are, ignored = (f"{name} is", "it is") if len(torn) == 1 else (f"{name}s are", "they are")
        notes.append(
            f"WARNING: {len(torn)} {are} on films of several patients: {listed}; {ignored} ignored; find out how these "
            "files were anonymised"
        )
    return ["" if uid in torn else uid for uid in uids]


def _patient_notes(patients: Sequence[str], films: Sequence[str], given: bool) -> list[str]:
    """Report how many DICOM files name their patient, and whether the PatientIDs look real."""
    without = sum(not patient for patient in patients)
    notes = []
    if without < len(patients):
        grouped = amount(len(patients) - without, "DICOM file is", "DICOM files are")
        notes.append(
            f"{grouped} grouped by their PatientIDs. The manifest and the pages show these unless a column patient "
            "gives others: anonymise them before you share these files"
        )
    if without:
        remedy = "" if given else "; a CSV file with a column patient can name the patients"
        notes.append(
            f"{without} of {amount(len(patients), 'DICOM file has', 'DICOM files have')} no usable "
            f"PatientID (none, a placeholder such as ANON, or "
            f"one that is on too many films){remedy}"
        )
    films_with = _sets(patients, films)
    if len(films_with) > 1 and all(len(its_films) == 1 for its_films in films_with.values()):
        notes.append(
            f"each of the {len(films_with)} PatientIDs is on one film only: if each film got a new PatientID, films of "
            "one patient may be in several splits"
        )
    return notes


def _note_joined_films(uids: Sequence[str], films: Sequence[str]) -> list[str]:
    """Report files that only a shared SOPInstanceUID identifies as copies of one film."""
    shared = [sorted(names) for _, names in sorted(_sets(uids, films).items()) if len(names) > 1]
    if not shared:
        return []
    listed = first_few(" = ".join(names) for names in shared)
    uids = amount(len(shared), "SOPInstanceUID is", "SOPInstanceUIDs are")
    return [f"{uids} on films with different names; each counts as one film: {listed}"]


def _site_notes(files: Sequence[ScannedFile], sites: Sequence[str]) -> list[str]:
    taken = [site for file, site in zip(files, sites, strict=True) if site and not file.site]
    if not taken:
        return []
    names = sorted(set(taken))
    return [
        f"the site of {amount(len(taken), 'DICOM file is its', 'DICOM files is their')} InstitutionName "
        f"({amount(len(names), 'site')}): {first_few(names)}"
    ]


def _warn_of_contradictions(files: Sequence[ScannedFile], patients: Sequence[str]) -> list[str]:
    """Warn if the column patient of the CSV file and the PatientIDs divide the files differently."""
    given = [file.patient for file in files]
    pairs = [
        ("patient{s} in the column patient with several PatientIDs", _sets(given, patients)),
        ("PatientID{s} with several patients in the column patient", _sets(patients, given)),
    ]
    torn = [(text, {name: values for name, values in sets.items() if len(values) > 1}) for text, sets in pairs]
    return [
        f"WARNING: {len(sets)} {text.format(s='' if len(sets) == 1 else 's')}: "
        f"{first_few(f'{name} ({first_few(sorted(values))})' for name, values in sorted(sets.items()))}; all their "
        "films stay in one group; correct the column patient, or ignore the ids of the files with --no-dicom-ids"
        for text, sets in torn
        if sets
    ]


def _sets(names: Sequence[str], values: Sequence[str]) -> dict[str, set[str]]:
    """Return name -> its values; empty names and values are skipped."""
    sets = defaultdict(set)
    for name, value in zip(names, values, strict=True):
        if name and value:
            sets[name].add(value)
    return dict(sets)
