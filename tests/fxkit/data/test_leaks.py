"""Test and validation files whose film or group is in training are found, counted, stamped and refused."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxkit.data.leaks import LeakCounts, count_leaks, find_leaks, leak_stamp, leaks_as_json, percent, refuse_leaks
from fxkit.data.manifest import Record
from fxkit.errors import DataError


def record(path: str, group: str, film: str, split: str, sha256: str = "", patient: str = "") -> Record:
    return Record(path, "a", group, split, sha256, 1, 1, "ok", film, patient)


RECORDS = [
    record("1.png", "p1", "f1", "train"),
    record("1-rotated1.png", "p1", "f1", "test"),
    record("2.png", "p1", "f2", "test"),
    record("3.png", "p2", "f3", "test"),
    record("4.png", "p3", "f4", "val"),
    record("4-rotated1.png", "p3", "f4", "test"),
    record("4-rotated2.png", "p3", "f4", "test"),
]
HONEST = [record(f"{part}.png", part, part, part) for part in ("train", "val", "test")]


def test_a_patient_in_another_spelling_and_a_repeated_path_are_leaks() -> None:
    names = (("1.png", "P01", "train"), ("2.png", "p-1", "test"))
    spelled = [record(path, name, path, split, patient=name) for path, name, split in names]
    (leak,) = find_leaks(spelled)
    assert (leak.record.path, leak.training_record.path, leak.evidence) == ("2.png", "1.png", "group")
    with pytest.raises(DataError, match="the split leaks: of 1 test file, 1"):
        refuse_leaks(spelled)
    twice = [record("1.png", "g1", "f1", "train"), record("1.png", "g2", "f2", "test")]
    assert [leak.evidence for leak in find_leaks(twice)] == ["name"]
    unknown = [record(path, path, path, split, patient="nan") for path, _, split in names]
    assert find_leaks(unknown) == []


def test_leaks_are_counted_in_files_films_and_groups() -> None:
    assert count_leaks(RECORDS) == LeakCounts(
        part="test",
        unit="group",
        files=5,
        films=4,
        groups=3,
        leaked_files=3,
        leaked_films=2,
        leaked_groups=2,
        grouped_files=4,
        grouped_films=3,
        new_files=1,
        new_films=1,
        new_groups=1,
    )


def test_val_is_compared_with_train_only() -> None:
    assert count_leaks(RECORDS, "val").grouped_files == 0
    leaks = find_leaks([*RECORDS, record("1-rotated2.png", "p1", "f1", "val")], "val")
    assert [(leak.record.path, leak.training_record.path, leak.evidence) for leak in leaks] == [
        ("1-rotated2.png", "1.png", "name")
    ]


def test_an_unreadable_training_file_causes_no_leak() -> None:
    damaged = [replace(r, status="zero bytes") if r.path == "1.png" else r for r in RECORDS]
    assert {leak.record.film for leak in find_leaks(damaged)} == {"f4"}


@pytest.mark.parametrize(
    ("training", "evidence"),
    [
        ([("b.png", "g", "f", "s2"), ("x.png", "g", "f", "s1")], "bytes"),  # although the name differs
        ([("b.png", "g", "f", "s2"), ("a-rotated1.png", "g", "f", "s3")], "name"),
        ([("b.png", "g", "other", "s2"), ("x.png", "g", "f", "s3")], "film"),
        ([("b.png", "g9", "other", "s2"), ("x.png", "g", "another", "s3")], "group"),
        # the manifest has them as different films and groups, but the bytes are equal
        ([("b.png", "g9", "other", "s2"), ("x.png", "g8", "another", "s1")], "bytes"),
    ],
)
def test_a_leak_is_paired_with_its_strongest_evidence(training: list[tuple[str, str, str, str]], evidence: str) -> None:
    rows = [record(path, group, film, "train", sha256) for path, group, film, sha256 in training]
    (leak,) = find_leaks([*rows, record("a.png", "g", "f", "test", "s1")])
    assert (leak.training_record, leak.evidence) == (rows[1], evidence)


def test_missing_hashes_are_no_evidence() -> None:
    assert find_leaks(HONEST) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.sampled_from(["train", "val", "test"]))))
def test_new_files_share_no_group_with_training_and_all_others_do(rows: list[tuple[str, str, str]]) -> None:
    records = [record(f"{i}.png", group, f"{film} of {group}", split) for i, (film, group, split) in enumerate(rows)]
    training = {r.group for r in records if r.split != "test"}
    tests = [r for r in records if r.split == "test"]
    counts = count_leaks(records)
    assert counts.new_files == sum(r.group not in training for r in tests)
    assert counts.new_files + counts.grouped_files == len(tests)
    assert {leak.record for leak in find_leaks(records)} == {r for r in tests if r.group in training}
    assert bool(leak_stamp([r for r in records if r.split != "val"])) == bool(
        {r.group for r in tests} & {r.group for r in records if r.split == "train"}
    )


def test_the_stamp_describes_every_leaking_part() -> None:
    clauses = "of 5 test files, 3 (60 %) are copies of a training film and 1 (20 %) is another film of a training group"
    assert leak_stamp(RECORDS) == f"leaking split: {clauses}"
    both = [*RECORDS, record("1-rotated2.png", "p1", "f1", "val")]
    assert leak_stamp(both) == f"leaking split: {clauses}; of 2 val files, 1 (50 %) is a copy of a training film"
    assert leak_stamp(HONEST) == ""


def test_the_unit_is_the_patient_if_every_file_names_one() -> None:
    patients = [replace(r, patient=r.group) for r in RECORDS]
    assert "is another film of a training patient" in leak_stamp(patients)
    assert count_leaks(patients).unit == "patient"


def test_a_leaking_split_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        refuse_leaks(RECORDS)
    assert str(caught.value) == (
        "the split leaks: of 5 test files, 3 (60 %) are copies of a training film and 1 (20 %) is another film of a "
        "training group; this affects 3 of 4 test films; expected no leaks: make a new split with `fxkit index` (for a "
        "kept or random split, leaks.html beside the manifest shows the copies), or give --allow-leaks, which stamps "
        "all figures"
    )
    refuse_leaks(RECORDS, ["val"])
    refuse_leaks(HONEST)


def test_a_stamp_is_written_to_json_with_its_counts() -> None:
    assert leaks_as_json(HONEST, leak_stamp(HONEST)) == {}
    values = leaks_as_json(RECORDS, leak_stamp(RECORDS))["leaks"]
    assert (values["stamp"], values["test"]["leaked_files"], values["val"]["files"]) == (leak_stamp(RECORDS), 3, 1)


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "0 %"),
        (0, 9, "0 %"),
        (1, 1000, "under 1 %"),
        (412, 1020, "40 %"),
        (999, 1000, "over 99 %"),
        (9, 9, "100 %"),
    ],
)
def test_only_exact_shares_are_0_or_100_percent(part: int, whole: int, text: str) -> None:
    assert percent(part, whole) == text
