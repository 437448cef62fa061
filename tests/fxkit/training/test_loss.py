"""The losses, compared with torch's cross-entropy and with their formulas."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from fxkit.config import AugmentConfig, OptimConfig
from fxkit.training.loss import FocalLoss, build_loss, build_mixing, film_losses

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.1, 0.2, 0.3], [-3.0, 4.0, 0.0], [1.0, 1.0, -2.0]])
LABELS = torch.tensor([0, 2, 1, 2])
WEIGHTS = torch.tensor([0.5, 1.0, 2.0])
FRACTIONS = torch.tensor([[0.7, 0.3, 0.0], [0.0, 0.0, 1.0], [0.2, 0.8, 0.0], [0.0, 0.5, 0.5]])


@pytest.mark.parametrize("targets", [LABELS, FRACTIONS])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_with_gamma_0_the_focal_loss_is_cross_entropy(targets: torch.Tensor, smoothing: float) -> None:
    focal = FocalLoss(0.0, WEIGHTS, smoothing)(LOGITS, targets)
    assert torch.allclose(focal, cross_entropy(LOGITS, targets, WEIGHTS, label_smoothing=smoothing))


def test_the_focal_loss_of_one_film_follows_the_formula() -> None:
    p = LOGITS[:1].softmax(1)[0, 0]
    focal = FocalLoss(2.0, torch.ones(3))(LOGITS[:1], LABELS[:1])
    assert torch.allclose(focal, -((1 - p) ** 2) * p.log())


def test_the_focal_loss_has_a_finite_gradient_at_probability_1() -> None:
    logits = torch.tensor([[200.0, -200.0]], requires_grad=True)
    FocalLoss(0.5, torch.ones(2))(logits, torch.tensor([0])).backward()
    assert logits.grad is not None
    assert bool(torch.isfinite(logits.grad).all())


def test_the_settings_choose_the_loss() -> None:
    plain = build_loss(OptimConfig(label_smoothing=0.1), WEIGHTS)
    assert torch.equal(plain(LOGITS, LABELS), cross_entropy(LOGITS, LABELS, WEIGHTS, label_smoothing=0.1))
    focal = build_loss(OptimConfig(loss="focal", focal_gamma=3.0), WEIGHTS)
    assert torch.equal(focal(LOGITS, LABELS), FocalLoss(3.0, WEIGHTS)(LOGITS, LABELS))


def test_the_weighted_mean_of_film_losses_is_the_weighted_cross_entropy() -> None:
    losses, weights = film_losses(LOGITS, LABELS, WEIGHTS)
    assert torch.allclose((losses * weights).sum() / weights.sum(), cross_entropy(LOGITS, LABELS, WEIGHTS))


def test_a_film_with_label_minus_1_has_weight_0() -> None:
    assert film_losses(LOGITS, torch.tensor([0, -1, 1, -1]), WEIGHTS)[1].tolist() == [0.5, 0.0, 1.0, 0.0]


def batch(films: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return films of a constant grey value, which is their class, 0 or 1."""
    labels = torch.arange(films) % 2
    return labels.float().view(-1, 1, 1, 1).expand(-1, 3, 32, 32).clone(), labels


@pytest.mark.parametrize("films", [1, 2, 5])
@pytest.mark.parametrize("alphas", [(0.4, 0.0), (0.0, 1.0), (0.4, 1.0)])
def test_class_fractions_match_the_mixed_pixels(films: int, alphas: tuple[float, float]) -> None:
    mix = build_mixing(AugmentConfig(mixup_alpha=alphas[0], cutmix_alpha=alphas[1]), 2)
    assert mix is not None
    for seed in range(5):
        torch.manual_seed(seed)
        images, class_fractions = mix(*batch(films))
        assert torch.allclose(images.mean((1, 2, 3)), class_fractions[:, 1], atol=1e-5)
        assert torch.allclose(class_fractions.sum(1), torch.ones(films))


def test_the_seed_determines_the_mixing() -> None:
    mix = build_mixing(AugmentConfig(mixup_alpha=0.4, cutmix_alpha=1.0), 2)
    assert mix is not None
    fractions = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        fractions.append(mix(*batch(4))[1])
    assert torch.equal(fractions[0], fractions[1])
    assert not torch.equal(fractions[0], fractions[2])


def test_without_mixing_settings_none_is_built() -> None:
    assert build_mixing(AugmentConfig(), 2) is None
    assert build_mixing(AugmentConfig(enabled=False, mixup_alpha=1.0), 2) is None
