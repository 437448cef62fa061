"""The films of the arms, made from drawn films with known markers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxkit.ablation.arms import Grey, clip_to_rest, cut_background, cut_markers, keep_markers, move_mask, paste
from preprocess.mask import Mask

SHAPE = (120, 90)
BOX = (slice(10, 24), slice(60, 82))


def film() -> tuple[Grey, Grey, Mask]:
    """Return a film with a white marker, the same film without it, and the mask of the marker."""
    cleaned = np.random.default_rng(0).integers(40, 60, SHAPE).astype(np.uint8)
    cleaned[60:] += 100  # anatomy
    mask = np.zeros(SHAPE, bool)
    mask[BOX] = True
    raw = np.where(mask, np.uint8(250), cleaned)
    return raw, cleaned, mask


def test_only_markers_remain_on_black() -> None:
    raw, _, mask = film()
    only = keep_markers(raw, mask)
    assert (only[mask] == 250).all()
    assert not only[~mask].any()


def test_a_clipped_marker_is_no_brighter_than_the_rest() -> None:
    raw, _, mask = film()
    clipped = clip_to_rest(raw, mask)
    assert clipped.max() <= raw[~mask].max()
    assert (clipped[mask] == clipped.max()).all()
    assert np.abs(clipped[~mask].astype(int) - raw[~mask]).max() <= 10


def test_a_film_covered_by_markers_is_not_clipped() -> None:
    raw, _, _ = film()
    assert (clip_to_rest(raw, np.ones(SHAPE, bool)) == raw).all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_a_mask_moves_whole_to_free_positions_that_look_similar(seed: int) -> None:
    _, cleaned, mask = film()
    moved, moves = move_mask(cleaned, mask, seed)
    assert moved.sum() == mask.sum()
    assert not (moved & mask).any()
    assert cleaned[moved].max() < 100  # the marker was not on the anatomy, so it is not moved there
    assert len(moves) == 1


def test_the_same_seed_moves_to_the_same_position() -> None:
    _, cleaned, mask = film()
    assert (move_mask(cleaned, mask, 3)[0] == move_mask(cleaned, mask, 3)[0]).all()


def test_a_part_without_a_free_position_is_left_out() -> None:
    cleaned = np.zeros((30, 30), np.uint8)
    mask = np.zeros((30, 30), bool)
    mask[4:26, 4:26] = True
    moved, moves = move_mask(cleaned, mask, 0)
    assert not moved.any()
    assert moves == []


def test_markers_pasted_into_their_own_cleaned_film_restore_the_raw_film() -> None:
    raw, cleaned, mask = film()
    assert (paste(cleaned, cut_markers(raw, cleaned, mask)) == raw).all()


@pytest.mark.parametrize("shape", [(240, 180), (60, 45), (90, 120)])
def test_markers_keep_their_relative_position_and_area_on_a_film_of_another_size(shape: tuple[int, int]) -> None:
    raw, cleaned, mask = film()
    pasted = paste(np.full(shape, 50, np.uint8), cut_markers(raw, cleaned, mask))
    rows, columns = np.nonzero(pasted > 150)
    assert rows.mean() / shape[0] == pytest.approx(17 / 120, abs=0.03)
    assert columns.mean() / shape[1] == pytest.approx(71 / 90, abs=0.04)
    assert (pasted > 150).mean() == pytest.approx(mask.mean(), rel=0.25)


def test_background_is_pasted_at_the_position_of_the_marker() -> None:
    raw, cleaned, mask = film()
    moved, moves = move_mask(cleaned, mask, 0)
    control = np.where(moved, np.uint8(20), raw)  # erased with a darker grey than the background
    pasted = paste(cleaned, cut_background(raw, control, moves))
    assert (pasted[~mask] == cleaned[~mask]).all()
    assert (pasted[mask] > cleaned[mask]).all()


def test_patches_larger_than_the_film_are_scaled_to_it() -> None:
    raw, cleaned, mask = film()
    assert paste(np.zeros((8, 400), np.uint8), cut_markers(raw, cleaned, mask)).shape == (8, 400)
