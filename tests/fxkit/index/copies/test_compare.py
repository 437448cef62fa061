"""Compare two films: a known map is recovered, and unrelated films are refused."""

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
    """Change a film; return it and the affine map from the old pixels to the new."""
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
def test_a_known_map_is_recovered(films: Films, degrees: float, mirrored: bool, inverted: bool) -> None:
    film = cv2.resize(films(0), (256, 320), interpolation=cv2.INTER_AREA)
    other, there = changed(film, degrees, mirrored, inverted, gamma=0.7)
    evidence = compare_films(features_of(film), features_of(other))
    assert evidence is not None
    assert (evidence.mirrored, evidence.inverted) == (mirrored, inverted)
    corners = np.array([(20, 20, 1), (236, 20, 1), (236, 300, 1), (20, 300, 1)], float)
    assert np.abs(corners @ (np.array(evidence.matrix) - there).T).max() < 1
    assert evidence.rank > 0.9
    assert evidence.detail > 0.7
    assert evidence.overlap > 0.9
    assert evidence.points > 20


def test_maps_in_both_directions_are_inverse(films: Films) -> None:
    film = cv2.resize(films(0), (256, 320), interpolation=cv2.INTER_AREA)
    one, other = features_of(film), features_of(changed(film, 20, False, False, 1.0)[0])
    there, back = compare_films(one, other), compare_films(other, one)
    assert there is not None
    assert back is not None
    both = np.vstack([there.matrix, (0, 0, 1)]) @ np.vstack([back.matrix, (0, 0, 1)])
    assert np.abs(both @ [160, 160, 1] - [160, 160, 1]).max() < 1


def test_a_crop_is_recognised(films: Films) -> None:
    film = films(3)
    evidence = compare_films(features_of(film), features_of(np.ascontiguousarray(film[60:260, 40:200])))
    assert evidence is not None
    assert evidence.detail > 0.5
    assert evidence.overlap > 0.9
    assert evidence.enlarged == pytest.approx(SIDE_PX / 200)


@pytest.mark.parametrize("seed", range(1, 6))
def test_unrelated_films_are_refused(films: Films, seed: int) -> None:
    evidence = compare_films(features_of(films(0)), features_of(films(seed)))
    assert evidence is None or evidence.detail < 0.4


def on_a_plate(film: Film) -> Film:
    """Put a small film between the bright edges of a plate with clips in fixed positions."""
    laid = np.full((320, 256), 25, np.uint8)
    laid[130:230, 90:170] = cv2.resize(film, (80, 100), interpolation=cv2.INTER_AREA)
    laid[290:] = 230
    laid[:12] = laid[:290, :10] = laid[:290, -10:] = 180
    for x, y in ((60, 288), (120, 292), (200, 290), (8, 100), (247, 180), (90, 10), (150, 12), (10, 240)):
        cv2.rectangle(laid, (x - 3, y - 3), (x + 3, y + 3), 90, -1)
    return laid


@pytest.mark.parametrize("seed", range(1, 4))
def test_edges_of_a_plate_do_not_join_films(films: Films, seed: int) -> None:
    evidence = compare_films(features_of(on_a_plate(films(0))), features_of(on_a_plate(films(seed))))
    assert evidence is None or score(evidence) < STRONG


@pytest.mark.parametrize("bottom", [190, 270])  # last row, of 320, of a label over a third or most of the film
def test_a_large_marker_affects_only_its_own_places(films: Films, bottom: int) -> None:
    film = cv2.resize(films(0), (256, 320), interpolation=cv2.INTER_AREA)
    marked = film.copy()
    marked[90:bottom, 10:246] = 235
    for line in range(165, bottom, 70):
        cv2.putText(marked, "RB07", (40, line), cv2.FONT_HERSHEY_SIMPLEX, 2.2, 20, 6)
    evidence = compare_films(features_of(film), features_of(marked))
    assert evidence is not None
    assert evidence.rank > 0.9
    assert evidence.detail > 0.9
    assert evidence.agreeing > LEAST_AGREEING
    assert score(evidence) > STRONG


def test_too_few_keypoints_are_refused(films: Films) -> None:
    whole = features_of(films(0))
    few = replace(whole, points=whole.points[: LEAST_POINTS - 1], descriptors=whole.descriptors[: LEAST_POINTS - 1])
    blank = features_of(np.zeros((100, 100), np.uint8))
    assert compare_films(whole, few) is None
    assert compare_films(few, whole) is None
    assert compare_films(blank, whole) is None
    assert compare_films(blank, blank) is None


def test_black_films_are_refused(films: Films) -> None:
    whole = features_of(films(0))
    assert compare_films(whole, replace(whole, picture=np.zeros_like(whole.picture))) is None


def test_the_map_shows_whether_a_film_is_mirrored() -> None:
    plain = Evidence(9, 1, 1, 1, 1, 60, 1, False, ((0, -1, 5), (1, 0, 5)), 1)
    assert not plain.mirrored
    assert replace(plain, matrix=((-1, 0, 5), (0, 1, 5))).mirrored
