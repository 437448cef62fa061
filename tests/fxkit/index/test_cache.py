"""The cache file returns what was stored, also in later runs and after a stop."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fxkit.errors import DataError
from fxkit.index import cache as module
from fxkit.index.cache import Reading, open_store
from fxkit.index.copies.compare import Evidence
from fxkit.index.copies.features import Features, features_of
from fxkit.index.dicom import DicomIds
from fxkit.index.facts import facts_of
from preprocess.errors import OutputError
from preprocess.images import encode_image

Films = Callable[[int], NDArray[np.uint8]]
FACTS = facts_of("a.png", encode_image("a.png", np.eye(9, dtype=np.uint8)), np.eye(9, dtype=np.uint8))
READ = Reading("aa", 240, 300, "ok", replace(FACTS, path="a/Röntgen.png"), DicomIds(patient="Müller 7"))
SEEN = Evidence(31, 0.9, 0.97, 0.81, 0.7, 60.0, 0.9, True, ((1.0, 0.0, 2.5), (0.0, -1.0, 3.25)), 1.43)


@pytest.fixture
def features(films: Films) -> Features:
    return features_of(films(0))


def test_stored_readings_features_and_evidence_are_returned(tmp_path: Path, features: Features) -> None:
    path = tmp_path / "new" / "m.cache"
    with open_store(path) as store:
        store.add_file("a/Röntgen.png", "12 34 56", READ, features)
        store.add_file("a/bad.png", "0 1 2", Reading("", 0, 0, "zero bytes long"), None)
        store.add_evidence({("aa", "bb"): SEEN, ("aa", "cc"): None})
    with open_store(path) as store:
        assert store.readings() == {
            "a/Röntgen.png": ("12 34 56", READ),
            "a/bad.png": ("0 1 2", Reading("", 0, 0, "zero bytes long")),
        }
        assert store.known() == {"aa"}
        kept = store.features("aa")
        assert np.array_equal(kept.points, features.points)
        assert np.array_equal(kept.descriptors, features.descriptors)
        assert kept.picture.shape == features.picture.shape
        assert kept.enlarged == features.enlarged
        assert np.abs(kept.picture.astype(int) - features.picture).mean() < 3  # JPEG
        (descriptors,) = store.descriptors(["aa"])
        assert np.array_equal(descriptors, features.descriptors)
        assert store.evidence([("aa", "bb"), ("aa", "cc"), ("bb", "cc")]) == {("aa", "bb"): SEEN, ("aa", "cc"): None}


def test_only_the_figures_of_the_last_data_are_kept(tmp_path: Path) -> None:
    with open_store(tmp_path / "m.cache") as store:
        store.keep_figures("first", [1])
        store.keep_figures("second", [{"value": 1 / 3, "low": float("nan")}])
    with open_store(tmp_path / "m.cache") as store:
        assert store.figures("first") is None
        (figure,) = store.figures("second")
        assert figure["value"] == 1 / 3
        assert np.isnan(figure["low"])


def test_only_the_last_candidates_of_each_stage_are_kept(tmp_path: Path) -> None:
    with open_store(tmp_path / "m.cache") as store:
        store.keep_candidates("all first", [(0, 1, 2.5)])
        store.keep_candidates("lone first", [(0, 2, 1.5)])
        store.keep_candidates("all second", [(3, 7, 1 / 3), (0, 70_000, 2.0)])
    with open_store(tmp_path / "m.cache") as store:
        assert store.candidates("all second") == [(3, 7, 1 / 3), (0, 70_000, 2.0)]
        assert store.candidates("all first") is None
        assert store.candidates("lone first") == [(0, 2, 1.5)]
        store.keep_candidates("all none", [])
        assert store.candidates("all none") == []


def test_a_film_without_keypoints_is_stored(features: Features) -> None:
    blank = features_of(np.zeros((50, 50), np.uint8))
    with open_store(None) as store:
        store.add_file("a.png", "", READ, blank)
        assert store.features("aa").points.shape == (0, 2)
        assert store.features("aa").descriptors.shape == (0, 128)


def test_a_stopped_run_keeps_what_was_committed(tmp_path: Path, features: Features) -> None:
    def run() -> None:
        with open_store(tmp_path / "m.cache") as store:
            store.add_file("a.png", "1", READ, features)
            store.commit()
            store.add_file("b.png", "2", READ, None)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    with open_store(tmp_path / "m.cache") as store:
        assert set(store.readings()) == {"a.png"}
        assert store.known() == {"aa"}


def test_a_cache_of_another_format_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_store(tmp_path / "m.cache") as store:
        store.add_file("a.png", "1", READ, None)
    monkeypatch.setattr(module, "FORMAT", module.FORMAT + 1)
    with open_store(tmp_path / "m.cache") as store:
        assert store.readings() == {}
        store.add_file("b.png", "1", READ, None)
    with open_store(tmp_path / "m.cache") as store:
        assert set(store.readings()) == {"b.png"}


@pytest.mark.parametrize(
    ("table", "emptied"),
    [("features", {"features"}), ("candidates", {"candidates"}), ("evidence", {"evidence"}), (None, set())],
)
def test_a_new_version_of_an_algorithm_empties_its_own_table(
    tmp_path: Path, features: Features, monkeypatch: pytest.MonkeyPatch, table: str | None, emptied: set[str]
) -> None:
    path = tmp_path / "m.cache"
    with open_store(path) as store:
        store.add_file("a.png", "1", READ, features)
        store.add_evidence({("aa", "bb"): SEEN})
        store.keep_candidates("all films", [(0, 1, 2.5)])
    if table:
        monkeypatch.setitem(module.VERSIONS, table, (*module.VERSIONS[table][:-1], 99))
    with open_store(path) as store:
        kept = {
            "features": store.known() == {"aa"},
            "evidence": bool(store.evidence([("aa", "bb")])),
            "candidates": store.candidates("all films") is not None,
        }
        assert set(store.readings()) == {"a.png"}
    assert {name for name, is_kept in kept.items() if not is_kept} == emptied


def test_a_cache_without_versions_is_used(tmp_path: Path, features: Features) -> None:
    path = tmp_path / "m.cache"
    with open_store(path) as store:
        store.add_file("a.png", "1", READ, features)
        store.add_evidence({("aa", "bb"): SEEN})
    with closing(sqlite3.connect(path)) as database:
        database.executescript("DROP TABLE versions")
    with open_store(path) as store:
        assert store.known() == {"aa"}
        assert store.evidence([("aa", "bb")]) == {("aa", "bb"): SEEN}


def test_films_that_older_versions_read_with_other_grey_levels_are_read_again(
    tmp_path: Path, features: Features
) -> None:
    path = tmp_path / "m.cache"
    shallow, deep, dicom = "a" * 64, "b" * 64, "c" * 64
    with open_store(path) as store:
        store.add_file("a.png", "1", replace(READ, sha256=shallow), features)
        store.add_file("b.png", "1", replace(READ, sha256=deep, facts=replace(FACTS, bits=16)), features)
        store.add_file("c.dcm", "1", replace(READ, sha256=dicom, facts=replace(FACTS, format="DICOM")), features)
        store.add_file("d.tif", "1", Reading("", 0, 0, "refused"), None)
        store.add_evidence({(shallow, deep): SEEN, (dicom, shallow): SEEN, (shallow, shallow): SEEN})
    with closing(sqlite3.connect(path)) as database:
        database.executescript("DROP TABLE versions")
    for _ in range(2):
        with open_store(path) as store:
            assert set(store.readings()) == {"a.png"}
            assert store.known() == {shallow}
            pairs = [(shallow, deep), (dicom, shallow), (shallow, shallow)]
            assert list(store.evidence(pairs)) == [(shallow, shallow)]


def test_a_file_that_is_not_a_cache_is_left_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text("path,label\n" * 100)
    text = r"manifest\.csv: not a cache of fxkit; it was left unchanged; give the name of a new file"
    with pytest.raises(DataError, match=text), open_store(path):
        pass
    assert path.read_text() == "path,label\n" * 100


def test_a_damaged_cache_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.cache"
    with open_store(path):
        pass
    path.write_bytes(path.read_bytes()[:3000].ljust(9000, b"x"))
    with pytest.raises(DataError, match=r"m\.cache: cannot be used as a cache \(.+\); delete it, or give"):  # noqa: SIM117
        with open_store(path) as store:
            store.readings()


def test_paths_that_cannot_be_opened_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "m.cache"):
        with pytest.raises(DataError, match=r"cannot be used as a cache \(.+\); delete it, or give"), open_store(path):
            pass


@pytest.mark.parametrize("version", [0, module.FORMAT, 77])
def test_a_database_of_another_program_is_refused(tmp_path: Path, version: int) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(f"PRAGMA journal_mode = WAL; CREATE TABLE files (x); PRAGMA user_version = {version};")
        before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
        with pytest.raises(DataError, match=r"other\.db: not a cache of fxkit"), open_store(path):
            pass
        assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_an_empty_file_becomes_a_cache(tmp_path: Path) -> None:
    (tmp_path / "m.cache").touch()
    with open_store(tmp_path / "m.cache") as store:
        store.add_file("a.png", "1", READ, None)
    with open_store(tmp_path / "m.cache") as store:
        assert set(store.readings()) == {"a.png"}


def test_a_cache_that_another_process_uses_is_refused(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from preprocess.locks import lock\n"
        "with lock(Path(sys.argv[1])):\n    print(flush=True); input()"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "m.cache")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(OutputError, match="is writing here"), open_store(tmp_path / "m.cache"):
            pass
        other.communicate("\n")
    with open_store(tmp_path / "m.cache"):
        pass
