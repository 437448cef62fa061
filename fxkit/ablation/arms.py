"""The films of the arms of an ablation: each arm changes one thing about the markers of a raw film.

raw             the unchanged film
cleaned         the markers are erased, by `clean-labels`
control         the markers stay; areas of the same shape are erased where there are no markers and where the film
                looks similar. This measures the effect of erasing itself.
clipped         the markers stay, but they are no darker or brighter than the rest of the film
markers         only the markers, on black
inserted        markers of a film of another class are pasted in
inserted-patch  patches of background with the shapes of those markers are pasted in
swapped         the film's markers are erased, and markers of a film of another class are pasted in
swapped-patch   the film's markers are erased, and patches of background are pasted in
swapped-same    the film's markers are erased, and markers of another film of the same class are pasted in. This arm
                and swapped differ only in the class that the pasted markers come from.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from preprocess.mask import Mask, Window, mask_parts

Grey = NDArray[np.uint8]

Residual = NDArray[np.int16]

Shift = tuple[int, int]  # rows, columns

Moves = list[tuple[Window, Mask, Shift]]  # for each part of a mask: its window, its mask in the window, its shift


ARMS = (
    "raw",
    "cleaned",
    "control",
    "clipped",
    "markers",
    "inserted",
    "inserted-patch",
    "swapped",
    "swapped-patch",
    "swapped-same",
)

TRIES = 400  # random positions that are compared for each part of a mask

MOST_SIMILAR = 8  # one of this many most similar positions is drawn

CHUNK_PX = 400_000  # pixels of compared positions in memory at once

MARGIN_PX = 4  # of surroundings that are compared, on each side of a part

CLIP_PERCENT = (1.0, 99.0)  # percentiles of the pixels outside the markers


@dataclass(frozen=True, eq=False)
class Patch:
    """The grey levels that a marker, or a patch of background, adds to its film.

    Attributes:
        added: (h, w) int16 grey levels.
        centre: (x, y) as fractions of the width and height of its film.
        film_side_px: square root of the area of its film.
    """

    added: Residual
    centre: tuple[float, float]
    film_side_px: float


def keep_markers(raw: Grey, mask: Mask) -> Grey:
    """Return the masked pixels of a film on a black background."""
    return np.where(mask, raw, np.uint8(0))


def clip_to_rest(raw: Grey, mask: Mask) -> Grey:
    """Clip a film to the 1st and 99th percentile of its pixels outside the markers."""
    rest = raw[~mask]
    if not rest.size:
        return raw
    low, high = np.percentile(rest, CLIP_PERCENT)
    return np.clip(raw, np.uint8(low), np.uint8(high))


def move_mask(cleaned: Grey, mask: Mask, seed: int) -> tuple[Mask, Moves]:
    """Shift each part of a mask to a position without markers where the film looks similar.

    Random positions are compared on the cleaned film by mean grey level and contrast. One of the most similar
    positions is drawn. The moved mask therefore covers about as much anatomy as the markers do.

    Args:
        cleaned: (H, W) uint8, the film without its markers.
        mask: (H, W) bool mask of the markers.
        seed: seed of the random positions.
    Returns:
        The (H, W) mask of the moved parts, and the shift of each part. Parts without a free position are left out.
    """
    rng = np.random.default_rng(seed)
    taken, moved, moves = mask.copy(), np.zeros_like(mask), []
    for window, part in mask_parts(mask, lambda *_: MARGIN_PX):
        shift = _find_shift(cleaned, taken, window, part, rng)
        if shift is None:
            continue
        target = _shift_window(window, part, shift)
        moved[target] |= part
        taken[target] |= part
        moves.append((window, part, shift))
    return moved, moves


def _find_shift(cleaned: Grey, taken: Mask, window: Window, part: Mask, rng: np.random.Generator) -> Shift | None:
    """Return the shift to a similar free position; None if no drawn position is free."""
    (rows, columns), (height, width) = window, part.shape
    tops = rng.integers(0, max(1, cleaned.shape[0] - height + 1), TRIES)
    lefts = rng.integers(0, max(1, cleaned.shape[1] - width + 1), TRIES)
    if height > cleaned.shape[0] or width > cleaned.shape[1]:
        return None
    distances = np.concatenate(
        [
            _distances(cleaned, taken, window, part, tops[start : start + step], lefts[start : start + step])
            for step in [max(1, CHUNK_PX // part.size)]
            for start in range(0, TRIES, step)
        ]
    )
    free = np.flatnonzero(np.isfinite(distances))
    if not len(free):
        return None
    best = free[np.lexsort((lefts[free], tops[free], distances[free]))][:MOST_SIMILAR]
    chosen = best[int(rng.integers(len(best)))]
    return int(tops[chosen]) - rows.start, int(lefts[chosen]) - columns.start


def _distances(
    cleaned: Grey, taken: Mask, window: Window, part: Mask, tops: NDArray[np.int64], lefts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return how much the film differs at the (N,) positions from the window; infinity where a marker or a part is."""
    at = (tops, lefts)
    is_taken = (sliding_window_view(taken, part.shape)[at] & part).any(axis=(1, 2))
    shown = _appearance(sliding_window_view(cleaned, part.shape)[at], part)
    differences = np.abs(shown - _appearance(cleaned[window][None], part)).sum(axis=1)
    return np.where(is_taken, np.inf, differences)


def _appearance(windows: Grey, part: Mask) -> NDArray[np.float64]:
    """Return (N, 3): mean and twice the SD of the windows' (N, h, w) pixels in a part, and the mean of the window."""
    inside = windows.reshape(len(windows), -1).take(np.flatnonzero(part), axis=1).astype(float)
    return np.stack([inside.mean(axis=1), 2 * inside.std(axis=1), windows.mean(axis=(1, 2))], axis=1)


def _shift_window(window: Window, part: Mask, shift: Shift = (0, 0)) -> Window:
    top, left = (side.start + by for side, by in zip(window, shift, strict=True))
    return slice(top, top + part.shape[0]), slice(left, left + part.shape[1])


def cut_markers(raw: Grey, cleaned: Grey, mask: Mask) -> list[Patch]:
    """Return each marker as a patch: the grey levels of the raw film minus those of the cleaned film."""
    added = raw.astype(np.int16) - cleaned.astype(np.int16)
    return [_cut(added, _shift_window(window, part), part, window) for window, part in mask_parts(mask, lambda *_: 0)]


def cut_background(raw: Grey, control: Grey, moves: Moves) -> list[Patch]:
    """Return the background at the moved positions as patches, each centred on its marker."""
    added = raw.astype(np.int16) - control.astype(np.int16)
    return [_cut(added, _shift_window(window, part, shift), part, window) for window, part, shift in moves]


def _cut(added: Residual, source: Window, part: Mask, target: Window) -> Patch:
    """Cut the pixels of a part out of the source window, as a patch centred on the target window."""
    height, width = added.shape
    rows, columns = target
    centre = ((columns.start + part.shape[1] / 2) / width, (rows.start + part.shape[0] / 2) / height)
    return Patch(np.where(part, added[source], np.int16(0)), centre, float(np.sqrt(height * width)))


def paste(film: Grey, patches: list[Patch]) -> Grey:
    """Add patches to a film at their relative positions, scaled to its size.

    Patches that would cross the border are shifted inwards.
    """
    out = film.astype(np.int16)
    for patch in patches:
        added = _scale(patch, film.shape)
        (top, left), (height, width) = _corner(patch, added.shape, film.shape), added.shape
        out[top : top + height, left : left + width] += added
    return np.clip(out, 0, 255).astype(np.uint8)


def _scale(patch: Patch, shape: tuple[int, ...]) -> Residual:
    scale = float(np.sqrt(shape[0] * shape[1])) / patch.film_side_px
    size = [max(1, min(round(side * scale), limit)) for side, limit in zip(patch.added.shape, shape, strict=False)]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(patch.added, (size[1], size[0]), interpolation=method), np.int16)


def _corner(patch: Patch, size: tuple[int, ...], shape: tuple[int, ...]) -> Shift:
    (x, y), (height, width) = patch.centre, size
    top, left = round(y * shape[0] - height / 2), round(x * shape[1] - width / 2)
    return min(max(top, 0), shape[0] - height), min(max(left, 0), shape[1] - width)
