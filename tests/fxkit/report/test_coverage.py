"""What the numbers of cleaned films say."""

import pytest

from fxkit.report.coverage import ClassCoverage, Coverage, find_gaps, find_imbalance


def cover(*classes: tuple[int, int, int]) -> Coverage:
    """Build the coverage of classes with this number of films, of erased ones and of ones with markers left."""
    by_class = {
        name: ClassCoverage(n_films=n, n_erased=erased, n_left=left, cleaned=max(0, erased - left))
        for name, (n, erased, left) in zip("abcdef", classes, strict=False)
    }
    return Coverage(sum(erased for _, erased, _ in classes), sum(n for n, _, _ in classes), by_class)


@pytest.mark.parametrize(
    ("coverage", "finding"),
    [
        (
            cover((120, 114, 0), (120, 0, 0)),
            "markers were erased only on 114 of 120 test films of class a, and on 0 of 120 of class b: if the others "
            "bear no marker, the presence of a marker alone tells the class",
        ),
        (
            cover((120, 114, 0), (120, 6, 110)),
            "markers were erased on 114 of 120 test films of class a, and on 6 of 120 of class b, whose films were not "
            "cleaned: markers are still seen on 110 of them",
        ),
        (
            cover((1, 1, 0), (10, 5, 0), (10, 10, 0)),
            "markers were erased on the only test film of class a, and on 5 of 10 of class b: if the others bear no "
            "marker, the presence of a marker alone tells the class",
        ),
        (cover((120, 114, 0), (120, 100, 0)), ""),
        (cover((120, 6, 0), (120, 3, 0)), ""),
        (cover((120, 6, 0), (120, 0, 0)), "markers were erased only on 6 of 120 test films of class a"),
        (cover((120, 0, 0), (120, 0, 0)), ""),
        (Coverage(6, 240), ""),
        (Coverage(0, 0), ""),
    ],
)
def test_markers_on_one_class_are_a_finding(coverage: Coverage, finding: str) -> None:
    assert find_imbalance(coverage).startswith(finding)
    assert bool(find_imbalance(coverage)) == bool(finding)


def test_enough_cleaned_films_of_every_class_leave_no_gap() -> None:
    assert find_gaps(cover((10, 10, 0), (10, 5, 0))) == []
    assert len(find_gaps(cover((10, 10, 0), (10, 4, 0)))) == 2
    assert cover((10, 10, 0), (10, 8, 4)).lowest_share == 0.4  # films with markers left were not cleaned


def test_a_share_of_a_films_files_counts_as_that_share_of_a_film() -> None:
    part = ClassCoverage(n_films=4, n_erased=4, n_left=2, cleaned=2.4)
    assert Coverage(9, 12, {"a": part}).lowest_share == pytest.approx(0.6)


def test_only_a_few_of_many_classes_are_listed() -> None:
    text = cover(*[(10, n, 0) for n in (9, 8, 7, 6, 5, 4)]).text
    assert text == "39 of 60 test films (4 of 10 f, 5 of 10 e, 6 of 10 d, 7 of 10 c and 2 more classes)"


def test_without_films_nothing_is_cleaned() -> None:
    assert Coverage(0, 0).lowest_share == 0
    assert ClassCoverage(n_films=0, n_erased=0, n_left=0, cleaned=0).share == 0
