"""The written data set: the same bytes for the same seed, and a correct ground truth."""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from fxkit.errors import ConfigError
from fxkit.synth.dataset import Synthetic, SynthOptions, copy_suffix, synth
from preprocess.coco import read_coco
from preprocess.errors import OutputError
from preprocess.images import read_image
from preprocess.listing import image_paths


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def truth(root: Path) -> list[dict[str, str]]:
    with (root / "truth.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    for name, seed, jobs in (("one", 5, 1), ("two", 5, 2), ("other", 6, 1)):
        synth(tmp_path / name, SynthOptions(films=4, copies=1, size_px=96, copy_px=64, seed=seed), jobs=jobs)
    one, two, other = (contents(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two
    assert not {one[name] for name in one if name in other} & set(other.values())


def test_more_films_do_not_change_the_first_ones(tmp_path: Path) -> None:
    for films in (3, 7):
        synth(tmp_path / str(films), SynthOptions(films=films, copies=1, size_px=96, copy_px=64))
    few, many = contents(tmp_path / "3"), contents(tmp_path / "7")
    assert {name: data for name, data in few.items() if name.endswith(".png")}.items() < many.items()


def test_the_files_and_their_ground_truth_agree(made: Synthetic) -> None:
    rows, markers = truth(made.root), read_coco(made.root / "markers.json")
    paths = image_paths(made.root)
    assert sorted(row["path"] for row in rows) == sorted(markers) == paths
    assert (made.films, made.files) == (24, 72) == (sum("rotated" not in path for path in paths), len(paths))
    assert made.patients == len({row["patient"] for row in rows})
    assert made.markers == sum(len(image.markers) for image in markers.values())
    for row in rows:
        assert row["path"].split("/")[0] == row["label"]
        assert (float(row["severity"]) > 0) == (row["label"] == "fractured")
        height, width = read_image(made.root / row["path"]).shape
        assert (markers[row["path"]].height, markers[row["path"]].width) == (height, width)
        styles = {marker.style for marker in markers[row["path"]].markers}
        assert row["style"] in styles <= {row["style"], "burned"}


def test_a_patient_has_one_to_three_films_of_one_class_and_side(made: Synthetic) -> None:
    films = defaultdict(set)
    for row in truth(made.root):
        films[row["patient"], row["label"], row["side"]].add(row["film"])
    assert len(films) == made.patients
    assert {len(names) for names in films.values()} <= {1, 2, 3}


def test_markers_lie_on_the_film_and_are_bright_inside_their_quads(made: Synthetic) -> None:
    for path, marked in read_coco(made.root / "markers.json").items():
        image = read_image(made.root / path)
        for marker in marked.markers:
            quad = np.array(marker.quad)
            assert (quad >= 0).all()
            assert (quad <= [marked.width, marked.height]).all()
            x0, y0 = np.floor(quad.min(0)).astype(int)
            x1, y1 = np.ceil(quad.max(0)).astype(int)
            assert image[y0:y1, x0:x1].max() > 100, (path, marker)


@pytest.mark.parametrize(
    ("number", "suffix"),
    [(0, ""), (1, "-rotated1"), (3, "-rotated3"), (4, "-rotated1-rotated1"), (12, "-rotated3-rotated3")],
)
def test_copies_of_copies_have_chained_names(number: int, suffix: str) -> None:
    assert copy_suffix(number) == suffix
    assert copy_suffix(13) == "-rotated1-rotated1-rotated1"


def test_no_fracture_is_below_the_minimum_severity(tmp_path: Path) -> None:
    synth(tmp_path / "out", SynthOptions(films=9, size_px=64, fractured_fraction=1, min_severity=0.7))
    assert all(float(row["severity"]) >= 0.7 for row in truth(tmp_path / "out"))


def test_a_folder_that_is_not_empty_is_refused_and_overwrite_replaces_earlier_films(tmp_path: Path) -> None:
    synth(tmp_path / "out", SynthOptions(films=6, size_px=64))
    with pytest.raises(
        OutputError, match=r"out: is not empty; choose a new folder, or replace the films of an earlier run with --"
    ):
        synth(tmp_path / "out", SynthOptions(films=2, size_px=64))
    synth(tmp_path / "out", SynthOptions(films=2, size_px=64), overwrite=True)
    assert len(image_paths(tmp_path / "out")) == 2


def test_files_of_other_programs_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match="holds files that `fxkit synth` did not write; choose a new folder"):
        synth(tmp_path, SynthOptions(films=1, size_px=64), overwrite=True)
    with pytest.raises(OutputError, match=r"mine\.png: is a file; choose the name of a folder"):
        synth(tmp_path / "mine.png", SynthOptions(films=1, size_px=64))
    assert (tmp_path / "mine.png").read_bytes() == b"mine"


def test_a_truth_file_with_paths_outside_the_folder_deletes_nothing_there(tmp_path: Path) -> None:
    synth(tmp_path / "out", SynthOptions(films=1, size_px=64))
    (tmp_path / "mine.png").write_bytes(b"mine")
    truth_file = tmp_path / "out" / "truth.csv"
    truth_file.write_text(truth_file.read_text() + "../mine.png,fractured,p,f,0,lead,L,0,0\n")
    synth(tmp_path / "out", SynthOptions(films=1, size_px=64), overwrite=True)
    assert (tmp_path / "mine.png").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ({"films": 0}, "films: 0; expected a number from 1 to 1000000"),
        ({"copies": -1}, "copies: -1; expected a number from 0"),
        ({"size_px": 20}, "size_px: 20; expected a number from 64 to 4096"),
        ({"copy_px": 5000}, "copy_px: 5000; expected a number from 32 to 4096"),
        ({"marker_correlation": 1.5}, r"marker_correlation: 1\.5; expected a number from 0 to 1"),
        ({"fractured_fraction": -1.0}, r"fractured_fraction: -1\.0; expected a number from 0 to 1"),
        ({"min_severity": 2.0}, r"min_severity: 2\.0; expected a number from 0 to 1"),
        ({"bits": 16, "extension": ".jpg"}, r"bits, extension: 16, '\.jpg'; expected 8 with \.png or \.jpg, or 16"),
    ],
)
def test_options_out_of_range_are_refused(tmp_path: Path, setting: dict[str, float], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        synth(tmp_path / "out", SynthOptions(**setting))  # type: ignore[arg-type]
