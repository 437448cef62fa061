import pytest

from preprocess.markers import Marker, as_quad, box_quad, is_mirrored, kind_of, place_of, quad_area, quad_sides


def test_sides_and_area() -> None:
    quad = as_quad([(0, 0), (6, 8), (2, 11), (-4, 3)])
    assert quad_sides(quad) == (10, 5)
    assert quad_area(quad) == 50


def test_mirrored_text_runs_counter_clockwise_however_it_is_turned() -> None:
    plain = box_quad(0, 0, 20, 10)
    for turned in (plain, (*plain[2:], *plain[:2])):
        assert not is_mirrored(turned)
        assert is_mirrored((turned[1], turned[0], turned[3], turned[2]))


def test_kinds_tell_mirrored_markers() -> None:
    a, b, c, d = box_quad(0, 0, 20, 10)
    assert kind_of(Marker((a, b, c, d), style="lead")) == "lead"
    assert kind_of(Marker((b, a, d, c), style="lead")) == "mirrored lead"
    assert kind_of(Marker((a, b, c, d))) == "unknown style"


@pytest.mark.parametrize(
    ("centre", "place"),
    [((50, 100), "centre"), ((26, 149), "centre"), ((24, 99), "top left"), ((50, 151), "bottom right")],
)
def test_places(centre: tuple[int, int], place: str) -> None:
    x, y = centre
    assert place_of(Marker(box_quad(x - 5, y - 5, x + 5, y + 5)), 100, 200) == place
