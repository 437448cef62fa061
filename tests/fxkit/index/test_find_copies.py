"""Find copies under uninformative names: all copies, nothing else, and no comparison in a second run."""

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fxkit.errors import DataError
from fxkit.index import find_copies as module
from fxkit.index.cache import Store, open_store
from fxkit.index.copies.features import Features
from fxkit.index.find_copies import Copies, Verdicts, compare_pairs, find_copies, read_verdicts
from fxkit.index.read_files import read_files
from fxkit.synth.dataset import SynthOptions, synth
from preprocess.images import write_image

Film = NDArray[np.uint8]
Films = Callable[[int], Film]
COPIES: tuple[Callable[[Film], Film], ...] = (
    lambda film: film,
    lambda film: np.rot90(film),
    lambda film: film[:, ::-1],
    lambda film: 255 - film,
    lambda film: film[20:280, 15:220],
)


@pytest.fixture
def scrambled(films: Films, tmp_path: Path) -> tuple[Path, dict[str, int]]:
    """Write six films and four copies of each under uninformative names; return name -> number of the film."""
    film_of = {f"{(31 * n) % 97:03d}.png": n // len(COPIES) for n in range(6 * len(COPIES))}
    for n, (name, film) in enumerate(film_of.items()):
        copy = COPIES[n % len(COPIES)](films(100 + film))
        write_image(tmp_path / "films" / name, np.ascontiguousarray(copy))
    return tmp_path / "films", film_of


@contextmanager
def opened(folder: Path, film_of: dict[str, int]) -> Iterator[tuple[Store, dict[str, int]]]:
    """Open the cache beside a folder and read its films; return SHA-256 -> number of the film."""
    with open_store(folder.parent / "m.cache") as store:
        read = read_files(store, folder, list(film_of), 10**6)
        yield store, {reading.sha256: film_of[name] for name, reading in zip(film_of, read, strict=True)}


def sets(copies: Copies) -> set[frozenset[str]]:
    names: dict[str, set[str]] = {}
    for name, group in copies.groups.items():
        names.setdefault(group, set()).add(name)
    return {frozenset(group) for group in names.values()}


def by_film(film_of: dict[str, int]) -> set[frozenset[str]]:
    return {frozenset(name for name, film in film_of.items() if film == wanted) for wanted in set(film_of.values())}


def test_all_copies_are_found_and_nothing_else(scrambled: tuple[Path, dict[str, int]]) -> None:
    seen: list[tuple[int, int]] = []
    with opened(*scrambled) as (store, film_of):
        copies = find_copies(store, film_of, progress=lambda done, total: seen.append((done, total)))
    assert sets(copies) == by_film(film_of)
    joined = [link for link in copies.links if link.joined]
    assert len(joined) == len(film_of) - 6
    assert all(film_of[link.first] == film_of[link.second] for link in joined)
    assert [link.score for link in copies.links] == sorted(link.score for link in copies.links)
    assert all(done <= total for done, total in seen)


@pytest.mark.slow
def test_small_synthetic_films_of_different_patients_stay_apart(tmp_path: Path) -> None:
    made = synth(tmp_path / "films", SynthOptions(films=24, copies=2, size_px=160, copy_px=96, seed=3))
    rows = list(csv.DictReader((made.root / "truth.csv").open(newline="")))
    with opened(made.root, {row["path"]: int(row["patient"][1:]) for row in rows}) as (store, patient):
        copies = find_copies(store, patient)
    groups = [{patient[name] for name in names} for names in sets(copies)]
    assert all(len(patients) == 1 for patients in groups)
    assert len(groups) < len(rows)


def test_a_second_run_compares_nothing(scrambled: tuple[Path, dict[str, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(*scrambled) as (store, film_of):
        first = find_copies(store, film_of)
    calls: list[tuple[Features, Features]] = []
    compare = module.compare_films
    monkeypatch.setattr(module, "compare_films", lambda a, b: calls.append((a, b)) or compare(a, b))
    counted: list[int] = []
    candidates = module.find_candidates

    def count(descriptors: Iterable[NDArray[np.uint8]], *args: Any) -> list[tuple[int, int, float]]:
        films = list(descriptors)
        counted.append(len(films))
        return candidates(films, *args)

    monkeypatch.setattr(module, "find_candidates", count)
    with opened(*scrambled) as (store, film_of):
        assert find_copies(store, film_of) == first
        assert not calls
        assert not counted
        fewer = sorted(film_of)[1:]
        assert set(find_copies(store, fewer).groups) == set(fewer)
        assert counted == [len(fewer)]
        calls.clear()
    with open_store(None) as fresh:
        read_files(fresh, scrambled[0], list(scrambled[1]), 10**6)
        compare_pairs(fresh, [(min(film_of), max(film_of))])
    assert len(calls) == 1


def test_an_original_is_found_among_copies_that_share_the_votes(
    scrambled: tuple[Path, dict[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A film without candidates in the first round is compared with a few films of each large group."""
    candidates = module.find_candidates
    with opened(*scrambled) as (store, film_of):
        names = sorted(film_of)
        original = names.index(next(name for name, film in film_of.items() if film == 0))

        def without(films: Iterable[NDArray[np.uint8]], threads: int, asking: Any) -> list[tuple[int, int, float]]:
            pairs = candidates(films, threads, asking)
            return pairs if asking else [pair for pair in pairs if original not in pair[:2]]

        monkeypatch.setattr(module, "find_candidates", without)
        assert sets(find_copies(store, film_of)) == by_film(film_of)
        monkeypatch.setattr(module, "TURNS", 0)
        assert frozenset([names[original]]) in sets(find_copies(store, film_of))


def test_two_processes_find_the_same_copies(scrambled: tuple[Path, dict[str, int]]) -> None:
    with opened(*scrambled) as (store, film_of):
        first = find_copies(store, film_of)
    (scrambled[0].parent / "m.cache").unlink()
    with opened(*scrambled) as (store, film_of):
        assert find_copies(store, film_of, jobs=2) == first


def test_a_rejected_pair_is_kept_apart(scrambled: tuple[Path, dict[str, int]]) -> None:
    with opened(*scrambled) as (store, film_of):
        one, other = sorted(name for name, film in film_of.items() if film == 0)[:2]
        copies = find_copies(store, film_of, Verdicts(rejected=((other, one),)))
    assert copies.groups[one] != copies.groups[other]
    assert {name for name, film in film_of.items() if film == 0} == {
        name for name, group in copies.groups.items() if group in (copies.groups[one], copies.groups[other])
    }


def test_files_without_features_are_left_out(scrambled: tuple[Path, dict[str, int]]) -> None:
    with opened(*scrambled) as (store, film_of):
        assert set(find_copies(store, [*film_of, "gone", ""]).groups) == set(film_of)
        assert find_copies(store, []) == Copies({}, ())


HASHES = {"a/1.png": "aa", "a/2, left.png": "bb", "a/bad.png": ""}


def test_verdicts_are_read_as_pairs_of_hashes(tmp_path: Path) -> None:
    place = tmp_path / "accept.csv"
    place.write_text('first,second\n"a/1.png","a/2, left.png"\n', encoding="utf-8-sig")
    assert read_verdicts(place, HASHES) == (("aa", "bb"),)


def test_a_missing_or_empty_file_gives_no_verdicts(tmp_path: Path) -> None:
    assert read_verdicts(None, HASHES) == ()
    (tmp_path / "none.csv").write_text("first,second\n")
    assert read_verdicts(tmp_path / "none.csv", HASHES) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("first,second\na/1.png,a/gone.png\n", "row 2: second 'a/gone.png' is not a readable film of this data set"),
        ("first,second\na/bad.png,a/1.png\n", "row 2: first 'a/bad.png' is not a readable film of this data set"),
        ("first,second\na/1.png\n", "row 2: second '' is not a readable film"),
    ],
)
def test_wrong_rows_of_verdicts_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "reject.csv").write_text(text)
    with pytest.raises(DataError) as refused:
        read_verdicts(tmp_path / "reject.csv", HASHES)
    assert str(refused.value).startswith(f"{tmp_path / 'reject.csv'}, {message}")
    assert str(refused.value).endswith("with paths as written in the manifest")


def test_a_missing_file_of_verdicts_is_refused(tmp_path: Path) -> None:
    message = r"gone\.csv: cannot be read \(No such file or directory\); expected a CSV file of pairs"
    with pytest.raises(DataError, match=message):
        read_verdicts(tmp_path / "gone.csv", HASHES)


def test_verdicts_without_a_column_are_refused(tmp_path: Path) -> None:
    (tmp_path / "reject.csv").write_text("first,other\na/1.png,a/1.png\n")
    with pytest.raises(
        DataError, match=r"reject.csv: column `second` is missing; its columns are: first, other; expec"
    ):
        read_verdicts(tmp_path / "reject.csv", HASHES)
