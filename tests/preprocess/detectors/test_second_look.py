import numpy as np
import pytest
from numpy.typing import NDArray

from preprocess.detectors.markernet import CHANNELS
from preprocess.detectors.regions import MULTIPLE, STRIDE
from preprocess.detectors.second_look import CERTAIN, MARGIN_PX, UNTURNED, second_look

from ..conftest import logits_with

Film = NDArray[np.float32]
Logits = NDArray[np.float32]
BOX = [(50.0, 60.0), (70.0, 60.0), (70.0, 67.0), (50.0, 67.0)]  # in pixels of the logits
INNER = np.s_[44:83, 34:86]  # the box and half the margin


def brightness_network(part: Film) -> Logits:
    """Return the film's brightness in every channel. It is the same for a pixel in every view."""
    return np.broadcast_to(part[::STRIDE, ::STRIDE], (CHANNELS, *(side // STRIDE for side in part.shape))).copy()


def left_half_network(part: Film) -> Logits:
    """Return 8 for the left half of any view, and 0 for the right half."""
    logits = np.zeros((CHANNELS, *(side // STRIDE for side in part.shape)), np.float32)
    logits[:, :, : logits.shape[2] // 2] = 8
    return logits


def doubtful_logits(value: float) -> Logits:
    return logits_with((0, BOX, value), shape=(96, 128))


@pytest.fixture
def film() -> Film:
    rows, columns = doubtful_logits(0.0).shape[1:]
    blocks = np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)
    return blocks.repeat(STRIDE, 0).repeat(STRIDE, 1)


def test_every_view_is_turned_back_before_averaging(film: Film) -> None:
    logits = doubtful_logits(0.0)
    averaged = second_look(brightness_network, film, logits)
    assert np.allclose(
        averaged[:UNTURNED][(slice(None), *INNER)], brightness_network(film)[:UNTURNED][(slice(None), *INNER)]
    )


def test_other_pixels_and_directions_do_not_change(film: Film) -> None:
    logits = doubtful_logits(0.0)
    averaged = second_look(brightness_network, film, logits)
    assert np.array_equal(averaged[UNTURNED:], logits[UNTURNED:])
    averaged[:UNTURNED][(slice(None), *INNER)] = logits[:UNTURNED][(slice(None), *INNER)]
    assert np.array_equal(averaged, logits)


def test_the_result_is_the_mean_over_all_views(film: Film) -> None:
    averaged = second_look(left_half_network, film, doubtful_logits(0.0))
    assert averaged[:UNTURNED][(slice(None), *INNER)] == pytest.approx(4)


@pytest.mark.parametrize("value", [CERTAIN + 0.1, -3.1])
def test_regions_that_are_certain_or_impossible_are_not_run_again(film: Film, value: float) -> None:
    logits = doubtful_logits(value)
    assert np.array_equal(second_look(pytest.fail, film, logits), logits)


def test_the_network_sees_a_margin_and_whole_multiples(film: Film) -> None:
    shapes: list[tuple[int, ...]] = []

    def run(part: Film) -> Logits:
        shapes.append(part.shape)
        return brightness_network(part)

    second_look(run, film, doubtful_logits(0.0))
    assert len(shapes) == 8
    assert {side % MULTIPLE for shape in shapes for side in shape} == {0}
    assert min(shapes[0]) >= min(14 + 2 * MARGIN_PX, *film.shape)
