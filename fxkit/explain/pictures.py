"""Pictures of class activation maps: film, map and overlay, captions, and a contact sheet."""

import textwrap
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from fxkit.data.preprocessing import Preprocessing
from fxkit.explain.attention import Attention, as_seen
from fxkit.explain.maps import Heat

Picture = NDArray[np.uint8]


def draw_panel(
    seen: Picture,
    heat: Heat,
    row: Attention,
    mask: NDArray[np.bool_] | None,
    preprocessing: Preprocessing,
) -> Picture:
    """Original, heat map and overlay side by side, with what was decided above them; markers are outlined."""
    side = max(224, len(seen))
    grey = cv2.cvtColor(cv2.resize(seen, (side, side), interpolation=cv2.INTER_CUBIC), cv2.COLOR_GRAY2RGB)
    scaled = cv2.resize(heat, (side, side), interpolation=cv2.INTER_LINEAR)
    colours = cv2.cvtColor(
        cv2.applyColorMap(np.uint8(np.clip(scaled, 0, 1) * 255), cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB
    )
    overlay = cv2.addWeighted(grey, 0.55, colours, 0.45, 0)
    if mask is not None:
        outline = cv2.resize(as_seen(mask, preprocessing), (side, side))
        contours, _ = cv2.findContours(np.uint8(outline > 127), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(overlay, contours, -1, (255, 255, 255), 1)
    return np.vstack([_caption(row, 3 * side), np.hstack([grey, colours, overlay])]).astype(np.uint8)


def _caption(row: Attention, width: int) -> Picture:
    strip = np.full((44, width, 3), 255, np.uint8)
    attention = ""
    if row.marker_attention_share is not None and row.marker_area_share is not None:
        attention = f"   markers: {row.marker_area_share:.1%} of area, {row.marker_attention_share:.1%} of attention"
    truth = f"truth {row.label}   " if row.label else ""
    lines = (row.path, f"{truth}predicted {row.predicted} p={row.probability:.2f}{attention}")
    for line, y in zip(lines, (16, 36), strict=True):
        _write(strip, line, y, (20, 20, 20))
    return strip


def draw_stamp(stamp: str, width: int) -> Picture:
    """A strip as wide as the panel below it, with the stamp in red; of no height where there is none."""
    lines = textwrap.wrap(stamp, width // 8)  # px a letter
    strip = np.full((20 * len(lines), width, 3), 255, np.uint8)
    for number, line in enumerate(lines):
        _write(strip, line, 20 * number + 15, (176, 0, 32))
    return strip


def _write(strip: Picture, line: str, y: int, colour: tuple[int, int, int]) -> None:
    printable = line.encode("ascii", "replace").decode()  # all that OpenCV's font has
    cv2.putText(strip, printable, (6, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)


def draw_sheet(panels: Sequence[Picture], columns: int = 2) -> Picture:
    shown = list(panels)
    shown += [np.full_like(shown[0], 255)] * (-len(shown) % columns)
    return np.vstack([np.hstack(shown[i : i + columns]) for i in range(0, len(shown), columns)])
