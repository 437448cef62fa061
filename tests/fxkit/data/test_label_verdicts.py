"""Accepted verdicts replace labels, are counted, and keep the old label; wrong verdicts are refused."""

from pathlib import Path

import pytest

from fxkit.data.label_verdicts import LabelVerdict, apply_label_verdicts, read_label_verdicts
from fxkit.data.manifest import Record, manifest_hash, manifest_text, read_manifest, write_manifest
from fxkit.errors import DataError

HEAD = "film,path,label,new_label,verdict\n"


def record(path: str, label: str, film: str = "") -> Record:
    return Record(path, label, film or path, "train", "", 9, 9, "ok", film or path)


RECORDS = [
    record("a/1.png", "a", "one"),
    record("a/1-copy.png", "a", "one"),
    record("b/2.png", "b"),
    record("b/3.png", "b"),
]


def verdict(path: str, label: str, new: str, word: str = "accept") -> LabelVerdict:
    return LabelVerdict(path, label, new, word, "verdicts.csv, row 2")  # type: ignore[arg-type]


def write(folder: Path, rows: str, head: str = HEAD) -> Path:
    file = folder / "verdicts.csv"
    file.write_text(head + rows)
    return file


def test_an_accepted_label_replaces_that_of_all_copies() -> None:
    records, notes = apply_label_verdicts(
        RECORDS, [verdict("a/1.png", "a", "b"), verdict("b/2.png", "b", "a", "reject"), verdict("b/3.png", "b", "a")]
    )
    assert [(r.label, r.given_label) for r in records] == [("b", "a"), ("b", "a"), ("b", ""), ("a", "b")]
    assert notes == [
        "the labels of 2 films (3 files) were replaced by accepted verdicts: a to b 2, b to a 1; the manifest's column "
        "given_label keeps the old ones"
    ]


def test_verdicts_can_be_applied_twice_and_taken_back() -> None:
    once, _ = apply_label_verdicts(RECORDS, [verdict("a/1.png", "a", "b")])
    twice, notes = apply_label_verdicts(once, [verdict("a/1.png", "a", "b")])
    assert twice == once
    assert notes == ["1 accepted film has the new label already"]
    assert apply_label_verdicts(once, [verdict("a/1.png", "b", "a")])[0] == RECORDS


def test_without_an_accepted_verdict_nothing_changes() -> None:
    records, notes = apply_label_verdicts(RECORDS, [verdict("b/2.png", "b", "a", "reject")])
    assert records == RECORDS
    assert notes == ["no verdict on labels was accepted, so no label was replaced"]


def test_the_manifest_keeps_the_old_label_and_other_manifests_their_hash(tmp_path: Path) -> None:
    assert "given_label" not in manifest_text(RECORDS)
    changed, _ = apply_label_verdicts(RECORDS, [verdict("a/1.png", "a", "b")])
    write_manifest(tmp_path / "manifest.csv", changed)
    assert read_manifest(tmp_path / "manifest.csv") == changed
    assert manifest_hash(changed) != manifest_hash(RECORDS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            verdict("c/9.png", "a", "b"),
            "row 2: 'c/9.png' is not a film of this data set; expected paths as in labels.csv",
        ),
        (verdict("c/9.png", "a", "b", "reject"), "is not a film of this data set"),
        (verdict("a/1.png", "a", "c"), r"row 2: new label 'c'; expected a class of the data: a, b"),
        (verdict("a/1.png", "c", "b"), "a/1.png has the label 'a', but the verdict is on 'c'; make new verdicts with"),
    ],
)
def test_verdicts_on_other_films_or_labels_are_refused(given: LabelVerdict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        apply_label_verdicts(RECORDS, [given])


def test_two_labels_for_one_film_are_refused() -> None:
    records = [*RECORDS, record("c/4.png", "c")]
    verdicts = [verdict("a/1.png", "a", "b"), verdict("a/1-copy.png", "a", "c")]
    with pytest.raises(DataError, match="another row gives film one another label; keep one of them"):
        apply_label_verdicts(records, verdicts)


def test_a_file_of_verdicts_is_read_as_a_spreadsheet_saves_it(tmp_path: Path) -> None:
    file = write(tmp_path, "x;a/1.png;a;b;Accept\ny;b/2.png;b;;reject\n", HEAD.replace(",", ";"))
    assert [(v.path, v.label, v.new_label, v.verdict) for v in read_label_verdicts(file)] == [
        ("a/1.png", "a", "b", "accept"),
        ("b/2.png", "b", "", "reject"),
    ]


@pytest.mark.parametrize(
    ("rows", "head", "message"),
    [
        (
            "",
            "path,label,verdict\n",
            "no column 'new_label'; expected a CSV file with the columns path, label, new_label",
        ),
        ("x,a/1.png,a,b,yes\n", HEAD, r"row 2: verdict 'yes'; expected accept or reject"),
        ("x,a/1.png,a,,accept\n", HEAD, r"row 2: a path or a label is empty; expected a CSV file"),
        ("x,a,a,b,accept\nx,a,a,b,reject\n", HEAD, r"row 3: a has a verdict in an earlier row; expected one verdict"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, rows: str, head: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_label_verdicts(write(tmp_path, rows, head))
