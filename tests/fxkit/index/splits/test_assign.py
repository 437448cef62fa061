"""Groups stay whole, every class is in every split, and the result is reproducible."""

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxkit.errors import DataError
from fxkit.index.splits.assign import assign_splits, check_fractions, quotas

THIRDS = (0.7, 0.15, 0.15)


@st.composite
def films(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Draw the label and group of every file; each class has three or more groups, and each group one class."""
    rows = []
    for label in "abc"[: draw(st.integers(2, 3))]:
        for number in range(draw(st.integers(3, 12))):
            rows += [(label, f"{label}{number}")] * draw(st.integers(1, 9))
    return rows


def divide(rows: list[tuple[str, str]], seed: int = 0) -> dict[str, set[str]]:
    """Return the splits of every group."""
    splits_of = defaultdict(set)
    for (_, group), split in zip(rows, assign_splits(*zip(*rows, strict=True), seed=seed), strict=True):
        splits_of[group].add(split)
    return dict(splits_of)


@settings(max_examples=30, deadline=None)
@given(films(), st.integers(0, 3), st.randoms())
def test_groups_stay_whole_and_classes_are_in_all_splits_in_any_order_of_files(rows, seed, random) -> None:
    splits_of = divide(rows, seed)
    assert all(len(splits) == 1 for splits in splits_of.values())
    for label in {label for label, _ in rows}:
        assert {next(iter(s)) for group, s in splits_of.items() if group[0] == label} == {"train", "val", "test"}
    mixed = list(rows)
    random.shuffle(mixed)
    assert divide(mixed, seed) == splits_of


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 200), st.sampled_from([THIRDS, (0.5, 0.5, 0.0), (0.0, 0.0, 1.0), (0.98, 0.01, 0.01)]))
def test_quotas_add_up_and_leave_no_part_empty(count: int, fractions: tuple[float, float, float]) -> None:
    sizes = quotas(count, fractions)
    assert sum(sizes) == count
    expected = [share > 0 for share in fractions]
    if count >= sum(expected):
        assert [part > 0 for part in sizes] == expected


def test_the_fractions_are_met_in_groups_and_in_files() -> None:
    rows = [(label, f"{label}{n}") for label in "ab" for n in range(100) for _ in range(1 + n % 7)]
    splits = assign_splits(*zip(*rows, strict=True))
    groups = Counter(dict(zip((group for _, group in rows), splits, strict=True)).values())
    assert [groups[part] for part in ("train", "val", "test")] == pytest.approx([140, 30, 30], abs=2)
    files = Counter(splits)
    assert files["train"] / len(rows) == pytest.approx(0.7, abs=0.005)
    assert files["test"] / len(rows) == pytest.approx(0.15, abs=0.005)


def test_different_seeds_give_different_splits() -> None:
    rows = [(label, f"{label}{n}") for label in "ab" for n in range(20)]
    assert len({tuple(assign_splits(*zip(*rows, strict=True), seed=seed)) for seed in range(5)}) == 5


def test_a_group_with_two_classes_stays_whole() -> None:
    rows = [("a", f"g{n}") for n in range(9)] + [("b", f"g{n}") for n in range(4)] + [("b", f"h{n}") for n in range(5)]
    splits_of = divide(rows)
    assert all(len(splits) == 1 for splits in splits_of.values())
    for label in "ab":
        assert {next(iter(splits_of[group])) for name, group in rows if name == label} == {"train", "val", "test"}


def test_all_groups_can_be_test() -> None:
    assert set(assign_splits(["a", "b"], ["1", "2"], (0, 0, 1))) == {"test"}


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"class 'b': 2 groups for 3 splits; expected at least one group for each split; add"
    ):
        assign_splits(["a"] * 5 + ["b"] * 4, ["1", "2", "3", "4", "5", "6", "6", "7", "7"])


@pytest.mark.parametrize("fractions", [(0.7, 0.3), (0.8, 0.3, -0.1), (0.7, 0.7, 0.7)])
def test_bad_fractions_are_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match=r"fractions 0\.\d.*: expected three for train, val, test, none negative"):
        check_fractions(fractions)
