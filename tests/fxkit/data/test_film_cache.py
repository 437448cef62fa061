"""Kept films: never stale, never without bound, never other than what is made anew."""

import os
from pathlib import Path

import numpy as np
import pytest

from fxkit.data import film_cache as module
from fxkit.data.film_cache import FilmCache, open_cache
from preprocess.images import read_grey8, write_image


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLED_S", 0.0)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "a.png", 1)


def write_film(path: Path, seed: int) -> Path:
    write_image(path, np.random.default_rng(seed).integers(0, 256, (20, 30), np.uint8))
    return path


def opened(tmp_path: Path, limit: int = 10**6) -> FilmCache:
    cache = open_cache(tmp_path / "kept", limit, 1)
    assert cache is not None
    return cache


def never(path: Path) -> np.ndarray:
    raise AssertionError(f"{path} was read again")


def test_a_film_is_read_once_also_by_another_process(tmp_path: Path, film: Path) -> None:
    first = opened(tmp_path).get(film, "whole", read_grey8)
    assert np.array_equal(opened(tmp_path).get(film, "whole", never), first)
    assert np.array_equal(first, read_grey8(film))


def test_kinds_are_kept_apart(tmp_path: Path, film: Path) -> None:
    cache = opened(tmp_path)
    cache.get(film, "whole", read_grey8)
    half = cache.get(film, "half", lambda path: read_grey8(path)[::2])
    assert half.shape == (10, 30)
    assert cache.get(film, "whole", never).shape == (20, 30)


def test_a_changed_film_is_read_again_though_its_size_and_time_are_the_same(tmp_path: Path, film: Path) -> None:
    cache, before = opened(tmp_path), film.stat()
    cache.get(film, "whole", read_grey8)
    content = film.read_bytes()
    write_film(film, 2)
    assert film.stat().st_size == len(content)
    os.utime(film, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert np.array_equal(cache.get(film, "whole", read_grey8), read_grey8(film))


def test_a_film_of_this_moment_is_not_kept(tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLED_S", 60.0)
    opened(tmp_path).get(film, "whole", read_grey8)
    assert not list((tmp_path / "kept").iterdir())


@pytest.mark.parametrize("content", [b"", b"short", b"nonsense" * 20])
def test_a_damaged_entry_is_made_anew(tmp_path: Path, film: Path, content: bytes) -> None:
    cache = opened(tmp_path)
    cache.get(film, "whole", read_grey8)
    (entry,) = (tmp_path / "kept").iterdir()
    entry.write_bytes(content)
    assert np.array_equal(cache.get(film, "whole", read_grey8), read_grey8(film))
    assert np.array_equal(cache.get(film, "whole", never), read_grey8(film))


def test_the_folder_stays_below_its_limit_and_what_was_used_last_stays(tmp_path: Path) -> None:
    films = [write_film(tmp_path / f"{i}.png", i) for i in range(12)]
    for _round in range(3):
        cache = opened(tmp_path, limit=2500)  # each film takes 608 bytes
        for film in films:
            cache.get(film, "whole", read_grey8)
        assert sum(p.stat().st_size for p in (tmp_path / "kept").iterdir()) <= 2500
    kept = sorted((tmp_path / "kept").iterdir())
    for age, entry in enumerate(kept):
        os.utime(entry, (1e9 - age, 1e9 - age))
    opened(tmp_path, limit=2500)
    assert sorted((tmp_path / "kept").iterdir()) == kept[:2]


def test_processes_share_the_room(tmp_path: Path) -> None:
    cache = open_cache(tmp_path / "kept", 3000, 4)
    assert cache is not None
    assert cache.room == 750


def test_no_limit_is_no_cache(tmp_path: Path) -> None:
    assert open_cache(tmp_path / "kept", 0, 1) is None
    assert not (tmp_path / "kept").exists()


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, film: Path) -> None:
    (tmp_path / "kept").write_text("in the way")
    assert np.array_equal(opened(tmp_path).get(film, "whole", read_grey8), read_grey8(film))


def test_a_missing_film_is_told_by_its_reader(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"gone\.png was read again"):
        opened(tmp_path).get(tmp_path / "gone.png", "whole", never)
