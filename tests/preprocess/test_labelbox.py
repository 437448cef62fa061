import cv2
import numpy as np
import pytest

from preprocess.labelbox import label_box
from preprocess.markers import box_quad, quad_box

from .conftest import film, write_text


@pytest.mark.parametrize("grey", [0, 130, 255])
def test_the_box_around_text_is_found(grey: int) -> None:
    image = film(shape=(200, 300))
    image[70:120, 140:240] = grey
    cv2.putText(image, "A97", (160, 105), cv2.FONT_HERSHEY_SIMPLEX, 1, 255 - grey if grey != 130 else 250, 2)
    box = label_box(image, box_quad(158, 82, 215, 107))
    assert box is not None
    assert np.allclose(quad_box(box), (140, 70, 240, 120), atol=1.5)


def test_a_box_at_the_film_s_edge_is_found() -> None:
    image = film(shape=(200, 300))
    image[0:40, 240:300] = 130
    write_text(image, "B1", (250, 30), 0.8)
    box = label_box(image, box_quad(250, 14, 285, 31))
    assert box is not None
    assert np.allclose(quad_box(box), (240, 0, 300, 40), atol=1.5)


def test_text_on_the_film_itself_has_no_box() -> None:
    flat = np.full((200, 300), 40, np.uint8)
    assert label_box(write_text(flat, "R", (150, 110)), box_quad(148, 88, 172, 112)) is None
    assert label_box(write_text(film(shape=(200, 300)), "R", (150, 110)), box_quad(148, 88, 172, 112)) is None


def test_a_large_even_area_is_no_box() -> None:
    image = film(shape=(400, 400))
    image[50:350, 100:380] = 10  # a collimated field, not a label
    assert label_box(write_text(image, "R", (200, 200)), box_quad(198, 178, 222, 202)) is None


def test_a_quad_beyond_the_film_has_no_box() -> None:
    assert label_box(film(), box_quad(500, 500, 520, 510)) is None
