"""Find the image sizes that a backbone takes. Vision transformers take multiples of their patch size, for example."""

from collections.abc import Mapping
from typing import Any

import timm
import torch

from fxkit.errors import ConfigError

SEARCHED_PX = 64  # the largest patch times window of common transformers is 56


def check_image_size(name: str, size: int, args: Mapping[str, Any]) -> None:
    """Refuse an image size that a backbone cannot take, with the nearest sizes that it takes.

    Args:
        name: a timm model name.
        size: side of the square input in pixels.
        args: further arguments of timm.create_model.
    Raises:
        ConfigError: the backbone cannot be built for this size, or cannot process images of it.
    """
    if takes_size(name, size, args):
        return
    below = next((s for s in range(size - 1, max(0, size - SEARCHED_PX), -1) if takes_size(name, s, args)), None)
    above = next((s for s in range(size + 1, size + SEARCHED_PX) if takes_size(name, s, args)), None)
    nearest = [str(found) for found in (below, above) if found]
    default = timm.get_pretrained_cfg(name).input_size[-1]
    hint = f"use {' or '.join(nearest)}" if nearest else f"its weights were trained at {default}"
    raise ConfigError(f"data.image_size = {size}: {name} cannot take images of this size; {hint}")


def takes_size(name: str, size: int, args: Mapping[str, Any]) -> bool:
    """Return whether a backbone can process square images of `size` pixels. Shapes are checked, nothing is computed."""
    try:
        with torch.device("meta"), torch.no_grad():
            backbone = timm.create_model(name, num_classes=0, **{**image_size_args(name, size), **args})
            backbone.eval()(torch.zeros(1, 3, size, size))
    except (AssertionError, RuntimeError, ValueError, IndexError, ZeroDivisionError):
        return False
    return True


def image_size_args(name: str, image_size: int | None) -> dict[str, Any]:
    """Return the arguments of timm.create_model that set the image size; empty for backbones of any size."""
    default = timm.get_pretrained_cfg(name)
    if image_size is None or not default.fixed_input_size or image_size == default.input_size[-1]:
        return {}
    return {"img_size": image_size}
