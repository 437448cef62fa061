"""Parts of the films: who is in which, what they score, and how far they are from the rest."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from fxkit.data.manifest import Record
from fxkit.errors import DataError
from fxkit.metrics.bootstrap import interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import SENSITIVITY
from fxkit.metrics.subgroups import marker_attributes, multiplicity, read_attributes, record_attributes, subgroups
from preprocess.known_markers import KnownMarkers
from preprocess.markers import MarkedImage, Marker, box_quad
from preprocess.settings import CleanSettings


def drawn(n: int = 200, seed: int = 0) -> tuple[Predictions, dict[str, str]]:
    """Films of two sites of like numbers; in the west the model sees nothing."""
    rng = np.random.default_rng(seed)
    labels, west = np.arange(n) % 2, np.arange(n) // 2 % 2 == 1
    p = norm.cdf(np.where(west, 0, 2.5) * (labels - 0.5) + rng.normal(size=n))
    paths = tuple(f"{i}.png" for i in range(n))
    found = Predictions(("intact", "fractured"), paths, labels, np.stack([1 - p, p], 1), paths, paths)
    return found, {path: "west" if out else "east" for path, out in zip(paths, west, strict=True)}


def test_each_part_has_its_figures_and_its_gap_to_the_rest() -> None:
    found, site = drawn()
    east, west = subgroups(found, {"site": site}, threshold=0.4, resamples=200)
    inside = [i for i, path in enumerate(found.paths) if site[path] == "east"]
    expected = interval(SENSITIVITY, found.take(np.array(inside)), threshold=0.4, resamples=200)
    assert (east.attribute, east.value, east.n_films, east.n_groups) == ("site", "east", 100, 100)
    assert east.figures["sensitivity"] == expected
    gap = east.gaps["auroc"]
    assert gap.value == pytest.approx(east.figures["auroc"].value - west.figures["auroc"].value)
    assert west.gaps["auroc"].value == pytest.approx(-gap.value)
    assert gap.low > 0.2
    assert east.stands_out
    # Both parts are independent: the variance of the gap is the sum of theirs.
    widths = [part.figures["auroc"].high - part.figures["auroc"].low for part in (east, west)]
    assert gap.high - gap.low == pytest.approx(np.hypot(*widths), rel=0.12)


def test_parts_that_share_patients_are_resampled_together() -> None:
    found, site = drawn()
    both = replace(found, groups=tuple(str(i // 4) for i in range(200)))
    east = subgroups(both, {"site": site}, resamples=200)[0]
    assert (east.n_films, east.n_groups, east.gaps["auroc"].n_groups) == (100, 50, 50)


def test_small_parts_are_marked_and_shown_and_do_not_stand_out() -> None:
    found, _ = drawn()
    lone = subgroups(found, {"device": {path: "a" if i < 8 else "b" for i, path in enumerate(found.paths)}})
    assert [(part.value, part.few, part.stands_out) for part in lone] == [("a", True, False), ("b", True, False)]
    assert lone[0].figures["auroc"].n == 8


def test_a_part_of_one_class_has_no_auroc_but_a_sensitivity() -> None:
    found, _ = drawn()
    parts = subgroups(found, {"x": dict(zip(found.paths, map(str, found.labels), strict=True))}, resamples=20)
    assert np.isnan(parts[1].figures["auroc"].value)
    assert np.isnan(parts[1].gaps["auroc"].value)
    assert not np.isnan(parts[1].figures["sensitivity"].value)


def test_films_without_a_value_are_in_no_part_and_one_value_makes_none() -> None:
    found, site = drawn()
    known = dict(list(site.items())[:100])
    parts = subgroups(found, {"site": known, "same": dict.fromkeys(found.paths, "x")}, resamples=20)
    assert [(part.attribute, part.n_films) for part in parts] == [("site", 50), ("site", 50)]


def test_more_classes_are_told_by_the_mean_auroc_alone() -> None:
    rng = np.random.default_rng(0)
    names = tuple(map(str, range(60)))
    p = rng.dirichlet(np.ones(3), 60)
    found = Predictions(tuple("abc"), names, np.arange(60) % 3, p, names, names)
    parts = subgroups(found, {"half": {name: str(int(name) // 30) for name in names}}, resamples=20)
    assert list(parts[0].figures) == ["macro_auroc"]


def test_a_gap_of_nothing_is_rarely_called_one() -> None:
    clear = 0
    for seed in range(60):
        found, _ = drawn(80, seed)
        random = {path: str(i // 2 % 2) for i, path in enumerate(found.paths)}
        even = replace(found, labels=np.random.default_rng(seed).permutation(found.labels))
        gap = subgroups(even, {"half": random}, resamples=100)[0].gaps["auroc"]
        clear += gap.low > 0 or gap.high < 0
    assert clear <= 9  # 3 are expected; more than 9 come once in 1,000 times


def record(path: str, width: int, site: str) -> Record:
    return Record(path, "intact", path, "test", "", width, 100, "ok", path, "", site)


def test_a_manifest_tells_site_and_size() -> None:
    found = record_attributes([record("a.png", 224, "east"), record("b.png", 3000, "west"), record("c.png", 0, "")])
    assert found["site"] == {"a.png": "east", "b.png": "west", "c.png": ""}
    assert found["image size"] == {"a.png": "up to  256 px", "b.png": "over 2048 px", "c.png": "up to  256 px"}


def test_markers_tell_presence_and_styles() -> None:
    lead, label = (Marker(box_quad(0, 0, 9, 9), style=style) for style in ("lead", "label"))
    images = {"a.png": MarkedImage(9, 9, (lead, label, lead)), "b.png": MarkedImage(9, 9)}
    found = marker_attributes(["x/a.png", "b.png", "c.png"], KnownMarkers(images, CleanSettings()))
    assert found["marker"] == {"x/a.png": "yes", "b.png": "no"}
    assert found["marker style"] == {"x/a.png": "label and lead", "b.png": "none"}


def test_columns_of_a_table_are_joined_by_the_end_of_the_path(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    ages = "\n".join(f"{i}.jpg,{i % 2},{i},x,y{i}" for i in range(40))
    table.write_text(f"image_id,hardware,age,same,name\n{ages}\n")
    paths = [f"fractured/{i}.jpg" for i in range(40)]
    found = read_attributes(table, [*paths, "unknown.jpg"])
    assert list(found) == ["hardware", "age"]
    assert found["hardware"]["fractured/3.jpg"] == "1"
    assert "unknown.jpg" not in found["hardware"]
    assert sorted(set(found["age"].values())) == [
        "1: below 9.75", "2: 9.75 to 19.5", "3: 19.5 to 29.25", "4: 29.25 or more"
    ]  # fmt: skip
    assert list(read_attributes(table, paths, ["hardware"])) == ["hardware"]


@pytest.mark.parametrize(
    ("text", "columns", "words"),
    [
        ("name,x\na,1\n", [], r"table\.csv: columns name, x; expected one of path, image_id"),
        ("path,x\na.png,1\n", ["y"], r"table\.csv: column 'y' is missing; expected one of path, x"),
        ("path,x\nz.png,1\n", [], r"table\.csv: no row matches a film; expected paths such as a\.png in column 'path'"),
        ('path,x\n"a', [], r"table\.csv: cannot be read \(.*; expected a CSV file with a row for each film"),
    ],
)
def test_tables_that_tell_nothing_are_refused(tmp_path: Path, text: str, columns: list[str], words: str) -> None:
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        read_attributes(tmp_path / "table.csv", ["a.png"], columns)


def test_how_many_gaps_are_chance_is_told() -> None:
    found, site = drawn()
    parts = subgroups(found, {"site": site}, resamples=50)
    assert multiplicity(parts).startswith("the intervals of 3 of 3 gaps exclude 0; if no subgroup differed, about 0.1")
