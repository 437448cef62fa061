"""Resamples depend on the seed alone, not on chunks and threads."""

import numpy as np

from fxkit.metrics.resamples import _draws, over_resamples, resampled_weights


def test_resamples_depend_on_the_seed_and_not_on_the_chunk_size(monkeypatch):
    groups = [str(i // 2) for i in range(20)]
    whole = np.concatenate(list(resampled_weights(groups, 50, 3)))
    assert (whole.sum(axis=1) == 20).all()  # groups of equal size, so each resample has 20 files
    assert (whole[:, 0] == whole[:, 1]).all()  # files of a group have the same weight
    assert (whole != np.concatenate(list(resampled_weights(groups, 50, 4)))).any()
    monkeypatch.setattr("fxkit.metrics.resamples.CHUNK", 100)
    assert (np.concatenate(list(resampled_weights(groups, 50, 3))) == whole).all()
    monkeypatch.setattr("fxkit.metrics.resamples.KEPT", 0)  # draws that are too many to be kept
    assert (np.concatenate(list(resampled_weights(groups, 50, 3))) == whole).all()


def test_threads_change_no_figure(monkeypatch) -> None:
    groups = [str(i // 2) for i in range(20)]
    one = np.concatenate(over_resamples(lambda weights: weights.max(axis=1), groups, 50, 3))
    monkeypatch.setattr("fxkit.metrics.resamples.BLOCK", 60)
    assert over_resamples(lambda weights: weights.max(axis=1), groups, 50, 3)[0].tolist() == one.tolist()
    monkeypatch.setattr("fxkit.metrics.resamples.CHUNK", 100)
    several = over_resamples(lambda weights: weights.max(axis=1), groups, 50, 3)
    assert (len(several), np.concatenate(several).tolist()) == (10, one.tolist())


def test_draws_are_kept_in_the_smallest_type_that_holds_them() -> None:
    assert next(iter(resampled_weights(["a"] * 3 + ["b"], 5, 0))).dtype == float
    few, many = _draws(50, 20, 0), _draws(1, 20, 0)
    assert (few.dtype, many.tolist()) == (np.uint8, [[1]] * 20)
    drawn = np.random.default_rng(0).multinomial(50, np.full(50, 1 / 50), size=20)
    np.testing.assert_array_equal(few, drawn)
