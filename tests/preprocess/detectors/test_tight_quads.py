import cv2
import numpy as np
import pytest

from preprocess.detectors.tight_quads import find_label_box, tighten
from preprocess.markers import as_quad, box_quad, quad_area, quad_box

from ..conftest import film, write_text


def test_a_loose_quad_is_tightened_around_its_ink() -> None:
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


def test_the_quad_is_unchanged_if_ink_and_background_look_alike() -> None:
    image = film(shape=(200, 300))  # its bone crosses the whole film
    over_bone, flat = box_quad(10, 60, 60, 100), box_quad(120, 60, 240, 130)
    assert tighten(image, over_bone) == over_bone
    assert tighten(image, flat) == flat
    for quad in (box_quad(400, 400, 500, 420), box_quad(5, 5, 5, 5), as_quad([(-9, -9), (-5, -9), (-5, -5), (-9, -5)])):
        assert tighten(image, quad) == quad


def test_specks_do_not_widen_the_quad() -> None:
    image = write_text(film(shape=(200, 300)), "R7", (150, 110))
    clean = tighten(image, box_quad(100, 50, 280, 150))
    image[60, 110] = 255
    assert tighten(image, box_quad(100, 50, 280, 150)) == clean


@pytest.mark.parametrize("grey", [0, 130, 255])
def test_the_filled_box_around_text_is_found(grey: int) -> None:
    image = film(shape=(200, 300))
    image[70:120, 140:240] = grey
    cv2.putText(image, "A97", (160, 105), cv2.FONT_HERSHEY_SIMPLEX, 1, 255 - grey if grey != 130 else 250, 2)
    box = find_label_box(image, box_quad(158, 82, 215, 107))
    assert box is not None
    assert np.allclose(quad_box(box), (140, 70, 240, 120), atol=1.5)


def test_a_box_at_the_edge_of_the_film_is_found() -> None:
    image = film(shape=(200, 300))
    image[0:40, 240:300] = 130
    write_text(image, "B1", (250, 30), 0.8)
    box = find_label_box(image, box_quad(250, 14, 285, 31))
    assert box is not None
    assert np.allclose(quad_box(box), (240, 0, 300, 40), atol=1.5)


def test_text_on_the_film_itself_has_no_box() -> None:
    flat = np.full((200, 300), 40, np.uint8)
    assert find_label_box(write_text(flat, "R", (150, 110)), box_quad(148, 88, 172, 112)) is None
    assert find_label_box(write_text(film(shape=(200, 300)), "R", (150, 110)), box_quad(148, 88, 172, 112)) is None


def test_a_large_even_area_is_not_a_label() -> None:
    image = film(shape=(400, 400))
    image[50:350, 100:380] = 10  # a collimated field, not a label
    assert find_label_box(write_text(image, "R", (200, 200)), box_quad(198, 178, 222, 202)) is None


def test_a_quad_beyond_the_film_has_no_box() -> None:
    assert find_label_box(film(), box_quad(500, 500, 520, 510)) is None
