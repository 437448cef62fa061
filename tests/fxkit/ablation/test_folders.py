"""The arms' folders, made from films with known markers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fxkit.ablation.folders import MADE, choose_donors, write_arms
from fxkit.data.dataset import image_place
from fxkit.data.index import Index, index_data
from fxkit.known_markers import read_known_markers
from fxkit.synth import Synthetic
from preprocess.clean import clean_folder
from preprocess.images import read_image, to_grey8


@pytest.fixture(scope="module")
def found(made: Synthetic) -> Index:
    return index_data(made.root, copies=False)


@pytest.fixture(scope="module")
def cleaned(made: Synthetic, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("arms") / "films-clean"
    clean_folder(made.root, out, markers=made.root / "markers.json")
    return out


def test_every_arm_has_every_film_and_goes_on(found: Index, cleaned: Path, tmp_path: Path) -> None:
    records = found.records[::9]
    roots = write_arms(found.root, cleaned, records, tmp_path)
    films = {
        (arm, r.path): to_grey8(read_image(image_place(root).find(r.path)))
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
    last = tmp_path / MADE[-1] / f"{records[0].path}.png"
    before = last.stat().st_mtime_ns
    write_arms(found.root, cleaned, records, tmp_path)
    assert last.stat().st_mtime_ns == before
    write_arms(found.root, cleaned, records, tmp_path, seed=1)
    assert last.stat().st_mtime_ns > before


def test_donors_are_of_the_right_class_and_another_group(found: Index, cleaned: Path) -> None:
    by_path = {r.path: r for r in found.records}
    known = read_known_markers(cleaned)
    donors = choose_donors(found.records, known, 0)
    assert len(donors) == len(found.records)
    for film in donors:
        own, other, same = (by_path[path] for path in (film.path, film.other, film.same))
        assert other.label != own.label
        assert same.label == own.label
        assert own.group not in (other.group, same.group)
    assert choose_donors(tuple(reversed(found.records)), known, 0) == donors


def test_a_lone_film_of_its_class_has_no_donor_of_its_own(found: Index, cleaned: Path) -> None:
    records = [replace(r, group=r.label) for r in found.records]
    assert {film.same for film in choose_donors(records, read_known_markers(cleaned), 0)} == {""}
