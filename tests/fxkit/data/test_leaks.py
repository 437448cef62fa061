"""What leaks from training into the test and val parts is found, counted, stamped and refused."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxkit.data.leaks import Leaks, find_leaks, leaks, leaks_as_json, percent, refuse_leaks, stamp_of
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


def test_leaks_are_counted_in_files_films_and_groups() -> None:
    assert leaks(RECORDS) == Leaks(
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


def test_val_is_held_against_train_alone() -> None:
    assert leaks(RECORDS, "val").grouped_files == 0
    found = find_leaks([*RECORDS, record("1-rotated2.png", "p1", "f1", "val")], "val")
    assert [(leak.record.path, leak.seen.path, leak.how) for leak in found] == [("1-rotated2.png", "1.png", "name")]


def test_an_unreadable_file_leaks_nothing() -> None:
    damaged = [replace(r, status="zero bytes") if r.path == "1.png" else r for r in RECORDS]
    assert {leak.record.film for leak in find_leaks(damaged)} == {"f4"}


@pytest.mark.parametrize(
    ("training", "how"),
    [
        ([("b.png", "g", "f", "s2"), ("x.png", "g", "f", "s1")], "bytes"),  # at another place, and first of all
        ([("b.png", "g", "f", "s2"), ("a-rotated1.png", "g", "f", "s3")], "name"),
        ([("b.png", "g", "other", "s2"), ("x.png", "g", "f", "s3")], "film"),
        ([("b.png", "g9", "other", "s2"), ("x.png", "g", "another", "s3")], "group"),
        ([("b.png", "g9", "other", "s2"), ("x.png", "g8", "another", "s1")], "bytes"),  # whatever the manifest says
    ],
)
def test_the_best_evidence_stands_beside_a_leak(training: list[tuple[str, str, str, str]], how: str) -> None:
    rows = [record(path, group, film, "train", sha256) for path, group, film, sha256 in training]
    (found,) = find_leaks([*rows, record("a.png", "g", "f", "test", "s1")])
    assert (found.seen, found.how) == (rows[1], how)


def test_unknown_bytes_are_no_evidence() -> None:
    assert find_leaks(HONEST) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.sampled_from(["train", "val", "test"]))))
def test_what_is_new_shares_nothing_with_training_and_the_rest_does(rows: list[tuple[str, str, str]]) -> None:
    records = [record(f"{i}.png", group, f"{film} of {group}", split) for i, (film, group, split) in enumerate(rows)]
    training = {r.group for r in records if r.split != "test"}
    tests = [r for r in records if r.split == "test"]
    found = leaks(records)
    assert found.new_files == sum(r.group not in training for r in tests)
    assert found.new_files + found.grouped_files == len(tests)
    assert {leak.record for leak in find_leaks(records)} == {r for r in tests if r.group in training}
    assert bool(stamp_of([r for r in records if r.split != "val"])) == bool(
        {r.group for r in tests} & {r.group for r in records if r.split == "train"}
    )


def test_the_stamp_names_every_leaking_part() -> None:
    told = "of 5 test files, 3 (60 %) are copies of a training film and 1 (20 %) is another film of a training group"
    assert stamp_of(RECORDS) == f"leaking split: {told}"
    both = [*RECORDS, record("1-rotated2.png", "p1", "f1", "val")]
    assert stamp_of(both) == f"leaking split: {told}; of 2 val files, 1 (50 %) is a copy of a training film"
    assert stamp_of(HONEST) == ""


def test_groups_are_patients_where_all_are_named() -> None:
    patients = [replace(r, patient=r.group) for r in RECORDS]
    assert "is another film of a training patient" in stamp_of(patients)
    assert leaks(patients).unit == "patient"


def test_a_leaking_split_is_refused_in_one_line() -> None:
    with pytest.raises(DataError) as caught:
        refuse_leaks(RECORDS)
    assert str(caught.value) == (
        "the split leaks: of 5 test files, 3 (60 %) are copies of a training film and 1 (20 %) is another film of a "
        "training group; this touches 3 of 4 test films; expected none: split anew with `fxkit index` (leaks.html "
        "beside the manifest of a kept or random split shows the copies), or give --allow-leaks, which stamps all "
        "figures"
    )
    refuse_leaks(RECORDS, ["val"])
    refuse_leaks(HONEST)


def test_a_stamp_goes_into_json_with_its_counts() -> None:
    assert leaks_as_json(HONEST, stamp_of(HONEST)) == {}
    found = leaks_as_json(RECORDS, stamp_of(RECORDS))["leaks"]
    assert (found["stamp"], found["test"]["leaked_files"], found["val"]["files"]) == (stamp_of(RECORDS), 3, 1)


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
def test_a_share_is_neither_none_nor_all_where_it_is_not(part: int, whole: int, text: str) -> None:
    assert percent(part, whole) == text
