"""Pointing game: does the peak of a map lie in a box that a person drew?"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fxkit.data.preprocessing import Preprocessing
from fxkit.explain.attention import Attention, film_coverage, resize_mask
from fxkit.metrics.group_means import measure_mean, share_limits
from fxkit.report.attention import PointingGame
from preprocess.words import amount

TOLERANCE_FRACTION = 15 / 224  # of the input's side, as in Zhang et al. 2018


@dataclass(frozen=True)
class PeakHit:
    """The pointing game on one film; the first value of each pair is without the tolerance, the second with it.

    Attributes:
        hits: whether the peak lies in a box.
        shares: share of the film's area that counts as a hit.
    """

    hits: tuple[bool, bool]
    shares: tuple[float, float]


def check_peak(
    heat: NDArray[np.float32], boxes: NDArray[np.bool_] | None, shape: tuple[int, ...], preprocessing: Preprocessing
) -> PeakHit | None:
    """Check whether the peak of a map lies in a box.

    Args:
        heat: (S, S) map at the size of the network's input; the first of several equal peaks counts.
        boxes: (H, W), True inside boxes, or None.
        shape: shape of the film. Boxes with another shape are ignored, because they belong to another film.
    Returns:
        None if there is no box, or if the map is empty.
    Source: Zhang et al. 2018, "Top-down neural attention by excitation backprop".
    """
    if boxes is None or boxes.shape != shape[:2] or not boxes.any() or heat.max() <= 0:
        return None
    exact = (resize_mask(boxes, preprocessing) > 127).astype(np.uint8)
    side = 2 * round(TOLERANCE_FRACTION * preprocessing.image_size) + 1
    near = cv2.dilate(exact, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    peak = np.unravel_index(int(heat.argmax()), heat.shape)
    film = film_coverage(shape, preprocessing)
    strict, tolerant = ((bool(area[peak]), float((area * film).sum() / film.sum())) for area in (exact, near))
    return PeakHit((strict[0], tolerant[0]), (strict[1], tolerant[1]))


def summarise_pointing(rows: Sequence[Attention]) -> PointingGame | None:
    """Average the pointing game over the films with boxes; None if there are none."""
    boxed = [r for r in rows if r.in_box is not None]
    if not boxed:
        return None
    hits = np.array([r.in_box for r in boxed], float)
    chance = np.array([r.box_share for r in boxed], float).mean(axis=0)
    groups = [r.group or r.path for r in boxed]
    strict, tolerant = (share_limits(measure_mean(hits[:, column], np.ones(len(hits)), groups)) for column in (0, 1))
    return PointingGame(
        n_films=len(boxed),
        strict=strict,
        strict_chance=float(chance[0]),
        tolerant=tolerant,
        tolerant_chance=float(chance[1]),
    )


def describe_pointing(game: PointingGame) -> list[str]:
    """Return the result of the pointing game as lines of text."""
    return [
        f"pointing game{rule} ({amount(game.n_films, 'film with a box', 'films with boxes')}): the peak "
        f"lies in a box in {hits:.1%} of "
        f"films; expected by chance: {chance:.1%}"
        for rule, hits, chance in (
            ("", game.strict, game.strict_chance),
            (" with a tolerance of 15 of 224 px", game.tolerant, game.tolerant_chance),
        )
    ]
