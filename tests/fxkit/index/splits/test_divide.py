"""Splits and folds of records: file order, frozen groups, held-out sites, and options that exclude each other."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fxkit.data.manifest import Record, write_manifest
from fxkit.errors import ConfigError, DataError
from fxkit.index.scan import ScannedFile
from fxkit.index.splits.divide import SplitOptions, check_split_options, divide_records


def records(groups: int, copies: int = 3) -> list[Record]:
    """Make groups of two classes, two sites and unequal size."""
    return [
        Record(path, "ab"[g % 2], f"p{g}", "", path, 1, 1, "ok", f"p{g}", site=("east", "west")[g % 4 // 2])
        for g in range(groups)
        for path in [f"{g}-{n}.png" for n in range(1 + g % copies)]
    ]


def split(rows: list[Record], options: SplitOptions) -> tuple[list[Record], list[str]]:
    return divide_records(rows, [ScannedFile(r.path, r.label, r.split) for r in rows], options)


def splits_of(rows: list[Record]) -> dict[str, set[tuple[str, str]]]:
    parts = defaultdict(set)
    for row in rows:
        parts[row.group].add((row.split, row.fold))
    return dict(parts)


@settings(max_examples=15, deadline=None)
@given(st.integers(20, 40), st.integers(0, 3), st.randoms(), st.sampled_from([(), ("site",)]))
def test_the_order_of_the_files_does_not_matter(groups: int, seed: int, random, stratify: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    rows = records(groups)
    options = SplitOptions(seed=seed, folds=3, stratify=stratify)
    first = {r.path: r for r in split(rows, options)[0]}
    random.shuffle(rows)
    assert {r.path: r for r in split(rows, options)[0]} == first


def test_the_given_split_is_taken_as_it_is_and_may_be_missing() -> None:
    rows = [
        replace(r, split=part)
        for r, part in zip(records(6, 1), ("train", "test", "", "val", "test", "train"), strict=True)
    ]
    rows[4] = replace(rows[4], status="damaged")
    done, notes = split(rows, SplitOptions("given"))
    assert [r.split for r in done] == ["train", "test", "", "val", "", "train"]
    assert notes == []


def test_folds_divide_train_and_val_by_group() -> None:
    rows, notes = split(records(30), SplitOptions(folds=4))
    parts_of = splits_of(rows)
    assert all(len(parts) == 1 for parts in parts_of.values())
    assert {fold for parts in parts_of.values() for split, fold in parts if split == "test"} == {""}
    assert {fold for parts in parts_of.values() for split, fold in parts if split != "test"} == set("0123")
    assert [note.partition(",")[0] for note in notes] == ["balance of the split", "balance of the 4 folds"]


def test_every_readable_file_has_a_fold_if_all_are_train() -> None:
    rows = records(12)
    rows[0] = replace(rows[0], status="zero bytes long")
    done, _ = split(rows, SplitOptions(fractions=(1, 0, 0), folds=3))
    assert {(r.split, r.fold) for r in done[1:]} == {("train", fold) for fold in "012"}
    assert (done[0].split, done[0].fold) == ("", "")


def test_a_given_split_can_be_divided_into_folds() -> None:
    rows = [replace(r, split="test" if r.group in ("p0", "p1") else "train") for r in records(16)]
    done, _ = split(rows, SplitOptions("keep", folds=2))
    assert all((r.fold == "") == (r.split == "test") for r in done)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(16, 24), st.integers(1, 16), st.integers(0, 3))
def test_frozen_groups_never_move_and_new_groups_are_divided(tmp_path: Path, old: int, new: int, seed: int) -> None:
    first, _ = split(records(old), SplitOptions(seed=1, folds=2))
    write_manifest(tmp_path / "older.csv", first)
    done, notes = split(records(old + new), SplitOptions(seed=seed, frozen=tmp_path / "older.csv"))
    kept = {r.path: (r.split, r.fold) for r in done}
    assert {r.path: (r.split, r.fold) for r in first}.items() <= kept.items()
    assert all(len(parts) == 1 for parts in splits_of(done).values())
    assert {fold for r in done if r.split != "test" for fold in [r.fold]} == {"0", "1"}
    assert ("1 group is new" if new == 1 else f"{new} groups are new") in notes[0]


def test_a_film_that_was_test_stays_test_when_groups_merge(tmp_path: Path) -> None:
    first, _ = split(records(16), SplitOptions())
    write_manifest(tmp_path / "older.csv", first)
    groups = {split: next(r.group for r in first if r.split == split) for split in ("train", "test")}
    joined = [replace(r, group=groups["train"]) if r.group == groups["test"] else r for r in records(16)]
    done, notes = split(joined, SplitOptions(frozen=tmp_path / "older.csv"))
    assert splits_of(done)[groups["train"]] == {("test", "")}
    assert any(note.startswith("WARNING: 1 group has films in several splits of") for note in notes)


def test_an_older_manifest_with_more_folds_is_refused(tmp_path: Path) -> None:
    write_manifest(tmp_path / "older.csv", split(records(24), SplitOptions(folds=4))[0])
    with pytest.raises(DataError, match=r"--folds 3: the older manifest has 4 folds; expected at least as many here"):
        split(records(24), SplitOptions(folds=3, frozen=tmp_path / "older.csv"))


def test_the_held_out_site_and_only_that_is_test() -> None:
    done, notes = split(records(24), SplitOptions(hold_out="west"))
    assert {(r.site, r.split) for r in done} == {("west", "test"), ("east", "train"), ("east", "val")}
    assert notes[0].startswith("site west is held out: its")
    assert notes[1].startswith("balance of the split")


def test_a_held_out_group_that_was_trained_on_gives_a_warning(tmp_path: Path) -> None:
    write_manifest(tmp_path / "older.csv", split(records(24), SplitOptions(fractions=(0.5, 0.5, 0)))[0])
    done, notes = split(records(24), SplitOptions(hold_out="west", frozen=tmp_path / "older.csv"))
    assert {r.split for r in done if r.site == "west"} == {"test"}
    assert any(note.startswith("WARNING: 12 groups of the held-out site were train or val in") for note in notes)


def test_too_few_groups_for_the_folds_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"class 'a': 3 groups for 5 folds; expected at least one group for each fold; .*fewer"
    ):
        split(records(5), SplitOptions(fractions=(1, 0, 0), folds=5))


def test_folds_without_train_and_val_are_refused() -> None:
    with pytest.raises(DataError, match=r"--folds 2: no file is train or val, so there is nothing to divide; raise"):
        split(records(8), SplitOptions(fractions=(0, 0, 1), folds=2))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (SplitOptions("folds"), "split: 'folds'; expected one of grouped, keep, random, given, none"),
        (SplitOptions(stratify=("age",)), "--stratify 'age'; expected site or marker"),
        (SplitOptions(folds=1), "--folds 1; expected 2 or more"),
        (
            SplitOptions(stratify=("marker",)),
            "--stratify marker needs the markers of the films; give them with --markers",
        ),
        (
            SplitOptions("random", folds=3),
            "--folds needs a new split by group; remove --folds, or --keep-split or --split",
        ),
        (SplitOptions("keep", hold_out="x"), "--hold-out needs a new split by group; remove --hold-out"),
        (
            SplitOptions(fractions=(0, 0, 1), hold_out="x"),
            "--hold-out with the fraction 0 for train and for val; expected a positive",
        ),
    ],
)
def test_invalid_or_conflicting_options_are_refused(options: SplitOptions, text: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_split_options(options)
    assert str(error.value).startswith(text)
