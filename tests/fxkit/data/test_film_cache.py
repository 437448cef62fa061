"""The film cache is never stale, stays within its limit, and returns what decoding would return."""

import os
from pathlib import Path

import numpy as np
import pytest

from fxkit.data import film_cache as module
from fxkit.data.film_cache import FilmCache, open_film_cache
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


def open_folder(tmp_path: Path, limit_bytes: int = 10**6) -> FilmCache:
    cache = open_film_cache(tmp_path / "cache", limit_bytes, 1)
    assert cache is not None
    return cache


def fail(path: Path) -> np.ndarray:
    raise AssertionError(f"{path} was read again")


def test_a_film_is_decoded_once_for_all_processes(tmp_path: Path, film: Path) -> None:
    first = open_folder(tmp_path).get(film, "whole", read_grey8)
    assert np.array_equal(open_folder(tmp_path).get(film, "whole", fail), first)
    assert np.array_equal(first, read_grey8(film))


def test_variants_of_a_film_are_kept_apart(tmp_path: Path, film: Path) -> None:
    cache = open_folder(tmp_path)
    cache.get(film, "whole", read_grey8)
    half = cache.get(film, "half", lambda path: read_grey8(path)[::2])
    assert half.shape == (10, 30)
    assert cache.get(film, "whole", fail).shape == (20, 30)


def test_a_changed_film_with_the_same_size_and_time_is_decoded_again(tmp_path: Path, film: Path) -> None:
    cache, before = open_folder(tmp_path), film.stat()
    cache.get(film, "whole", read_grey8)
    content = film.read_bytes()
    write_film(film, 2)
    assert film.stat().st_size == len(content)
    os.utime(film, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert np.array_equal(cache.get(film, "whole", read_grey8), read_grey8(film))


def test_a_film_changed_just_now_is_not_cached(tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLED_S", 60.0)
    open_folder(tmp_path).get(film, "whole", read_grey8)
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize("content", [b"", b"short", b"nonsense" * 20])
def test_a_damaged_entry_is_decoded_again(tmp_path: Path, film: Path, content: bytes) -> None:
    cache = open_folder(tmp_path)
    cache.get(film, "whole", read_grey8)
    (entry,) = (tmp_path / "cache").iterdir()
    entry.write_bytes(content)
    assert np.array_equal(cache.get(film, "whole", read_grey8), read_grey8(film))
    assert np.array_equal(cache.get(film, "whole", fail), read_grey8(film))


def test_the_folder_stays_below_its_limit_and_keeps_the_films_used_last(tmp_path: Path) -> None:
    films = [write_film(tmp_path / f"{i}.png", i) for i in range(12)]
    for _round in range(3):
        cache = open_folder(tmp_path, limit_bytes=2500)  # each film takes 608 bytes
        for film in films:
            cache.get(film, "whole", read_grey8)
        assert sum(p.stat().st_size for p in (tmp_path / "cache").iterdir()) <= 2500
    entries = sorted((tmp_path / "cache").iterdir())
    for age, entry in enumerate(entries):
        os.utime(entry, (1e9 - age, 1e9 - age))
    open_folder(tmp_path, limit_bytes=2500)
    assert sorted((tmp_path / "cache").iterdir()) == entries[:2]


def test_processes_share_the_remaining_room(tmp_path: Path) -> None:
    cache = open_film_cache(tmp_path / "cache", 3000, 4)
    assert cache is not None
    assert cache.room_bytes == 750


def test_a_limit_of_zero_means_no_cache(tmp_path: Path) -> None:
    assert open_film_cache(tmp_path / "cache", 0, 1) is None
    assert not (tmp_path / "cache").exists()


def test_an_unwritable_folder_is_no_error(tmp_path: Path, film: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    assert np.array_equal(open_folder(tmp_path).get(film, "whole", read_grey8), read_grey8(film))


def test_a_missing_film_raises_the_error_of_its_decoder(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"gone\.png was read again"):
        open_folder(tmp_path).get(tmp_path / "gone.png", "whole", fail)
