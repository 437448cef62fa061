from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.markernet import hardware
from preprocess.markernet.hardware import KINDS, draw_hardware

NAMES = ("prosthesis", "shield", "rods", "cage", "teeth", "electrode", "device", "nail")


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_draws_something_on_the_film(name: str) -> None:
    draw: Callable[[np.random.Generator, np.ndarray], None] = getattr(hardware, f"_draw_{name}")
    n_visible = 0
    for seed in range(12):
        shape = np.zeros((160, 200), np.float32)
        draw(np.random.default_rng(seed), shape)
        assert 0 <= shape.min() <= shape.max() <= 1
        n_visible += shape.max() > 0.3
    assert n_visible >= 8


def test_bars_blacken_a_part_or_frame_the_film() -> None:
    films = [np.full((160, 160), 0.4, np.float32) for _ in range(30)]
    for seed, film in enumerate(films):
        hardware._draw_bars(np.random.default_rng(seed), film)
    changed = [film != np.float32(0.4) for film in films]
    assert all(0 < part.mean() < 1 for part in changed)
    assert sum(film.min() == 0 for film in films) >= 10
    assert sum(part.all(axis=0).any() or part.all(axis=1).any() for part in changed) >= 8  # from side to side


def test_all_kinds_are_drawn() -> None:
    assert {kind.__name__ for kind in KINDS} == {*(f"_draw_{name}" for name in NAMES), "_draw_bars"}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), side=st.integers(64, 200), level=st.floats(0, 1))
def test_a_film_keeps_its_type_and_range(seed: int, side: int, level: float) -> None:
    film = np.full((side, side), level, np.float32)
    draw_hardware(np.random.default_rng(seed), film)
    assert film.dtype == np.float32
    assert np.isfinite(film).all()
    assert 0 <= film.min() <= film.max() <= 1.00001
