import os
from pathlib import Path

import numpy as np
import pytest

from preprocess import listing as listing_module
from preprocess.errors import ImageError
from preprocess.images import read_image, write_image
from preprocess.listing import Listing, find_image, image_paths, list_images

GREY = np.zeros((40, 60), np.uint8)


def test_odd_names_are_listed_and_loops_of_links_end(tmp_path: Path) -> None:
    names = ["with space.PNG", "Röntgen 影像.jpg", "line\nbreak.png", os.fsdecode(b"bytes\xff.tif")]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".hidden.png").write_bytes(b"x")
    (tmp_path / "notes.txt").write_bytes(b"x")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "self.png").symlink_to("self.png")
    assert image_paths(tmp_path) == sorted([*names, "self.png"])
    with pytest.raises(ImageError, match="cannot be read"):
        read_image(tmp_path / "self.png")


def test_a_folder_that_cannot_be_listed_is_reported_and_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_image(tmp_path / "open" / "a.png", GREY)
    write_image(tmp_path / "shut" / "b.png", GREY)
    scandir = os.scandir

    def refuse(folder: Path) -> object:
        if Path(folder).name == "shut":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(listing_module.os, "scandir", refuse)
    errors: list[tuple[str, str]] = []
    assert image_paths(tmp_path, on_error=lambda path, error: errors.append((path, str(error)))) == ["open/a.png"]
    assert errors == [("shut", f"{tmp_path}/shut: cannot be listed (Permission denied); check its permissions")]
    with pytest.raises(ImageError, match="cannot be listed"):
        image_paths(tmp_path)


def touch(root: Path, *paths: str, content: bytes = b"x") -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)


def test_folders_of_systems_are_left_out_with_a_note(tmp_path: Path) -> None:
    folders = ["@eaDir", "#recycle", "#snapshot", "$RECYCLE.BIN", "System Volume Information", "__MACOSX", "lost+found"]
    touch(tmp_path, "a/1.png", *(f"a/{name}/1.png" for name in [*folders, ".Trashes", ".ipynb_checkpoints"]))
    touch(tmp_path, "a/._1.png", "a/Thumbs.db", "a/.DS_Store")
    listing = list_images(tmp_path)
    assert listing.paths == ("a/1.png",)
    assert listing.notes == (
        "11 folders or files are hidden or belong to the system and are left out: a/#recycle, a/#snapshot, "
        "a/$RECYCLE.BIN and 8 more",
    )


def test_a_film_may_have_the_name_of_a_system_folder(tmp_path: Path) -> None:
    touch(tmp_path, "lost+found.png", "recycled/1.png", "#recycle films/1.png")
    listing = list_images(tmp_path)
    assert listing.paths == ("#recycle films/1.png", "lost+found.png")
    assert listing.notes == ("1 folder or file is hidden or belongs to the system and is left out: recycled",)


@pytest.mark.parametrize("name", ["a.JFIF", "a.jpe", "a.pjpeg", "a.IMA", "a.dic", "a.DCM", "a.Tiff", "a.dib"])
def test_less_common_extensions_are_images(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name)
    assert list_images(tmp_path) == Listing((name,))


def test_dicom_is_recognised_without_an_extension(tmp_path: Path) -> None:
    bare = b"\x08\x00\x16\x00\x1c\x00\x00\x001.2.840.10008.5.1.4.1.1.1.1\x00\x08\x00\x18\x00\x02\x00\x00\x001\x00"
    explicit = b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100\x08\x00\x16\x00UI\x02\x001\x00"
    touch(tmp_path, "IM0", "1.2.840.113619.2.5.100", "film.img", "DICOMDIR", content=bytes(128) + b"DICM")
    touch(tmp_path, "bare", content=bare)
    touch(tmp_path, "explicit", content=explicit)
    touch(tmp_path, "a/ARCHIVE", "a/short", "a/x.img", content=b"\x08\x00")
    os.mkfifo(tmp_path / "a" / "pipe")  # must not be opened: that would wait for ever
    listing = list_images(tmp_path)
    assert listing.paths == ("1.2.840.113619.2.5.100", "IM0", "bare", "explicit", "film.img")
    assert listing.notes == (
        "5 files are left out because their names have no image extension: DICOMDIR, a/ARCHIVE, a/pipe and 2 more",
    )


def test_compressed_files_and_other_formats_are_counted_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.png", "a/2.dcm.gz", "a/3.HEIC", "b.zip", "a/4.pdf", content=bytes(128) + b"DICM")
    assert list_images(tmp_path).notes == (
        "4 files (.gz, .heic, .pdf, .zip) are compressed or in a format that is not read; unpack or convert them: "
        "a/2.dcm.gz, a/3.HEIC, a/4.pdf and 1 more",
    )
    touch(tmp_path / "one", "1.gif")
    assert list_images(tmp_path / "one").notes == (
        "1 file (.gif) is compressed or in a format that is not read; unpack or convert it: 1.gif",
    )


def test_tables_are_counted_only_among_films(tmp_path: Path) -> None:
    touch(tmp_path, "films.csv", "a/1.png", "a/notes.txt")
    assert list_images(tmp_path).notes == ("1 file is left out because its name has no image extension: a/notes.txt",)


def test_only_files_without_a_known_extension_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.png", "b.csv", "c.gz", "d.dcm", "e", "f.100")
    opened: list[str] = []
    monkeypatch.setattr(listing_module, "has_dicom_head", lambda head: opened.append(head) or False)
    list_images(tmp_path)
    assert len(opened) == 2


def test_a_cleaned_image_is_found_by_its_old_name(tmp_path: Path) -> None:
    for name in ("a.png", "b.jpg.png", "c.jpg"):
        (tmp_path / name).write_bytes(b"x")
    names = [find_image(tmp_path, name).name for name in ("a.jpg", "b.jpg", "c.jpg")]
    assert names == ["a.png", "b.jpg.png", "c.jpg"]
    (tmp_path / "1.2.840.png").write_bytes(b"x")
    assert find_image(tmp_path, "1.2.840").name == "1.2.840.png"
    with pytest.raises(ImageError, match="no such file"):
        find_image(tmp_path, "1.2.840.5")
    with pytest.raises(ImageError, match="no such file"):
        find_image(tmp_path, "x" * 251 + ".jpg")
    with pytest.raises(ImageError, match=r"d\.jpg: no such file, nor a \.png made from it"):
        find_image(tmp_path, "d.jpg")
