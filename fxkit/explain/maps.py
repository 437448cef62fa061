"""Class activation maps: which layer they are made of, by which method, and how fine they really are."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fxkit.errors import ConfigError
from fxkit.models.classifier import output_of
from fxkit.models.saved import Model

Heat = NDArray[np.float32]


METHODS = ("grad-cam", "grad-cam++", "hirescam", "layercam", "eigencam")


@dataclass(frozen=True)
class TargetLayer:
    """The module whose output the map is made of, and how to bring that to (N, C, H, W)."""

    name: str
    module: nn.Module
    reshape: Callable[[Tensor], Tensor] | None
    cells: tuple[int, int]  # rows and columns of the map


def find_target_layer(model: Model) -> TargetLayer:
    """Return the last layer of the backbone that still has a place for each part of the film.

    Convolutional families give their last stage; plain transformers (tokens) the first norm of the last block;
    Swin and other channels-last families their last stage.

    Raises:
        ConfigError: the output of that layer is of no known form.
    """
    backbone = cast(Any, model.classifier.backbone)
    size = model.card.preprocessing.image_size
    probe = torch.zeros(1, 3, size, size, device=next(backbone.parameters()).device)
    name = str(backbone.feature_info[-1]["module"])
    if hasattr(backbone, "blocks") and hasattr(backbone, "cls_token"):
        name = f"blocks.{len(backbone.blocks) - 1}.norm1"  # what comes after it reaches the class token alone
    module = backbone.get_submodule(name)
    shape = tuple(output_of(module, backbone, probe).shape)
    return _target_layer(name, module, shape, backbone)


def _target_layer(name: str, module: nn.Module, shape: tuple[int, ...], backbone: Any) -> TargetLayer:
    channels = int(backbone.num_features)
    if len(shape) == 3:
        rows, columns = backbone.patch_embed.grid_size
        skip = int(backbone.num_prefix_tokens)
        return TargetLayer(name, module, _tokens_to_grid(skip, rows, columns), (rows, columns))
    if len(shape) == 4 and shape[3] == channels and shape[1] != channels:
        return TargetLayer(name, module, lambda out: out.permute(0, 3, 1, 2), (shape[1], shape[2]))
    if len(shape) == 4:
        return TargetLayer(name, module, None, (shape[2], shape[3]))
    raise ConfigError(
        f"{type(backbone).__name__}: layer {name} gives an output of shape {shape}; expected (N, C, H, W), "
        "(N, H, W, C) or tokens; Grad-CAM works for ResNet, DenseNet, EfficientNet, ConvNeXt, ViT and Swin families"
    )


def _tokens_to_grid(skip: int, rows: int, columns: int) -> Callable[[Tensor], Tensor]:
    def reshape(tokens: Tensor) -> Tensor:
        return tokens[:, skip:].reshape(len(tokens), rows, columns, -1).permute(0, 3, 1, 2)

    return reshape


def heat_map(
    model: Model, image: Tensor, class_index: int, layers: Sequence[TargetLayer], method: str = METHODS[0]
) -> Heat:
    """Return the (S, S) float32 map of a class, from 0 to 1, for one (3, S, S) normalised image.

    That of an ensemble is the mean of its members' maps. EigenCAM shows what is strongest, whatever the class.

    Args:
        layers: of each member, as `find_target_layer` gives them.
        method: one of METHODS.
    Source: Selvaraju et al. 2017 (Grad-CAM), Chattopadhyay et al. 2018 (Grad-CAM++), Draelos and Carin 2020 (HiResCAM),
    Jiang et al. 2021 (LayerCAM), Muhammad and Yeasin 2020 (EigenCAM).
    """
    maps = [_one_map(m, image, class_index, layer, method) for m, layer in zip(model.members, layers, strict=True)]
    return np.asarray(np.mean(maps, axis=0), np.float32)


def _one_map(model: Model, image: Tensor, class_index: int, layer: TargetLayer, method: str) -> Heat:
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    requires = [p.requires_grad for p in model.classifier.parameters()]
    traced = image.unsqueeze(0).detach().requires_grad_(True)  # so that gradients flow through frozen stages too
    with _method(method)(model.classifier, [layer.module], reshape_transform=layer.reshape) as found:
        heat = found(input_tensor=traced, targets=[ClassifierOutputTarget(class_index)])[0]
    for parameter, value in zip(model.classifier.parameters(), requires, strict=True):
        parameter.requires_grad_(value)
        parameter.grad = None
    return np.asarray(heat, np.float32)


def _method(name: str) -> Any:
    import pytorch_grad_cam as cams

    classes = (cams.GradCAM, cams.GradCAMPlusPlus, cams.HiResCAM, cams.LayerCAM, cams.EigenCAM)
    return dict(zip(METHODS, classes, strict=True))[name]


def randomised(model: Model, seed: int = 0) -> Model:
    """Return the model with each tensor's weights in random order: what it has learnt is gone, their spread is not.

    Source: Adebayo et al. 2018, "Sanity checks for saliency maps".
    """
    drawn = torch.Generator().manual_seed(seed)
    other = deepcopy(model.classifier)
    with torch.no_grad():
        for parameter in other.parameters():
            order = torch.randperm(parameter.numel(), generator=drawn).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return Model(other, model.card)


def resolution_of(layer: TargetLayer, image_size: int) -> str:
    """Say how fine a map really is."""
    rows, columns = layer.cells
    height, width = image_size / rows, image_size / columns
    return f"the map has {rows} x {columns} cells: one covers {height:.0f} x {width:.0f} px of the network's input"
