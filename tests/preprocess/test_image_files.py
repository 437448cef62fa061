import os
from pathlib import Path

import pytest

from preprocess.errors import ImageError
from preprocess.image_files import check_size, read_bytes


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none\.png: cannot be read \(No such file or directory\)"):
        read_bytes(tmp_path / "none.png")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(ImageError, match=r"a\.png: zero bytes long; copy the file again"):
        read_bytes(tmp_path / "a.png")


def test_a_pipe_is_refused_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(ImageError, match="neither a file nor a folder"):
        read_bytes(tmp_path / "a.png")


def test_only_images_above_the_limit_are_too_large() -> None:
    check_size("a.png", 20, 30, 600)
    with pytest.raises(ImageError, match=r"a\.png: 20 x 30 = 600 pixels, more than the limit of 599; raise the limit"):
        check_size("a.png", 20, 30, 599)
