"""Files are read once, and again only when they have changed."""

import hashlib
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fxkit.index import read_files as module
from fxkit.index.cache import open_store
from fxkit.index.read_files import read_file, read_files
from preprocess.errors import WorkerError
from preprocess.files import SETTLED_S, file_state
from preprocess.images import write_image

LIMIT = 10_000


def no_reading(*_arguments: object, **_settings: object) -> None:
    raise AssertionError("a file was read again")


def folder(root: Path) -> list[str]:
    for number in range(3):
        write_image(root / f"{number}.png", np.full((20, 30), 40 * number, np.uint8))
    (root / "bad.png").write_text("no image")
    return ["0.png", "1.png", "2.png", "bad.png", "gone.png"]


def test_a_reading_has_the_hash_the_size_and_the_status(tmp_path: Path) -> None:
    paths, seen = folder(tmp_path), []
    with open_store(None) as store:
        readings = read_files(store, tmp_path, paths, LIMIT, progress=lambda done, total: seen.append((done, total)))
        assert store.known() == {reading.sha256 for reading in readings[:3]}
    assert readings[1].sha256 == hashlib.sha256((tmp_path / "1.png").read_bytes()).hexdigest()
    assert (readings[1].width, readings[1].height, readings[1].status) == (30, 20, "ok")
    assert [reading.sha256 for reading in readings[3:]] == ["", ""]
    assert readings[3].status.startswith("not an image; expected PNG")
    assert readings[4].status == "cannot be read (No such file or directory)"
    assert seen == [(n, 5) for n in range(1, 6)]


def test_unchanged_files_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths, seen = folder(tmp_path / "films"), []
    with open_store(tmp_path / "m.cache") as store:
        first = read_files(store, tmp_path / "films", paths[:4], LIMIT)
    monkeypatch.setattr(module, "decode_image", no_reading)
    with open_store(tmp_path / "m.cache") as store:
        assert (
            read_files(
                store, tmp_path / "films", paths[3::-1], LIMIT, progress=lambda done, total: seen.append((done, total))
            )
            == first[::-1]
        )
    assert seen == [(4, 4)]


def age(*files: Path) -> None:
    """Wait until the last change of the files is old enough to be seen in their times."""
    while not all(file_state(file).age_s >= SETTLED_S for file in files):
        time.sleep(0.1)


def test_a_file_that_is_changed_in_place_with_its_time_restored_is_read_again(tmp_path: Path) -> None:
    paths = folder(tmp_path)[:3]
    age(*(tmp_path / path for path in paths))
    with open_store(None) as store:
        first = read_files(store, tmp_path, paths, LIMIT)
        old, data = (tmp_path / "1.png").stat(), (tmp_path / "1.png").read_bytes()
        (tmp_path / "1.png").write_bytes(data.replace(b"IEND", b"IENE"))
        os.utime(tmp_path / "1.png", ns=(old.st_atime_ns, old.st_mtime_ns))
        assert read_files(store, tmp_path, paths, LIMIT)[1] != first[1]
        (tmp_path / "1.png").write_bytes(data)  # at once, so that its times may not show it
        os.utime(tmp_path / "1.png", ns=(old.st_atime_ns, old.st_mtime_ns))
        assert read_files(store, tmp_path, paths, LIMIT) == first


def test_files_that_were_copied_with_their_cache_are_hashed_but_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = folder(tmp_path / "films")[:3]
    with open_store(tmp_path / "m.cache") as store:
        first = read_files(store, tmp_path / "films", paths, LIMIT)
    shutil.copytree(tmp_path / "films", tmp_path / "copy")
    age(*(tmp_path / "copy" / path for path in paths))
    monkeypatch.setattr(module, "decode_image", no_reading)
    with open_store(tmp_path / "m.cache") as store:
        assert read_files(store, tmp_path / "copy", paths, LIMIT) == first
    monkeypatch.setattr(module, "has_hash", no_reading)
    with open_store(tmp_path / "m.cache") as store:
        assert read_files(store, tmp_path / "copy", paths, LIMIT) == first


def test_a_state_without_the_time_of_the_inode_is_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = folder(tmp_path)[:1]
    with open_store(None) as store:
        first = read_files(store, tmp_path, paths, LIMIT)
        stat = (tmp_path / paths[0]).stat()
        store.set_state(paths[0], f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ino} {LIMIT} {module.READING_VERSION}")
        monkeypatch.setattr(module, "decode_image", no_reading)
        assert read_files(store, tmp_path, paths, LIMIT) == first


def test_a_dicom_file_is_read_again_once_the_extra_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pydicom")
    (tmp_path / "a.dcm").write_bytes(b"no DICOM")
    age(tmp_path / "a.dcm")
    with open_store(None) as store:
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "pydicom", None)
            (reading,) = read_files(store, tmp_path, ["a.dcm"], LIMIT)
            assert "needs the extra" in reading.status
        (reading,) = read_files(store, tmp_path, ["a.dcm"], LIMIT)
    assert "needs the extra" not in reading.status


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    paths = folder(tmp_path)
    with open_store(None) as store:
        first = read_files(store, tmp_path, paths, LIMIT)
        write_image(tmp_path / "1.png", np.full((50, 60), 9, np.uint8))
        same_size = (tmp_path / "2.png").stat()
        os.utime(tmp_path / "2.png", ns=(same_size.st_atime_ns, same_size.st_mtime_ns + 1))
        write_image(tmp_path / "gone.png", np.full((7, 8), 9, np.uint8))
        second = read_files(store, tmp_path, paths, LIMIT)
    assert (second[1].width, second[1].height) == (60, 50)
    assert second[1].sha256 != first[1].sha256
    assert second[2] == first[2]
    assert (second[4].width, second[4].status) == (8, "ok")


def test_another_pixel_limit_reads_files_again(tmp_path: Path) -> None:
    paths = folder(tmp_path)[:1]
    with open_store(None) as store:
        (refused,) = read_files(store, tmp_path, paths, 100)
        (read,) = read_files(store, tmp_path, paths, LIMIT)
    assert "more than the limit of 100" in refused.status
    assert read.status == "ok"


def test_a_stopped_run_continues_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = folder(tmp_path / "films")[:3]
    monkeypatch.setattr(module, "COMMIT_EVERY", 1)

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), open_store(tmp_path / "m.cache") as store:
        read_files(store, tmp_path / "films", paths, LIMIT, progress=stop)
    with open_store(tmp_path / "m.cache") as store:
        assert set(store.readings()) == {"0.png", "1.png"}
        seen: list[int] = []
        read_files(store, tmp_path / "films", paths, LIMIT, progress=lambda done, total: seen.append(done))
    assert seen == [2, 3]


def test_a_worker_that_does_not_see_the_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        WorkerError, match=r"films: worker .* does not see this folder; all machines of a cluster must share"
    ):
        read_file(tmp_path / "films", "a.png", LIMIT)


def test_a_file_that_replaces_another_is_read_again(tmp_path: Path) -> None:
    paths = folder(tmp_path)[:2]
    with open_store(None) as store:
        first = read_files(store, tmp_path, paths, LIMIT)
        old = (tmp_path / "1.png").stat()
        changed = (tmp_path / "1.png").read_bytes().replace(b"IEND", b"IENE")
        (tmp_path / "new").write_bytes(changed)
        os.utime(tmp_path / "new", ns=(old.st_atime_ns, old.st_mtime_ns))
        (tmp_path / "new").replace(tmp_path / "1.png")
        second = read_files(store, tmp_path, paths, LIMIT)
    assert second[0] == first[0]
    assert second[1] != first[1]
