import os
from pathlib import Path

import numpy as np
import pytest

from preprocess import listing
from preprocess.errors import ImageError
from preprocess.images import read_image, write_image
from preprocess.listing import find_image, image_paths

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

    monkeypatch.setattr(listing.os, "scandir", refuse)
    errors: list[tuple[str, str]] = []
    assert image_paths(tmp_path, on_error=lambda path, error: errors.append((path, str(error)))) == ["open/a.png"]
    assert errors == [("shut", f"{tmp_path}/shut: cannot be listed (Permission denied); check its permissions")]
    with pytest.raises(ImageError, match="cannot be listed"):
        image_paths(tmp_path)


def test_a_cleaned_image_is_found_by_its_old_name(tmp_path: Path) -> None:
    for name in ("a.png", "b.jpg.png", "c.jpg"):
        (tmp_path / name).write_bytes(b"x")
    names = [find_image(tmp_path, name).name for name in ("a.jpg", "b.jpg", "c.jpg")]
    assert names == ["a.png", "b.jpg.png", "c.jpg"]
    with pytest.raises(ImageError, match="no such file"):
        find_image(tmp_path, "x" * 251 + ".jpg")
    with pytest.raises(ImageError, match=r"d\.jpg: no such file, nor a \.png made from it"):
        find_image(tmp_path, "d.jpg")
