"""Two films laid on each other: a known map is found again, other films are refused."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fxkit.index.copies.compare import LEAST_POINTS, Evidence, compare_films
from fxkit.index.copies.features import SIDE_PX, features_of
from fxkit.index.copies.grow import LEAST_AGREEING, STRONG, score

Film = NDArray[np.uint8]
Films = Callable[[int], Film]


def changed(
    film: Film, degrees: float, mirrored: bool, inverted: bool, gamma: float
) -> tuple[Film, NDArray[np.float64]]:
    """Change a film whose longer side is the picture's; return it and the map from the old pixels to the new."""
    h, w = film.shape
    side = 320
    there = np.vstack([cv2.getRotationMatrix2D((w / 2, h / 2), degrees, 0.8), (0, 0, 1)])
    there[:2, 2] += (side - w) / 2, (side - h) / 2
    if mirrored:
        there = np.array([(-1, 0, side - 1), (0, 1, 0), (0, 0, 1)], float) @ there
    laid = np.asarray(cv2.warpAffine(film, there[:2], (side, side)), np.float64)
    other = np.round(255 * (laid / 255) ** gamma)
    return (255 - other if inverted else other).astype(np.uint8), there[:2]


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("degrees", [0, 37, 180])
def test_a_known_map_is_found_again(films: Films, degrees: float, mirrored: bool, inverted: bool) -> None:
    film = cv2.resize(films(0), (256, 320), interpolation=cv2.INTER_AREA)
    other, there = changed(film, degrees, mirrored, inverted, gamma=0.7)
    found = compare_films(features_of(film), features_of(other))
    assert found is not None
    assert (found.mirrored, found.inverted) == (mirrored, inverted)
    corners = np.array([(20, 20, 1), (236, 20, 1), (236, 300, 1), (20, 300, 1)], float)
    assert np.abs(corners @ (np.array(found.matrix) - there).T).max() < 1
    assert found.rank > 0.9
    assert found.detail > 0.7
    assert found.overlap > 0.9
    assert found.points > 20


def test_both_ways_lead_to_each_other(films: Films) -> None:
    film = cv2.resize(films(0), (256, 320), interpolation=cv2.INTER_AREA)
    one, other = features_of(film), features_of(changed(film, 20, False, False, 1.0)[0])
    there, back = compare_films(one, other), compare_films(other, one)
    assert there is not None
    assert back is not None
    both = np.vstack([there.matrix, (0, 0, 1)]) @ np.vstack([back.matrix, (0, 0, 1)])
    assert np.abs(both @ [160, 160, 1] - [160, 160, 1]).max() < 1


def test_a_part_is_known_for_a_part(films: Films) -> None:
    film = films(3)
    found = compare_films(features_of(film), features_of(np.ascontiguousarray(film[60:260, 40:200])))
    assert found is not None
    assert found.detail > 0.5
    assert found.overlap > 0.9
    assert found.enlarged == pytest.approx(SIDE_PX / 200)


@pytest.mark.parametrize("seed", range(1, 6))
def test_other_films_are_refused(films: Films, seed: int) -> None:
    found = compare_films(features_of(films(0)), features_of(films(seed)))
    assert found is None or found.detail < 0.4


def on_a_plate(film: Film) -> Film:
    """Lay a small film between the bright edges of a plate, whose clips are where they are on every film."""
    laid = np.full((320, 256), 25, np.uint8)
    laid[130:230, 90:170] = cv2.resize(film, (80, 100), interpolation=cv2.INTER_AREA)
    laid[290:] = 230
    laid[:12] = laid[:290, :10] = laid[:290, -10:] = 180
    for x, y in ((60, 288), (120, 292), (200, 290), (8, 100), (247, 180), (90, 10), (150, 12), (10, 240)):
        cv2.rectangle(laid, (x - 3, y - 3), (x + 3, y + 3), 90, -1)
    return laid


@pytest.mark.parametrize("seed", range(1, 4))
def test_edges_of_one_plate_do_not_join_films(films: Films, seed: int) -> None:
    found = compare_films(features_of(on_a_plate(films(0))), features_of(on_a_plate(films(seed))))
    assert found is None or score(found) < STRONG


@pytest.mark.parametrize("bottom", [190, 270])  # of its 320 rows: a label over a third of the film, and over most of it
def test_a_marker_over_much_of_the_film_speaks_for_its_own_place_alone(films: Films, bottom: int) -> None:
    film = cv2.resize(films(0), (256, 320), interpolation=cv2.INTER_AREA)
    marked = film.copy()
    marked[90:bottom, 10:246] = 235
    for line in range(165, bottom, 70):
        cv2.putText(marked, "RB07", (40, line), cv2.FONT_HERSHEY_SIMPLEX, 2.2, 20, 6)
    found = compare_films(features_of(film), features_of(marked))
    assert found is not None
    assert found.rank > 0.9
    assert found.detail > 0.9
    assert found.agreeing > LEAST_AGREEING
    assert score(found) > STRONG


def test_too_few_points_are_refused(films: Films) -> None:
    whole = features_of(films(0))
    few = replace(whole, points=whole.points[: LEAST_POINTS - 1], descriptors=whole.descriptors[: LEAST_POINTS - 1])
    blank = features_of(np.zeros((100, 100), np.uint8))
    assert compare_films(whole, few) is None
    assert compare_films(few, whole) is None
    assert compare_films(blank, whole) is None
    assert compare_films(blank, blank) is None


def test_films_without_anything_shown_are_refused(films: Films) -> None:
    whole = features_of(films(0))
    assert compare_films(whole, replace(whole, picture=np.zeros_like(whole.picture))) is None


def test_mirrored_is_told_by_the_map() -> None:
    plain = Evidence(9, 1, 1, 1, 1, 60, 1, False, ((0, -1, 5), (1, 0, 5)), 1)
    assert not plain.mirrored
    assert replace(plain, matrix=((-1, 0, 5), (0, 1, 5))).mirrored
