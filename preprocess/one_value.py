"""Films of one grey value: they can be read but show nothing, such as a picture that is transparent everywhere."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from preprocess.errors import first_few
from preprocess.images import to_grey8
from preprocess.words import amount


def has_one_value(image: NDArray[Any]) -> bool:
    """Return whether all pixels of an image, (H, W) or (H, W, 3), uint8 or uint16, have one grey value in 8 bits."""
    grey = to_grey8(image)
    return bool(grey.min() == grey.max())


def one_value_notes(paths: Sequence[str]) -> list[str]:
    """Count and name the films of one grey value; none gives no note."""
    if not paths:
        return []
    return [
        f"WARNING: {amount(len(paths), 'file holds', 'files hold')} one grey value only, so no film is visible: "
        f"{first_few(paths)}; check the export, or leave such files out"
    ]
