from preprocess.markers import as_quad, box_quad, is_mirrored, quad_area, quad_sides


def test_sides_and_area() -> None:
    quad = as_quad([(0, 0), (6, 8), (2, 11), (-4, 3)])
    assert quad_sides(quad) == (10, 5)
    assert quad_area(quad) == 50


def test_mirrored_text_runs_counter_clockwise_however_it_is_turned() -> None:
    plain = box_quad(0, 0, 20, 10)
    for turned in (plain, (*plain[2:], *plain[:2])):
        assert not is_mirrored(turned)
        assert is_mirrored((turned[1], turned[0], turned[3], turned[2]))
