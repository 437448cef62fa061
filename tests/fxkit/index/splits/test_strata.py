"""Sites and marker styles are read for every file."""

from pathlib import Path

import pytest

from fxkit.data.manifest import Record
from fxkit.errors import DataError
from fxkit.index.splits.strata import marker_styles, read_strata
from fxkit.synth.dataset import Synthetic
from preprocess.coco import write_coco
from preprocess.known_markers import read_known_markers
from preprocess.markers import MarkedImage, Marker, box_quad


def film(path: str, name: str = "", site: str = "") -> Record:
    return Record(path, "a", path, "", path, 1, 1, "ok", name or path, site=site)


def marker(style: str, mirrored: bool = False) -> Marker:
    quad = box_quad(1, 1, 5, 3)
    return Marker(quad[::-1] if mirrored else quad, style=style)  # type: ignore[arg-type]


def test_the_most_frequent_style_counts_and_mirrored_markers_are_a_style_of_their_own() -> None:
    images = {
        "1": MarkedImage(9, 9, (marker("burned"), marker("lead"), marker("lead"))),
        "2": MarkedImage(9, 9, (marker("plate"), marker("lead", mirrored=True), marker("burned"))),
        "3": MarkedImage(9, 9),
    }
    films = [film("1"), film("1-rotated1", "1"), film("2"), film("3"), film("4")]
    assert marker_styles(films, images) == {
        "1": "lead",
        "1-rotated1": "lead",
        "2": "mirrored lead",
        "3": "none",
        "4": "none",
    }


def test_sites_are_taken_from_the_records() -> None:
    assert read_strata([film("1", site="east"), film("2")], ["site"]) == {"site": {"1": "east", "2": "none"}}
    assert read_strata([film("1")], []) == {}


def test_files_without_any_site_are_refused() -> None:
    with pytest.raises(DataError, match=r"--stratify site: no file has a site; expected a CSV file with a column"):
        read_strata([film("1")], ["site"])


def test_styles_are_read_from_a_coco_file(made: Synthetic) -> None:
    paths = [path.relative_to(made.root).as_posix() for path in sorted(made.root.glob("*/*.png"))]
    known = read_known_markers(made.root / "markers.json")
    styles = read_strata([film(path) for path in paths], ["marker"], known)["marker"]
    assert set(styles) == set(paths)
    assert len(set(styles.values())) > 2


def test_markers_of_other_films_are_refused(tmp_path: Path) -> None:
    write_coco(tmp_path / "m.json", {"other.png": MarkedImage(9, 9)})
    with pytest.raises(DataError, match=r"m\.json: has markers of no film, such as 1\.png; expected the markers"):
        read_strata([film("1.png")], ["marker"], read_known_markers(tmp_path / "m.json"))
