"""How a film becomes the input of a model made elsewhere."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fxkit.data.preprocessing import Grey, crop, pad, scale
from fxkit.models.given.options import Resize
from preprocess.images import Array

Layout = Literal["NCHW", "NHWC", "NHW"]

OPTIONS = {
    "size": "--input-size",
    "channels": "--channels",
    "range": "--range",
    "mean": "--mean",
    "std": "--std",
    "resize": "--resize",
}


@dataclass(frozen=True)
class FilmInput:
    """How a film becomes the input of a model.

    Attributes:
        height, width: px.
        channels: 1, or 3 equal ones.
        value_range: values of black and white before the normalisation.
        mean, std: one for each channel, in values of `value_range`.
        crop_fraction: see `fxkit.data.preprocessing.crop`.
        dtype: NumPy's name of the input's type.
        guessed: which of these neither the model nor the user said, by the keys of OPTIONS.
    """

    height: int
    width: int
    channels: int = 1
    value_range: tuple[float, float] = (0.0, 1.0)
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    resize: Resize = "stretch"
    crop_fraction: float = 1.0
    layout: Layout = "NCHW"
    dtype: str = "float32"
    guessed: tuple[str, ...] = ()

    def scale(self, film: Grey) -> Grey:
        """Return a film, (H, W) uint8, at the size of the input."""
        if self.resize == "pad":
            return pad(film, self.width, self.height)
        if self.resize == "crop":
            return crop(film, self.width, self.height, self.crop_fraction)
        return scale(film, self.width, self.height)

    def prepare(self, film: Grey) -> Array:
        """Return the input of a film, (H, W) uint8, without the axis N: (C, H, W), (H, W, C) or (H, W) in `dtype`."""
        small = self.scale(film)
        if self.layout == "NHW":
            return _tables(self)[0][small]
        return np.stack([table[small] for table in _tables(self)], axis=0 if self.layout == "NCHW" else -1)

    def describe(self) -> list[str]:
        """Return lines that say how a film becomes the input."""
        how = {"stretch": "stretched", "pad": "padded with black", "crop": f"centre crop of {self.crop_fraction:g}"}
        low, high = self.value_range
        lines = [
            f"input: {self.height} x {self.width} pixels, {self.channels} channel{'s' * (self.channels > 1)}, "
            f"{how[self.resize]}, {self.layout} {self.dtype}",
            f"values: black {low:g}, white {high:g}; mean {_text(self.mean)}, std {_text(self.std)}",
        ]
        if self.guessed:
            options = ", ".join(OPTIONS[name] for name in self.guessed)
            lines.append(
                f"guessed, because neither the model nor an option says it: {', '.join(self.guessed)}; set "
                f"with {options}"
            )
        return lines


def _text(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in dict.fromkeys(values))


@lru_cache(maxsize=8)
def _tables(film_input: FilmInput) -> tuple[NDArray[Any], ...]:
    """Return, for each channel, the input value of each of the 256 grey values, (256,)."""
    low, high = film_input.value_range
    grey = np.arange(256, dtype=np.float32)
    values = grey if (low, high) == (0, 255) else np.float32(low) + grey / np.float32(255) * np.float32(high - low)
    normalised = (
        (values - np.float32(m)) / np.float32(s) for m, s in zip(film_input.mean, film_input.std, strict=True)
    )
    return tuple(table.astype(film_input.dtype) for table in normalised)
