"""Names of columns: which of them mean the file, class, patient, site or split of a film."""

import unicodedata
from collections.abc import Mapping

# Meaning -> names that are read as it, as `plain_name` writes them.
ALIASES: Mapping[str, frozenset[str]] = {
    meaning: frozenset(names.split())
    for meaning, names in {
        "path": "file filename filepath filestem image imagefile imagefilename imageid imageindex imagename imagepath "
        "img imgfile imgfilename imgid imgname imgpath filmpath picture relativepath relpath fullpath absolutepath "
        "fname fpath dicompath dicomfile dicomfilename dcmpath dcmfile pngpath pngfile jpgpath jpgfile xraypath",
        "label": "labels class classes classname classlabel category target diagnosis finding findings findinglabel "
        "findinglabels imagelabel outcome groundtruth truth gt",
        "patient": "patients patientid patientids patientno patientnr patientnum patientnumber patientcode patientkey "
        "patienthash patientname patientuid patid patno patnr pid ptid subject subjects subjectid subjectids subjectno "
        "subjectnr subjectnumber subjectcode subjectkey subjectname subjectuid person personid personkey participant "
        "participantid individual individualid mrn medicalrecordnumber anonymizedpatientid anonymisedpatientid "
        "anonpatientid pseudonym pseudonymid",
        "site": "siteid sitename hospital hospitalid hospitalname institution institutionid institutionname institute "
        "center centerid centername centre centreid centrename clinic clinicname facility facilityname",
        "split": "splits set subset partition datasplit datasubset",
    }.items()
}


def plain_name(name: str) -> str:
    """Return the name of a column without case, spaces and punctuation: "Patient ID" and "patient_id" are equal."""
    letters = unicodedata.normalize("NFKC", name).casefold()
    return "".join(letter for letter in letters if letter.isalnum())


def meaning_of(name: str) -> str:
    """Return what a column means: path, label, patient, site, split; "" if its name says none of these."""
    plain = plain_name(name)
    return next((meaning for meaning, names in ALIASES.items() if plain == meaning or plain in names), "")
