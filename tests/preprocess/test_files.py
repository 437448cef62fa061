import os
from pathlib import Path

import pytest

from preprocess.errors import OutputError
from preprocess.files import sha256_of, write_atomic


def test_a_failed_write_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomic(tmp_path / "a", "text")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_pieces_are_written_completely_or_not_at_all(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", (bytes([n]) for n in range(3)))
    with pytest.raises(ZeroDivisionError):
        write_atomic(tmp_path / "a", (bytes([1 // n]) for n in (1, 0)))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a": b"\x00\x01\x02"}


def test_the_hash_is_the_sha256_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_missing_file_or_a_pipe_has_no_hash(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("none", "pipe"):
        with pytest.raises(FileNotFoundError):
            sha256_of(tmp_path / name)
