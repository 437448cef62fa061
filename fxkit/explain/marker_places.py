"""Chance for attention on markers: the markers of other films, laid on each film's map in the places where they stand.

Markers stand near the border and maps are strongest in the centre, so random positions would be no fair comparison: a
network that ignores markers would look at them "less than by chance".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fxkit.data.preprocessing import Preprocessing, resize

GRID = 56  # cells along each side; maps are coarser than that

FEWEST_DONORS = 5  # films of other groups with markers; with fewer, their places say little

N_DRAWS = 100  # donors drawn for each film

Cells = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Places:
    """A film's map and markers in the film's own coordinates, so that films of any shape can be compared.

    Attributes:
        heat: (GRID, GRID) share of the map's mass in each cell, with the sum 1.
        mask: (GRID, GRID) share of each cell that markers cover.
        group: group of the film.
    """

    heat: Cells
    mask: Cells
    group: str


def measure_places(
    heat: NDArray[np.float32], mask: NDArray[np.bool_], preprocessing: Preprocessing, group: str
) -> Places | None:
    """Return the map and the markers in the film's coordinates; None if one of them is empty.

    Args:
        heat: (S, S) map at the size of the network's input.
        mask: (H, W) at the size of the film, True on markers.
    """
    film = resize(np.full(mask.shape, 255, np.uint8), preprocessing) > 127
    rows, columns = np.flatnonzero(film.any(axis=1)), np.flatnonzero(film.any(axis=0))
    shown = np.asarray(heat[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], np.float32)
    cells = cv2.resize(shown, (GRID, GRID), interpolation=cv2.INTER_AREA)
    covered = cv2.resize(np.asarray(mask, np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA)
    if cells.sum() <= 0 or not covered.any():
        return None
    return Places(np.asarray(cells / cells.sum()), np.asarray(covered), group)


def draw_other_markers(places: Sequence[Places | None], seed: int = 0) -> list[NDArray[np.float64]] | None:
    """Lay the markers of random other films on each map; return (N_DRAWS, 2) shares of area and of mass for each film.

    Films without places get an empty array. Return None if a film has fewer than FEWEST_DONORS films of other groups.
    """
    known = [place for place in places if place is not None]
    masks, groups = np.array([place.mask for place in known]), np.array([place.group for place in known])
    drawn = []
    for number, place in enumerate(places):
        if place is None:
            drawn.append(np.zeros((0, 2)))
            continue
        donors = np.flatnonzero(groups != place.group)
        if len(donors) < FEWEST_DONORS:
            return None
        chosen = masks[np.random.default_rng([seed, number]).choice(donors, N_DRAWS)]
        mass = np.einsum("nij,ij->n", chosen, place.heat, dtype=np.float64)
        drawn.append(np.stack([chosen.mean(axis=(1, 2), dtype=np.float64), mass], axis=1))
    return drawn
