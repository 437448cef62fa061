from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.markernet import distractors
from preprocess.markernet.distractors import draw_distractor

KINDS = (
    *("line", "border", "wedge", "ring", "screws", "plate", "zip"),
    *("chain", "clip", "disc", "blob", "scratch", "wire", "cast"),
    *("staples", "spring", "tube", "tape", "buckle"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_draws_something(kind: str) -> None:
    draw: Callable[[np.random.Generator, np.ndarray], None] = getattr(distractors, f"_draw_{kind}")
    n_visible = 0
    for seed in range(12):
        shape = np.zeros((160, 200), np.float32)
        draw(np.random.default_rng(seed), shape)
        assert 0 <= shape.min() <= shape.max() <= 1
        n_visible += bool(shape.any())
    assert n_visible >= 8  # some lie outside the film


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), side=st.integers(64, 200), level=st.floats(0, 1))
def test_a_film_keeps_its_type_and_range(seed: int, side: int, level: float) -> None:
    film = np.full((side, side), level, np.float32)
    draw_distractor(np.random.default_rng(seed), film)
    assert film.dtype == np.float32
    assert np.isfinite(film).all()
    assert 0 <= film.min() <= film.max() <= 1.00001


def test_distractors_are_mostly_visible_on_dark_films() -> None:
    n_visible = 0
    for seed in range(60):
        film = np.full((160, 160), 0.1, np.float32)
        draw_distractor(np.random.default_rng(seed), film)
        n_visible += film.max() > 0.2
    assert n_visible > 45
