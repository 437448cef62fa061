"""The classifier: a timm backbone with a small head, and which of its stages are trained."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from fxkit.config import ModelConfig
from fxkit.errors import ConfigError
from fxkit.models.backbones import build_backbone

AT_ONCE = 4  # films; what a network makes of more does not stay in a core's cache (benchmarks/inference.py)


class Classifier(nn.Module):
    """A backbone and a head: (N, 3, H, W) float32, normalised -> (N, C) float32 logits; also from (N, D) features."""

    def __init__(self, backbone: nn.Module, head: nn.Sequential) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        features = images if images.ndim == 2 else self.backbone(images)
        return cast(Tensor, self.head(features))


def build_classifier(
    config: ModelConfig, class_count: int, *, load: bool = True, image_size: int | None = None
) -> Classifier:
    """Build a classifier with fresh head weights.

    Args:
        config: names the backbone, its weights and the head's sizes.
        class_count: C, two or more.
        load: False leaves the backbone's weights random, for a state dict that comes next.
        image_size: px; told to backbones whose weights depend on it (transformers).
    Raises:
        ConfigError, WeightsError: as `build_backbone`.
    """
    backbone = build_backbone(
        config.backbone,
        pretrained=config.pretrained and load,
        weights=config.weights if load else None,
        args={**size_args(config.backbone, image_size), **config.args},
    )
    return Classifier(backbone, build_head(feature_count(backbone), class_count, config.hidden, config.dropout))


def forward_films(network: nn.Module, images: Tensor) -> Tensor:
    """Return what a network in evaluation, that needs no gradient, gives for (N, 3, S, S) images or (N, D) features.

    On the processor a few images a thread go through it at a time, in channels-last order, which is faster.
    """
    if images.device.type != "cpu" or images.ndim != 4:
        return cast(Tensor, network(images))
    parts = torch.split(images, AT_ONCE * torch.get_num_threads())
    return torch.cat([network(part.contiguous(memory_format=torch.channels_last)) for part in parts])


def build_head(features: int, class_count: int, hidden: int, dropout: Sequence[float]) -> nn.Sequential:
    if not hidden:
        return nn.Sequential(nn.Dropout(dropout[0]), nn.Linear(features, class_count))
    return nn.Sequential(
        nn.Dropout(dropout[0]),
        nn.Linear(features, hidden),
        nn.ReLU(),
        nn.Dropout(dropout[1]),
        nn.Linear(hidden, class_count),
    )


def feature_count(backbone: nn.Module) -> int:
    """Return D, the length of a backbone's pooled features."""
    return int(getattr(backbone, "head_hidden_size", None) or cast(Any, backbone).num_features)


def size_args(name: str, image_size: int | None) -> dict[str, Any]:
    """Return what timm.create_model must be told for a backbone whose weights depend on the image's size."""
    import timm

    default = timm.get_pretrained_cfg(name)
    if image_size is None or not default.fixed_input_size or image_size == default.input_size[-1]:
        return {}
    return {"img_size": image_size}


def stage_names(backbone: nn.Module) -> list[tuple[str, int]]:
    """Return (module name, stride of what goes in) of the stages in order, without the stem.

    A stage begins after each module that timm's feature_info names, but the last. In plain transformers each block is
    one.
    """
    stages = [(str(s["module"]), int(s["reduction"])) for s in cast(Any, backbone).feature_info]
    modules = {name: i for i, (name, _) in enumerate(backbone.named_modules())}
    names = [name for name, _ in backbone.named_parameters()]
    found = []
    for before, stride in stages[:-1]:
        end = max(i for name, i in modules.items() if f"{name}.".startswith(f"{before}."))
        first = next(i for i, name in enumerate(names) if modules[name.rpartition(".")[0]] > end)
        found.append((_shortest_prefix(names, first), stride))
    return found


def finetune_stage(backbone: nn.Module) -> str:
    """Return the name of the stage that is to this backbone what layer3 is to ResNet: the first at stride 16.

    Backbones of one stride (plain transformers) give the block half-way.
    """
    stages = stage_names(backbone)
    if len({stride for _, stride in stages}) == 1:
        return stages[(len(stages) + 1) // 2 - 1][0]
    return [name for name, stride in stages if stride < 16][-1]


def unfreezing(backbone: nn.Module, stage: str) -> list[str]:
    """Return the stages from which on the backbone is trained, one after the other: the last, ..., up to `stage`."""
    names = [name for name, _ in backbone.named_parameters()]
    start = _first(names, stage)
    later = [name for name, _ in stage_names(backbone) if _first(names, name) > start]
    return [*reversed(later), stage]


def set_trainable(model: Classifier, stage: str | None) -> None:
    """Train the head, and the backbone from a stage onwards in its own order; freeze the rest, in place.

    Args:
        stage: a module's name such as layer3, or None to freeze the whole backbone.
    Raises:
        ConfigError: the backbone has no such module.
    """
    parameters = list(model.backbone.named_parameters())
    first = len(parameters)
    if stage is not None:
        first = _first([name for name, _ in parameters], stage)
    for i, (_, parameter) in enumerate(parameters):
        parameter.requires_grad_(i >= first)


def set_train_mode(model: Classifier) -> None:
    """Put the trained modules into training mode and the frozen ones into evaluation, in place.

    A frozen batch norm then keeps its statistics.
    """
    model.train()
    for module in model.backbone.modules():
        own = list(module.parameters())
        if own and not any(p.requires_grad for p in own):
            module.eval()
    if not any(p.requires_grad for p in model.backbone.parameters()):
        model.backbone.eval()


def _shortest_prefix(names: Sequence[str], index: int) -> str:
    parts = names[index].split(".")
    for length in range(1, len(parts)):
        prefix = ".".join(parts[:length])
        if not any(name.startswith(f"{prefix}.") for name in names[:index]):
            return prefix
    return names[index]


def _first(names: Sequence[str], stage: str) -> int:
    """Return the place of the first parameter of a module."""
    matching = [i for i, name in enumerate(names) if f"{name}.".startswith(f"{stage}.")]
    if not matching:
        expected = ", ".join(_outer_modules(names))
        raise ConfigError(f"model.finetune_from = {stage!r}: no such module; modules are {expected}")
    return matching[0]


def _outer_modules(names: Iterable[str]) -> list[str]:
    """Return the outer modules: one part of the name, or two where the second counts them."""
    stages = dict.fromkeys(
        ".".join(parts[:2] if len(parts) > 2 and parts[1].isdigit() else parts[:1])
        for parts in (name.split(".") for name in names)
    )
    return list(stages)


@torch.no_grad()
def output_of(module: nn.Module, model: nn.Module, images: Tensor) -> Tensor:
    """Return what a module inside model gives for images."""
    seen: list[Tensor] = []
    handle = module.register_forward_hook(lambda _m, _i, out: seen.append(out))
    try:
        model(images)
    finally:
        handle.remove()
    return seen[-1]


class Ensemble(nn.Module):
    """Classifiers of the same classes and input: (N, 3, S, S) float32, normalised -> (N, C) float32.

    The output is the logarithm of the mean over members of their probabilities, so that a softmax gives that mean
    back, and whoever takes logits takes it unchanged.

    Attributes:
        members: the K classifiers.
        temperatures: (K,) float32; each member's logits are divided by its own.
    """

    temperatures: Tensor

    def __init__(self, members: Sequence[Classifier], temperatures: Sequence[float] = ()) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.register_buffer("temperatures", torch.tensor(temperatures or [1.0] * len(members)))

    def forward(self, images: Tensor) -> Tensor:
        logits = [member(images).float() / self.temperatures[i] for i, member in enumerate(self.members)]
        each = torch.stack(logits).log_softmax(2)
        return each.logsumexp(0) - math.log(len(self.members))
