import cv2
import numpy as np
import pytest

from preprocess.markers import (
    Marker,
    as_quad,
    box_quad,
    describe_position,
    describe_style,
    enclosing_quad,
    is_mirrored,
    quad_area,
    quad_sides,
)


def test_sides_and_area_of_a_turned_quad() -> None:
    quad = as_quad([(0, 0), (6, 8), (2, 11), (-4, 3)])
    assert quad_sides(quad) == (10, 5)
    assert quad_area(quad) == 50


def test_quads_of_mirrored_text_run_counter_clockwise_at_any_angle() -> None:
    plain = box_quad(0, 0, 20, 10)
    for turned in (plain, (*plain[2:], *plain[:2])):
        assert not is_mirrored(turned)
        assert is_mirrored((turned[1], turned[0], turned[3], turned[2]))


def test_the_style_text_says_whether_a_marker_is_mirrored() -> None:
    a, b, c, d = box_quad(0, 0, 20, 10)
    assert describe_style(Marker((a, b, c, d), style="lead")) == "lead"
    assert describe_style(Marker((b, a, d, c), style="lead")) == "mirrored lead"
    assert describe_style(Marker((a, b, c, d))) == "unknown style"


@pytest.mark.parametrize(
    ("centre", "position"),
    [((50, 100), "centre"), ((26, 149), "centre"), ((24, 99), "top left"), ((50, 151), "bottom right")],
)
def test_the_position_text_names_the_centre_or_a_quarter(centre: tuple[int, int], position: str) -> None:
    x, y = centre
    assert describe_position(Marker(box_quad(x - 5, y - 5, x + 5, y + 5)), 100, 200) == position


@pytest.mark.parametrize("turned_deg", [0, 17, 45, 80])
def test_the_square_around_a_disc_is_upright(turned_deg: float) -> None:
    outline = cv2.ellipse2Poly((50, 60), (30, 30), int(turned_deg), 0, 360, 10).astype(np.float32)
    assert np.allclose(enclosing_quad(outline), box_quad(20, 30, 80, 90), atol=1)


@pytest.mark.parametrize(("wide", "high"), [(40.0, 40.0), (60.0, 20.0)])
def test_the_rectangle_around_a_turned_box_has_the_same_angle(wide: float, high: float) -> None:
    corners = cv2.boxPoints(((50.0, 60.0), (wide, high), 20.0))
    quad = enclosing_quad(np.asarray(corners, np.float32))
    assert quad_area(quad) == pytest.approx(wide * high, rel=1e-3)
    assert {(round(x), round(y)) for x, y in quad} == {(round(x), round(y)) for x, y in corners.tolist()}
