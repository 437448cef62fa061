"""Files that show one film, and films of one patient, share a group."""

from hypothesis import given
from hypothesis import strategies as st

from fxkit.data.film_names import film_keys
from fxkit.data.groups import assign_groups, join, separate_films


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
