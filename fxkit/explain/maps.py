"""Class activation maps: the target layer, the methods, and the true resolution of a map."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from fxkit.data.preprocessing import Grey, Preprocessing, resize
from fxkit.data.transforms import to_tensor
from fxkit.errors import ConfigError
from fxkit.explain.mapper import METHODS, Heat, Mapped
from fxkit.metrics.predictions import decisions
from fxkit.metrics.scores import Floats
from fxkit.models.classifier import capture_output
from fxkit.models.predict_records import predict_tensor
from fxkit.models.saved import Model


@dataclass(frozen=True)
class TargetLayer:
    """The layer whose output a map is computed from.

    Attributes:
        name: name of the module in the backbone.
        reshape: brings the output to (N, C, H, W); None if it has this form.
        cells: rows and columns of the map.
    """

    name: str
    module: nn.Module
    reshape: Callable[[Tensor], Tensor] | None
    cells: tuple[int, int]


def find_target_layer(model: Model) -> TargetLayer:
    """Return the last layer of the backbone whose output still has spatial positions.

    This is the last stage of convolutional families, Swin and other channels-last families, and the first norm of the
    last block of plain transformers (ViT).

    Raises:
        ConfigError: the output of that layer has no known spatial form.
    """
    backbone = cast(Any, model.classifier.backbone)
    size = model.card.preprocessing.image_size
    probe = torch.zeros(1, 3, size, size, device=next(backbone.parameters()).device)
    name = str(backbone.feature_info[-1]["module"])
    if hasattr(backbone, "blocks") and hasattr(backbone, "cls_token"):
        name = f"blocks.{len(backbone.blocks) - 1}.norm1"  # later layers affect the prediction by the class token only
    module = backbone.get_submodule(name)
    shape = tuple(capture_output(module, backbone, probe).shape)
    return _target_layer(name, module, shape, backbone)


def _target_layer(name: str, module: nn.Module, shape: tuple[int, ...], backbone: Any) -> TargetLayer:
    channels = int(backbone.num_features)
    if len(shape) == 3:
        rows, columns = backbone.patch_embed.grid_size
        n_prefix = int(backbone.num_prefix_tokens)
        return TargetLayer(name, module, _tokens_to_grid(n_prefix, rows, columns), (rows, columns))
    if len(shape) == 4 and shape[3] == channels and shape[1] != channels:
        return TargetLayer(name, module, lambda out: out.permute(0, 3, 1, 2), (shape[1], shape[2]))
    if len(shape) == 4:
        return TargetLayer(name, module, None, (shape[2], shape[3]))
    raise ConfigError(
        f"{type(backbone).__name__}: layer {name} gives an output of shape {shape}; expected (N, C, H, W), "
        "(N, H, W, C) or tokens; choose a backbone of the ResNet, DenseNet, EfficientNet, ConvNeXt, ViT or Swin family"
    )


def _tokens_to_grid(n_prefix: int, rows: int, columns: int) -> Callable[[Tensor], Tensor]:
    def reshape(tokens: Tensor) -> Tensor:
        return tokens[:, n_prefix:].reshape(len(tokens), rows, columns, -1).permute(0, 3, 1, 2)

    return reshape


@dataclass(frozen=True, eq=False)
class GradientMapper:
    """Maps films by the gradients of networks in torch; the map of an ensemble is the mean of its members' maps.

    EigenCAM does not depend on the class. Weights, gradients and `requires_grad` of the networks are left as they were.

    Attributes:
        networks: one, or the members of an ensemble: (N, C, h, w) inputs -> (N, C) logits.
        layers: target layer of each network.
        preprocessing: how the film lies in the input. Inputs that are not square are stretched to `image_size`.
        to_input: film, (H, W) uint8 -> (C, h, w) float32 input, on the networks' device.
        predict: (N, C, h, w) inputs -> (N, C) probabilities.

    Source: Selvaraju et al. 2017 (Grad-CAM), Chattopadhyay et al. 2018 (Grad-CAM++), Draelos and Carin 2020 (HiResCAM),
    Jiang et al. 2021 (LayerCAM), Muhammad and Yeasin 2020 (EigenCAM).
    """

    networks: Sequence[nn.Module]
    layers: Sequence[TargetLayer]
    classes: tuple[str, ...]
    threshold: float
    preprocessing: Preprocessing
    to_input: Callable[[Grey], Tensor]
    predict: Callable[[Tensor], Floats]
    method: str = METHODS[0]

    @property
    def layer(self) -> str:
        """Name of the first network's layer."""
        return self.layers[0].name

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of the first network's map."""
        return self.layers[0].cells

    @property
    def resolution(self) -> str:
        """The cells of the map, and how many pixels of the input each covers."""
        return describe_resolution(self.layers[0], self.preprocessing.image_size)

    def map(self, film: Grey, index: int | None = None) -> Mapped:
        """Map a film; see `Mapper`."""
        image = self.to_input(film)
        probabilities = self.predict(image.unsqueeze(0))
        index = int(decisions(probabilities, self.threshold)[0]) if index is None else index
        heat, size = _mean_map(self.networks, image, index, self.layers, self.method), self.preprocessing.image_size
        if heat.shape != (size, size):
            heat = cv2.resize(heat, (size, size), interpolation=cv2.INTER_LINEAR)
        return Mapped(probabilities[0], index, np.asarray(heat, np.float32))


def map_run(model: Model, method: str = METHODS[0]) -> GradientMapper:
    """Return what maps films with the model of a run.

    Args:
        method: one of METHODS.
    Raises:
        ConfigError: see `find_target_layer`.
    """
    card = model.card

    def to_input(film: Grey) -> Tensor:
        return to_tensor(resize(film, card.preprocessing), card.preprocessing).to(
            next(model.classifier.parameters()).device
        )

    return GradientMapper(
        [member.classifier for member in model.members],
        [find_target_layer(member) for member in model.members],
        card.classes,
        card.threshold,
        card.preprocessing,
        to_input,
        partial(predict_tensor, model),
        method,
    )


def heat_map(
    model: Model, image: Tensor, class_index: int, layers: Sequence[TargetLayer], method: str = METHODS[0]
) -> Heat:
    """Compute the class activation map of one (3, S, S) normalised image: (S, S) float32 in 0..1.

    Args:
        layers: target layer of each member (`find_target_layer`).
        method: one of METHODS.
    """
    return _mean_map([member.classifier for member in model.members], image, class_index, layers, method)


def _mean_map(
    networks: Sequence[nn.Module], image: Tensor, class_index: int, layers: Sequence[TargetLayer], method: str
) -> Heat:
    pairs = zip(networks, layers, strict=True)
    maps = [_gradient_map(network, image, class_index, layer, method) for network, layer in pairs]
    return np.asarray(np.mean(maps, axis=0), np.float32)


def _gradient_map(network: nn.Module, image: Tensor, class_index: int, layer: TargetLayer, method: str) -> Heat:
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    requires_grad = [p.requires_grad for p in network.parameters()]
    images = image.unsqueeze(0).detach().requires_grad_(True)  # gradients must flow through frozen stages too
    with _method(method)(network, [layer.module], reshape_transform=layer.reshape) as compute_map:
        heat = compute_map(input_tensor=images, targets=[ClassifierOutputTarget(class_index)])[0]
    for parameter, value in zip(network.parameters(), requires_grad, strict=True):
        parameter.requires_grad_(value)
        parameter.grad = None
    return np.asarray(heat, np.float32)


def _method(name: str) -> Any:
    import pytorch_grad_cam as cams

    classes = (cams.GradCAM, cams.GradCAMPlusPlus, cams.HiResCAM, cams.LayerCAM, cams.EigenCAM)
    return dict(zip(METHODS, classes, strict=True))[name]


def shuffle_weights(model: Model, seed: int = 0) -> Model:
    """Return a copy of the model with the values of each weight tensor in random order.

    This destroys what the network has learned and keeps the distribution of its weights.

    Source: Adebayo et al. 2018, "Sanity checks for saliency maps".
    """
    generator = torch.Generator().manual_seed(seed)
    classifier = deepcopy(model.classifier)
    with torch.no_grad():
        for parameter in classifier.parameters():
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return Model(classifier, model.card)


def describe_resolution(layer: TargetLayer, image_size: int) -> str:
    """Describe the resolution of a map: its cells, and how many pixels of the input each covers."""
    rows, columns = layer.cells
    height, width = image_size / rows, image_size / columns
    return f"the map has {rows} x {columns} cells; each covers {height:.0f} x {width:.0f} px of the network's input"
