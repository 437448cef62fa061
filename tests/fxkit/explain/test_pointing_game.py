"""The pointing game, on maps with known peaks."""

import numpy as np
import pytest

from fxkit.data.preprocessing import Preprocessing
from fxkit.explain.attention import Attention
from fxkit.explain.pointing_game import point, pointing_of

PLAIN = Preprocessing(224, "stretch", (0.5,) * 3, (0.5,) * 3)


def boxes() -> np.ndarray:
    found = np.zeros((448, 112), bool)  # a film twice as high and half as wide as the input
    found[100:200, 20:40] = True
    return found


@pytest.mark.parametrize(
    ("peak", "hits"),
    [((75, 60), (True, True)), ((75, 90), (False, True)), ((75, 120), (False, False)), ((10, 60), (False, False))],
)
def test_a_peak_hits_a_box_on_or_near_it(peak: tuple[int, int], hits: tuple[bool, bool]) -> None:
    heat = np.zeros((224, 224), np.float32)
    heat[peak] = 1
    found = point(heat, boxes(), (448, 112), PLAIN)
    assert found is not None
    assert found.hits == hits
    assert found.shares[0] == pytest.approx(boxes().mean(), rel=0.1)
    assert found.shares[1] > found.shares[0]


def test_without_boxes_or_map_there_is_no_game() -> None:
    heat = np.ones((224, 224), np.float32)
    assert point(heat, None, (448, 112), PLAIN) is None
    assert point(heat, np.zeros((448, 112), bool), (448, 112), PLAIN) is None
    assert point(heat, boxes(), (112, 448), PLAIN) is None
    assert point(0 * heat, boxes(), (448, 112), PLAIN) is None


def test_films_are_summed_up_over_groups() -> None:
    rows = [
        Attention(
            f"{i}", "a", "a", 0.9, None, None, group=f"g{i}", in_box=(i % 4 == 0, i % 2 == 0), box_share=(0.1, 0.2)
        )
        for i in range(40)
    ]
    found = pointing_of([*rows, Attention("without", "a", "a", 0.9, None, None)])
    assert found is not None
    assert (found.n_films, found.strict.value, found.tolerant.value) == (40, 0.25, 0.5)
    assert found.strict.low > found.strict_chance == pytest.approx(0.1)
    assert "the peak lies in a box on 25.0%" in found.lines[0]
    assert pointing_of([]) is None
