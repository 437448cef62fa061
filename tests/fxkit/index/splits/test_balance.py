"""Groups of unequal size are balanced in films and in files at once."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from fxkit.index.splits.assign import assign_parts
from fxkit.index.splits.balance import GroupShares, SplitFiles, deviation, group_shares, imbalances, improve

PARTS = {"train": 0.7, "val": 0.15, "test": 0.15}


def unequal(groups: int, seed: int = 0) -> SplitFiles:
    """Make patients with one to three films and very unequal numbers of copies."""
    rng = np.random.default_rng(seed)
    rows = [
        ("ab"[g % 2], f"p{g:03}", f"p{g:03}/{film}")
        for g in range(groups)
        for film in range(1 + rng.integers(3))
        for _ in range(1 + int(rng.lognormal(2.5, 1)))
    ]
    labels, names, films = zip(*rows, strict=True)
    return SplitFiles(labels, names, films, {})


def worst(files: SplitFiles, fractions: dict[str, float], seed: int = 0) -> float:
    """Return the largest deviation of any class in films or files, in percentage points."""
    shares, names, part_of = group_shares(files), list(fractions), assign_parts(files, fractions, seed)
    parts = np.array([names.index(part_of[group]) for group in shares.groups])
    by_class = imbalances(shares, parts, np.array(list(fractions.values())))
    return max(max(imbalance.films, imbalance.files) for imbalance in by_class)


def optimum(shares: GroupShares, fractions: list[float]) -> float:
    """Return the smallest possible maximum deviation, in percentage points, by mixed-integer programming."""
    n, p = len(shares.groups), len(fractions)
    whole = np.hstack([np.kron(np.eye(n), np.ones(p)), np.zeros((n, 1))])
    rows, limits = [], []
    for part, fraction in enumerate(fractions):
        for column in shares.shares.T:
            for sign in (1, -1):
                row = np.zeros(n * p + 1)
                row[part : n * p : p], row[-1] = sign * column, -1
                rows.append(row)
                limits.append(sign * fraction)
    solution = milp(
        np.r_[np.zeros(n * p), 1],
        constraints=[LinearConstraint(whole, 1, 1), LinearConstraint(np.array(rows), -np.inf, limits)],
        integrality=np.r_[np.ones(n * p), 0],
        bounds=Bounds(0, np.r_[np.ones(n * p), np.inf]),
    )
    return 100 * float(solution.fun)


def test_shares_are_relative_to_the_class_in_strata_too() -> None:
    files = SplitFiles("aaab", ["g", "g", "h", "h"], ["1", "1", "2", "3"], {"site": ["x", "x", "y", "y"]})
    shares = group_shares(files)
    columns = dict(zip(shares.columns, shares.shares.T.tolist(), strict=True))
    assert shares.groups == ("g", "h")
    assert columns[("a",), "films"] == [0.5, 0.5]
    assert columns[("a",), "files"] == pytest.approx([2 / 3, 1 / 3])
    assert columns[("b",), "files"] == [0, 1]
    assert columns[("a", "site y"), "files"] == pytest.approx([0, 1 / 3])
    assert shares.has_class.tolist() == [[True, False], [True, True]]


def test_strata_are_sites_styles_and_their_combinations() -> None:
    files = SplitFiles("ab", ["g", "h"], ["1", "2"], {"site": ["x", "y"], "marker": ["lead", "none"]})
    strata = {stratum for stratum, _ in group_shares(files).columns if stratum[0] == "a"}
    assert strata == {("a",), ("a", "site x"), ("a", "marker lead"), ("a", "marker lead", "site x")}


def test_deviations_are_in_percentage_points_of_the_class() -> None:
    files = SplitFiles("aaaab", ["g", "g", "g", "h", "h"], ["1", "1", "2", "3", "4"], {})
    (a, b) = imbalances(group_shares(files), np.array([0, 1]), np.array([0.5, 0.5]))
    assert (a.label, a.films, a.files) == ("a", pytest.approx(100 / 6), pytest.approx(25))
    assert (b.label, b.films, b.files, b.strata) == ("b", pytest.approx(50), pytest.approx(50), 0)


@pytest.mark.parametrize("fractions", [PARTS, {str(fold): 0.2 for fold in range(5)}])
def test_thirty_groups_come_near_the_optimum(fractions: dict[str, float]) -> None:
    files = unequal(30, 1)
    assert worst(files, fractions) <= optimum(group_shares(files), list(fractions.values())) + 0.5


def test_many_groups_are_divided_almost_exactly() -> None:
    assert worst(unequal(2000), PARTS) < 0.1


@pytest.mark.parametrize("fractions", [PARTS, {str(fold): 0.2 for fold in range(5)}])
def test_real_patients_are_balanced_to_less_than_one_film(shared_data: Path, fractions: dict[str, float]) -> None:
    with (shared_data / "forearm" / "patients.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    labels, patients, stems = ([row[name] for row in rows] for name in ("label", "patient", "stem"))
    one_film = 100 * 67 / labels.count("not_fractured")
    assert worst(SplitFiles(labels, patients, stems, {}), fractions) < one_film


def test_strata_are_balanced_if_given() -> None:
    files = unequal(60)
    sites = ["east" if int(group[1:]) % 4 < 2 else "west" for group in files.groups]
    stratified = SplitFiles(files.labels, files.groups, files.films, {"site": sites})
    shares = group_shares(stratified)

    def largest(part_of: dict[str, str]) -> float:
        parts = np.array([list(PARTS).index(part_of[group]) for group in shares.groups])
        return max(imbalance.strata for imbalance in imbalances(shares, parts, np.array(list(PARTS.values()))))

    assert largest(assign_parts(stratified, PARTS)) < min(3, largest(assign_parts(files, PARTS)))
    assert worst(stratified, PARTS) < worst(files, PARTS) + 0.5  # without worse balance of the classes


@settings(max_examples=25, deadline=None)
@given(st.integers(8, 40), st.integers(0, 9), st.integers(0, 9))
def test_improving_never_worsens_the_balance_moves_fixed_groups_or_empties_a_part(
    groups: int, seed: int, start: int
) -> None:
    shares, fractions = group_shares(unequal(groups, seed)), np.array([0.7, 0.15, 0.15])
    rng = np.random.default_rng(start)
    before = np.concatenate([np.arange(6) // 2, rng.integers(0, 3, groups - 6)])  # groups alternate between classes
    free = rng.random(groups) < 0.7
    after = improve(shares, before, fractions, free, [seed])
    assert (after[~free] == before[~free]).all()
    squares = [(deviation(shares, parts, fractions) ** 2).sum() for parts in (before, after)]
    assert squares[1] <= squares[0] + 1e-9
    assert all(shares.has_class[after == part].any(axis=0).all() for part in range(3))
