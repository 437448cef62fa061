"""A single film: with and without markers, its copies, bit depth and class."""

from dataclasses import replace

import numpy as np
import pytest

from fxkit.synth.synthetic_film import FilmPlan, SynthOptions, make_film, plan_films, rotate_film


def changed(plan: FilmPlan) -> tuple[np.ndarray, np.ndarray]:
    """Return where the markers changed a film, and a mask of the quads, grown by 2 px."""
    import cv2

    film = make_film(plan, SynthOptions(size_px=256))
    unmarked = make_film(plan, SynthOptions(size_px=256, markers=False))
    quads = np.zeros(film.image.shape, np.uint8)
    for marker in film.markers:
        cv2.fillPoly(quads, [np.round(np.array(marker.quad) - 0.5).astype(np.int32)], 1)
    difference = np.abs(film.image.astype(int) - unmarked.image)
    return difference > 60, cv2.dilate(quads, np.ones((5, 5), np.uint8)) > 0


@pytest.mark.parametrize("number", range(12))
def test_a_film_without_markers_is_otherwise_the_same(number: int) -> None:
    plan = list(plan_films(12, 0, 0.5))[number]
    is_changed, quads = changed(plan)
    assert is_changed.any()
    assert not (is_changed & ~quads).any()


def test_the_quads_of_a_copy_are_exact() -> None:
    film = make_film(FilmPlan(1, 3, 0, True), SynthOptions(size_px=256))
    marked = np.zeros_like(film.image)
    quad = np.array(film.markers[0].quad)
    x, y = quad.mean(0)
    marked[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4] = 255
    centre = replace(film.markers[0], quad=tuple(map(tuple, np.floor(quad.mean(0)) + 0.5 + quad - quad.mean(0))))
    for angle in (0.0, 33.0, 90.0, -140.0):
        copy = rotate_film(replace(film, image=marked, markers=(centre,)), angle, 150)
        rows, columns = np.indices(copy.image.shape)
        weight = copy.image.astype(float) / copy.image.sum()
        centroid = (columns * weight).sum() + 0.5, (rows * weight).sum() + 0.5
        assert np.array(copy.markers[0].quad).mean(0) == pytest.approx(centroid, abs=0.05)


def test_a_copy_has_black_corners_and_shows_the_whole_film() -> None:
    film = make_film(FilmPlan(1, 0, 0, False), SynthOptions(size_px=128))
    copy = rotate_film(replace(film, image=np.full_like(film.image, 255)), 45.0, 100)
    assert copy.image[0, 0] == copy.image[0, -1] == copy.image[-1, 0] == copy.image[-1, -1] == 0
    assert copy.image[50, 50] == 255


@pytest.mark.parametrize(("fraction", "classes"), [(0.0, {False}), (1.0, {True}), (0.5, {False, True})])
def test_the_fraction_of_fractured_patients_is_as_requested(fraction: float, classes: set[bool]) -> None:
    planned = list(plan_films(400, 0, fraction))
    assert {plan.fractured for plan in planned} == classes
    patients = {plan.patient: plan.fractured for plan in planned}
    assert sum(patients.values()) == pytest.approx(fraction * len(patients), abs=1)


def test_16_bit_films_equal_8_bit_films_with_finer_grey_levels() -> None:
    plan = FilmPlan(1, 1, 0, True)
    deep, flat = (make_film(plan, SynthOptions(size_px=96, bits=bits)).image for bits in (16, 8))
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257.0 - flat).max() <= 0.51
