"""The pointing game: does a map's peak lie in a box that a person drew?"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fxkit.data.preprocessing import Preprocessing
from fxkit.explain.attention import Attention, as_seen, film_area
from fxkit.metrics.bootstrap import mean_interval
from fxkit.metrics.intervals import Interval

TOLERANCE = 15 / 224  # of the input's side, as in Zhang et al. 2018


@dataclass(frozen=True)
class Pointed:
    """One film: whether the peak lies in a box, and within the tolerance; and the shares of the area that count."""

    hits: tuple[bool, bool]
    shares: tuple[float, float]


@dataclass(frozen=True)
class Pointing:
    """Over the films with boxes: share of peaks in one, strictly and within the tolerance, beside chance."""

    n_films: int
    strict: Interval
    strict_chance: float
    tolerant: Interval
    tolerant_chance: float

    @property
    def lines(self) -> list[str]:
        """What was found, as lines of text."""
        return [
            f"pointing game{how} ({self.n_films} films with boxes): the peak lies in a box on {found.value:.1%} (95 % "
            f"interval {found.low:.1%} to {found.high:.1%}); by chance {chance:.1%}"
            for how, found, chance in (
                ("", self.strict, self.strict_chance),
                (", 15 of 224 px off at most", self.tolerant, self.tolerant_chance),
            )
        ]


def point(
    heat: NDArray[np.float32], boxes: NDArray[np.bool_] | None, shape: tuple[int, ...], preprocessing: Preprocessing
) -> Pointed | None:
    """Look where a map's peak lies.

    Args:
        heat: (S, S); of several peaks the first counts.
        boxes: (H, W) True in boxes, or None.
        shape: of the film; boxes of another are another film's.
    Returns:
        None without boxes, or where the map is empty.
    Source: Zhang et al. 2018, "Top-down neural attention by excitation backprop".
    """
    if boxes is None or boxes.shape != shape[:2] or not boxes.any() or heat.max() <= 0:
        return None
    exact = (as_seen(boxes, preprocessing) > 127).astype(np.uint8)
    reach = 2 * round(TOLERANCE * preprocessing.image_size) + 1
    near = cv2.dilate(exact, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    peak = np.unravel_index(int(heat.argmax()), heat.shape)
    film = film_area(shape, preprocessing)
    strict, tolerant = ((bool(area[peak]), float((area * film).sum() / film.sum())) for area in (exact, near))
    return Pointed((strict[0], tolerant[0]), (strict[1], tolerant[1]))


def pointing_of(rows: Sequence[Attention]) -> Pointing | None:
    """Sum up the rows that have boxes; None where none has."""
    boxed = [r for r in rows if r.in_box is not None]
    if not boxed:
        return None
    hits = np.array([r.in_box for r in boxed], float)
    chance = np.array([r.box_share for r in boxed], float).mean(axis=0)
    groups = [r.group or r.path for r in boxed]
    strict, tolerant = (mean_interval(hits[:, column], groups) for column in (0, 1))
    return Pointing(len(boxed), strict, float(chance[0]), tolerant, float(chance[1]))
