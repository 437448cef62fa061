import cv2
import numpy as np

from preprocess.markers import as_quad, box_quad, quad_area, quad_box
from preprocess.tighten import tighten

from .conftest import film, write_text


def test_a_loose_quad_is_drawn_around_its_ink() -> None:
    image = film(shape=(200, 300))
    image[80:100, 150:210] = 240
    x0, y0, x1, y1 = quad_box(tighten(image, box_quad(120, 60, 240, 130)))
    assert abs(x0 - 150) <= 1
    assert abs(y0 - 80) <= 1
    assert abs(x1 - 210) <= 1
    assert abs(y1 - 100) <= 1


def test_turned_text_gets_a_turned_quad() -> None:
    image = film(shape=(200, 300))
    bar = cv2.boxPoints(((180, 100), (80, 20), 30))
    cv2.fillPoly(image, [bar.round().astype(np.int32)], 240)
    loose = box_quad(120, 50, 240, 150)
    tight = tighten(image, loose)
    assert quad_area(tight) < 1.2 * 80 * 20 < quad_area(loose)


def test_the_quad_stays_over_bone_on_flat_ground_and_beyond_the_film() -> None:
    image = film(shape=(200, 300))  # its bone crosses the whole film
    over_bone, flat = box_quad(10, 60, 60, 100), box_quad(120, 60, 240, 130)
    assert tighten(image, over_bone) == over_bone
    assert tighten(image, flat) == flat
    for quad in (box_quad(400, 400, 500, 420), box_quad(5, 5, 5, 5), as_quad([(-9, -9), (-5, -9), (-5, -5), (-9, -5)])):
        assert tighten(image, quad) == quad


def test_specks_do_not_widen_it() -> None:
    image = write_text(film(shape=(200, 300)), "R7", (150, 110))
    clean = tighten(image, box_quad(100, 50, 280, 150))
    image[60, 110] = 255
    assert tighten(image, box_quad(100, 50, 280, 150)) == clean
