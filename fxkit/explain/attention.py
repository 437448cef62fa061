"""How much of a map lies on markers, beside what the same shapes anywhere else would get."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxkit.data.preprocessing import Preprocessing, resize
from fxkit.metrics.bootstrap import ratio_interval
from fxkit.metrics.intervals import LEVEL
from fxkit.metrics.scores import Floats

PLACES = 100  # at random, for each film


@dataclass(frozen=True, eq=False)
class Attention:
    """One film's row of attention.csv; shares are None where no markers are known.

    Attributes:
        probability: of the predicted class.
        marker_area_share: of the film's pixels.
        marker_attention_share: of the map's mass; None of an empty map.
        chance: (PLACES, 2) area and attention shares of the markers' shapes at random places.
        in_box: whether the map's peak lies in a box, and within a tolerance of one; None without boxes.
        box_share: what both would be by chance: the boxes' shares of the area.
    """

    path: str
    label: str
    predicted: str
    probability: float
    marker_area_share: float | None
    marker_attention_share: float | None
    group: str = ""
    chance: Floats | None = None
    in_box: tuple[bool, bool] | None = None
    box_share: tuple[float, float] | None = None


@dataclass(frozen=True)
class Share:
    """Attention on markers over some films.

    Attributes:
        ratio: attention share over area share; 1 is what looking everywhere alike gives. With a 95 % interval over
            groups.
        chance_low, chance_high: where 95 % of the ratios lie if the same shapes lie anywhere on the same films.
    """

    name: str
    n_films: int
    n_groups: int
    area: float
    attention: float
    ratio: float
    low: float
    high: float
    chance_low: float
    chance_high: float

    @property
    def verdict(self) -> str:
        if self.ratio > self.chance_high:
            return "more than by chance"
        return "less than by chance" if self.ratio < self.chance_low else "as by chance"


def as_seen(mask: NDArray[np.bool_], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Return a mask as the network would see it: 255 on markers, greys at their edges."""
    return resize(np.asarray(mask * np.uint8(255), np.uint8), preprocessing)


def film_area(shape: tuple[int, ...], preprocessing: Preprocessing) -> Floats:
    """Return (S, S) float64, 1 where the network sees film and 0 where it sees padding."""
    return np.asarray(resize(np.full(shape[:2], 255, np.uint8), preprocessing) / 255.0)


def marker_share(
    heat: NDArray[np.float32], mask: NDArray[np.bool_], preprocessing: Preprocessing
) -> tuple[float, float | None]:
    """Return the share of the film's area that markers take, and the share of the map's mass that lies on them.

    The mask is brought to the map's size as the film was. A map without mass has no second share.
    """
    scaled, film = as_seen(mask, preprocessing) / 255.0, film_area(mask.shape, preprocessing)
    mass = float((heat * film).sum())
    area = float(scaled.sum() / film.sum())
    return area, float((heat * scaled).sum()) / mass if mass > 0 else None


def chance_shares(
    heat: NDArray[np.float32], mask: NDArray[np.bool_], preprocessing: Preprocessing, seed: int, places: int = PLACES
) -> Floats | None:
    """Return (places, 2) shares of area and of the map's mass that the mask has when moved anywhere on the film.

    The shapes move together and keep their size; what would lie on padding does not count. None where the mask or the
    map is empty.
    """
    scaled, film = as_seen(mask, preprocessing) / 255.0, film_area(mask.shape, preprocessing)
    mass = heat * film
    rows, columns = np.flatnonzero(scaled.any(axis=1)), np.flatnonzero(scaled.any(axis=0))
    if not len(rows) or mass.sum() <= 0:
        return None
    shape = scaled[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    rng = np.random.default_rng(seed)
    tops = rng.integers(0, scaled.shape[0] - shape.shape[0] + 1, places)
    lefts = rng.integers(0, scaled.shape[1] - shape.shape[1] + 1, places)
    windows = [
        (slice(top, top + shape.shape[0]), slice(left, left + shape.shape[1]))
        for top, left in zip(tops.tolist(), lefts.tolist(), strict=True)
    ]
    found = [[(shape * plane[window]).sum() / plane.sum() for plane in (film, mass)] for window in windows]
    return np.array(found, np.float64)


def shares_of(rows: Sequence[Attention]) -> list[Share]:
    """Return the shares over all films with markers and a map, by class, and by whether they were decided rightly."""
    usable = [r for r in rows if r.marker_area_share and r.marker_attention_share is not None and r.chance is not None]
    named = [r for r in usable if r.label]
    parts = [("all films with markers", usable)]
    parts += [(name, [r for r in named if r.label == name]) for name in sorted({r.label for r in named})]
    parts.append(("decided rightly", [r for r in named if r.label == r.predicted]))
    parts.append(("decided wrongly", [r for r in named if r.label != r.predicted]))
    return [_share(name, part) for name, part in parts if part]


def _share(name: str, rows: Sequence[Attention]) -> Share:
    both = np.array([[r.marker_area_share, r.marker_attention_share] for r in rows], float)
    moved = np.mean([r.chance for r in rows if r.chance is not None], axis=0)
    by_chance = moved[:, 1] / np.maximum(moved[:, 0], 1e-9)
    found = ratio_interval(both[:, 1], both[:, 0], [r.group or r.path for r in rows])
    tail = 50 * (1 - LEVEL)
    low, high = (float(x) for x in np.percentile(by_chance, [tail, 100 - tail]))
    area, attention = (float(x) for x in both.mean(axis=0))
    return Share(
        name, len(rows), found.n_groups, area, attention, found.value, max(0.0, found.low), found.high, low, high
    )
