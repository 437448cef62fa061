"""The arms' folders, made from films with known markers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fxkit.ablation.learning import part_names, parts_of
from fxkit.ablation.write_arms import Donors, choose_donors, erased, write_arms
from fxkit.data.dataset import open_image_root
from fxkit.index.build import Index, IndexOptions, index_data
from fxkit.synth.dataset import Synthetic
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.images import read_image, to_grey8
from preprocess.known_markers import read_known_markers


@pytest.fixture(scope="module")
def found(made: Synthetic) -> Index:
    return index_data(made.root, IndexOptions(copies=False))


@pytest.fixture(scope="module")
def cleaned(made: Synthetic, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("arms") / "films-clean"
    clean_folder(made.root, out, FolderOptions(markers=made.root / "markers.json"))
    return out


def test_every_arm_has_every_film_and_goes_on(found: Index, cleaned: Path, tmp_path: Path) -> None:
    records = [replace(r, split="test") for r in found.records[::9]]
    roots = write_arms(found.root, cleaned, records, tmp_path, folds=0, seeds=[0])[0]
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
    assert set(write_arms(found.root, cleaned, records, tmp_path, folds=0, seeds=[0, 1])) == {0, 1}
    assert [path.stat().st_mtime_ns for path in last] == before
    assert (tmp_path / "swapped-same-seed1").is_dir()
    write_arms(found.root, cleaned, records[1:], tmp_path, folds=0, seeds=[0])
    again = tmp_path / "markers" / f"{records[1].path}.png"
    assert again.stat().st_mtime_ns > before[0]


def test_what_was_erased_beside_a_marker_s_mask_counts_and_other_changes_do_not() -> None:
    raw = np.zeros((24, 24), np.uint8)
    mask = np.zeros((24, 24), bool)
    mask[9:12, 9:12] = True
    cleaned = raw.copy()
    cleaned[15, 15] = cleaned[20, 20] = 9
    expected = mask.copy()
    expected[15, 15] = True
    assert np.array_equal(erased(raw, cleaned, mask), expected)


def donors_of(found: Index, cleaned: Path, folds: int, seed: int = 0) -> list[Donors]:
    together = part_names(found.records, folds, seed)
    return choose_donors(found.records, read_known_markers(cleaned), seed, together)


def test_donors_are_of_the_right_class_and_another_group(found: Index, cleaned: Path) -> None:
    by_path = {r.path: r for r in found.records}
    donors = donors_of(found, cleaned, folds=3)
    assert len(donors) == len(found.records)
    lent = [film for film in donors if film.other]
    assert len(lent) > len(donors) / 2
    for film in lent:
        own, other, same = (by_path[path] for path in (film.path, film.other, film.same))
        assert other.label != own.label
        assert same.label == own.label
        assert own.group not in (other.group, same.group)
    turned = replace(found, records=tuple(reversed(found.records)))
    assert donors_of(turned, cleaned, folds=3) == donors
    assert donors_of(found, cleaned, folds=3, seed=1) != donors


@pytest.mark.parametrize("folds", [0, 3])
def test_no_model_was_trained_on_a_film_that_lends_markers(found: Index, cleaned: Path, folds: int) -> None:
    donors = {film.path: film for film in donors_of(found, cleaned, folds)}
    tested = 0
    for part in parts_of(found.records, folds, 0):
        seen = {r.film for r in part if r.split != "test"}
        film_of = {r.path: r.film for r in part}
        for record in part:
            lending = donors[record.path]
            if record.split == "test" and lending.other:
                tested += 1
                assert not {film_of[lending.other], film_of[lending.same]} & seen
    assert tested


def test_a_film_without_one_donor_gets_no_marker_at_all(found: Index, cleaned: Path) -> None:
    alone = [replace(r, group=r.label) for r in found.records]  # no film of the own class in another group
    donors = donors_of(replace(found, records=tuple(alone)), cleaned, folds=0)
    assert {(film.other, film.same) for film in donors} == {("", "")}
