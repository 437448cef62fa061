"""Real forearm films under uninformative names: films of different patients are not joined."""

import csv
from pathlib import Path

import numpy as np
import pytest

from fxkit.index.cache import open_store
from fxkit.index.find_copies import find_copies
from fxkit.index.read_files import read_files


@pytest.mark.slow
def test_films_of_different_patients_are_not_joined(shared_data: Path, tmp_path: Path) -> None:
    with (shared_data / "forearm" / "patients.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = [row for row in rows if "-rotated" not in row["path"]]
    assert len(chosen) == 123
    for stem in [row["stem"] for row in chosen]:
        chosen += [row for row in rows if row["stem"] == stem and "-rotated" in row["path"]][:1]
    order = np.random.default_rng(0).permutation(len(chosen))
    names = [f"{number:04d}.jpg" for number in order]
    for name, row in zip(names, chosen, strict=True):
        (tmp_path / name).symlink_to(shared_data / "forearm" / row["path"])
    with open_store(None) as store:
        readings = read_files(store, tmp_path, names, 10**8)
        copies = find_copies(store, [reading.sha256 for reading in readings])
    patients: dict[str, set[str]] = {}
    for reading, row in zip(readings, chosen, strict=True):
        patients.setdefault(copies.groups[reading.sha256], set()).add(row["patient"])
    assert len(patients) < 0.6 * len(chosen)  # most copies are found
    assert {len(known) for known in patients.values()} == {1}
