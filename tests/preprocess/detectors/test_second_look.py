"""A second look: at doubtful places alone, and the mean of what eight views say there."""

import numpy as np
import pytest
from numpy.typing import NDArray

from preprocess.detectors.markernet import CHANNELS
from preprocess.detectors.regions import MULTIPLE, STRIDE
from preprocess.detectors.second_look import CERTAIN, MARGIN_PX, UNTURNED, second_look

from ..conftest import logits_with

Film = NDArray[np.float32]
Said = NDArray[np.float32]
BOX = [(50.0, 60.0), (70.0, 60.0), (70.0, 67.0), (50.0, 67.0)]  # in pixels of what is said
INNER = np.s_[44:83, 34:86]  # the box and half the margin


def of_brightness(part: Film) -> Said:
    """Say the film's brightness, in every channel: the same of a pixel in any view."""
    return np.broadcast_to(part[::STRIDE, ::STRIDE], (CHANNELS, *(side // STRIDE for side in part.shape))).copy()


def bright_to_the_left(part: Film) -> Said:
    """Say 8 of the left half of any film that is shown, and 0 of the right half."""
    said = np.zeros((CHANNELS, *(side // STRIDE for side in part.shape)), np.float32)
    said[:, :, : said.shape[2] // 2] = 8
    return said


def doubtful(value: float) -> Said:
    return logits_with((0, BOX, value), shape=(96, 128))


@pytest.fixture
def shown() -> Film:
    rows, columns = doubtful(0.0).shape[1:]
    blocks = np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)
    return blocks.repeat(STRIDE, 0).repeat(STRIDE, 1)


def test_every_view_is_laid_back_on_the_film(shown: Film) -> None:
    said = doubtful(0.0)
    found = second_look(of_brightness, shown, said)
    assert np.allclose(found[:UNTURNED][(slice(None), *INNER)], of_brightness(shown)[:UNTURNED][(slice(None), *INNER)])


def test_the_rest_and_directions_stay_as_they_are(shown: Film) -> None:
    said = doubtful(0.0)
    found = second_look(of_brightness, shown, said)
    assert np.array_equal(found[UNTURNED:], said[UNTURNED:])
    found[:UNTURNED][(slice(None), *INNER)] = said[:UNTURNED][(slice(None), *INNER)]
    assert np.array_equal(found, said)


def test_it_is_the_mean_over_all_views(shown: Film) -> None:
    found = second_look(bright_to_the_left, shown, doubtful(0.0))
    assert found[:UNTURNED][(slice(None), *INNER)] == pytest.approx(4)


@pytest.mark.parametrize("value", [CERTAIN + 0.1, -3.1])
def test_what_is_certain_or_surely_none_is_not_looked_at_again(shown: Film, value: float) -> None:
    said = doubtful(value)
    assert np.array_equal(second_look(pytest.fail, shown, said), said)


def test_it_sees_a_margin_and_whole_multiples(shown: Film) -> None:
    asked: list[tuple[int, ...]] = []

    def run(part: Film) -> Said:
        asked.append(part.shape)
        return of_brightness(part)

    second_look(run, shown, doubtful(0.0))
    assert len(asked) == 8
    assert {side % MULTIPLE for shape in asked for side in shape} == {0}
    assert min(asked[0]) >= min(14 + 2 * MARGIN_PX, *shown.shape)
