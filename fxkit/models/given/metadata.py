"""What the metadata of an ONNX file say about its input and its classes.

Read are the keys of Ultralytics (names, imgsz), of the ONNX standard (Image.NominalPixelRange), and plain ones such as
mean, std, range, resize and classes.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fxkit.errors import ConfigError, RunError
from fxkit.models.given.options import (
    GivenOptions,
    Scale,
    parse_classes,
    parse_numbers,
    parse_range,
    parse_resize,
    parse_size,
)

KEYS = {
    "input_size": ("input_size", "image_size", "imgsz", "img_size"),
    "channels": ("channels", "in_channels"),
    "value_range": ("range", "value_range", "Image.NominalPixelRange"),
    "mean": ("mean",),
    "std": ("std",),
    "resize": ("resize",),
    "classes": ("names", "classes", "class_names", "labels", "label_names"),
    "scale": ("scale", "output_scale"),
}

NOMINAL_RANGES = {"NominalRange_0_255": (0.0, 255.0), "Normalized_0_1": (0.0, 1.0), "Normalized_1_1": (-1.0, 1.0)}

MAX_CHARACTERS = 100_000  # of a value


@dataclass(frozen=True)
class ModelSays:
    """What a model says about itself; None: nothing. The fields are those of `GivenOptions`."""

    input_size: tuple[int, int] | None = None
    channels: int | None = None
    value_range: tuple[float, float] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    resize: Any = None
    crop_fraction: float | None = None
    classes: tuple[str, ...] | None = None
    scale: Scale | None = None


def read_metadata(metadata: Mapping[str, str], name: str, options: GivenOptions) -> ModelSays:
    """Read what the metadata say where the user says nothing.

    Args:
        name: of the model, for error texts.
    Raises:
        RunError: a value cannot be read; the option of that name overrules it.
    """
    values: dict[str, Any] = {}
    for field, keys in KEYS.items():
        key = next((key for key in keys if metadata.get(key, "").strip()), None)
        if key is None or getattr(options, field) is not None:
            continue
        try:
            values |= _read(field, metadata[key][:MAX_CHARACTERS].strip())
            GivenOptions(**values)  # checks the values
        except (ConfigError, ValueError, TypeError, SyntaxError) as error:
            option = f"--{'range' if field == 'value_range' else field.replace('_', '-')}"
            raise RunError(
                f"{name}: its metadata say {key} = {metadata[key][:60]!r}, which cannot be used; give {option}"
            ) from error
    return ModelSays(**values)


def _read(field: str, text: str) -> dict[str, Any]:
    if field == "input_size":
        return {field: parse_size(text.strip("[]()").replace(", ", ","))}
    if field == "channels":
        return {field: int(text)}
    if field == "value_range":
        return {field: NOMINAL_RANGES.get(text) or parse_range(text.strip("[]()"))}
    if field in ("mean", "std"):
        return {field: parse_numbers(text, f"--{field}")}
    if field == "resize":
        kind, fraction = parse_resize(text)
        return {"resize": kind, "crop_fraction": fraction}
    if field == "classes":
        return {field: _read_names(text)}
    return {field: text}


def _read_names(text: str) -> tuple[str, ...]:
    """Read a list, or a mapping from the number of the output to the name, as Python or JSON; or names with commas."""
    if not text.startswith(("[", "{", "(")):
        return parse_classes(text)
    names = ast.literal_eval(text)  # literals only; JSON lists of texts are such
    if isinstance(names, dict):
        names = [names[key] for key in sorted(names, key=int)]
    return tuple(map(str, names))
