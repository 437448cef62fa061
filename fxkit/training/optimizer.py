"""AdamW for the head and the trained part of the backbone, with layer-wise learning rates if requested."""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import torch
from lightning.pytorch.callbacks import WeightAveraging
from timm.optim import param_groups_layer_decay
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from fxkit.config import OptimConfig
from fxkit.models.classifier import Classifier
from fxkit.training.films import Phase


def build_optimizer(classifier: Classifier, optim: OptimConfig, phase: Phase) -> torch.optim.AdamW:
    """Build the optimizer of a phase for the parameters that are trainable now."""
    head_lr = optim.head_lr if phase == "head" else optim.finetune_head_lr
    groups: list[dict[str, Any]] = [{"params": list(classifier.head.parameters()), "lr": head_lr}]
    groups += build_backbone_groups(classifier.backbone, optim)
    return torch.optim.AdamW(groups, weight_decay=optim.weight_decay)


def build_backbone_groups(backbone: nn.Module, optim: OptimConfig) -> list[dict[str, Any]]:
    """Return parameter groups of the trainable backbone parameters with their learning rates; [] if all are frozen.

    The last layer gets optim.finetune_backbone_lr. Each earlier layer gets optim.layer_decay times the rate of the
    layer after it. timm defines the layers: blocks, both in plain transformers and in networks with stages.

    Source: Bao et al. 2022, "BEiT: BERT pre-training of image transformers".
    """
    trained = [p for p in backbone.parameters() if p.requires_grad]
    if not trained or optim.layer_decay == 1:
        return [{"params": trained, "lr": optim.finetune_backbone_lr}] if trained else []
    layers = param_groups_layer_decay(backbone, weight_decay_exclude_1d=False, layer_decay=optim.layer_decay)
    last = max(layer["lr_scale"] for layer in layers)
    return [
        {"params": layer["params"], "lr": optim.finetune_backbone_lr * layer["lr_scale"] / last} for layer in layers
    ]


def build_averaging(decay: float) -> WeightAveraging:
    """Build Lightning's callback for an exponential moving average of the weights.

    Checkpoints then contain the averaged weights, and the current weights for resuming. The first steps use a smaller
    decay (see `decay_at`); otherwise the average of a short training would stay close to the initial weights.
    """
    return WeightAveraging(multi_avg_fn=partial(_average, decay))


def decay_at(step: int, decay: float) -> float:
    """Return the decay of the moving average at a step, counted from 0."""
    return min(decay, (1 + step) / (10 + step))


def _average(decay: float, averaged: Sequence[Tensor], current: Sequence[Tensor], count: Tensor) -> None:
    update = cast(Any, get_ema_multi_avg_fn)(decay_at(int(count), decay))
    update(averaged, current, count)
