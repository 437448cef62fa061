"""Choice of the films to explain, and of their marker masks."""

import shutil
from pathlib import Path

import pytest

from fxkit.errors import DataError
from fxkit.explain.films import films_from_images, films_from_run
from fxkit.models.run_folder import Run, create_run, open_run
from fxkit.synth.dataset import Synthetic
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.settings import CleanSettings


@pytest.fixture(scope="module")
def cleaned(made: Synthetic, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic films with their known markers erased."""
    out = tmp_path_factory.mktemp("explained") / "films-clean"
    clean_folder(made.root, out, FolderOptions(markers=made.root / "markers.json", settings=CleanSettings(grow_px=5.0)))
    return out


def test_one_copy_of_each_film_is_chosen_with_alternating_classes(trained: Run) -> None:
    films = list(films_from_run(trained))
    test = {r.film for r in trained.records if r.split == "test"}
    assert len(films) == len(test)
    assert {film.label for film in films[:2]} == {"fractured", "not_fractured"}
    assert all(film.path.is_file() and film.mask is None for film in films)
    assert len(list(films_from_run(trained, limit=1))) == 1


def test_masks_are_read_from_a_cleaned_folder_or_its_ledger(trained: Run, cleaned: Path) -> None:
    by_folder, by_file = (list(films_from_run(trained, markers=p)) for p in (cleaned, cleaned / "ledger.jsonl"))
    masks = [film.mask for film in by_folder]
    assert all(mask is not None for mask in masks)
    assert any(mask is not None and mask.any() for mask in masks)
    assert all((a.mask == b.mask).all() for a, b in zip(by_folder, by_file, strict=True))  # type: ignore[union-attr]


def test_masks_are_read_from_a_coco_file(trained: Run, made: Synthetic) -> None:
    films = films_from_run(trained, markers=made.root / "markers.json")
    assert any(film.mask is not None and film.mask.any() for film in films)


def test_a_cleaned_folder_beside_the_films_is_used(trained: Run, cleaned: Path, tmp_path: Path) -> None:
    shutil.copytree(trained.root, tmp_path / "films")
    shutil.copytree(cleaned, tmp_path / "films-clean")
    assert all(film.mask is not None for film in films_from_run(trained, root=tmp_path / "films"))


def test_the_markers_of_named_images_are_matched_by_the_end_of_the_path(trained: Run, cleaned: Path) -> None:
    path = trained.root / trained.records[0].path
    known, unknown = films_from_images([path, Path("elsewhere/film.png")], cleaned)
    assert known.mask is not None
    assert unknown.mask is None
    assert next(films_from_images([path])).mask is None


def test_a_run_without_test_films_is_refused(trained: Run, tmp_path: Path) -> None:
    records = [r for r in trained.records if r.split != "test"]
    create_run(tmp_path / "run", trained.config, trained.root, records)
    with pytest.raises(DataError, match="no usable test film; name images to explain instead"):
        next(films_from_run(open_run(tmp_path / "run")))
