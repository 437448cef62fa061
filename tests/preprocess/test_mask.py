import numpy as np

from preprocess.markers import Marker, as_quad, box_quad
from preprocess.mask import marker_mask, sample


def test_without_growth_a_box_is_exactly_its_pixels() -> None:
    mask = marker_mask((20, 30), [Marker(box_quad(5, 6, 15, 10))], grow_fraction=0, grow_px=0)
    expected = np.zeros((20, 30), bool)
    expected[6:10, 5:15] = True
    assert (mask & expected).sum() == expected.sum()
    assert mask.sum() <= 11 * 5


def test_it_grows_by_a_share_of_the_shorter_side() -> None:
    mask = marker_mask((100, 100), [Marker(box_quad(30, 30, 70, 50))], grow_fraction=0.5, grow_px=0)
    rows, columns = np.nonzero(mask)
    assert abs(rows.min() - 20) <= 1
    assert abs(rows.max() - 59) <= 1
    assert abs(columns.min() - 20) <= 1


def test_plates_grow_by_no_share_of_their_side() -> None:
    plate = Marker(box_quad(30, 30, 70, 50), style="plate")
    assert marker_mask((100, 100), [plate], grow_fraction=0.5, grow_px=0).sum() <= 41 * 21


def test_small_films_still_get_a_soft_edge() -> None:
    mask = marker_mask((50, 50), [Marker(box_quad(20, 20, 30, 24))], grow_fraction=0, grow_px=3)
    assert mask[19, 25]
    assert mask[24, 25]


def test_mirrored_and_turned_quads_grow_outwards_too() -> None:
    quad = as_quad([(70, 30), (30, 30), (30, 50), (70, 50)])
    mask = marker_mask((100, 100), [Marker(quad)], grow_fraction=0.5, grow_px=0)
    assert np.array_equal(
        mask, marker_mask((100, 100), [Marker(box_quad(30, 30, 70, 50))], grow_fraction=0.5, grow_px=0)
    )


def test_markers_beyond_the_film_do_no_harm() -> None:
    far = [Marker(box_quad(-1e7, -5, 3, 3)), Marker(box_quad(400, 400, 1e9, 500)), Marker(box_quad(3, 3, 3, 3))]
    mask = marker_mask((20, 30, 3), far, grow_px=0)
    assert mask.shape == (20, 30)
    assert mask[0, 0]
    assert not mask[10:, 10:].any()


def test_no_marker_no_mask() -> None:
    assert not marker_mask((5, 5), []).any()


def test_a_sample_is_all_places_or_evenly_so_many() -> None:
    mask = np.zeros((4, 5), bool)
    mask[1, 1:] = mask[3, 0] = True
    assert sample(mask, 9).tolist() == [[1, 1], [1, 2], [1, 3], [1, 4], [3, 0]]
    assert sample(mask, 3).tolist() == [[1, 1], [1, 3], [3, 0]]
    assert sample(~mask & mask, 3).shape == (0, 2)
