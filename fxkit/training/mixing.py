"""Mixup and cutmix: two films of a batch become one, and so do their classes."""

from collections.abc import Callable

from torch import Tensor
from torchvision.transforms import v2

from fxkit.config import AugmentConfig

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
