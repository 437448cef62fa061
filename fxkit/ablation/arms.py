"""The films of an ablation's arms: what becomes of a raw film when one thing about its markers is changed.

raw          the film as it is
cleaned      its markers erased, by `clean-labels`
control      markers kept; as much erased in marker-free places that look like the markers' own: what erasing costs
clipped      markers kept, but no darker or brighter than the rest of the film
markers      nothing but the markers, on black
inserted     markers of another class's film pasted in; inserted-patch: the same shapes of its background instead
swapped      own markers erased and another class's pasted in; swapped-patch: background instead; swapped-same: those of
             another film of the own class, so that the two differ in nothing but whose class the markers come from
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.mask import Mask, Window, mask_parts

Grey = NDArray[np.uint8]

Residual = NDArray[np.int16]

Shift = tuple[int, int]  # rows, columns

Places = list[tuple[Window, Mask, Shift]]  # of each part of a mask: its window, its shape in that, and where it went


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

TRIES = 400  # places that are looked at for each part of a mask

LIKELY = 8  # of the most similar places one is drawn

MARGIN_PX = 4  # of surroundings that are compared, on each side of a part

CLIP_PERCENT = (1.0, 99.0)  # of the pixels outside markers


@dataclass(frozen=True, eq=False)
class Patch:
    """What a marker, or a background patch, adds to a film where it lies.

    Attributes:
        added: (h, w) int16 grey levels.
        centre: (x, y) as shares of its film's width and height.
        film_side: px, of its film: the square root of its area.
    """

    added: Residual
    centre: tuple[float, float]
    film_side: float


def only_markers(raw: Grey, mask: Mask) -> Grey:
    """Return the masked pixels of a film on black."""
    return np.where(mask, raw, np.uint8(0))


def clip_to_rest(raw: Grey, mask: Mask) -> Grey:
    """Clip a film to the greys that its pixels outside the markers have, but for the last percent on both ends."""
    rest = raw[~mask]
    if not rest.size:
        return raw
    low, high = np.percentile(rest, CLIP_PERCENT)
    return np.clip(raw, np.uint8(low), np.uint8(high))


def move_mask(cleaned: Grey, mask: Mask, seed: int) -> tuple[Mask, Places]:
    """Move each part of a mask to a place free of markers that looks like its own, without turning it.

    Of places drawn at random those count whose greys and grain, on the cleaned film, are most like those where the
    marker lay. So what is erased there is as much or as little anatomy as under the markers.

    Args:
        cleaned: (H, W) uint8, the film without its markers.
        mask: (H, W) bool, of the markers.
        seed: of the draw.
    Returns:
        The (H, W) mask of the moved parts, and where each went; parts for which there is no free place are left out.
    """
    rng = np.random.default_rng(seed)
    taken, moved, found = mask.copy(), np.zeros_like(mask), []
    for window, part in mask_parts(mask, lambda *_: MARGIN_PX):
        shift = _place(cleaned, taken, window, part, rng)
        if shift is None:
            continue
        there = _shifted(window, part, shift)
        moved[there] |= part
        taken[there] |= part
        found.append((window, part, shift))
    return moved, found


def _place(cleaned: Grey, taken: Mask, window: Window, part: Mask, rng: np.random.Generator) -> Shift | None:
    (rows, columns), (height, width) = window, part.shape
    own = _look(cleaned[window], part)
    tops = rng.integers(0, max(1, cleaned.shape[0] - height + 1), TRIES)
    lefts = rng.integers(0, max(1, cleaned.shape[1] - width + 1), TRIES)
    places = []
    for top, left in zip(tops.tolist(), lefts.tolist(), strict=True):
        there = (slice(top, top + height), slice(left, left + width))
        if cleaned[there].shape != part.shape or (taken[there] & part).any():
            continue
        distance = float(np.abs(_look(cleaned[there], part) - own).sum())
        places.append((distance, top - rows.start, left - columns.start))
    if not places:
        return None
    best = sorted(places)[:LIKELY]
    _, down, right = best[int(rng.integers(len(best)))]
    return down, right


def _look(window: Grey, part: Mask) -> NDArray[np.float64]:
    """Mean and deviation of the greys under a part, and their mean in the whole window."""
    inside = window[part].astype(float)
    return np.array([inside.mean(), 2 * inside.std(), window.mean()])


def _shifted(window: Window, part: Mask, shift: Shift = (0, 0)) -> Window:
    top, left = (side.start + by for side, by in zip(window, shift, strict=True))
    return slice(top, top + part.shape[0]), slice(left, left + part.shape[1])


def cut_markers(raw: Grey, cleaned: Grey, mask: Mask) -> list[Patch]:
    """Return what each marker adds to its film: its pixels less those that erasing left in their place."""
    added = raw.astype(np.int16) - cleaned.astype(np.int16)
    return [_patch(added, _shifted(window, part), part, window) for window, part in mask_parts(mask, lambda *_: 0)]


def cut_background(raw: Grey, control: Grey, places: Places) -> list[Patch]:
    """Return what the film's background adds where parts were moved to, as if it lay where the markers do."""
    added = raw.astype(np.int16) - control.astype(np.int16)
    return [_patch(added, _shifted(window, part, shift), part, window) for window, part, shift in places]


def _patch(added: Residual, there: Window, part: Mask, shown: Window) -> Patch:
    """Cut a part of what is added `there`; its centre is that of the window where it is shown."""
    height, width = added.shape
    rows, columns = shown
    centre = ((columns.start + part.shape[1] / 2) / width, (rows.start + part.shape[0] / 2) / height)
    return Patch(np.where(part, added[there], np.int16(0)), centre, float(np.sqrt(height * width)))


def paste(film: Grey, patches: list[Patch]) -> Grey:
    """Add patches to a film at their places and in proportion to its size, drawn in from the border where needed."""
    out = film.astype(np.int16)
    for patch in patches:
        added = _scaled(patch, film.shape)
        (top, left), (height, width) = _corner(patch, added.shape, film.shape), added.shape
        out[top : top + height, left : left + width] += added
    return np.clip(out, 0, 255).astype(np.uint8)


def _scaled(patch: Patch, shape: tuple[int, ...]) -> Residual:
    scale = float(np.sqrt(shape[0] * shape[1])) / patch.film_side
    size = [max(1, min(round(side * scale), limit)) for side, limit in zip(patch.added.shape, shape, strict=False)]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(patch.added, (size[1], size[0]), interpolation=method), np.int16)


def _corner(patch: Patch, size: tuple[int, ...], shape: tuple[int, ...]) -> Shift:
    (x, y), (height, width) = patch.centre, size
    top, left = round(y * shape[0] - height / 2), round(x * shape[1] - width / 2)
    return min(max(top, 0), shape[0] - height), min(max(left, 0), shape[1] - width)
