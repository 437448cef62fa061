"""Pictures of class activation maps: film, map and overlay with a caption, and a contact sheet."""

import textwrap
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from fxkit.data.preprocessing import Preprocessing
from fxkit.explain.attention import Attention, resize_mask
from fxkit.explain.mapper import Heat

Picture = NDArray[np.uint8]


def draw_panel(
    grey: Picture,
    heat: Heat,
    row: Attention,
    mask: NDArray[np.bool_] | None,
    preprocessing: Preprocessing,
) -> Picture:
    """Draw film, map and overlay side by side, below a caption with the prediction; markers are outlined.

    Args:
        grey: (S, S) film as the network sees it.
        heat: (S, S) map in 0..1.
        mask: (H, W) at the size of the film, True on markers.
    Returns:
        (H, W, 3) uint8 RGB.
    """
    side = max(224, len(grey))
    film = cv2.cvtColor(cv2.resize(grey, (side, side), interpolation=cv2.INTER_CUBIC), cv2.COLOR_GRAY2RGB)
    scaled = cv2.resize(heat, (side, side), interpolation=cv2.INTER_LINEAR)
    colours = cv2.cvtColor(
        cv2.applyColorMap(np.uint8(np.clip(scaled, 0, 1) * 255), cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB
    )
    overlay = cv2.addWeighted(film, 0.55, colours, 0.45, 0)
    if mask is not None:
        outline = cv2.resize(resize_mask(mask, preprocessing), (side, side))
        contours, _ = cv2.findContours(np.uint8(outline > 127), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(overlay, contours, -1, (255, 255, 255), 1)
    return np.vstack([_caption(row, 3 * side), np.hstack([film, colours, overlay])]).astype(np.uint8)


def _caption(row: Attention, width: int) -> Picture:
    strip = np.full((44, width, 3), 255, np.uint8)
    attention = ""
    if row.marker_attention_share is not None and row.marker_area_share is not None:
        attention = f"   markers: {row.marker_area_share:.1%} of area, {row.marker_attention_share:.1%} of attention"
    label = f"label {row.label}   " if row.label else ""
    lines = (row.path, f"{label}predicted {row.predicted} p={row.probability:.2f}{attention}")
    for line, y in zip(lines, (16, 36), strict=True):
        _write(strip, line, y, (20, 20, 20))
    return strip


def draw_stamp(stamp: str, width: int) -> Picture:
    """Draw the stamp in red on a white (H, width, 3) strip; H is 0 if the stamp is empty."""
    lines = textwrap.wrap(stamp, width // 8)  # a letter is about 8 px wide
    strip = np.full((20 * len(lines), width, 3), 255, np.uint8)
    for number, line in enumerate(lines):
        _write(strip, line, 20 * number + 15, (176, 0, 32))
    return strip


def _write(strip: Picture, line: str, y: int, colour: tuple[int, int, int]) -> None:
    printable = line.encode("ascii", "replace").decode()  # OpenCV's font has no other characters
    cv2.putText(strip, printable, (6, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)


def draw_sheet(panels: Sequence[Picture], columns: int = 2) -> Picture:
    """Arrange panels of equal size in rows on a contact sheet; empty places are white."""
    cells = list(panels)
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % columns)
    return np.vstack([np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)])
