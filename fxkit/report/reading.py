"""Read the files of a run folder; what is damaged is named, what is missing is None."""

import base64
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fxkit.errors import RunError
from preprocess.errors import KnownError

T = TypeVar("T")

MAX_INLINE = 2_000_000  # bytes of a picture taken as it is; larger ones are made smaller
MAX_WIDTH_PX = 1_800


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, ready to be shown; NaN where undefined."""

    name: str
    value: float
    low: float = math.nan
    high: float = math.nan
    n_groups: int = 0

    @property
    def text(self) -> str:
        if math.isnan(self.value):
            return "undefined"
        if math.isnan(self.low):
            return f"{self.value:.2f}"
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"

    @property
    def signed(self) -> str:
        if math.isnan(self.value):
            return "undefined"
        return f"{self.value:+.2f} ({self.low:+.2f} to {self.high:+.2f})"

    @property
    def drawable(self) -> bool:
        """All three lie in 0..1, so that a bar can show them."""
        return all(0 <= number <= 1 for number in (self.low, self.value, self.high))


def estimate(name: str, values: Mapping[str, Any]) -> Estimate:
    """Build an Estimate of what a JSON file holds; None and a missing limit become NaN."""
    value, low, high = (_number(values.get(key)) for key in ("value", "low", "high"))
    return Estimate(name, value, low, high, int(values.get("n_groups") or 0))


def _number(value: object) -> float:
    return math.nan if value is None else float(value)  # type: ignore[arg-type]


def read_part(path: Path, build: Callable[[dict[str, Any]], T]) -> T | None:
    """Read a JSON file and build a part of the report of it; None where there is no such file.

    Raises:
        RunError: damaged, or other than its command writes it.
    """
    if not path.is_file():
        return None
    try:
        return build(json.loads(path.read_text(encoding="utf-8")))
    except KnownError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{path}: cannot be read ({type(error).__name__}: {error}); expected what fxkit writes: run the command "
            "that made it again, or delete it"
        ) from error


def picture_uri(path: Path) -> str | None:
    """Return a picture file as data URI; a large one as a smaller JPEG; None where there is none."""
    if not path.is_file():
        return None
    data = path.read_bytes()
    return data_uri(data) if len(data) <= MAX_INLINE else data_uri(_smaller(path), "image/jpeg")


def _smaller(path: Path) -> bytes:
    import cv2

    from preprocess.images import encode_jpeg, read_image

    image = read_image(path)
    scale = min(1.0, MAX_WIDTH_PX / image.shape[1])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return encode_jpeg(small, 85)


def data_uri(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
