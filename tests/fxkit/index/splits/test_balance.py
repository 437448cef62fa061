"""Groups of unequal size are balanced in films and files at once."""

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
    """Patients of one to three films with very unequal numbers of copies."""
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
    weights, names, found = group_shares(files), list(fractions), assign_parts(files, fractions, seed)
    parts = np.array([names.index(found[group]) for group in weights.groups])
    off = imbalances(weights, parts, np.array(list(fractions.values())))
    return max(max(each.films, each.files) for each in off)


def exact(weights: GroupShares, fractions: list[float]) -> float:
    """Return the least possible largest deviation, in percentage points."""
    n, p = len(weights.groups), len(fractions)
    whole = np.hstack([np.kron(np.eye(n), np.ones(p)), np.zeros((n, 1))])
    rows, limits = [], []
    for part, share in enumerate(fractions):
        for column in weights.shares.T:
            for sign in (1, -1):
                row = np.zeros(n * p + 1)
                row[part : n * p : p], row[-1] = sign * column, -1
                rows.append(row)
                limits.append(sign * share)
    found = milp(
        np.r_[np.zeros(n * p), 1],
        constraints=[LinearConstraint(whole, 1, 1), LinearConstraint(np.array(rows), -np.inf, limits)],
        integrality=np.r_[np.ones(n * p), 0],
        bounds=Bounds(0, np.r_[np.ones(n * p), np.inf]),
    )
    return 100 * float(found.fun)


def test_shares_are_of_the_class_and_strata_weigh_what_they_hold() -> None:
    files = SplitFiles("aaab", ["g", "g", "h", "h"], ["1", "1", "2", "3"], {"site": ["x", "x", "y", "y"]})
    weights = group_shares(files)
    shares = dict(zip(weights.columns, weights.shares.T.tolist(), strict=True))
    assert weights.groups == ("g", "h")
    assert shares[("a",), "films"] == [0.5, 0.5]
    assert shares[("a",), "files"] == pytest.approx([2 / 3, 1 / 3])
    assert shares[("b",), "files"] == [0, 1]
    assert shares[("a", "site y"), "files"] == pytest.approx([0, 1 / 3])
    assert weights.has_class.tolist() == [[True, False], [True, True]]


def test_sites_and_styles_are_balanced_each_and_together() -> None:
    files = SplitFiles("ab", ["g", "h"], ["1", "2"], {"site": ["x", "y"], "marker": ["lead", "none"]})
    strata = {stratum for stratum, _ in group_shares(files).columns if stratum[0] == "a"}
    assert strata == {("a",), ("a", "site x"), ("a", "marker lead"), ("a", "marker lead", "site x")}


def test_deviations_are_told_in_points_of_the_class() -> None:
    files = SplitFiles("aaaab", ["g", "g", "g", "h", "h"], ["1", "1", "2", "3", "4"], {})
    (a, b) = imbalances(group_shares(files), np.array([0, 1]), np.array([0.5, 0.5]))
    assert (a.label, a.films, a.files) == ("a", pytest.approx(100 / 6), pytest.approx(25))
    assert (b.label, b.films, b.files, b.strata) == ("b", pytest.approx(50), pytest.approx(50), 0)


@pytest.mark.parametrize("fractions", [PARTS, {str(fold): 0.2 for fold in range(5)}])
def test_thirty_groups_come_as_near_as_an_exact_assignment(fractions: dict[str, float]) -> None:
    files = unequal(30, 1)
    assert worst(files, fractions) <= exact(group_shares(files), list(fractions.values())) + 0.5


def test_many_groups_are_divided_all_but_exactly() -> None:
    assert worst(unequal(2000), PARTS) < 0.1


@pytest.mark.parametrize("fractions", [PARTS, {str(fold): 0.2 for fold in range(5)}])
def test_real_patients_are_divided_as_near_as_whole_films_allow(shared_data: Path, fractions: dict[str, float]) -> None:
    with (shared_data / "forearm" / "patients.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    labels, patients, stems = ([row[name] for row in rows] for name in ("label", "patient", "stem"))
    one_film = 100 * 67 / labels.count("not_fractured")
    assert worst(SplitFiles(labels, patients, stems, {}), fractions) < one_film


def test_strata_are_balanced_when_asked_for() -> None:
    files = unequal(60)
    sites = ["east" if int(group[1:]) % 4 < 2 else "west" for group in files.groups]
    asked = SplitFiles(files.labels, files.groups, files.films, {"site": sites})
    weights = group_shares(asked)

    def farthest(given: dict[str, str]) -> float:
        parts = np.array([list(PARTS).index(given[group]) for group in weights.groups])
        return max(off.strata for off in imbalances(weights, parts, np.array(list(PARTS.values()))))

    assert farthest(assign_parts(asked, PARTS)) < min(3, farthest(assign_parts(files, PARTS)))
    assert worst(asked, PARTS) < worst(files, PARTS) + 0.5  # the classes do not pay for it


@settings(max_examples=25, deadline=None)
@given(st.integers(8, 40), st.integers(0, 9), st.integers(0, 9))
def test_no_step_makes_it_worse_moves_what_stays_or_empties_a_part(groups: int, seed: int, start: int) -> None:
    weights, fractions = group_shares(unequal(groups, seed)), np.array([0.7, 0.15, 0.15])
    rng = np.random.default_rng(start)
    before = np.concatenate([np.arange(6) // 2, rng.integers(0, 3, groups - 6)])  # groups alternate between classes
    free = rng.random(groups) < 0.7
    after = improve(weights, before, fractions, free, [seed])
    assert (after[~free] == before[~free]).all()
    squares = [(deviation(weights, parts, fractions) ** 2).sum() for parts in (before, after)]
    assert squares[1] <= squares[0] + 1e-9
    assert all(weights.has_class[after == part].any(axis=0).all() for part in range(3))
