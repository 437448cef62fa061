"""Notes on copies by pixels; no notes if everything agrees."""

from fxkit.data.manifest import Record
from fxkit.index.find_copies import NO_COPIES, Copies
from fxkit.index.notes import copy_notes
from fxkit.index.scan import ScannedFile


def notes(rows: list[tuple[str, str, str, str]], copies: Copies | None = None) -> list[str]:
    """Return the notes on files, each given as path, patient, SHA-256 and group by pixels."""
    records = [
        Record(
            path=path,
            label=path.split("/")[0],
            group="",
            split="",
            sha256=sha256,
            width=8,
            height=8,
            status="ok" if sha256 else "zero bytes long",
            film="",
            patient=patient,
            site="",
        )
        for path, patient, sha256, _ in rows
    ]
    files = [ScannedFile(record.path, record.label, "", record.patient) for record in records]
    groups = {sha256: group for _, _, sha256, group in rows if sha256}
    return copy_notes(records, files, Copies(groups, ()) if copies is None else copies)


def test_copies_with_different_names_give_a_note() -> None:
    assert notes([("a/1.png", "", "aa", "aa"), ("a/7.png", "", "bb", "aa"), ("a/3.png", "", "cc", "cc")]) == [
        "2 films with different names are copies by their pixels, in 1 set: a/1 = a/7"
    ]


def test_copies_of_different_patients_give_a_warning() -> None:
    _, note = notes([("a/1.png", "p1", "aa", "aa"), ("a/7.png", "p2", "bb", "aa")])
    assert note == (
        "WARNING: 1 set of copies by pixels has different patients: a/1 = a/7 (p1, p2); each set stays in one group; "
        "look at groups.html and correct the column patient, or reject the pair"
    )


def test_an_unknown_patient_contradicts_nothing() -> None:
    assert len(notes([("a/1.png", "p1", "aa", "aa"), ("a/7.png", "", "bb", "aa")])) == 1


def test_copies_of_different_classes_give_a_warning() -> None:
    _, note = notes([("a/1.png", "", "aa", "aa"), ("b/1.png", "", "bb", "aa")])
    assert note.startswith("WARNING: 1 set of copies by pixels has different classes: a/1 = b/1 (a, b)")
    assert "correct the column label, or reject the pair" in note


def test_copies_by_name_only_give_a_note() -> None:
    assert notes([("a/1.png", "", "aa", "aa"), ("a/1-rotated1.png", "", "bb", "bb")]) == [
        "1 film has files that are copies by name but not by their pixels: a/1; they stay together"
    ]


def test_there_are_no_notes_if_names_and_pixels_agree() -> None:
    same = [("a/1.png", "p", "aa", "aa"), ("a/1-rotated1.png", "p", "bb", "aa"), ("a/1-rotated2.png", "p", "", "")]
    assert notes(same) == []
    assert notes([("a/1.png", "", "aa", ""), ("a/1-rotated1.png", "", "bb", "")], NO_COPIES) == []
