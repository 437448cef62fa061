"""Scan the three layouts, and refuse everything else."""

import os
from pathlib import Path

import pytest

from fxkit.errors import DataError
from fxkit.index.scan import ScannedFile, film_path, scan, scan_roots


def touch(root: Path, *paths: str) -> Path:
    """Create empty files; scan does not read them."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def table(root: Path, text: str, name: str = "films.csv") -> Path:
    root.mkdir(exist_ok=True)
    (root / name).write_bytes(text.encode())
    return root / name


def test_class_folders_may_have_subfolders(tmp_path: Path) -> None:
    scanned = scan(touch(tmp_path, "broken/1.png", "whole/a/b/2.jpg", "readme.txt", "whole/.hidden"))
    assert scanned.files == (ScannedFile("broken/1.png", "broken"), ScannedFile("whole/a/b/2.jpg", "whole"))
    assert scanned.notes == ()


def test_files_without_an_image_extension_give_a_note(tmp_path: Path) -> None:
    others = [f"a/IM{n}" for n in range(4)]
    root = touch(tmp_path, "train/a/1.png", "train/b/2.png", "train/truth.csv", *(f"train/{name}" for name in others))
    assert scan(root).notes == (
        "4 files are left out because their names have no image extension: train/a/IM0, train/a/IM1, train/a/IM2 and "
        "1 more",
    )


@pytest.mark.parametrize("top", ["", "train/"])
def test_equal_folders_in_all_class_folders_give_a_warning(tmp_path: Path, top: str) -> None:
    root = touch(tmp_path, *(f"{top}site{site}/{label}/1.png" for site in "AB" for label in ("whole", "broken")))
    (note,) = scan(root).notes
    assert note.startswith("WARNING: each class folder (siteA, siteB) holds the folders broken, whole: are these the")
    assert scan(touch(root, f"{top}siteB/third/1.png")).notes == ()


@pytest.mark.parametrize(
    ("word", "split"),
    [("training", "train"), ("Train", "train"), ("VALID", "val"), ("validation", "val"), ("testing", "test")],
)
def test_split_folders_are_recognised(tmp_path: Path, word: str, split: str) -> None:
    scanned = scan(touch(tmp_path, f"{word}/a/1.png", f"{word}/b/2.png"))
    assert [(file.label, file.split) for file in scanned.files] == [("a", split), ("b", split)]


def test_class_folders_that_differ_in_case_are_one_class_and_give_a_warning(tmp_path: Path) -> None:
    scanned = scan(touch(tmp_path, "train/Broken/1.png", "test/broken/2.png", "test/broken/3.png", "train/whole/4.png"))
    assert [file.label for file in scanned.files] == ["broken", "broken", "broken", "whole"]
    assert scanned.notes[0].startswith(
        "WARNING: 1 class is spelled in several ways and joined under one spelling: broken (2 files) = Broken (1); if"
    )


def test_files_outside_of_class_folders_give_a_note(tmp_path: Path) -> None:
    notes = scan(touch(tmp_path, "0.png", "a/1.png", "b/2.png")).notes
    assert notes == ("1 image outside the class folders is left out: 0.png",)
    notes = scan(
        touch(tmp_path / "more", *(f"train/{n}.png" for n in range(5)), "train/a/1.png", "train/b/2.png")
    ).notes
    assert notes[0].endswith("left out: train/0.png, train/1.png, train/2.png and 2 more")


@pytest.mark.parametrize(
    ("paths", "text"),
    [
        (["1.png", "2.png"], r"2 images, none in a folder; expected CLASS/image folders, SPLIT/CLASS/image"),
        ([], "0 images, none in a folder; expected CLASS/image"),
        (["a/1.png"], r"only one class \('a'\); expected two or more; expected CLASS"),
        (["train/a/1.png", "extra/1.png"], r"split folders \(train\) beside others \(extra\); expected CLASS"),
        (["train/1.png"], "no class; expected two or more"),
        (["archive/train/a/1.png", "archive/train/b/1.png"], r"only one class \('archive'\)"),
    ],
)
def test_other_layouts_are_refused(tmp_path: Path, paths: list[str], text: str) -> None:
    with pytest.raises(DataError, match=text):
        scan(touch(tmp_path, *paths))


def test_missing_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone: no such folder or file; expected CLASS"):
        scan(tmp_path / "gone")


def test_a_root_for_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--root belongs to a CSV file: leave it out"):
        scan(tmp_path, root=tmp_path)


def test_a_csv_with_all_columns_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = "\ufeffPath, label,split,patient,site,note\nx/1.png,a,Training,p1,s1,hello\r\n\nx/2.png,b,test,,,\n"
    scanned = scan(table(tmp_path, text))
    assert scanned.root == tmp_path
    assert scanned.files == (ScannedFile("x/1.png", "a", "train", "p1", "s1"), ScannedFile("x/2.png", "b", "test"))


def test_paths_in_a_csv_may_name_the_split(tmp_path: Path) -> None:
    scanned = scan(table(tmp_path, "path,label\ntesting/a/1.png,a\nb/2.png,b\n"))
    assert {file.path: file.split for file in scanned.files} == {"testing/a/1.png": "test", "b/2.png": ""}


def test_paths_in_a_csv_are_relative_to_the_root(tmp_path: Path) -> None:
    data = table(tmp_path / "tables", "path,label\n./1.png,a\nx/../2.png,b\n")
    scanned = scan(data, touch(tmp_path / "images", "1.png"))
    assert scanned.root == tmp_path / "images"
    assert [file.path for file in scanned.files] == ["1.png", "2.png"]


def test_a_csv_may_have_absolute_and_windows_paths(tmp_path: Path) -> None:
    scanned = scan(table(tmp_path, f"path,label\n{tmp_path}/a/1.png,a\nb\\2.png,b\n"))
    assert [file.path for file in scanned.files] == ["a/1.png", "b/2.png"]


def test_a_repeated_row_counts_once(tmp_path: Path) -> None:
    scanned = scan(table(tmp_path, "path,label\n1.png,a\n2.png,b\n./1.png,a\n"))
    assert len(scanned.files) == 2
    assert scanned.notes[0].endswith("films.csv: 1 repeated row is ignored")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,label\n1.png,a\n", "no column `path`; its columns are: name, label; expected CLASS"),
        ("path,kind\n1.png,a\n", "no column `label`; its columns are: path, kind; expected CLASS"),
        ("", "no rows and no heading; expected CLASS"),
        ("path,label\n", "no rows; expected"),
        (
            "path,label\n1.png,\n",
            r"films.csv, row 2: no label \(cells such as nan are none\); fill it in or delete the row",
        ),
        ("path,label\n,a\n", "row 2: no path; fill it in"),
        ("path,label\n1.png,a\n2.png,a\n", r"only one class \('a'\)"),
        ("path,label,split\n1.png,a,dev\n", "row 2: split 'dev'; expected one of train, training, val"),
        (
            "path,label\na,b.png,x\n",
            "row 2: 3 values for 2 columns; put a value that contains the separator in double quotes",
        ),
        (
            "path,label\n1.png,a\n1.png,b\n",
            r"row 3: 1.png differs from an earlier row \(b here, a before\); keep one",
        ),
        (
            "path,label\n../1.png,a\n",
            r"row 2: ../1.png is outside of .*; give the folder that contains all files with --root",
        ),
        ("path,label\nx/../../1.png,a\n", "row 2: x/../../1.png is outside of"),
        ("path,label\n/etc/1.png,a\n", "row 2: .*etc/1.png is outside of"),
        ("path,label\n.,a\n", r"row 2: \. is outside of"),
        ('path,label\n"1.png,a\n', r"row 2: not a CSV file \(a double quote is opened and not closed\)"),
    ],
)
def test_bad_csv_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        scan(table(tmp_path, text))


def test_a_missing_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone: no such folder; expected the folder that the paths in .*films.csv are"):
        scan(table(tmp_path, "path,label\n1.png,a\n"), tmp_path / "gone")


def test_a_folder_that_cannot_be_listed_gives_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a/1.png", "b/2.png", "b/locked/3.png")
    scandir = os.scandir

    def refuse(folder: Path) -> object:
        if Path(folder).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    scanned = scan(tmp_path)
    assert len(scanned.files) == 2
    assert "b/locked: cannot be listed (Permission denied)" in scanned.notes[0]
    assert scanned.notes[0].endswith("; its files are not indexed")


def site(root: Path, *paths: str) -> Path:
    for path in paths or ("a/1.png", "b/2.png"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def test_paths_of_several_sites_start_at_their_common_folder(tmp_path: Path) -> None:
    east, west = site(tmp_path / "east"), site(tmp_path / "more" / "west", "train/a/1.png", "test/b/1.png")
    scanned = scan_roots([west, east])
    assert scanned == scan_roots([east, west])
    assert scanned.root == tmp_path.resolve()
    assert [(file.path, file.site, file.label, file.split) for file in scanned.files] == [
        ("east/a/1.png", "east", "a", ""),
        ("east/b/2.png", "east", "b", ""),
        ("more/west/test/b/1.png", "west", "b", "test"),
        ("more/west/train/a/1.png", "west", "a", "train"),
    ]
    assert [film_path(file) for file in scanned.files][2:] == ["more/west/b/1.png", "more/west/a/1.png"]


def test_notes_name_their_site_and_different_classes_give_a_warning(tmp_path: Path) -> None:
    east, west = site(tmp_path / "east"), site(tmp_path / "west", "c/1.png", "b/2.png", "stray.png")
    assert scan_roots([east, west]).notes == (
        "west: 1 image outside the class folders is left out: stray.png",
        "WARNING: the sites have different classes (east: a, b; west: b, c); does one class have two names?",
    )


def test_a_site_that_is_not_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "films.csv").write_text("path,label\n")
    with pytest.raises(
        DataError, match=r"films\.csv: not a folder; of several data sets, each must be the folder of one site"
    ):
        scan_roots([site(tmp_path / "east"), tmp_path / "films.csv"])
    with pytest.raises(DataError, match=r"gone: no such folder; of several data sets, each must be the folder"):
        scan_roots([tmp_path / "east", tmp_path / "gone"])


def test_sites_with_the_same_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"2/x: folders with the same name 'x'; expected a different name for each site; rename"
    ):
        scan_roots([site(tmp_path / "1" / "x"), site(tmp_path / "2" / "x")])


def test_a_site_inside_another_is_refused(tmp_path: Path) -> None:
    site(tmp_path / "east")
    with pytest.raises(DataError, match=r"east/a: lies inside .*east; expected separate folders; leave one"):
        scan_roots([tmp_path / "east", tmp_path / "east" / "a"])


def test_sites_without_a_common_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"their only common parent is /; expected sites in one folder; move or link"):
        scan_roots([tmp_path, Path("/usr")])
