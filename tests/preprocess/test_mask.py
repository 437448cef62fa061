import numpy as np

from preprocess.markers import Marker, as_quad, box_quad
from preprocess.mask import marker_mask, sample


def test_without_a_margin_a_box_covers_its_own_pixels() -> None:
    mask = marker_mask((20, 30), [Marker(box_quad(5, 6, 15, 10))], grow_fraction=0, grow_px=0)
    expected = np.zeros((20, 30), bool)
    expected[6:10, 5:15] = True
    assert (mask & expected).sum() == expected.sum()
    assert mask.sum() <= 11 * 5


def test_the_margin_is_a_fraction_of_the_shorter_side() -> None:
    mask = marker_mask((100, 100), [Marker(box_quad(30, 30, 70, 50))], grow_fraction=0.5, grow_px=0)
    rows, columns = np.nonzero(mask)
    assert abs(rows.min() - 20) <= 1
    assert abs(rows.max() - 59) <= 1
    assert abs(columns.min() - 20) <= 1


def test_plates_get_no_relative_margin() -> None:
    plate = Marker(box_quad(30, 30, 70, 50), style="plate")
    assert marker_mask((100, 100), [plate], grow_fraction=0.5, grow_px=0).sum() <= 41 * 21


def test_small_films_get_a_margin_for_soft_edges() -> None:
    mask = marker_mask((50, 50), [Marker(box_quad(20, 20, 30, 24))], grow_fraction=0, grow_px=3)
    assert mask[19, 25]
    assert mask[24, 25]


def test_the_margin_of_a_mirrored_quad_lies_outside_it() -> None:
    quad = as_quad([(70, 30), (30, 30), (30, 50), (70, 50)])
    mask = marker_mask((100, 100), [Marker(quad)], grow_fraction=0.5, grow_px=0)
    assert np.array_equal(
        mask, marker_mask((100, 100), [Marker(box_quad(30, 30, 70, 50))], grow_fraction=0.5, grow_px=0)
    )


def test_markers_outside_the_film_are_clipped() -> None:
    far = [Marker(box_quad(-1e7, -5, 3, 3)), Marker(box_quad(400, 400, 1e9, 500)), Marker(box_quad(3, 3, 3, 3))]
    mask = marker_mask((20, 30, 3), far, grow_px=0)
    assert mask.shape == (20, 30)
    assert mask[0, 0]
    assert not mask[10:, 10:].any()


def test_without_markers_the_mask_is_empty() -> None:
    assert not marker_mask((5, 5), []).any()


def test_a_sample_holds_all_pixels_or_evenly_spaced_ones() -> None:
    mask = np.zeros((4, 5), bool)
    mask[1, 1:] = mask[3, 0] = True
    assert sample(mask, 9).tolist() == [[1, 1], [1, 2], [1, 3], [1, 4], [3, 0]]
    assert sample(mask, 3).tolist() == [[1, 1], [1, 3], [3, 0]]
    assert sample(~mask & mask, 3).shape == (0, 2)


def test_of_an_annotation_only_its_strokes_are_masked() -> None:
    strokes = (box_quad(20, 20, 80, 22), box_quad(20, 78, 80, 80))
    mask = marker_mask((1000, 1000), [Marker(box_quad(20, 20, 80, 80), style="annotation", strokes=strokes)])
    assert mask[17:25, 17:83].all()
    assert mask[75:83, 17:83].all()
    assert mask.sum() <= 2 * 9 * 67
