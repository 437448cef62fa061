"""Files are recognised as copies of one film by their names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxkit.data.groups import assign_groups, film_keys, join, separate_films


@pytest.mark.parametrize(
    ("path", "film"),
    [
        ("fractured/2.jpg", "fractured/2"),
        ("fractured/2-rotated1.jpg", "fractured/2"),
        ("fractured/100-rotated1-rotated3-rotated2.jpg", "fractured/100"),
        ("oblique/images43_jpg.rf.b70eeb34c89d4066f717f1e07491adfe.jpg", "oblique/images43"),
        ("oblique/images43_jpg.rf.b70eeb34c89d40.jpg", "oblique/images43"),
        ("avulsion/35765-galleyfig1a_jpeg.rf62790773a110b4171d25a.jpg", "avulsion/35765-galleyfig1a"),
        ("avulsion/Segond-Fx-label-2_png.rbecbcb0ff8e7e06cb974569469.jpg", "avulsion/Segond-Fx-label-2"),
        ("dislocation/g001_png.1e8d6666777.jpg", "dislocation/g001"),
        ("comminuted/knee.7a2e28a0bd1dbf6f4b7dcaf6ca34428d.jpg", "comminuted/knee"),
        ("a/film_aug.png", "a/film"),
        ("a/film_aug3.png", "a/film"),
        ("a/film-aug-3.png", "a/film"),
        ("a/film_aug2_jpg.rf.0123456789abcdef0123456789abcdef.jpg", "a/film"),
        ("a/b/deep-rotated1.png", "a/b/deep"),
        ("a/Fig.2.png", "a/Fig.2"),
        ("a/august.png", "a/august"),
        ("a/rotated1.png", "a/rotated1"),
        ("a/-rotated1.png", "a/-rotated1"),
        ("a/_aug1.png", "a/_aug1"),
        ("a.b/name", "a.b/name"),
    ],
)
def test_suffixes_that_mark_a_copy_are_removed(path: str, film: str) -> None:
    assert film_keys([path]) == [film]


def test_films_renamed_in_bulk_stay_apart() -> None:
    paths = [f"a/wrist ({n}).jpg" for n in range(1, 5)]
    assert film_keys(paths) == [f"a/wrist ({n})" for n in range(1, 5)]


def test_a_numbered_copy_belongs_to_the_film_beside_it() -> None:
    paths = ["a/2.jpg", "a/2 (1).jpg", "a/2-rotated1 (3).jpg", "a/2 - Copy.jpg", "a/2 - Copy (2).jpg", "b/2 (1).jpg"]
    assert film_keys(paths) == ["a/2", "a/2", "a/2", "a/2", "a/2", "b/2 (1)"]


def test_a_numbered_copy_of_a_copy_belongs_to_the_film() -> None:
    assert film_keys(["a/2-rotated1.jpg", "a/2 (1).jpg"]) == ["a/2", "a/2"]


def test_files_are_joined_through_other_files() -> None:
    assert join(["c", "b", "b", "a", "z"], ["1", "1", "2", "2", ""]) == ["a", "a", "a", "a", "z"]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["", "1", "2", "3"])), max_size=12))
def test_join_does_not_depend_on_the_order(pairs: list[tuple[str, str]]) -> None:
    def joined(items: list[tuple[str, str]]) -> dict[str, str]:
        names = [name for name, _ in items]
        return dict(zip(names, join(names, [mark for _, mark in items]), strict=True))

    assert joined(pairs) == joined(pairs[::-1]) == joined(sorted(pairs))


def test_groups_are_patients_and_identical_files_merge_groups() -> None:
    paths = ["a/1.png", "a/1-rotated1.png", "b/7.png", "b/8.png", "b/9.png"]
    films, groups = assign_groups(film_keys(paths), ["p1", "p1", "p1", "p2", ""], [["h1", "h2", "h3", "h4", "h4"]])
    assert groups == ["p1", "p1", "p1", "b/8", "b/8"]
    assert films == ["a/1", "a/1", "b/7", "b/8", "b/8"]


def test_files_without_a_hash_are_not_identical() -> None:
    assert assign_groups(["a/1", "a/2"], ["", ""], [["", ""]])[1] == ["a/1", "a/2"]


def test_the_same_name_under_two_patients_is_two_films() -> None:
    assert separate_films(["x", "x", "y"], ["p1", "p2", "p2"]) == ["x of p1", "x of p2", "y"]


def test_the_second_extension_of_a_cleaned_film_is_dropped_too() -> None:
    assert film_keys(["c/a.jpg.png", "c/a.png", "c/b.JPEG", "c/.jpg"]) == ["c/a", "c/a", "c/b", "c/.jpg"]
