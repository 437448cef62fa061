"""Made films: the same every time, true to their truth, and like radiographs in what matters here."""

import csv
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxkit.errors import ConfigError
from fxkit.synth.anatomy import Fracture, Tube, absorption, rays
from fxkit.synth.dataset import Plan, Synthetic, copy_suffix, make_film, plans, synth, turn_film
from fxkit.synth.stamps import corners, draw_style, place, text_patch
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
        synth(tmp_path / name, films=4, copies=1, size_px=96, copy_px=64, seed=seed, jobs=jobs)
    one, two, other = (contents(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two
    assert not {one[name] for name in one if name in other} & set(other.values())


def test_more_films_leave_the_first_ones_as_they_were(tmp_path: Path) -> None:
    for films in (3, 7):
        synth(tmp_path / str(films), films=films, copies=1, size_px=96, copy_px=64)
    few, many = contents(tmp_path / "3"), contents(tmp_path / "7")
    assert {name: data for name, data in few.items() if name.endswith(".png")}.items() < many.items()


def test_what_is_written_and_its_truth_agree(made: Synthetic) -> None:
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


def test_markers_lie_on_the_film_and_are_bright_in_their_quads(made: Synthetic) -> None:
    for path, marked in read_coco(made.root / "markers.json").items():
        image = read_image(made.root / path)
        for marker in marked.markers:
            quad = np.array(marker.quad)
            assert (quad >= 0).all()
            assert (quad <= [marked.width, marked.height]).all()
            x0, y0 = np.floor(quad.min(0)).astype(int)
            x1, y1 = np.ceil(quad.max(0)).astype(int)
            assert image[y0:y1, x0:x1].max() > 100, (path, marker)


def changed(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Return where the markers changed a film, and the film's quads as a mask grown by 2 px."""
    import cv2

    film = make_film(plan, size_px=256)
    bare = make_film(plan, size_px=256, markers=False)
    quads = np.zeros(film.image.shape, np.uint8)
    for marker in film.markers:
        cv2.fillPoly(quads, [np.round(np.array(marker.quad) - 0.5).astype(np.int32)], 1)
    difference = np.abs(film.image.astype(int) - bare.image)
    return difference > 60, cv2.dilate(quads, np.ones((5, 5), np.uint8)) > 0


@pytest.mark.parametrize("number", range(12))
def test_a_film_without_markers_is_the_same_but_for_them(number: int) -> None:
    plan = list(plans(12, 0, 0.5))[number]
    where, quads = changed(plan)
    assert where.any()
    assert not (where & ~quads).any()


def test_copies_carry_their_quads_exactly() -> None:
    film = make_film(Plan(1, 3, 0, True), size_px=256)
    marked = np.zeros_like(film.image)
    quad = np.array(film.markers[0].quad)
    x, y = quad.mean(0)
    marked[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4] = 255
    centre = replace(film.markers[0], quad=tuple(map(tuple, np.floor(quad.mean(0)) + 0.5 + quad - quad.mean(0))))
    for angle in (0.0, 33.0, 90.0, -140.0):
        copy = turn_film(replace(film, image=marked, markers=(centre,)), angle, 150)
        rows, columns = np.indices(copy.image.shape)
        weight = copy.image.astype(float) / copy.image.sum()
        found = (columns * weight).sum() + 0.5, (rows * weight).sum() + 0.5
        assert np.array(copy.markers[0].quad).mean(0) == pytest.approx(found, abs=0.05)


def test_a_copy_has_black_corners_and_keeps_the_whole_film() -> None:
    film = make_film(Plan(1, 0, 0, False), size_px=128)
    copy = turn_film(replace(film, image=np.full_like(film.image, 255)), 45.0, 100)
    assert copy.image[0, 0] == copy.image[0, -1] == copy.image[-1, 0] == copy.image[-1, -1] == 0
    assert copy.image[50, 50] == 255


@pytest.mark.parametrize(
    ("number", "suffix"),
    [(0, ""), (1, "-rotated1"), (3, "-rotated3"), (4, "-rotated1-rotated1"), (12, "-rotated3-rotated3")],
)
def test_copies_are_named_in_chains(number: int, suffix: str) -> None:
    assert copy_suffix(number) == suffix
    assert copy_suffix(13) == "-rotated1-rotated1-rotated1"


@pytest.mark.parametrize("correlation", [0.0, 0.4, 1.0])
def test_marker_correlation_is_what_it_says(correlation: float) -> None:
    rng = np.random.default_rng(0)
    for fractured, sign in ((True, 1), (False, -1)):
        lead = np.mean([draw_style(rng, fractured, correlation) == "lead" for _ in range(4000)])
        assert lead == pytest.approx((1 + sign * correlation) / 2, abs=0.03)


@pytest.mark.parametrize(("fraction", "classes"), [(0.0, {False}), (1.0, {True}), (0.5, {False, True})])
def test_the_fraction_of_fractured_patients(fraction: float, classes: set[bool]) -> None:
    made = list(plans(400, 0, fraction))
    assert {plan.fractured for plan in made} == classes
    patients = {plan.patient: plan.fractured for plan in made}
    assert sum(patients.values()) == pytest.approx(fraction * len(patients), abs=1)


def test_the_least_severity_is_kept(tmp_path: Path) -> None:
    synth(tmp_path / "out", films=9, size_px=64, fractured_fraction=1, min_severity=0.7)
    assert all(float(row["severity"]) >= 0.7 for row in truth(tmp_path / "out"))


def test_sixteen_bit_films_are_the_eight_bit_ones_with_more_steps() -> None:
    plan = Plan(1, 1, 0, True)
    deep, flat = make_film(plan, size_px=96, bits=16).image, make_film(plan, size_px=96).image
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257.0 - flat).max() <= 0.51


def test_cortex_is_brighter_than_marrow_and_flesh_darker_than_bone() -> None:
    bone = Tube((0, 0, 0), (0, 100, 0), (10.0,), cortex_mm=(3.0,), spongy=(0.2,))
    x = np.array([[0.0, 8.5, 20.0]], np.float32)
    middle, rim, beside = absorption(bone, x, np.full_like(x, 50), 0.0, np.zeros_like(x))[0]
    assert rim > 1.3 * middle > 0
    assert beside == 0


@given(st.floats(0, 3.1), st.floats(-9, 9))
@settings(max_examples=30, deadline=None)
def test_a_round_tube_has_the_chord_of_a_circle_from_every_side(turn: float, s: float) -> None:
    tube = Tube((0, 0, 0), (0, 100, 0), (10.0,))
    whole = rays(tube, np.array([[s]], np.float32), np.array([[50.0]], np.float32), turn)[0]
    assert float(whole[0, 0]) == pytest.approx(2 * np.sqrt(100 - s * s), rel=1e-3)


def test_a_fracture_is_a_dark_gap_or_a_dense_line() -> None:
    whole = Tube((0, 0, 0), (0, 100, 0), (10.0,), cortex_mm=(3.0,), spongy=(0.2,))
    y = np.linspace(30, 70, 400, dtype=np.float32)[:, None]
    seen = {}
    for gap in (2.0, -2.0):
        fracture = Fracture(0.5, (0, 0), (0, 0), gap, (0, 0), (0, 0, 0))
        tube = replace(whole, fracture=fracture)
        seen[gap] = absorption(tube, np.zeros_like(y), y, 0.0, np.zeros_like(y))
    usual = float(absorption(whole, np.zeros_like(y), y, 0.0, np.zeros_like(y)).mean())
    assert seen[2.0].min() < 0.1 * usual
    assert seen[-2.0].max() > 1.8 * usual


def test_text_patches_have_no_empty_border_and_corners_follow_the_text() -> None:
    patch = text_patch("RB07", "DejaVuSans.ttf")
    assert all(edge.any() for edge in (patch[0], patch[-1], patch[:, 0], patch[:, -1]))
    (ax, ay), (bx, by), _, (_, dy) = corners((10, 40), place((10, 40), 10, 0, mirrored=False))
    assert (ax < bx, ay == by, ay < dy) == (True, True, True)
    (ax, _), (bx, _), _, _ = corners((10, 40), place((10, 40), 10, 0, mirrored=True))
    assert ax > bx


def test_a_folder_in_use_is_refused_and_earlier_films_are_replaced(tmp_path: Path) -> None:
    synth(tmp_path / "out", films=6, size_px=64)
    with pytest.raises(
        OutputError, match=r"out: not empty; choose a new folder, or replace earlier made films with --"
    ):
        synth(tmp_path / "out", films=2, size_px=64)
    synth(tmp_path / "out", films=2, size_px=64, overwrite=True)
    assert len(image_paths(tmp_path / "out")) == 2


def test_what_others_wrote_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match="holds files that `fxkit synth` did not make; choose a new folder"):
        synth(tmp_path, films=1, size_px=64, overwrite=True)
    with pytest.raises(OutputError, match=r"mine\.png: a file; expected a folder to write films to"):
        synth(tmp_path / "mine.png", films=1, size_px=64)
    assert (tmp_path / "mine.png").read_bytes() == b"mine"


def test_a_truth_file_that_points_elsewhere_deletes_nothing(tmp_path: Path) -> None:
    synth(tmp_path / "out", films=1, size_px=64)
    (tmp_path / "mine.png").write_bytes(b"mine")
    truth_file = tmp_path / "out" / "truth.csv"
    truth_file.write_text(truth_file.read_text() + "../mine.png,fractured,p,f,0,lead,L,0,0\n")
    synth(tmp_path / "out", films=1, size_px=64, overwrite=True)
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
def test_settings_out_of_range_are_refused(tmp_path: Path, setting: dict[str, float], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        synth(tmp_path / "out", **setting)  # type: ignore[arg-type]
