"""Counting the cleaned films, and the markers that are left on them."""

import json
import shutil
from pathlib import Path

import pytest

from fxkit.ablation.coverage import check_same_files, count_by_class, measure_coverage
from fxkit.data.manifest import Record
from fxkit.errors import DataError
from fxkit.index.build import Index, IndexOptions, index_data
from fxkit.synth.dataset import Synthetic
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.settings import CleanSettings


@pytest.fixture(scope="module")
def index(made: Synthetic) -> Index:
    return index_data(made.root, IndexOptions(copies=False, split="none"))


def clean(made: Synthetic, out: Path, **options: object) -> Path:
    clean_folder(made.root, out, FolderOptions(**options))  # type: ignore[arg-type]
    return out


@pytest.mark.slow
def test_films_that_the_network_cleaned_have_few_markers_left(made: Synthetic, index: Index, tmp_path: Path) -> None:
    cleaned = clean(made, tmp_path / "clean", settings=CleanSettings(read_text=False))
    coverage, unmarked = measure_coverage(cleaned, index.records)
    assert unmarked == set()
    assert coverage.lowest_share > 0.8
    assert sum(part.n_left for part in coverage.by_class.values()) <= 0.15 * len(index.records)
    assert coverage.kept == ()
    assert not list(tmp_path.glob("*unused*"))


@pytest.mark.slow
def test_markers_that_were_not_erased_are_seen(made: Synthetic, index: Index, tmp_path: Path) -> None:
    """A marker file that lists a small corner of each film erases something on every film, but not its markers."""
    images = [{"id": i, "file_name": r.path, "width": r.width, "height": r.height} for i, r in enumerate(index.records)]
    boxes = [{"id": i, "image_id": i, "category_id": 1, "bbox": [1, 1, 6, 4], "area": 24} for i in range(len(images))]
    corners = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "marker"}]}
    (tmp_path / "corners.json").write_text(json.dumps(corners))
    coverage, _ = measure_coverage(clean(made, tmp_path / "c", markers=tmp_path / "corners.json"), index.records)
    assert coverage.n_erased == coverage.n_files
    assert coverage.lowest_share < 0.5


@pytest.mark.slow
def test_settings_that_leave_markers_are_named(made: Synthetic, index: Index, tmp_path: Path) -> None:
    cleaned = clean(made, tmp_path / "clean", markers=made.root / "markers.json", settings=CleanSettings(only="^R$"))
    coverage, _ = measure_coverage(cleaned, index.records)
    assert coverage.kept == ("--only '^R$'",)
    assert sum(part.n_left for part in coverage.by_class.values()) > 0


def record(path: str, label: str, film: str) -> Record:
    return Record(path, label, film, "test", "", 9, 9, "ok", film)


def test_copies_of_a_film_share_its_weight() -> None:
    records = [record("1a", "a", "1"), record("1b", "a", "1"), record("2", "a", "2"), record("3", "b", "3")]
    by_class = count_by_class(records, {"1a", "2", "3"}, {"3"})
    assert (by_class["a"].n_films, by_class["a"].n_erased, by_class["a"].cleaned) == (2, 2, 1.5)
    assert (by_class["b"].n_erased, by_class["b"].n_left, by_class["b"].cleaned) == (1, 1, 0)


def test_other_raw_films_than_the_cleaned_ones_are_refused(made: Synthetic, index: Index, tmp_path: Path) -> None:
    cleaned = clean(made, tmp_path / "clean", markers=made.root / "markers.json")
    check_same_files(made.root, cleaned, index.records)
    shutil.copytree(made.root, tmp_path / "other")
    (tmp_path / "other" / index.records[3].path).write_bytes(b"another film")
    with pytest.raises(DataError, match=rf"{index.records[3].path}: is not the file that was cleaned into"):
        check_same_files(tmp_path / "other", cleaned, index.records)
    shutil.rmtree(tmp_path / "other" / Path(index.records[3].path).parts[0])
    with pytest.raises(DataError, match=r"other: \d+ of \d+ films not found: .* were they moved\? .* with --root"):
        check_same_files(tmp_path / "other", cleaned, index.records)
