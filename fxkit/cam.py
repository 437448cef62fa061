"""Grad-CAM: where a model looks, and how much of its attention lies on markers."""

import csv
import io
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fxkit.data.transforms import Preprocessing, resize, to_tensor
from fxkit.errors import ConfigError
from fxkit.explained import Film
from fxkit.image_predictions import Cleaner, decide
from fxkit.inference import choose_device, predict_tensor
from fxkit.model import output_of
from fxkit.run import Model
from preprocess.images import MAX_PIXELS, Array, read_image, to_grey8, write_atomic, write_image

Heat = NDArray[np.float32]
SHOWN = 24  # films on the contact sheet
COLUMNS = ("path", "label", "predicted", "probability", "marker_area_share", "marker_attention_share")


@dataclass(frozen=True)
class TargetLayer:
    """The module whose output the map is made of, and how to bring that to (N, C, H, W)."""

    name: str
    module: nn.Module
    reshape: Callable[[Tensor], Tensor] | None
    cells: tuple[int, int]  # rows and columns of the map


@dataclass(frozen=True)
class Attention:
    """One film's row of attention.csv; shares are None where no markers are known."""

    path: str
    label: str
    predicted: str
    probability: float  # of the predicted class
    marker_area_share: float | None  # of the film's pixels
    marker_attention_share: float | None  # of the map's mass


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


def grad_cam(model: Model, image: Tensor, class_index: int, layer: TargetLayer) -> Heat:
    """Return the (S, S) float32 Grad-CAM map of a class, from 0 to 1, for one (3, S, S) normalised image.

    Source: Selvaraju et al. 2017, "Grad-CAM: Visual explanations from deep networks via gradient-based localization".
    """
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    requires = [p.requires_grad for p in model.classifier.parameters()]
    traced = image.unsqueeze(0).detach().requires_grad_(True)  # so that gradients flow through frozen stages too
    with GradCAM(model.classifier, [layer.module], reshape_transform=layer.reshape) as method:
        heat = method(input_tensor=traced, targets=[ClassifierOutputTarget(class_index)])[0]
    for parameter, value in zip(model.classifier.parameters(), requires, strict=True):
        parameter.requires_grad_(value)
        parameter.grad = None
    return np.asarray(heat, np.float32)


def marker_share(heat: Heat, mask: NDArray[np.bool_], preprocessing: Preprocessing) -> tuple[float, float | None]:
    """Return the share of the film's area that markers take, and the share of the map's mass that lies on them.

    The mask is brought to the map's size as the film was. A map without mass has no second share.
    """
    scaled = _mask_as_seen(mask, preprocessing) / 255.0
    film = resize(np.full(mask.shape, 255, np.uint8), preprocessing) / 255.0  # padding is no film
    mass = float((heat * film).sum())
    area = float(scaled.sum() / film.sum())
    return area, float((heat * scaled).sum()) / mass if mass > 0 else None


def _mask_as_seen(mask: NDArray[np.bool_], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Return a mask as the network would see it: 255 on markers, greys at their edges."""
    return resize(np.asarray(mask * np.uint8(255), np.uint8), preprocessing)


def explain(
    model: Model,
    films: Iterable[Film],
    out: str | Path,
    *,
    clean: Cleaner | None = None,
    max_pixels: int = MAX_PIXELS,
    device: str = "auto",
    stamp: str = "",
) -> list[Attention]:
    """Write a Grad-CAM picture a film (original, heat map, overlay), a contact sheet and attention.csv into out.

    The map of an ensemble is the mean of its members' maps of the class that the ensemble decides for.

    Args:
        clean: applied to each film first, for films that are not cleaned as the model's were.
        stamp: a line that the pictures bear where not empty, such as of a leaking split.
    Raises:
        ImageError: a film cannot be read.
        ConfigError: the backbone has no layer that Grad-CAM can use.
    """
    model.classifier.to(choose_device(device)).eval()
    layers = [find_target_layer(member) for member in model.members]
    rows, panels = [], []
    for earlier in Path(out).glob("[0-9]*.png"):
        earlier.unlink()
    for number, film in enumerate(films):
        image = read_image(film.path, max_pixels=max_pixels)
        row, panel = _explain_one(model, film, clean(image)[0] if clean else image, layers)
        rows.append(row)
        panel = np.vstack([_stamp(stamp, panel.shape[1]), panel])
        panels += [panel] if number < SHOWN else []
        write_image(Path(out) / f"{number:04d}.png", panel)
    if panels:
        write_image(Path(out) / "sheet.png", _sheet(panels))
    write_atomic(Path(out) / "attention.csv", _csv(rows))
    return rows


def summarise(rows: Sequence[Attention]) -> list[str]:
    """Return lines of text: how much attention lies on markers, over the films that are known to bear some."""
    known = [r for r in rows if r.marker_area_share]
    lines = [f"{len(rows)} films, {len(known)} of them with known markers"]
    pairs = [(r.marker_area_share, r.marker_attention_share) for r in known if r.marker_attention_share is not None]
    if len(pairs) < len(known):
        lines.append(f"{len(known) - len(pairs)} maps are empty: nothing speaks for the predicted class")
    area, attention = (float(np.mean(values)) for values in zip(*pairs, strict=True)) if pairs else (0.0, 0.0)
    if area:
        lines.append(
            f"markers take {area:.2%} of the area and {attention:.2%} of the attention: {attention / area:.1f} x"
        )
    return lines


def _explain_one(
    model: Model, film: Film, image: Array, layers: Sequence[TargetLayer]
) -> tuple[Attention, NDArray[np.uint8]]:
    preprocessing = model.card.preprocessing
    seen = resize(to_grey8(image), preprocessing)
    mask = film.mask if film.mask is not None and film.mask.shape == image.shape[:2] else None
    tensor = to_tensor(seen, preprocessing).to(next(model.classifier.parameters()).device)
    probabilities = predict_tensor(model, tensor.unsqueeze(0))[0]
    decision = decide(model, probabilities)
    index = model.card.classes.index(decision)
    maps = [grad_cam(member, tensor, index, layer) for member, layer in zip(model.members, layers, strict=True)]
    heat = np.mean(maps, axis=0)
    area, attention = (None, None) if mask is None else marker_share(heat, mask, preprocessing)
    row = Attention(film.name, film.label, decision, float(probabilities[index]), area, attention)
    return row, _panel(seen, heat, row, mask, preprocessing)


def _panel(
    seen: NDArray[np.uint8],
    heat: Heat,
    row: Attention,
    mask: NDArray[np.bool_] | None,
    preprocessing: Preprocessing,
) -> NDArray[np.uint8]:
    """Original, heat map and overlay side by side, with what was decided above them; markers are outlined."""
    side = max(224, len(seen))
    grey = cv2.cvtColor(cv2.resize(seen, (side, side), interpolation=cv2.INTER_CUBIC), cv2.COLOR_GRAY2RGB)
    scaled = cv2.resize(heat, (side, side), interpolation=cv2.INTER_LINEAR)
    colours = cv2.cvtColor(
        cv2.applyColorMap(np.uint8(np.clip(scaled, 0, 1) * 255), cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB
    )
    overlay = cv2.addWeighted(grey, 0.55, colours, 0.45, 0)
    if mask is not None:
        outline = cv2.resize(_mask_as_seen(mask, preprocessing), (side, side))
        contours, _ = cv2.findContours(np.uint8(outline > 127), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(overlay, contours, -1, (255, 255, 255), 1)
    return np.vstack([_caption(row, 3 * side), np.hstack([grey, colours, overlay])]).astype(np.uint8)


def _caption(row: Attention, width: int) -> NDArray[np.uint8]:
    strip = np.full((44, width, 3), 255, np.uint8)
    attention = ""
    if row.marker_attention_share is not None and row.marker_area_share is not None:
        attention = f"   markers: {row.marker_area_share:.1%} of area, {row.marker_attention_share:.1%} of attention"
    truth = f"truth {row.label}   " if row.label else ""
    lines = (row.path, f"{truth}predicted {row.predicted} p={row.probability:.2f}{attention}")
    for line, y in zip(lines, (16, 36), strict=True):
        _write(strip, line, y, (20, 20, 20))
    return strip


def _stamp(stamp: str, width: int) -> NDArray[np.uint8]:
    """A strip as wide as the panel below it, with the stamp in red; of no height where there is none."""
    lines = textwrap.wrap(stamp, width // 8)  # px a letter
    strip = np.full((20 * len(lines), width, 3), 255, np.uint8)
    for number, line in enumerate(lines):
        _write(strip, line, 20 * number + 15, (176, 0, 32))
    return strip


def _write(strip: NDArray[np.uint8], line: str, y: int, colour: tuple[int, int, int]) -> None:
    printable = line.encode("ascii", "replace").decode()  # all that OpenCV's font has
    cv2.putText(strip, printable, (6, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)


def _sheet(panels: Sequence[NDArray[np.uint8]], columns: int = 2) -> NDArray[np.uint8]:
    shown = list(panels)
    shown += [np.full_like(shown[0], 255)] * (-len(shown) % columns)
    return np.vstack([np.hstack(shown[i : i + columns]) for i in range(0, len(shown), columns)])


def _csv(rows: Sequence[Attention]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(COLUMNS)
    writer.writerows(["" if value is None else value for value in (getattr(row, c) for c in COLUMNS)] for row in rows)
    return out.getvalue()
