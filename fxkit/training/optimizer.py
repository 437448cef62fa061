"""AdamW over the head and the trained part of the backbone, whose rates may fall layer by layer towards the input."""

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
    """Build the optimizer of a phase for what is trainable now."""
    head_lr = optim.head_lr if phase == "head" else optim.finetune_head_lr
    groups: list[dict[str, Any]] = [{"params": list(classifier.head.parameters()), "lr": head_lr}]
    groups += backbone_groups(classifier.backbone, optim)
    return torch.optim.AdamW(groups, weight_decay=optim.weight_decay)


def backbone_groups(backbone: nn.Module, optim: OptimConfig) -> list[dict[str, Any]]:
    """Return the trainable parameters in groups with their rates; [] where all are frozen.

    The last layer is trained at optim.finetune_backbone_lr, each earlier one at optim.layer_decay of the next one's
    rate. What a layer is, timm says: a block, of plain transformers and of stages alike.

    Source: Bao et al. 2022, "BEiT: BERT pre-training of image transformers", for the rates.
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
    """Build Lightning's callback; checkpoints then hold the averaged weights, and beside them those to train on.

    The first steps count more than `decay` says, or a short training would keep the weights that it started from.
    """
    return WeightAveraging(multi_avg_fn=partial(_average, decay))


def decay_at(step: int, decay: float) -> float:
    """Return what is kept of the average at a step, counted from 0."""
    return min(decay, (1 + step) / (10 + step))


def _average(decay: float, averaged: Sequence[Tensor], current: Sequence[Tensor], count: Tensor) -> None:
    update = cast(Any, get_ema_multi_avg_fn)(decay_at(int(count), decay))
    update(averaged, current, count)
