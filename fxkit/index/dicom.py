"""Whose films DICOM files say that they are: which ids can be used, and where they contradict others.

Exports are anonymised in many ways: ids are emptied, replaced by a word, by the same id in all files, or by one made
anew for each file. An id that groups films of several patients is as harmful as one that is missing.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxkit.index.scan import Found, some
from preprocess.dicom import is_dicom, open_dicom


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


# what stands for a patient or a place in anonymised files, in small letters and digits; "anon17" is a pseudonym
PLACEHOLDER = re.compile(
    r"[0x]*|anon(ym(ous(patient)?|i[sz]ed?)?)?|de?id(entified)?|removed|redacted|deleted|cleared|hidden|masked|private"
    r"|none|null|nil|nan?|not(available|applicable)|unk(nown)?|undefined|missing|empty|blank|default|test"
    r"|(no)?(id|name|patient(id|name)?)"
)

UID = re.compile(r"[0-2](\.(0|[1-9]\d*)){2,}")

SHORTEST_UID = 12  # characters: 1.2.3.4.5 and the like stand where a program had to write something

MANY, SHARE = 50, 0.1  # films of one id, and their share of all films with ids, beyond which it is no patient's


@dataclass(frozen=True)
class Marks:
    """Usable ids of every file, "" where there is none; files that share one belong together.

    Args:
        patients: PatientID, with its issuer where that is needed to tell patients apart.
        studies, films: UIDs.
        sites: institutions.
    """

    patients: tuple[str, ...]
    studies: tuple[str, ...]
    films: tuple[str, ...]
    sites: tuple[str, ...]
    notes: tuple[str, ...] = ()


def marks_of(files: Sequence[Found], ids: Sequence[DicomIds | None], films: Sequence[str]) -> Marks:
    """Return the ids that can be used, and what a user should be told of them.

    Args:
        files: and the patients that a CSV file names.
        ids: of each file; None where it is no DICOM.
        films: of each file, by names, bytes and pixels.
    """
    known = [one or DicomIds() for one in ids]
    if not any(ids):
        empty = ("",) * len(known)
        return Marks(empty, empty, empty, empty)
    notes: list[str] = []
    patients = _with_issuers([replace_placeholder(one.patient) for one in known], known)
    patients = _without_common("PatientID", patients, films, notes)
    owners = [file.patient or patient for file, patient in zip(files, patients, strict=True)]
    studies = _without_common("StudyInstanceUID", [_uid(one.study) for one in known], films, notes)
    studies = _without_torn("StudyInstanceUIDs", studies, owners, notes)
    uids = _without_common("SOPInstanceUID", [_uid(one.film) for one in known], films, notes)
    uids = _without_torn("SOPInstanceUIDs", uids, owners, notes)
    sites = [replace_placeholder(one.institution) for one in known]
    marked = [number for number, one in enumerate(ids) if one]
    given = any(file.patient for file in files)
    told = _patient_notes([patients[n] for n in marked], [films[n] for n in marked], given)
    notes = [*told, *notes, *_one_film(uids, films), *_at_odds(files, patients), *_site_notes(files, sites)]
    return Marks(tuple(patients), tuple(studies), tuple(uids), tuple(sites), tuple(notes))


def replace_placeholder(text: str) -> str:
    """Return text, or "" where it names nobody: a word such as ANON, or only zeros, x or signs."""
    plain = "".join(sign for sign in text.casefold() if sign.isalnum())
    return "" if PLACEHOLDER.fullmatch(plain) else text


def _uid(text: str) -> str:
    return text if len(text) >= SHORTEST_UID and UID.fullmatch(text) else ""


def _with_issuers(patients: Sequence[str], ids: Sequence[DicomIds]) -> list[str]:
    """Two hospitals number their patients alike: tell those apart where every file of a number names its issuer."""
    issuers = defaultdict(set)
    for patient, one in zip(patients, ids, strict=True):
        issuers[patient].add(replace_placeholder(one.issuer))
    shared = {patient for patient, named in issuers.items() if patient and len(named) > 1 and "" not in named}
    return [
        f"{patient} of {one.issuer}" if patient in shared else patient
        for patient, one in zip(patients, ids, strict=True)
    ]


def _without_common(name: str, values: Sequence[str], films: Sequence[str], notes: list[str]) -> list[str]:
    """Empty what stands on too many films to be one patient's, study's or film's."""
    having = _sets(values, films)
    total = len(set().union(*having.values()))
    common = {value for value, own in having.items() if len(own) > max(MANY, SHARE * total)}
    notes += [
        f"WARNING: the {name} {value} stands on {len(having[value])} of {total} films, too many for one: it is taken "
        "for a placeholder and groups nothing"
        for value in sorted(common)
    ]
    return ["" if value in common else value for value in values]


def _without_torn(name: str, uids: Sequence[str], patients: Sequence[str], notes: list[str]) -> list[str]:
    """Empty UIDs that stand on films of several patients."""
    torn = {uid: owners for uid, owners in _sets(uids, patients).items() if len(owners) > 1}
    if torn:
        told = some(f"{uid} ({some(sorted(owners))})" for uid, owners in sorted(torn.items()))
        notes.append(
            f"WARNING: {len(torn)} {name} stand on films of several patients: {told}; they group nothing; find out "
            "how these files were anonymised"
        )
    return ["" if uid in torn else uid for uid in uids]


def _patient_notes(patients: Sequence[str], films: Sequence[str], given: bool) -> list[str]:
    """Tell how many DICOM files name their patient, and whether they do so in earnest."""
    without = sum(not patient for patient in patients)
    notes = []
    if without < len(patients):
        notes.append(
            f"{len(patients) - without} DICOM files are grouped by their PatientIDs, which stand in the manifest and "
            "on the pages where no column patient names others: anonymise them before you pass these on"
        )
    if without:
        notes.append(
            f"{without} of {len(patients)} DICOM files have no PatientID that can be used (none, a placeholder such as "
            f"ANON, or one for too many films){'' if given else '; a CSV file with a column patient can name them'}"
        )
    having = _sets(patients, films)
    if len(having) > 1 and all(len(own) == 1 for own in having.values()):
        notes.append(
            f"each of the {len(having)} PatientIDs stands on one film alone: if they were made anew for each film, "
            "films of one patient may stand in several splits"
        )
    return notes


def _one_film(uids: Sequence[str], films: Sequence[str]) -> list[str]:
    """Tell of films that SOPInstanceUIDs alone make one."""
    shared = [sorted(own) for _, own in sorted(_sets(uids, films).items()) if len(own) > 1]
    if not shared:
        return []
    told = some(" = ".join(own) for own in shared)
    return [f"{len(shared)} SOPInstanceUIDs stand on films of different names, which count as one each: {told}"]


def _site_notes(files: Sequence[Found], sites: Sequence[str]) -> list[str]:
    taken = [site for file, site in zip(files, sites, strict=True) if site and not file.site]
    if not taken:
        return []
    names = sorted(set(taken))
    return [f"sites of {len(taken)} DICOM files are their institutions, {len(names)} in all: {some(names)}"]


def _at_odds(files: Sequence[Found], patients: Sequence[str]) -> list[str]:
    """Tell where the CSV's patients and the PatientIDs do not divide the files alike."""
    given = [file.patient for file in files]
    pairs = [
        ("patients in the column patient have several PatientIDs", _sets(given, patients)),
        ("PatientIDs stand under several patients of the column patient", _sets(patients, given)),
    ]
    torn = [(told, {name: own for name, own in sets.items() if len(own) > 1}) for told, sets in pairs]
    return [
        f"WARNING: {len(found)} {told}: "
        f"{some(f'{name} ({some(sorted(own))})' for name, own in sorted(found.items()))}; the films of each are kept "
        "in one group; correct the column patient, or leave the files' ids out with --no-dicom-ids"
        for told, found in torn
        if found
    ]


def _sets(names: Sequence[str], values: Sequence[str]) -> dict[str, set[str]]:
    """Return of each name the values that stand beside it; what is empty does not count."""
    found = defaultdict(set)
    for name, value in zip(names, values, strict=True):
        if name and value:
            found[name].add(value)
    return dict(found)
