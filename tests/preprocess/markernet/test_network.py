import pytest
import torch

from preprocess.detectors.markernet import CHANNELS
from preprocess.markernet.network import MarkerNet


@pytest.mark.parametrize("sides", [(32, 32), (64, 96)])
def test_there_is_one_output_per_two_by_two_pixels(sides: tuple[int, int]) -> None:
    logits = MarkerNet().eval()(torch.zeros(2, 1, *sides))
    assert logits.shape == (2, CHANNELS, sides[0] // 2, sides[1] // 2)
    assert torch.isfinite(logits).all()


def test_sides_that_are_not_multiples_of_32_are_refused() -> None:
    with pytest.raises(RuntimeError, match="size"):
        MarkerNet()(torch.zeros(1, 1, 48, 64))


def test_the_network_has_less_than_a_million_weights() -> None:
    assert sum(weight.numel() for weight in MarkerNet().parameters()) < 1_000_000


def test_a_pixel_influences_near_outputs_more_than_far_ones() -> None:
    torch.manual_seed(0)
    network, film = MarkerNet().eval(), torch.rand(1, 1, 64, 64) * 255
    changed = film.clone()
    changed[..., 20, 20] = 255 - changed[..., 20, 20]
    with torch.inference_mode():
        difference = (network(film) - network(changed)).abs().amax(1)[0]
    assert difference[10, 10] > 0
    assert difference[10, 10] >= difference[30, 30]
