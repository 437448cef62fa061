"""Columns are found by name, in any case, and by their usual other names, which a note tells."""

from pathlib import Path

import pytest

from preprocess.errors import DataError
from preprocess.tables.columns import find_columns, find_named, unread_note
from preprocess.tables.names import meaning_of
from preprocess.tables.read import Table

ALL = ("path", "label", "patient", "site", "split")


def table(*names: str) -> Table:
    return Table(Path("t.csv"), names, ())


@pytest.mark.parametrize(
    ("meaning", "names"),
    [
        ("path", ["Path", " PATH ", "filename", "file_name", "Image Index", "image_id", "FilePath", "Image"]),
        ("label", ["Label", "class", "target", "Finding Labels", "Diagnosis"]),
        ("patient", ["patient_id", "PatientID", "Patient ID", "patient-id", "subject", "subject_id", "MRN", "person"]),
        ("site", ["Hospital", "institution", "Centre", "center_id"]),
        ("split", ["set", "subset", "Partition"]),
        ("", ["age", "note", "study", "fold", "(column 1)"]),
    ],
)
def test_names_have_a_meaning(meaning: str, names: list[str]) -> None:
    assert {meaning_of(name) for name in names} == {meaning}


def test_other_names_are_told_and_case_is_not() -> None:
    read = table("Image Index", " Label", "Patient-ID", "age", "note")
    columns, notes = find_columns(read, ALL)
    assert columns == {"path": "Image Index", "label": " Label", "patient": "Patient-ID"}
    assert notes == ["t.csv: column `Image Index` is read as path", "t.csv: column `Patient-ID` is read as patient"]
    assert unread_note(read, columns.values()) == ["t.csv: columns that are not read: age, note"]


@pytest.mark.parametrize(
    "names", [("subject", "patient", "MRN"), ("subject", "Patient ", "MRN"), ("patient", "PATIENT")]
)
def test_the_exact_name_wins_and_is_told(names: tuple[str, ...]) -> None:
    columns, notes = find_columns(table(*names), ["patient"])
    assert columns["patient"].strip().lower() == "patient"
    assert notes[0].startswith(f"t.csv: column `{columns['patient']}` is read as patient, and not `")


@pytest.mark.parametrize("names", [("subject", "patient_id"), ("Patient", "PATIENT"), ("Patient", "PATIENT", "MRN")])
def test_two_columns_of_one_meaning_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=r"t\.csv: the columns `.*`, `.*` all mean patient; rename the one to use to"):
        find_columns(table(*names), ["patient"])


def test_a_column_is_found_by_its_name_in_any_case() -> None:
    assert find_named(["First ", "second"], "first") == "First "
    assert find_named(["First", "FIRST"], "first") is None
    assert find_named(["first", "FIRST"], "first") == "first"
    assert find_named(["a"], "first") is None
