"""What the user says about a model made elsewhere, and how the text of the options is read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from fxkit.errors import ConfigError
from preprocess.words import amount

Resize = Literal["stretch", "pad", "crop"]

Scale = Literal["probability", "logit"]

Size = tuple[int, int]  # height, width; px

MAX_SIDE = 8192  # pixels


@dataclass(frozen=True)
class GivenOptions:
    """What the user says about a model made elsewhere. None: the model says it, or it is guessed.

    Attributes:
        input_size: height and width of the input in pixels.
        channels: 1, or 3 equal ones.
        value_range: values of black and white before the normalisation.
        mean: one for each channel or one for all, subtracted from values in `value_range`.
        std: divides the result.
        resize: "stretch" ignores the aspect ratio; "pad" keeps it and adds black; "crop" keeps it and cuts the centre.
        crop_fraction: with "crop", the side of the centre as a fraction of the film's shorter side.
        classes: names in the order of the outputs; a single output is that of the second of two.
        data_classes: classes of the films at hand in their order; they name a single output if nothing else does.
        scale: what the outputs are.
        positive: positive class of two.
        threshold: probability from which a film counts as positive.
    """

    input_size: Size | None = None
    channels: int | None = None
    value_range: tuple[float, float] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    resize: Resize | None = None
    crop_fraction: float | None = None
    classes: tuple[str, ...] | None = None
    data_classes: tuple[str, ...] | None = None
    scale: Scale | None = None
    positive: str | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.input_size is not None and not all(1 <= side <= MAX_SIDE for side in self.input_size):
            raise ConfigError(f"--input-size {self.input_size}: expected sides of 1 to {MAX_SIDE} pixels")
        if self.channels not in (None, 1, 3):
            raise ConfigError(f"--channels {self.channels}: expected 1, or 3 equal ones")
        if self.value_range is not None and self.value_range[0] == self.value_range[1]:
            raise ConfigError(f"--range {self.value_range}: black and white are the same; expected such as 0-1")
        if self.std is not None and not all(value > 0 for value in self.std):
            raise ConfigError(f"--std {self.std}: expected numbers above 0")
        if self.resize is not None and self.resize not in get_args(Resize):
            raise ConfigError(f"--resize {self.resize}: expected one of {', '.join(get_args(Resize))}")
        if self.crop_fraction is not None and not 0 < self.crop_fraction <= 1:
            raise ConfigError(f"--resize crop={self.crop_fraction}: expected a fraction above 0 and up to 1")
        if self.scale is not None and self.scale not in get_args(Scale):
            raise ConfigError(f"--scale {self.scale}: expected one of {', '.join(get_args(Scale))}")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise ConfigError(f"--threshold {self.threshold:g}: expected a probability from 0 to 1")
        self._check_names()

    def _check_names(self) -> None:
        if self.classes is None:
            return
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes) or not all(self.classes):
            raise ConfigError(
                f"--classes {','.join(self.classes)}: expected two or more different names, in the order of the outputs"
            )

    @property
    def about_input(self) -> tuple[str, ...]:
        """The options that are given and say how a film becomes the input."""
        names = {"input_size": "--input-size", "value_range": "--range"}
        fields = ("input_size", "channels", "value_range", "mean", "std", "resize")
        return tuple(names.get(name, f"--{name}") for name in fields if getattr(self, name) is not None)


NO_OPTIONS = GivenOptions()


def parse_size(text: str) -> Size:
    """Parse 224, or HEIGHTxWIDTH such as 224x320.

    Raises:
        ConfigError: the text is something else.
    """
    match = re.fullmatch(r"\s*(\d{1,5})(?:\s*[x×,]\s*(\d{1,5}))?\s*", text)
    if match is None:
        raise ConfigError(f"--input-size {text!r}: expected a side such as 224, or HEIGHTxWIDTH such as 224x320")
    return int(match[1]), int(match[2] or match[1])


def parse_range(text: str) -> tuple[float, float]:
    """Parse LOW-HIGH or LOW,HIGH, such as 0-1, 0-255, -1-1 or -1024,1024.

    Raises:
        ConfigError: the text is something else.
    """
    number = r"[-+]?\d+(?:\.\d+)?"
    match = re.fullmatch(rf"\s*({number})\s*[-,:]\s*({number})\s*", text)
    if match is None:
        raise ConfigError(f"--range {text!r}: expected the values of black and white, such as 0-1, 0-255 or -1,1")
    return float(match[1]), float(match[2])


def parse_numbers(text: str, option: str) -> tuple[float, ...]:
    """Parse one number, or one for each channel, such as 0.485,0.456,0.406.

    Raises:
        ConfigError: the text is something else.
    """
    try:
        numbers = tuple(float(part) for part in re.split(r"[,\s]+", text.strip().strip("[]()")))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 3) or not all(abs(number) < float("inf") for number in numbers):
        raise ConfigError(f"{option} {text!r}: expected one number, or three such as 0.485,0.456,0.406")
    return numbers


def parse_resize(text: str) -> tuple[Resize, float | None]:
    """Parse stretch, pad, crop, or crop=FRACTION such as crop=0.875.

    Raises:
        ConfigError: the text is something else.
    """
    match = re.fullmatch(r"(stretch|pad|crop)|crop=(\d*\.?\d+)", text.strip())
    if match is None:
        raise ConfigError(f"--resize {text!r}: expected stretch, pad, crop, or crop=FRACTION such as crop=0.875")
    if match[2] is not None:
        return "crop", float(match[2])
    kind: Resize = match[1]  # type: ignore[assignment]  # the pattern allows no other word
    return kind, None


def parse_classes(text: str) -> tuple[str, ...]:
    """Parse names with commas between them."""
    return tuple(name.strip() for name in text.split(","))


def repeat(values: Sequence[float], channels: int, option: str) -> tuple[float, ...]:
    """Return one value for each channel.

    Raises:
        ConfigError: there are more values than channels.
    """
    if len(values) == 1:
        return (values[0],) * channels
    if len(values) != channels:
        raise ConfigError(
            f"{option}: {len(values)} numbers for {amount(channels, 'channel')}; expected one number"
            f"{f', or {channels}' if channels > 1 else ''}"
        )
    return tuple(values)
