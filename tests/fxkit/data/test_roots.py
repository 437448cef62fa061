"""Several folders are sites of one data set."""

from pathlib import Path

import pytest

from fxkit.data.roots import scan_roots
from fxkit.data.scan import film_path
from fxkit.errors import DataError


def site(root: Path, *paths: str) -> Path:
    for path in paths or ("a/1.png", "b/2.png"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def test_paths_lie_below_the_folder_of_both_and_sites_are_named_like_theirs(tmp_path: Path) -> None:
    east, west = site(tmp_path / "east"), site(tmp_path / "more" / "west", "train/a/1.png", "test/b/1.png")
    found = scan_roots([west, east])
    assert found == scan_roots([east, west])
    assert found.root == tmp_path.resolve()
    assert [(file.path, file.site, file.label, file.split) for file in found.found] == [
        ("east/a/1.png", "east", "a", ""),
        ("east/b/2.png", "east", "b", ""),
        ("more/west/test/b/1.png", "west", "b", "test"),
        ("more/west/train/a/1.png", "west", "a", "train"),
    ]
    assert [film_path(file) for file in found.found][2:] == ["more/west/b/1.png", "more/west/a/1.png"]


def test_notes_name_their_site_and_other_classes_are_told_of(tmp_path: Path) -> None:
    east, west = site(tmp_path / "east"), site(tmp_path / "west", "A/1.png", "b/2.png", "stray.png")
    assert scan_roots([east, west]).notes == (
        "west: 1 images lie in no class folder and are left out: stray.png",
        "WARNING: the sites have different classes (east: a, b; west: A, b); are some the same under two names?",
    )


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_text("path,label\n")
    with pytest.raises(DataError, match=r"films\.csv: a file, among several to index; expected folders, each of one"):
        scan_roots([site(tmp_path / "east"), tmp_path / "films.csv"])
    with pytest.raises(DataError, match=r"gone: not there, among several to index; expected folders"):
        scan_roots([tmp_path / "east", tmp_path / "gone"])


def test_equal_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"2/x: folders of the same name 'x'; expected another for each site; rename"):
        scan_roots([site(tmp_path / "1" / "x"), site(tmp_path / "2" / "x")])


def test_a_folder_in_another_is_refused(tmp_path: Path) -> None:
    site(tmp_path / "east")
    with pytest.raises(DataError, match=r"east/a: lies in .*east; expected folders apart from each other; leave one"):
        scan_roots([tmp_path / "east", tmp_path / "east" / "a"])


def test_folders_that_share_only_the_top_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no folder holds them all but /; expected sites side by side; move or link"):
        scan_roots([tmp_path, Path("/usr")])
