from functools import partial

import numpy as np
import pytest

from preprocess.inpainting.jpeg_blocks import blockiness, find_ringing, mend_blocks, whole_blocks

from ..conftest import block, jpeg


def ground() -> np.ndarray:
    """Return a slope with faint grain after strong JPEG compression: each block is flat or holds a wave."""
    grain = np.random.default_rng(0).normal(0, 2.5, (160, 160))
    return jpeg((np.linspace(60, 90, 160) + grain).astype(np.uint8), 30)


square = partial(block, (160, 160))


def test_cut_blocks_are_restored_from_equal_blocks() -> None:
    film = ground()
    hole = square(slice(60, 92), slice(52, 100))  # cuts blocks through their middle
    filled = film.copy()
    filled[hole] = np.random.default_rng(1).integers(60, 90, hole.sum())
    mend_blocks(filled, hole, hole)
    cut = hole & ~square(slice(64, 88), slice(56, 96))
    assert (filled[cut] == film[cut]).mean() > 0.75
    assert np.array_equal(filled[~hole], film[~hole])


def test_blocks_inside_the_hole_do_not_change() -> None:
    film = ground()
    hole = square(slice(64, 88), slice(56, 96))
    film[hole] = 7
    mend_blocks(film, hole, hole)
    assert (film[hole] == 7).all()


def test_pixels_of_other_holes_are_not_used() -> None:
    film = ground()
    hole, other = square(slice(60, 92), slice(52, 100)), square(slice(0, 40), slice(0, 160))
    first, second = film.copy(), film.copy()
    second[other] = 255
    for marked in (first, second):
        mend_blocks(marked, hole | other, hole)
    assert np.array_equal(first[hole], second[hole])


def test_a_film_without_jpeg_blocks_does_not_change() -> None:
    film = np.random.default_rng(2).integers(40, 200, (160, 160)).astype(np.uint8)
    hole, before = square(slice(60, 92), slice(52, 100)), film.copy()
    mend_blocks(film, hole, hole)
    assert np.array_equal(film, before)


def test_colours_are_mended_together() -> None:
    grey = ground()
    film = np.dstack([grey, grey // 2, grey])
    hole = square(slice(60, 92), slice(52, 100))
    filled = film.copy()
    filled[hole] = 75
    mend_blocks(filled, hole, hole)
    cut = hole & ~square(slice(64, 88), slice(56, 96))
    assert (filled[cut] == film[cut]).mean() > 0.5
    assert np.array_equal(filled[~hole], film[~hole])


@pytest.mark.parametrize("shape", [(5, 5), (8, 8), (16, 9), (5, 5, 3)])
def test_without_a_whole_block_nothing_changes(shape: tuple[int, ...]) -> None:
    film = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    hole, before = np.zeros(shape[:2], bool), film.copy()
    hole[2:4, 2:4] = True
    hole[:, 8:] = hole[8:] = True
    mend_blocks(film, hole, hole)
    assert np.array_equal(film, before)


def test_blockiness_is_high_for_a_jpeg_and_not_for_grain() -> None:
    assert blockiness(ground().astype(np.float32) / 255) > 1.3
    noise = np.random.default_rng(3).normal(0.4, 0.004, (160, 160)).astype(np.float32)
    assert 0.9 < blockiness(noise) < 1.04


def test_blocks_at_another_offset_do_not_count() -> None:
    assert blockiness(ground()[3:, 5:].astype(np.float32) / 255) < 1.0


@pytest.mark.parametrize("axis", [0, 1])
def test_an_edge_along_a_block_border_does_not_count(axis: int) -> None:
    film = np.random.default_rng(3).normal(0.4, 0.004, (160, 160)).astype(np.float32)
    film[(slice(None),) * axis + (slice(32, None),)] += 0.4
    assert 0.9 < blockiness(film) < 1.04


@pytest.mark.parametrize("shape", [(1, 1), (7, 30), (8, 8)])
def test_a_film_of_less_than_two_blocks_has_no_blockiness(shape: tuple[int, int]) -> None:
    assert blockiness(np.random.default_rng(4).random(shape, np.float32)) == 1.0


def test_a_mask_is_extended_to_whole_blocks_up_to_the_border() -> None:
    mask = np.zeros((20, 21), bool)
    mask[9, 9] = mask[19, 20] = True
    expected = np.zeros((20, 21), bool)
    expected[8:16, 8:16] = expected[16:, 16:] = True
    assert np.array_equal(whole_blocks(mask), expected)


def ringing_beside_marker(waves: np.ndarray) -> np.ndarray:
    """Return the ringing found beside a marker at the corner of a block, on a film with the given waves."""
    grey = np.random.default_rng(0).normal(0.4, 0.002, (96, 96)).astype(np.float32)
    grey[waves] += np.where(np.indices((96, 96)).sum(0) % 2, 0.03, -0.03)[waves].astype(np.float32)
    printed, mask = block((96, 96), slice(40, 44), slice(40, 44)), block((96, 96), slice(38, 46), slice(38, 46))
    return find_ringing(grey, mask, printed)


def test_a_ringing_block_beside_a_marker_is_returned_whole() -> None:
    here = block((96, 96), slice(40, 48), slice(40, 48))
    assert np.array_equal(ringing_beside_marker(here), here)


def test_quiet_blocks_and_blocks_without_marker_are_not_returned() -> None:
    assert not ringing_beside_marker(np.zeros((96, 96), bool)).any()
    assert not ringing_beside_marker(block((96, 96), slice(48, 56), slice(40, 48))).any()


def test_if_all_blocks_have_waves_none_is_returned() -> None:
    assert not ringing_beside_marker(np.ones((96, 96), bool)).any()
