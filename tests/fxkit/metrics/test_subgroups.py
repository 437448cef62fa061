"""Subgroups of films: their attributes, figures and gaps to the other films."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from fxkit.data.manifest import Record
from fxkit.metrics.bootstrap import interval
from fxkit.metrics.predictions import Predictions
from fxkit.metrics.scores import SENSITIVITY
from fxkit.metrics.subgroups import marker_attributes, multiplicity, record_attributes, subgroups
from preprocess.known_markers import KnownMarkers
from preprocess.markers import MarkedImage, Marker, box_quad
from preprocess.settings import CleanSettings


def make_predictions(n: int = 200, seed: int = 0) -> tuple[Predictions, dict[str, str]]:
    """Return predictions for n films of two equal sites, and path -> site; at the site "west" the model guesses."""
    rng = np.random.default_rng(seed)
    labels, west = np.arange(n) % 2, np.arange(n) // 2 % 2 == 1
    p = norm.cdf(np.where(west, 0, 2.5) * (labels - 0.5) + rng.normal(size=n))
    paths = tuple(f"{i}.png" for i in range(n))
    predictions = Predictions(("intact", "fractured"), paths, labels, np.stack([1 - p, p], 1), paths, paths)
    return predictions, {path: "west" if out else "east" for path, out in zip(paths, west, strict=True)}


def test_a_subgroup_has_figures_and_gaps_to_the_other_films() -> None:
    predictions, site = make_predictions()
    east, west = subgroups(predictions, {"site": site}, threshold=0.4, resamples=200)
    inside = [i for i, path in enumerate(predictions.paths) if site[path] == "east"]
    expected = interval(SENSITIVITY, predictions.take(np.array(inside)), threshold=0.4, resamples=200)
    assert (east.attribute, east.value, east.n_films, east.n_groups) == ("site", "east", 100, 100)
    assert east.figures["sensitivity"] == expected
    gap = east.gaps["auroc"]
    assert gap.value == pytest.approx(east.figures["auroc"].value - west.figures["auroc"].value)
    assert west.gaps["auroc"].value == pytest.approx(-gap.value)
    assert gap.low > 0.2
    assert east.stands_out
    # The subgroups are independent, so the variance of the gap is the sum of their variances.
    widths = [part.figures["auroc"].high - part.figures["auroc"].low for part in (east, west)]
    assert gap.high - gap.low == pytest.approx(np.hypot(*widths), rel=0.12)


def test_subgroups_that_share_patients_are_resampled_together() -> None:
    predictions, site = make_predictions()
    both = replace(predictions, groups=tuple(str(i // 4) for i in range(200)))
    east = subgroups(both, {"site": site}, resamples=200)[0]
    assert (east.n_films, east.n_groups, east.gaps["auroc"].n_groups) == (100, 50, 50)


def test_small_subgroups_are_marked_and_do_not_stand_out() -> None:
    predictions, _ = make_predictions()
    parts = subgroups(
        predictions, {"device": {path: "a" if i < 8 else "b" for i, path in enumerate(predictions.paths)}}
    )
    assert [(part.value, part.few, part.stands_out) for part in parts] == [("a", True, False), ("b", True, False)]
    assert parts[0].figures["auroc"].n == 8


def test_a_subgroup_of_one_class_has_a_sensitivity_but_no_auroc() -> None:
    predictions, _ = make_predictions()
    parts = subgroups(
        predictions, {"x": dict(zip(predictions.paths, map(str, predictions.labels), strict=True))}, resamples=20
    )
    assert np.isnan(parts[1].figures["auroc"].value)
    assert np.isnan(parts[1].gaps["auroc"].value)
    assert not np.isnan(parts[1].figures["sensitivity"].value)


def test_films_without_a_value_are_in_no_subgroup_and_one_value_defines_none() -> None:
    predictions, site = make_predictions()
    known = dict(list(site.items())[:100])
    parts = subgroups(predictions, {"site": known, "same": dict.fromkeys(predictions.paths, "x")}, resamples=20)
    assert [(part.attribute, part.n_films) for part in parts] == [("site", 50), ("site", 50)]


def test_more_than_two_classes_have_only_the_macro_auroc() -> None:
    rng = np.random.default_rng(0)
    names = tuple(map(str, range(60)))
    p = rng.dirichlet(np.ones(3), 60)
    predictions = Predictions(tuple("abc"), names, np.arange(60) % 3, p, names, names)
    parts = subgroups(predictions, {"half": {name: str(int(name) // 30) for name in names}}, resamples=20)
    assert list(parts[0].figures) == ["macro_auroc"]


def test_equal_subgroups_rarely_have_a_gap() -> None:
    clear = 0
    for seed in range(60):
        predictions, _ = make_predictions(80, seed)
        random = {path: str(i // 2 % 2) for i, path in enumerate(predictions.paths)}
        even = replace(predictions, labels=np.random.default_rng(seed).permutation(predictions.labels))
        gap = subgroups(even, {"half": random}, resamples=100)[0].gaps["auroc"]
        clear += gap.low > 0 or gap.high < 0
    assert clear <= 9  # 3 are expected; the chance of more than 9 is 1 in 1,000


def record(path: str, width: int, site: str) -> Record:
    return Record(path, "intact", path, "test", "", width, 100, "ok", path, "", site)


def test_site_and_image_size_are_read_from_the_manifest() -> None:
    attributes = record_attributes(
        [record("a.png", 224, "east"), record("b.png", 3000, "west"), record("c.png", 0, "")]
    )
    assert attributes["site"] == {"a.png": "east", "b.png": "west", "c.png": ""}
    assert attributes["image size"] == {"a.png": "up to  256 px", "b.png": "over 2048 px", "c.png": "up to  256 px"}


def test_presence_and_styles_of_markers_are_attributes() -> None:
    lead, label = (Marker(box_quad(0, 0, 9, 9), style=style) for style in ("lead", "label"))
    images = {"a.png": MarkedImage(9, 9, (lead, label, lead)), "b.png": MarkedImage(9, 9)}
    attributes = marker_attributes(["x/a.png", "b.png", "c.png"], KnownMarkers(images, CleanSettings()))
    assert attributes["marker"] == {"x/a.png": "yes", "b.png": "no"}
    assert attributes["marker style"] == {"x/a.png": "label and lead", "b.png": "none"}


def test_the_number_of_gaps_expected_by_chance_is_stated() -> None:
    predictions, site = make_predictions()
    parts = subgroups(predictions, {"site": site}, resamples=50)
    assert multiplicity(parts).startswith("the intervals of 3 of 3 gaps exclude 0; if no subgroup differed, about 0.1")
