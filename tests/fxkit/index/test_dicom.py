"""DICOM ids: which are used, which films they group, and which notes the user gets."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fxkit.index.build import Index, IndexOptions, index_data
from fxkit.index.dicom import MANY, DicomIds, UsableIds, read_ids, replace_placeholder, select_usable_ids
from fxkit.index.scan import ScannedFile
from preprocess.errors import ImageError
from preprocess.images import encode_image

STUDY, FILM = "1.2.840.99999.1.", "1.2.840.99999.2."


def usable_ids(*ids: DicomIds | None, patients: tuple[str, ...] = (), films: tuple[str, ...] = ()) -> UsableIds:
    """Select the usable ids of files. Each file is a film of its own unless films are given."""
    given = patients or ("",) * len(ids)
    files = [ScannedFile(f"a/{n}.dcm", "a", "", patient) for n, patient in enumerate(given)]
    return select_usable_ids(files, ids, films or tuple(f"a/{n}" for n in range(len(ids))))


@pytest.mark.parametrize(
    "text",
    ["", "0", "0000", "XXX", "-", "***", "ANON", "Anonymous", "ANONYMIZED", "anonymised", "De-identified", "N/A"],
)
def test_placeholders_are_dropped(text: str) -> None:
    assert replace_placeholder(text) == ""
    assert usable_ids(DicomIds(text), DicomIds(text)).patients == ("", "")


@pytest.mark.parametrize("text", ["1", "0007", "anon17", "P-0", "ANON_0001", "Nana", "x1"])
def test_pseudonyms_are_kept(text: str) -> None:
    assert replace_placeholder(text) == text


def test_files_that_are_not_dicom_have_no_ids() -> None:
    assert usable_ids(None, None) == UsableIds(("", ""), ("", ""), ("", ""), ("", ""))


def test_files_without_a_patient_are_counted_in_a_note() -> None:
    usable = usable_ids(DicomIds("7"), DicomIds("7"), DicomIds("ANON"), DicomIds(), None)
    assert usable.patients == ("7", "7", "", "", "")
    assert usable.notes[0].startswith("2 DICOM files are grouped by their PatientIDs. The manifest")
    assert usable.notes[1] == (
        "2 of 4 DICOM files have no usable PatientID (none, a placeholder such as ANON, or one that is on too many "
        "films); a CSV file with a column patient can name the patients"
    )


def test_equal_patient_ids_of_different_issuers_are_different_patients() -> None:
    east, west, none = DicomIds("7", "east"), DicomIds("7", "west"), DicomIds("7", "UNKNOWN")
    assert usable_ids(east, west).patients == ("7 of east", "7 of west")
    assert usable_ids(east, none).patients == ("7", "7")
    assert usable_ids(east, west, none).patients == ("7", "7", "7")


def test_spellings_of_a_patient_are_joined_under_that_of_the_csv() -> None:
    usable = usable_ids(*map(DicomIds, ("P-7", "P007", "P-7", "8")), patients=("", "", "", "p7"))
    assert usable.patients == ("p7", "p7", "p7", "8")
    assert any("1 patient is spelled in several ways and joined under one spelling: p7 (0 files) = " in note for note
               in usable.notes)  # fmt: skip
    east, west = DicomIds("007", "east"), DicomIds("7", "west")
    assert usable_ids(east, west).patients == ("007 of east", "007 of west")


def test_an_id_on_too_many_films_is_dropped() -> None:
    ids = [DicomIds("TRIAL-7", study=STUDY + "1", film=FILM + "1")] * (MANY + 1)
    usable = usable_ids(*ids, DicomIds("8"))
    assert set(usable.patients) == {"", "8"}
    assert set(usable.studies) == set(usable.films) == {""}
    for name, value in (("PatientID", "TRIAL-7"), ("StudyInstanceUID", STUDY + "1"), ("SOPInstanceUID", FILM + "1")):
        assert any(
            note.startswith(f"WARNING: the {name} {value} is on {MANY + 1} of ")
            and note.endswith("too many to be real: it is ignored as a placeholder")
            for note in usable.notes
        )


def test_an_id_on_many_copies_of_one_film_is_kept() -> None:
    films = ("a/1",) * (MANY + 1) + ("a/2",)
    usable = usable_ids(*[DicomIds("7", film=FILM + "1")] * (MANY + 1), DicomIds("8"), films=films)
    assert set(usable.patients) == {"7", "8"}
    assert FILM + "1" in usable.films


def test_invalid_uids_are_dropped() -> None:
    for uid in ("", "0", "1.2.3", "1.2.840.0001.2.3", "film 1 of the series"):
        assert usable_ids(DicomIds("7", study=uid, film=uid)).studies == ("",)


def test_uids_on_films_of_several_patients_are_dropped() -> None:
    one, other = (DicomIds(patient, study=STUDY + "1", film=FILM + "1") for patient in ("7", "8"))
    usable = usable_ids(one, other)
    assert (usable.studies, usable.films) == (("", ""), ("", ""))
    assert (
        f"WARNING: 1 SOPInstanceUID is on films of several patients: {FILM}1 (7, 8); it is ignored; find out how "
        "these files were anonymised"
    ) in usable.notes
    blank = DicomIds(study=STUDY + "1", film=FILM + "1")
    assert usable_ids(blank, blank, patients=("p1", "p2")).films == ("", "")
    assert usable_ids(blank, blank, patients=("p1", "")).films == (FILM + "1", FILM + "1")


def test_contradictions_with_the_csv_give_warnings() -> None:
    usable = usable_ids(DicomIds("7"), DicomIds("7"), DicomIds("8"), patients=("p1", "p2", "p2"))
    assert [note for note in usable.notes if note.startswith("WARNING")] == [
        "WARNING: 1 patient in the column patient with several PatientIDs: p2 (7, 8); all their films stay in one "
        "group; correct the column patient, or ignore the ids of the files with --no-dicom-ids",
        "WARNING: 1 PatientID with several patients in the column patient: 7 (p1, p2); all their films stay in "
        "one group; correct the column patient, or ignore the ids of the files with --no-dicom-ids",
    ]
    agreed = usable_ids(DicomIds("7"), DicomIds("7"), DicomIds("8"), patients=("p1", "p1", "p2"))
    assert not any(note.startswith("WARNING") for note in agreed.notes)


def test_a_new_id_for_each_film_gives_a_note() -> None:
    text = "each of the 2 PatientIDs is on one film only: if each film got a new PatientID"
    assert any(note.startswith(text) for note in usable_ids(DicomIds("7"), DicomIds("8")).notes)
    assert not any(note.startswith("each of") for note in usable_ids(DicomIds("7"), DicomIds("8"), DicomIds("8")).notes)


# ---- whole data sets


def write(root: Path, name: str, seed: int, **elements: Any) -> None:
    """Write a small DICOM film of noise; the seed also numbers the film."""
    pydicom = pytest.importorskip("pydicom")
    film = pydicom.Dataset()
    film.Rows, film.Columns, film.SamplesPerPixel, film.PhotometricInterpretation = 16, 16, 1, "MONOCHROME2"
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 8, 8, 7, 0
    film.PixelData = np.random.default_rng(seed).integers(0, 255, (16, 16), np.uint8).tobytes()
    film.SOPClassUID, film.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", FILM + str(seed)
    for keyword, value in elements.items():
        setattr(film, keyword, value)
    film.file_meta = pydicom.dataset.FileMetaDataset()
    film.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(root / name, film, enforce_file_format=True)


def groups(index: Index) -> set[frozenset[str]]:
    groups_of: dict[str, set[str]] = {}
    for record in index.records:
        groups_of.setdefault(record.group, set()).add(record.path)
    return {frozenset(paths) for paths in groups_of.values()}


def test_films_are_grouped_by_patient_study_and_film_ids(tmp_path: Path) -> None:
    write(tmp_path, "a/1.dcm", 1, PatientID="7", InstitutionName="East")
    write(tmp_path, "b/2.dcm", 2, PatientID="7")
    write(tmp_path, "a/3.dcm", 3, PatientID="ANON", StudyInstanceUID=STUDY + "3")
    write(tmp_path, "a/4.dcm", 4, PatientID="ANON", StudyInstanceUID=STUDY + "3")
    write(tmp_path, "b/5.dcm", 5, PatientID="ANON")
    write(tmp_path, "b/6.dcm", 6, SOPInstanceUID=FILM + "5")
    index = index_data(tmp_path, IndexOptions(split="none"))
    assert groups(index) == {
        frozenset({"a/1.dcm", "b/2.dcm"}),
        frozenset({"a/3.dcm", "a/4.dcm"}),
        frozenset({"b/5.dcm", "b/6.dcm"}),
    }
    by_path = {record.path: record for record in index.records}
    assert (by_path["a/1.dcm"].patient, by_path["a/1.dcm"].site, by_path["b/2.dcm"].group) == ("7", "East", "7")
    assert by_path["b/5.dcm"].film == by_path["b/6.dcm"].film == "b/5"
    assert by_path["a/3.dcm"].film != by_path["a/4.dcm"].film
    assert "1 SOPInstanceUID is on films with different names; each counts as one film: b/5 = b/6" in index.notes
    assert "the site of 1 DICOM file is its InstitutionName (1 site): East" in index.notes
    assert len(groups(index_data(tmp_path, IndexOptions(split="none", dicom_ids=False)))) == 6


def test_patients_of_the_csv_and_ids_of_the_files_both_group_films(tmp_path: Path) -> None:
    for number, patient in enumerate(("7", "7", "8", "9"), start=1):
        write(tmp_path, f"{number}.dcm", number, PatientID=patient)
    (tmp_path / "films.csv").write_text("path,label,patient\n1.dcm,a,p1\n2.dcm,b,p2\n3.dcm,a,p2\n4.dcm,b,p4\n")
    index = index_data(tmp_path / "films.csv", IndexOptions(split="none"))
    assert groups(index) == {frozenset({"1.dcm", "2.dcm", "3.dcm"}), frozenset({"4.dcm"})}
    assert [record.patient for record in index.records] == ["p1", "p2", "p2", "p4"]
    assert sum("--no-dicom-ids" in note for note in index.notes) == 2


def test_ids_are_read_from_the_cache(tmp_path: Path) -> None:
    for number, place in enumerate(("a/1.dcm", "b/2.dcm"), start=1):
        write(tmp_path / "films", place, number, PatientID="7")
    first = index_data(tmp_path / "films", IndexOptions(split="none", cache=tmp_path / "m.cache"))
    assert groups(first) == {frozenset({"a/1.dcm", "b/2.dcm"})}
    assert index_data(tmp_path / "films", IndexOptions(split="none", cache=tmp_path / "m.cache")) == first


def test_real_films_are_grouped_by_patient(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("pydicom")
    names = ("WG04_RG2_J2KI.dcm", "WG04_RG2_RLE.dcm", "WG04_RG3_J2KI.dcm", "WG04_RG3_RLE.dcm")
    rows = "".join(f"{name},{'ab'[n // 2]}\n" for n, name in enumerate(names))
    (tmp_path / "films.csv").write_text("path,label\n" + rows)
    index = index_data(tmp_path / "films.csv", IndexOptions(root=shared_data / "dicom", split="none", copies=False))
    assert groups(index) == {frozenset(names[:2]), frozenset(names[2:])}
    assert {record.patient for record in index.records} == {"10RG2", "11RG3"}


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


def test_ids_are_read_without_surrounding_space() -> None:
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


def test_missing_ids_are_empty() -> None:
    data = dicom(SOPClassUID="1.2.840.10008.5.1.4.1.1.1", SOPInstanceUID="1.2.840.99999.1.7.1", PatientID=None)
    assert read_ids("film.dcm", data) == DicomIds(film="1.2.840.99999.1.7.1")


def test_several_values_give_one_id() -> None:
    data = dicom(SOPClassUID="1.2.840.10008.5.1.4.1.1.1", SOPInstanceUID="1.2.3", PatientID=["7", "8"])
    ids = read_ids("film.dcm", data)
    assert ids is not None
    assert ids.patient == "7\\8"


def test_files_of_other_formats_have_no_ids() -> None:
    assert read_ids("film.png", encode_image("film.png", np.zeros((8, 8), np.uint8))) is None
    with pytest.raises(ImageError, match=r"film\.dcm: not a DICOM file \("):
        read_ids("film.dcm", b"none")


def test_real_files_have_ids(shared_data: Path) -> None:
    files = [shared_data / "dicom" / f"WG04_RG{name}.dcm" for name in ("2_J2KI", "3_J2KI", "3_RLE")]
    one, two, again = (read_ids(file, file.read_bytes()) or DicomIds() for file in files)
    assert (one.patient, two.patient, again.patient) == ("10RG2", "11RG3", "11RG3")
    assert two.institution == "N.C.C. HIGASHI"
    assert two.film != again.film
