"""Losses: the one that training minimises, and the cross-entropy that validation reports."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot
from torchvision.transforms import v2

from fxkit.config import AugmentConfig, OptimConfig


class FocalLoss(nn.Module):
    """Focal loss over classes: the cross-entropy with each class term multiplied by (1 - probability) ** gamma.

    Takes (N, C) float32 logits, and targets that are (N,) int64 class indices or (N, C) float32 class fractions.
    Returns a scalar. With gamma 0 it equals torch's cross-entropy with the same weights and label smoothing.

    Args:
        weights: (C,) float32 class weights.
        label_smoothing: fraction of each target that is spread evenly over all classes.
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
        focus = (1 - log_p.exp()).clamp(min=0) ** self.gamma  # a rounded probability can exceed 1
        return -(weights * shares * focus * log_p).sum() / total


def build_loss(optim: OptimConfig, weights: Tensor) -> nn.Module:
    """Build the training loss with (C,) float32 class weights.

    The loss accepts class indices, and class fractions for mixed films.
    """
    if optim.loss == "focal":
        return FocalLoss(optim.focal_gamma, weights, optim.label_smoothing)
    return nn.CrossEntropyLoss(weights, label_smoothing=optim.label_smoothing)


def film_losses(logits: Tensor, labels: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return (N,) cross-entropies and the (N,) class weights of the films; a film with label -1 has weight 0.

    The validation loss is their weighted mean over all films, whichever loss training minimises. It can therefore be
    compared between runs, and it does not depend on batches or processes.
    """
    known = labels.clamp(min=0)
    return cross_entropy(logits, known, reduction="none"), weights[known] * (labels >= 0)


Mix = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def build_mixing(config: AugmentConfig, class_count: int) -> Mix | None:
    """Build the mixing of images in a batch (mixup or CutMix); None if none is set.

    It maps (N, 3, S, S) images and (N,) class indices to (N, 3, S, S) images and (N, C) class fractions, and uses
    torch's global random generator. If both are set, one of them is drawn for each batch.

    Source: Zhang et al. 2018, "mixup: beyond empirical risk minimization"; Yun et al. 2019, "CutMix".
    """
    kinds = ((v2.MixUp, config.mixup_alpha), (v2.CutMix, config.cutmix_alpha))
    chosen = [kind(alpha=alpha, num_classes=class_count) for kind, alpha in kinds if alpha > 0]
    if not chosen or not config.enabled:
        return None
    mix: Mix = v2.RandomChoice(chosen)
    return mix
