"""Attention on markers on the page."""

from dataclasses import replace

import pytest

from fxkit.report.attention import read_attention
from fxkit.report.build import build_report

from .conftest import Page, seen, write_attention, write_run


def test_attention_is_shown_with_its_chance_level(tmp_path):
    run = write_run(tmp_path / "run")
    rows = [seen("a", "intact", 0.02, 0.06), seen("b", "fractured", 0.04, 0.04), seen("c", "fractured", None, None)]
    rows += [seen("d", "fractured", 0.01, None), seen("e", "intact", 0.0, 0.0)]
    write_attention(run, rows)
    summary = read_attention(run).summary
    assert (summary.n_films, summary.n_marked, summary.n_empty, summary.method) == (5, 3, 1, "grad-cam")
    assert [s.name for s in summary.shares][:3] == ["all films with markers", "fractured", "intact"]
    assert [s.n_films for s in summary.shares][:3] == [2, 1, 1]
    assert summary.shares[0].attention == pytest.approx(0.05)
    assert summary.shares[0].area == pytest.approx(0.03)
    assert summary.shares[2].ratio == pytest.approx(3)
    assert (summary.shares[2].chance_low, summary.shares[2].chance_high) == (1, 1)
    assert summary.shares[2].verdict == "more than by chance"
    text = Page(build_report(run)).text
    assert "all films with markers 2 5.0 % 3.0 % 1.67 (" in text
    assert "1.00 to 1.00 more than by chance" in text
    assert "7 x 7 cells, one of 32 px; attention next to a marker counts partly as attention on the marker" in text
    assert "drawn box" not in text
    assert "shuffled weights" not in text


def test_the_pointing_game_and_the_sanity_check_are_shown(tmp_path):
    run = write_run(tmp_path / "run")
    boxed = {"in_box": (True, True), "box_share": (0.2, 0.3)}
    rows = [replace(seen(f"{i}", "intact", 0.02, 0.06), **boxed) for i in range(3)]
    write_attention(run, [*rows, replace(seen("4", "intact", 0.02, 0.06), **boxed | {"in_box": (False, True)})], 0.8)
    text = Page(build_report(run)).text
    assert "The map's peak lies in a drawn box on 75 % of 4 films with boxes" in text
    assert "by chance 20 %" in text
    assert "correlate by 0.80 with the maps of the same network with shuffled weights" in text
    assert "do not trust them" in text
    write_attention(run, rows, 0.1)
    assert "0.10 with the maps of the same network with shuffled weights: they depend" in Page(build_report(run)).text


def test_empty_maps_are_counted_separately(tmp_path):
    run = write_run(tmp_path / "run")
    write_attention(run, [seen("c", "fractured", 0.02, None)])
    text = Page(build_report(run)).text
    assert "1 map is empty: no region supports the predicted class." in text
    assert "all films with markers" not in text
    assert "No markers are known" not in text


def test_attention_without_known_markers_is_explained(tmp_path):
    run = write_run(tmp_path / "run")
    write_attention(run, [seen("c", "fractured", None, None)])
    assert "No markers are known on the film explained." in Page(build_report(run)).text
