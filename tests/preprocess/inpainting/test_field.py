from functools import partial

import cv2
import numpy as np

from preprocess.inpainting.field import find_field, split_by_field

from ..conftest import block


def turned_film(angle: float = 20) -> tuple[np.ndarray, np.ndarray]:
    """Return an evenly grey, turned film with black corners, and the mask of its field."""
    corners = cv2.boxPoints(((60.0, 60.0), (90.0, 70.0), angle)).astype(np.int32)
    film = cv2.fillConvexPoly(np.zeros((120, 120), np.float32), corners, 0.4)
    return film, film > 0


square = partial(block, (120, 120))


def test_the_field_of_a_turned_film_is_found_under_a_hole() -> None:
    film, true = turned_film()
    hole = square(slice(20, 50), slice(40, 80))
    film[hole] = 1.0
    assert (find_field(film, hole)[0] != true).mean() < 0.012


def test_specks_beside_the_field_do_not_widen_it() -> None:
    film, true = turned_film()
    film[4:8, 100:104] = 0.1
    assert (find_field(film, np.zeros_like(true))[0] != true).mean() < 0.012


def test_a_dark_film_has_no_field() -> None:
    field, dark = find_field(np.zeros((40, 40), np.float32), np.zeros((40, 40), bool))
    assert not field.any()
    assert dark.all()


def test_a_hole_over_the_edge_has_two_sides() -> None:
    _, field = turned_film()
    hole = square(slice(10, 50), slice(40, 80))
    first, second = split_by_field(hole, field, ~field & ~hole)
    assert np.array_equal(first, field)
    assert np.array_equal(second, ~field)


def test_a_hole_within_the_field_has_one_side() -> None:
    _, field = turned_film()
    hole = square(slice(50, 70), slice(50, 70))
    assert [side.all() for side in split_by_field(hole, field, ~field & ~hole)] == [True]


def test_a_hole_beyond_the_field_has_only_that_side() -> None:
    _, field = turned_film()
    hole = square(slice(0, 12), slice(100, 120))
    assert [side.tolist() for side in split_by_field(hole, field, ~field & ~hole)] == [(~field).tolist()]


def test_a_corner_that_only_the_hole_cuts_off_is_not_dark() -> None:
    hole = square(slice(0, 30), slice(0, 40))
    field, dark = find_field(np.where(hole, 1, 0.4).astype(np.float32), hole)
    assert not field[0, 0]
    assert [side.all() for side in split_by_field(hole, field, dark)] == [True]


def test_a_bright_strip_beside_the_hole_is_not_dark() -> None:
    film = np.full((120, 120), 0.4, np.float32)
    film[:, :2] = 1
    hole = square(slice(0, 30), slice(2, 40))
    field, dark = find_field(film, hole)
    assert not field[0, 0]
    assert [side.all() for side in split_by_field(hole, field, dark)] == [True]
