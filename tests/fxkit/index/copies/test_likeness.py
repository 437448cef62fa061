"""Parts of the similarity of two films whose true values are known."""

import numpy as np
import pytest

from fxkit.index.copies.likeness import agreeing_share, correlation


@pytest.mark.parametrize("turned", [False, True])
def test_similar_places_in_a_single_row_do_not_count(turned: bool) -> None:
    weights = np.zeros((12, 16), np.float32)
    assert agreeing_share(weights, 20.0) == 0
    weights[10, 2:14] = 0.5
    assert agreeing_share(weights.T if turned else weights, 20.0) == 0
    weights[8:10, 2:14] = 0.5
    assert agreeing_share(weights.T if turned else weights, 20.0) == pytest.approx(18 / 20)


def test_correlation_of_known_arrays() -> None:
    a = np.array([1, 2, 4], np.float32)
    assert correlation(a, 3 * a + 1) == pytest.approx(1)
    assert correlation(a, -a) == pytest.approx(-1)
    assert correlation(a, np.ones(3, np.float32)) == 0
