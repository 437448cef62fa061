"""Occlusion maps: covering what the model reads lowers its log-odds there and nowhere else."""

import numpy as np

from fxkit.explain.occlusion import MAP_PX, STEPS, OcclusionMapper, cover
from fxkit.models.given.open import open_function
from tests.fxkit.marker_films import CLASSES, LEFT, MARKER_PX, draw_film, reads_bone, reads_marker

FILM, MARKER = draw_film(fractured=True, at_left=True, rng=np.random.default_rng(0))


def test_the_heat_of_a_model_that_reads_the_marker_lies_on_the_marker() -> None:
    shown = OcclusionMapper(open_function(reads_marker)).map(FILM)
    assert CLASSES[shown.index] == "fractured"
    assert shown.heat.shape == (MAP_PX, MAP_PX)
    assert shown.heat.max() == 1
    (x0, y0), _, (x1, y1), _ = (np.array(point) * MAP_PX / len(FILM) for point in MARKER.quad)
    patch = MAP_PX / 8  # the map is no finer than a patch
    near = shown.heat[: int(y1 + patch), : int(x1 + patch)].sum() / shown.heat.sum()
    assert near > 0.8
    row, column = np.unravel_index(int(shown.heat.argmax()), shown.heat.shape)
    assert x0 - patch < column < x1 + patch
    assert y0 - patch < row < y1 + patch


def test_the_heat_of_a_model_that_reads_the_bone_lies_on_the_bone() -> None:
    heat = OcclusionMapper(open_function(reads_bone)).map(FILM).heat
    left, right = (round(x * MAP_PX / 96) for x in (40 - 12, 56 + 12))
    assert heat[:, left:right].sum() / heat.sum() > 0.95


def test_a_model_that_reads_nothing_has_an_empty_map() -> None:
    def constant(films: list[np.ndarray]) -> np.ndarray:
        return np.array([[0.4, 0.6]] * len(films))

    constant.classes = CLASSES  # type: ignore[attr-defined]
    assert OcclusionMapper(open_function(constant)).map(FILM).heat.max() == 0


def test_the_map_of_another_class_shows_what_speaks_for_it() -> None:
    shown = OcclusionMapper(open_function(reads_marker)).map(FILM, index=0)
    assert shown.index == 0
    x, y = (round(MAP_PX * (low + side / 2) / len(FILM)) for low, side in zip(LEFT, MARKER_PX, strict=True))
    assert shown.heat[y, x] == 0  # covering the marker in the left corner speaks for this class


def test_a_patch_takes_the_grey_level_around_it() -> None:
    film = np.full((80, 40), 70, np.uint8)
    film[10:20, 5:10] = 255
    covered = cover(film, (10, 20), (5, 10))
    assert (covered == 70).all()
    assert film[10, 5] == 255
    corner = cover(film, (0, 10), (0, 5))
    assert (corner[:10, :5] == 70).all()


def test_narrow_films_and_the_resolution_in_words() -> None:
    mapper = OcclusionMapper(open_function(reads_marker))
    assert mapper.map(np.zeros((40, 5), np.uint8)).heat.shape == (MAP_PX, MAP_PX)
    assert mapper.resolution.startswith(f"the map has {STEPS} x {STEPS} cells: patches of 1/8 of the film's height")
