"""Mixup and cutmix: pixels and classes are mixed in the same shares, for any batch, and the draw repeats."""

import pytest
import torch

from fxkit.config import AugmentConfig
from fxkit.training.mixing import build_mixing


def batch(films: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Films of one grey value, 0 or 1, that is their class."""
    labels = torch.arange(films) % 2
    return labels.float().view(-1, 1, 1, 1).expand(-1, 3, 32, 32).clone(), labels


@pytest.mark.parametrize("films", [1, 2, 5])
@pytest.mark.parametrize("alphas", [(0.4, 0.0), (0.0, 1.0), (0.4, 1.0)])
def test_classes_are_mixed_as_the_pixels_are(films: int, alphas: tuple[float, float]) -> None:
    mix = build_mixing(AugmentConfig(mixup_alpha=alphas[0], cutmix_alpha=alphas[1]), 2)
    assert mix is not None
    for seed in range(5):
        torch.manual_seed(seed)
        images, shares = mix(*batch(films))
        assert torch.allclose(images.mean((1, 2, 3)), shares[:, 1], atol=1e-5)
        assert torch.allclose(shares.sum(1), torch.ones(films))


def test_the_seed_decides_what_is_drawn() -> None:
    mix = build_mixing(AugmentConfig(mixup_alpha=0.4, cutmix_alpha=1.0), 2)
    assert mix is not None
    drawn = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        drawn.append(mix(*batch(4))[1])
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_none_is_built_where_none_is_asked_for() -> None:
    assert build_mixing(AugmentConfig(), 2) is None
    assert build_mixing(AugmentConfig(enabled=False, mixup_alpha=1.0), 2) is None
