"""Attention on markers: the share of a map that lies on markers, compared with chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fxkit.data.preprocessing import Preprocessing, resize
from fxkit.explain.marker_places import Places, draw_other_markers
from fxkit.metrics.group_means import ratio_interval
from fxkit.metrics.intervals import LEVEL
from fxkit.metrics.scores import Floats
from fxkit.report.attention import OTHER_FILMS, RANDOM_POSITIONS, Share

N_POSITIONS = 100  # random positions of the markers for each film


@dataclass(frozen=True, eq=False)
class Attention:
    """One film's row of attention.csv. The marker shares are None if the film's markers are unknown.

    Attributes:
        probability: probability of the predicted class.
        marker_area_share: share of the film's area that markers cover.
        marker_attention_share: share of the map's mass that lies on markers; None if the map is empty.
        chance: (N_POSITIONS, 2) shares of area and of the map's mass for markers by chance: those of other films, or
            the film's own at random positions.
        places: the map and the markers, from which `use_other_films` computes chance.
        by_other_films: chance is the markers of other films.
        in_box: whether the map's peak lies in a box, without and with the tolerance; None if there is no box.
        box_share: the share of the film's area that counts as a hit, without and with the tolerance. This is the
            probability that a peak at a random position is a hit.
    """

    path: str
    label: str
    predicted: str
    probability: float
    marker_area_share: float | None
    marker_attention_share: float | None
    group: str = ""
    chance: Floats | None = None
    places: Places | None = None
    by_other_films: bool = False
    in_box: tuple[bool, bool] | None = None
    box_share: tuple[float, float] | None = None


def resize_mask(mask: NDArray[np.bool_], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Resize an (H, W) mask as the network's input is resized: (S, S), 255 inside, grey values at the edges."""
    return resize(np.asarray(mask * np.uint8(255), np.uint8), preprocessing)


def film_coverage(shape: tuple[int, ...], preprocessing: Preprocessing) -> Floats:
    """Return (S, S) float64: 1 where the network's input shows the film, 0 where it shows padding."""
    return np.asarray(resize(np.full(shape[:2], 255, np.uint8), preprocessing) / 255.0)


def measure_marker_shares(
    heat: NDArray[np.float32], mask: NDArray[np.bool_], preprocessing: Preprocessing
) -> tuple[float, float | None]:
    """Return the share of the film's area that markers cover, and the share of the map's mass that lies on them.

    The second share is None if the map is empty. Padding counts for neither share.

    Args:
        heat: (S, S) map at the size of the network's input.
        mask: (H, W) at the size of the film, True on markers.
    """
    scaled, film = resize_mask(mask, preprocessing) / 255.0, film_coverage(mask.shape, preprocessing)
    mass = float((heat * film).sum())
    area = float(scaled.sum() / film.sum())
    return area, float((heat * scaled).sum()) / mass if mass > 0 else None


def sample_chance_shares(
    heat: NDArray[np.float32],
    mask: NDArray[np.bool_],
    preprocessing: Preprocessing,
    seed: int,
    n_positions: int = N_POSITIONS,
) -> Floats | None:
    """Move the mask to random positions and return its shares of the area and of the map's mass there.

    All shapes of the mask move together and keep their size. Parts that would lie on padding do not count.

    Args:
        heat: (S, S) map at the size of the network's input.
        mask: (H, W) at the size of the film, True on markers.
    Returns:
        (n_positions, 2) shares of area and of mass, or None if the mask or the map is empty.
    """
    scaled, film = resize_mask(mask, preprocessing) / 255.0, film_coverage(mask.shape, preprocessing)
    mass = heat * film
    rows, columns = np.flatnonzero(scaled.any(axis=1)), np.flatnonzero(scaled.any(axis=0))
    if not len(rows) or mass.sum() <= 0:
        return None
    shape = scaled[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    rng = np.random.default_rng(seed)
    tops = rng.integers(0, scaled.shape[0] - shape.shape[0] + 1, n_positions)
    lefts = rng.integers(0, scaled.shape[1] - shape.shape[1] + 1, n_positions)
    windows = [
        (slice(top, top + shape.shape[0]), slice(left, left + shape.shape[1]))
        for top, left in zip(tops.tolist(), lefts.tolist(), strict=True)
    ]
    shares = [[(shape * plane[window]).sum() / plane.sum() for plane in (film, mass)] for window in windows]
    return np.array(shares, np.float64)


def use_other_films(rows: Sequence[Attention]) -> list[Attention]:
    """Compare each film with the markers of other films, if enough films have any; otherwise return the rows as is."""
    drawn = draw_other_markers([row.places for row in rows])
    if drawn is None:
        return list(rows)
    return [
        replace(row, chance=chance, by_other_films=True, places=None) if len(chance) else row
        for row, chance in zip(rows, drawn, strict=True)
    ]


def summarise_shares(rows: Sequence[Attention]) -> list[Share]:
    """Average the shares over all films with markers and a map, by class, and by correctness of the prediction."""
    usable = [r for r in rows if r.marker_area_share and r.marker_attention_share is not None and r.chance is not None]
    labelled = [r for r in usable if r.label]
    parts = [("all films with markers", usable)]
    parts += [(name, [r for r in labelled if r.label == name]) for name in sorted({r.label for r in labelled})]
    parts.append(("correct predictions", [r for r in labelled if r.label == r.predicted]))
    parts.append(("wrong predictions", [r for r in labelled if r.label != r.predicted]))
    return [_average_shares(name, part) for name, part in parts if part]


def _average_shares(name: str, rows: Sequence[Attention]) -> Share:
    both = np.array([[r.marker_area_share, r.marker_attention_share] for r in rows], float)
    moved = np.mean([r.chance for r in rows if r.chance is not None], axis=0)
    chance_ratios = moved[:, 1] / np.maximum(moved[:, 0], 1e-9)
    ratio = ratio_interval(both[:, 1], both[:, 0], [r.group or r.path for r in rows])
    tail = 50 * (1 - LEVEL)
    low, high = (float(x) for x in np.percentile(chance_ratios, [tail, 100 - tail]))
    area, attention = (float(x) for x in both.mean(axis=0))
    return Share(
        name=name,
        n_films=len(rows),
        n_groups=ratio.n_groups,
        area=area,
        attention=attention,
        ratio=ratio.value,
        low=max(0.0, ratio.low) if ratio.has_limits else math.nan,
        high=ratio.high if ratio.has_limits else math.nan,
        chance_low=low,
        chance_high=high,
        chance_of=OTHER_FILMS if all(r.by_other_films for r in rows) else RANDOM_POSITIONS,
    )
