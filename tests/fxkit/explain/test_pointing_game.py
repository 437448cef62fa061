"""Pointing game on maps with known peaks."""

import numpy as np
import pytest

from fxkit.data.preprocessing import Preprocessing
from fxkit.explain.attention import Attention
from fxkit.explain.pointing_game import check_peak, describe_pointing, summarise_pointing

PLAIN = Preprocessing(224, "stretch", (0.5,) * 3, (0.5,) * 3)


def make_boxes() -> np.ndarray:
    boxes = np.zeros((448, 112), bool)  # a film twice as high and half as wide as the input
    boxes[100:200, 20:40] = True
    return boxes


@pytest.mark.parametrize(
    ("peak", "hits"),
    [((75, 60), (True, True)), ((75, 90), (False, True)), ((75, 120), (False, False)), ((10, 60), (False, False))],
)
def test_a_peak_hits_a_box_that_contains_it_or_is_near(peak: tuple[int, int], hits: tuple[bool, bool]) -> None:
    heat = np.zeros((224, 224), np.float32)
    heat[peak] = 1
    peak_hit = check_peak(heat, make_boxes(), (448, 112), PLAIN)
    assert peak_hit is not None
    assert peak_hit.hits == hits
    assert peak_hit.shares[0] == pytest.approx(make_boxes().mean(), rel=0.1)
    assert peak_hit.shares[1] > peak_hit.shares[0]


def test_there_is_no_result_without_boxes_or_with_an_empty_map() -> None:
    heat = np.ones((224, 224), np.float32)
    assert check_peak(heat, None, (448, 112), PLAIN) is None
    assert check_peak(heat, np.zeros((448, 112), bool), (448, 112), PLAIN) is None
    assert check_peak(heat, make_boxes(), (112, 448), PLAIN) is None
    assert check_peak(0 * heat, make_boxes(), (448, 112), PLAIN) is None


def test_the_interval_is_computed_over_groups() -> None:
    rows = [
        Attention(
            f"{i}", "a", "a", 0.9, None, None, group=f"g{i}", in_box=(i % 4 == 0, i % 2 == 0), box_share=(0.1, 0.2)
        )
        for i in range(40)
    ]
    game = summarise_pointing([*rows, Attention("without", "a", "a", 0.9, None, None)])
    assert game is not None
    assert (game.n_films, game.strict.value, game.tolerant.value) == (40, 0.25, 0.5)
    assert game.strict.low > game.strict_chance == pytest.approx(0.1)
    assert "the peak lies in a box in 25.0% (" in describe_pointing(game)[0]
    assert summarise_pointing([]) is None


def test_hits_on_every_film_keep_a_finite_interval() -> None:
    rows = [
        Attention(f"{i}", "a", "a", 0.9, None, None, group=f"g{i}", in_box=(True, True), box_share=(0.1, 0.2))
        for i in range(8)
    ]
    game = summarise_pointing(rows)
    assert game is not None
    assert "the peak lies in a box in 100.0% (67.6% to 100.0%) of films" in describe_pointing(game)[0]
