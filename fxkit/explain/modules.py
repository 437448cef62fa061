"""Maps of any network in PyTorch by gradients, from Python: the network, a layer of it, and how it takes a film."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from fxkit.data.preprocessing import Grey, Preprocessing
from fxkit.errors import ConfigError
from fxkit.explain.explain import ExplainOptions, Explanation, explain_with
from fxkit.explain.films import Film
from fxkit.explain.mapper import METHODS
from fxkit.explain.maps import GradientMapper, TargetLayer
from fxkit.metrics.scores import Floats
from fxkit.models.classifier import capture_output

PROBE_PX = (96, 80)  # height, width of the picture that the network is tried on

Reshape = Callable[[Tensor], Tensor]


def explain_module(
    network: nn.Module,
    layer: str,
    films: Iterable[Film],
    out: str | Path,
    *,
    classes: Sequence[str],
    to_input: Callable[[Grey], Tensor],
    resize: Literal["stretch", "pad"] = "stretch",
    threshold: float = 0.5,
    reshape: Reshape | None = None,
    options: ExplainOptions = ExplainOptions(),  # noqa: B008  frozen
) -> Explanation:
    """Explain films by activation maps of any network in PyTorch; see `explain_with`.

    The network is put into evaluation mode. Films are made of files by `fxkit.explain.films.films_from_images`.

    Args:
        network: (N, C, h, w) inputs -> (N, C) logits, or (N, 1) logits of the second of two classes.
        layer: name of the module whose output the maps are computed from, as in `network.named_modules()`; usually the
            last one with spatial positions, such as "layer4" of a ResNet.
        classes: C names in the order of the outputs; of two, the second is the positive class.
        to_input: film, (H, W) uint8 -> (C, h, w) float32 input of the network.
        resize: how `to_input` fits a film into the input: "stretch", or "pad" if it keeps the aspect ratio and centres
            the film on black.
        threshold: probability from which a film counts as positive.
        reshape: brings the output of the layer to (N, C, rows, columns), for example that of a transformer.
        options: `clean` and `device` are not used. `sanity` is refused.
    Raises:
        ConfigError: there is no such layer, its output has no positions, or the numbers of classes and outputs differ.
        ImageError: a film cannot be read.
    """
    if options.sanity:
        raise ConfigError("sanity: compares a run with its shuffled weights; expected False for another network")
    mapper = map_module(network, layer, classes, to_input, resize, threshold, reshape, options.method)
    return explain_with(mapper, films, out, options)


def map_module(
    network: nn.Module,
    layer: str,
    classes: Sequence[str],
    to_input: Callable[[Grey], Tensor],
    resize: Literal["stretch", "pad"] = "stretch",
    threshold: float = 0.5,
    reshape: Reshape | None = None,
    method: str = METHODS[0],
) -> GradientMapper:
    """Return what maps films with a network in PyTorch; see `explain_module`."""
    names = [name for name, _ in network.named_modules() if name]
    if layer not in names:
        raise ConfigError(f"layer {layer!r}: the network has no such module; expected one of {', '.join(names[-8:])}")
    network.eval()
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    probe = to_input(np.zeros(PROBE_PX, np.uint8)).unsqueeze(0).to(device)
    with torch.no_grad():
        output, logits = capture_output(network.get_submodule(layer), network, probe), network(probe)
        output = output if reshape is None else reshape(output)
    if output.ndim != 4:
        raise ConfigError(
            f"layer {layer!r}: its output has the shape {tuple(output.shape)}; expected (N, C, rows, columns); choose "
            "another layer, or give reshape"
        )
    single = logits.shape[1] == 1
    if len(classes) != (2 if single else logits.shape[1]):
        raise ConfigError(f"classes: {len(classes)} names for {logits.shape[1]} outputs; expected a name for each")
    both = _TwoOutputs(network) if single else network
    target = TargetLayer(layer, network.get_submodule(layer), reshape, (output.shape[2], output.shape[3]))
    return GradientMapper(
        [both],
        [target],
        tuple(classes),
        threshold,
        Preprocessing(max(probe.shape[2:]), resize, (0.5,) * 3, (0.5,) * 3),
        lambda film: to_input(film).to(device),
        lambda images: _predict(both, images),
        method,
    )


class _TwoOutputs(nn.Module):
    """A network with one logit as one with two, whose first is 0."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        logits = self.network(images)
        return torch.cat([torch.zeros_like(logits), logits], dim=1)


@torch.no_grad()
def _predict(network: nn.Module, images: Tensor) -> Floats:
    return np.asarray(network(images).double().softmax(1).cpu().numpy(), np.float64)
