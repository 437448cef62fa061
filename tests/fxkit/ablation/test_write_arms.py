"""The folders of the arms, written from films with known markers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fxkit.ablation.parts import divide_records, name_parts
from fxkit.ablation.write_arms import ArmOptions, Donors, choose_donors, find_erased, write_arms
from fxkit.data.image_root import open_image_root
from fxkit.index.build import Index, IndexOptions, index_data
from fxkit.synth.dataset import Synthetic
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.images import read_image, to_grey8
from preprocess.known_markers import read_known_markers


@pytest.fixture(scope="module")
def index(made: Synthetic) -> Index:
    return index_data(made.root, IndexOptions(copies=False))


@pytest.fixture(scope="module")
def cleaned(made: Synthetic, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("arms") / "films-clean"
    clean_folder(made.root, out, FolderOptions(markers=made.root / "markers.json"))
    return out


def test_every_arm_has_every_film_and_existing_films_are_kept(index: Index, cleaned: Path, tmp_path: Path) -> None:
    records = [replace(r, split="test") for r in index.records[::9]]
    roots = write_arms(index.root, cleaned, records, tmp_path, ArmOptions(folds=0, seeds=[0]))[0]
    films = {
        (arm, r.path): to_grey8(read_image(open_image_root(root).find(r.path)))
        for arm, root in roots.items()
        for r in records
    }
    for record in records:
        raw, erased = films["raw", record.path], films["cleaned", record.path]
        mask = read_known_markers(cleaned).mask(record.path)
        assert mask is not None
        assert mask.any()
        assert (films["markers", record.path] == np.where(mask, raw, 0)).all()
        control = films["control", record.path]
        assert (control[mask] == raw[mask]).all()
        assert (films["swapped", record.path][mask] != raw[mask]).any()
        changed = films["swapped-patch", record.path].astype(int) - erased
        assert np.abs(changed).mean() < np.abs(films["swapped", record.path].astype(int) - erased).mean()
    last = [tmp_path / arm / f"{records[0].path}.png" for arm in ("markers", "swapped-same-seed0")]
    before = [path.stat().st_mtime_ns for path in last]
    both = ArmOptions(folds=0, seeds=[0, 1])
    assert set(write_arms(index.root, cleaned, records, tmp_path, both)) == {0, 1}
    assert [path.stat().st_mtime_ns for path in last] == before
    assert (tmp_path / "swapped-same-seed1").is_dir()
    write_arms(index.root, cleaned, records[1:], tmp_path, ArmOptions(folds=0, seeds=[0]))
    again = tmp_path / "markers" / f"{records[1].path}.png"
    assert again.stat().st_mtime_ns > before[0]


def test_changes_in_jpeg_blocks_of_a_marker_count_as_erased_and_other_changes_do_not() -> None:
    raw = np.zeros((24, 24), np.uint8)
    mask = np.zeros((24, 24), bool)
    mask[9:12, 9:12] = True
    cleaned = raw.copy()
    cleaned[15, 15] = cleaned[20, 20] = 9
    expected = mask.copy()
    expected[15, 15] = True
    assert np.array_equal(find_erased(raw, cleaned, mask), expected)


def donors_of(index: Index, cleaned: Path, folds: int, seed: int = 0) -> list[Donors]:
    parts = name_parts(index.records, folds, seed)
    return choose_donors(index.records, read_known_markers(cleaned), seed, parts)


def test_donors_are_of_the_right_class_and_another_group(index: Index, cleaned: Path) -> None:
    by_path = {r.path: r for r in index.records}
    donors = donors_of(index, cleaned, folds=3)
    assert len(donors) == len(index.records)
    with_donors = [film for film in donors if film.other]
    assert len(with_donors) > len(donors) / 2
    for film in with_donors:
        film_record, other, same = (by_path[path] for path in (film.path, film.other, film.same))
        assert other.label != film_record.label
        assert same.label == film_record.label
        assert film_record.group not in (other.group, same.group)
    reversed_index = replace(index, records=tuple(reversed(index.records)))
    assert donors_of(reversed_index, cleaned, folds=3) == donors
    assert donors_of(index, cleaned, folds=3, seed=1) != donors


@pytest.mark.parametrize("folds", [0, 3])
def test_no_tested_model_was_trained_on_a_donor(index: Index, cleaned: Path, folds: int) -> None:
    donors = {film.path: film for film in donors_of(index, cleaned, folds)}
    tested = 0
    for part in divide_records(index.records, folds, 0):
        seen = {r.film for r in part if r.split != "test"}
        film_of = {r.path: r.film for r in part}
        for record in part:
            donor = donors[record.path]
            if record.split == "test" and donor.other:
                tested += 1
                assert not {film_of[donor.other], film_of[donor.same]} & seen
    assert tested


def test_a_film_without_one_of_the_donors_gets_neither(index: Index, cleaned: Path) -> None:
    records = [replace(r, group=r.label) for r in index.records]  # no film of the same class in another group
    donors = donors_of(replace(index, records=tuple(records)), cleaned, folds=0)
    assert {(film.other, film.same) for film in donors} == {("", "")}
