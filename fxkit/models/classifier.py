"""The classifier: a timm backbone with a small head, and which of its stages to train."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from fxkit.config import ModelConfig
from fxkit.errors import ConfigError
from fxkit.models.backbones import build_backbone
from fxkit.models.image_sizes import image_size_args

FILMS_PER_THREAD = 4  # with more, a network's activations leave the core's cache (benchmarks/inference.py)


class Classifier(nn.Module):
    """A backbone and a head: (N, 3, H, W) normalised float32 images, or (N, D) features, -> (N, C) float32 logits."""

    def __init__(self, backbone: nn.Module, head: nn.Sequential) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, images: Tensor) -> Tensor:
        features = images if images.ndim == 2 else self.backbone(images)
        return cast(Tensor, self.head(features))


def build_classifier(
    config: ModelConfig, n_classes: int, *, load: bool = True, image_size: int | None = None
) -> Classifier:
    """Build a classifier with a randomly initialised head.

    Args:
        config: the backbone, its weights and the sizes of the head.
        n_classes: C, 2 or more.
        load: load the backbone's weights; False if a state dict is loaded afterwards.
        image_size: px; needed for backbones whose weights depend on it, such as vision transformers.
    Raises:
        ConfigError, WeightsError: see `build_backbone`.
    """
    backbone = build_backbone(
        config.backbone,
        pretrained=config.pretrained and load,
        weights=config.weights if load else None,
        args={**image_size_args(config.backbone, image_size), **config.args},
    )
    return Classifier(backbone, build_head(count_features(backbone), n_classes, config.hidden, config.dropout))


def forward_films(network: nn.Module, images: Tensor) -> Tensor:
    """Run a network, in evaluation mode and without gradients, on (N, 3, S, S) images or (N, D) features.

    On the CPU, images are run in small batches in channels-last order, which is faster.
    """
    if images.device.type != "cpu" or images.ndim != 4:
        return cast(Tensor, network(images))
    parts = torch.split(images, FILMS_PER_THREAD * torch.get_num_threads())
    return torch.cat([network(part.contiguous(memory_format=torch.channels_last)) for part in parts])


def calibrate_logits(logits: Tensor, temperature: float, bias: Sequence[float] = ()) -> Tensor:
    """Return (N, C) logits divided by a temperature, plus a bias for each class if one is given."""
    scaled = logits / temperature
    return scaled + torch.tensor(bias, dtype=scaled.dtype, device=scaled.device) if bias else scaled


def build_head(features: int, n_classes: int, hidden: int, dropout: Sequence[float]) -> nn.Sequential:
    """Build the head: (N, features) -> (N, n_classes) logits, with one hidden layer unless `hidden` is 0."""
    if not hidden:
        return nn.Sequential(nn.Dropout(dropout[0]), nn.Linear(features, n_classes))
    return nn.Sequential(
        nn.Dropout(dropout[0]),
        nn.Linear(features, hidden),
        nn.ReLU(),
        nn.Dropout(dropout[1]),
        nn.Linear(hidden, n_classes),
    )


def count_features(backbone: nn.Module) -> int:
    """Return D, the length of a backbone's pooled features."""
    return int(getattr(backbone, "head_hidden_size", None) or cast(Any, backbone).num_features)


def stage_names(backbone: nn.Module) -> list[tuple[str, int]]:
    """Return (module name, stride of its input) of each stage in order, without the stem.

    A stage begins after each module in timm's feature_info except the last. In plain vision transformers each block
    is a stage.
    """
    stages = [(str(s["module"]), int(s["reduction"])) for s in cast(Any, backbone).feature_info]
    modules = {name: i for i, (name, _) in enumerate(backbone.named_modules())}
    names = [name for name, _ in backbone.named_parameters()]
    named_stages = []
    for before, stride in stages[:-1]:
        end = max(i for name, i in modules.items() if f"{name}.".startswith(f"{before}."))
        first = next(i for i, name in enumerate(names) if modules[name.rpartition(".")[0]] > end)
        named_stages.append((_shortest_prefix(names, first), stride))
    return named_stages


def default_finetune_stage(backbone: nn.Module) -> str:
    """Return the first stage to fine-tune by default: the last whose input stride is below 16, layer3 in ResNet.

    In backbones with a single stride, such as plain vision transformers, it is the middle block.
    """
    stages = stage_names(backbone)
    if len({stride for _, stride in stages}) == 1:
        return stages[(len(stages) + 1) // 2 - 1][0]
    return [name for name, stride in stages if stride < 16][-1]


def unfreezing_order(backbone: nn.Module, stage: str) -> list[str]:
    """Return the stages in the order in which they are unfrozen: from the last one back to `stage`."""
    names = [name for name, _ in backbone.named_parameters()]
    start = _first_parameter(names, stage)
    later = [name for name, _ in stage_names(backbone) if _first_parameter(names, name) > start]
    return [*reversed(later), stage]


def set_trainable(model: Classifier, stage: str | None) -> None:
    """Make the head and the backbone from a stage onwards trainable, and freeze the rest, in place.

    Args:
        stage: module name such as layer3; None freezes the whole backbone.
    Raises:
        ConfigError: the backbone has no such module.
    """
    parameters = list(model.backbone.named_parameters())
    first = len(parameters)
    if stage is not None:
        first = _first_parameter([name for name, _ in parameters], stage)
    for i, (_, parameter) in enumerate(parameters):
        parameter.requires_grad_(i >= first)


def set_train_mode(model: Classifier) -> None:
    """Put trainable modules into training mode and frozen ones into evaluation mode, in place.

    Frozen batch norms then keep their statistics.
    """
    model.train()
    for module in model.backbone.modules():
        parameters = list(module.parameters())
        if parameters and not any(p.requires_grad for p in parameters):
            module.eval()
    if not any(p.requires_grad for p in model.backbone.parameters()):
        model.backbone.eval()


def _shortest_prefix(names: Sequence[str], index: int) -> str:
    """Return the outermost module that contains the parameter at `index` but none of the parameters before it."""
    parts = names[index].split(".")
    for length in range(1, len(parts)):
        prefix = ".".join(parts[:length])
        if not any(name.startswith(f"{prefix}.") for name in names[:index]):
            return prefix
    return names[index]


def _first_parameter(names: Sequence[str], stage: str) -> int:
    """Return the index of the first parameter of a module."""
    matching = [i for i, name in enumerate(names) if f"{name}.".startswith(f"{stage}.")]
    if not matching:
        expected = ", ".join(_outer_modules(names))
        raise ConfigError(f"model.finetune_from = {stage!r}: no such module; expected one of {expected}")
    return matching[0]


def _outer_modules(names: Iterable[str]) -> list[str]:
    """Return the names of the outermost modules, such as layer3; numbered blocks count singly, such as blocks.3."""
    stages = dict.fromkeys(
        ".".join(parts[:2] if len(parts) > 2 and parts[1].isdigit() else parts[:1])
        for parts in (name.split(".") for name in names)
    )
    return list(stages)


@torch.no_grad()
def capture_output(module: nn.Module, model: nn.Module, images: Tensor) -> Tensor:
    """Run the model on images, and return the output of one of its modules."""
    outputs: list[Tensor] = []
    handle = module.register_forward_hook(lambda _m, _i, out: outputs.append(out))
    try:
        model(images)
    finally:
        handle.remove()
    return outputs[-1]


class Ensemble(nn.Module):
    """The mean of several classifiers: (N, 3, S, S) normalised float32 images -> (N, C) float32 log probabilities.

    The output is the logarithm of the members' mean probability. It can be used like logits: its softmax is the mean
    probability.

    Attributes:
        members: K classifiers with the same classes and the same input.
        temperatures: (K,) float32; the logits of member k are divided by temperatures[k].
        biases: (K, C) float32, added to the logits after that.
    """

    temperatures: Tensor
    biases: Tensor

    def __init__(
        self, members: Sequence[Classifier], temperatures: Sequence[float] = (), biases: Sequence[Sequence[float]] = ()
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        n_classes = cast(nn.Linear, members[0].head[-1]).out_features
        self.register_buffer("temperatures", torch.tensor(temperatures or [1.0] * len(members)))
        self.register_buffer("biases", torch.tensor([b or [0.0] * n_classes for b in biases or [()] * len(members)]))

    def forward(self, images: Tensor) -> Tensor:
        logits = [m(images).float() / self.temperatures[i] + self.biases[i] for i, m in enumerate(self.members)]
        log_probabilities = torch.stack(logits).log_softmax(2)
        return log_probabilities.logsumexp(0) - math.log(len(self.members))
