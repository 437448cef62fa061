"""Losses: what the training minimises, and the plain one that validation is measured by."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot
from torchvision.transforms import v2

from fxkit.config import AugmentConfig, OptimConfig


class FocalLoss(nn.Module):
    """The focal loss over classes: cross-entropy in which a class counts (1 - its probability) ** gamma.

    Takes (N, C) float32 logits and targets, (N,) int64 class indices or (N, C) float32 shares; returns a scalar.
    With gamma 0 it is torch's cross-entropy with the same weights and smoothing.

    Args:
        weights: (C,) float32, of the classes.
        label_smoothing: share of each target that is spread over all classes.
    Source: Lin et al. 2017, "Focal loss for dense object detection", equation 5, with softmax instead of sigmoid.
    """

    def __init__(self, gamma: float, weights: Tensor, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.gamma = gamma
        self.label_smoothing = label_smoothing
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        count = logits.shape[1]
        shares = one_hot(targets, count).to(logits.dtype) if targets.ndim == 1 else targets
        weights = self.get_buffer("weights")
        total = weights[targets].sum() if targets.ndim == 1 else len(targets)
        shares = shares * (1 - self.label_smoothing) + self.label_smoothing / count
        log_p = logits.log_softmax(1)
        focus = (1 - log_p.exp()).clamp(min=0) ** self.gamma  # rounding may leave a probability above 1
        return -(weights * shares * focus * log_p).sum() / total


def build_loss(optim: OptimConfig, weights: Tensor) -> nn.Module:
    """Build the training's loss, with (C,) float32 weights of the classes.

    It takes class indices and, for mixed films, shares.
    """
    if optim.loss == "focal":
        return FocalLoss(optim.focal_gamma, weights, optim.label_smoothing)
    return nn.CrossEntropyLoss(weights, label_smoothing=optim.label_smoothing)


def film_losses(logits: Tensor, labels: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return (N,) cross-entropies and (N,) weights of films by class; a film of label -1 weighs nothing.

    Validation is measured by their weighted mean over all films, whatever the training minimises, so that epochs and
    runs with other losses compare, and that neither batches nor processes change it.
    """
    known = labels.clamp(min=0)
    return cross_entropy(logits, known, reduction="none"), weights[known] * (labels >= 0)


Mix = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def build_mixing(config: AugmentConfig, class_count: int) -> Mix | None:
    """Build ((N, 3, S, S), (N,) class indices) -> ((N, 3, S, S), (N, C) shares of the classes); None where none is set.

    It draws from torch's own generator. With both set, each batch gets one of them.

    Source: Zhang et al. 2018, "mixup: beyond empirical risk minimization"; Yun et al. 2019, "CutMix".
    """
    kinds = ((v2.MixUp, config.mixup_alpha), (v2.CutMix, config.cutmix_alpha))
    chosen = [kind(alpha=alpha, num_classes=class_count) for kind, alpha in kinds if alpha > 0]
    if not chosen or not config.enabled:
        return None
    mix: Mix = v2.RandomChoice(chosen)
    return mix
