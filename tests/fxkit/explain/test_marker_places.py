"""Attention on markers against chance: markers of other films, in their places."""

from dataclasses import replace

import numpy as np

from fxkit.data.preprocessing import Preprocessing
from fxkit.explain.attention import (
    Attention,
    measure_marker_shares,
    sample_chance_shares,
    summarise_shares,
    use_other_films,
)
from fxkit.explain.marker_places import FEWEST_DONORS, GRID, N_DRAWS, draw_other_markers, measure_places

SIZE = 112


def build(resize: str = "stretch") -> Preprocessing:
    return Preprocessing(image_size=SIZE, resize=resize, mean=(0.5,) * 3, std=(0.5,) * 3)


def centred(sharp: float = 0.25) -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE] / (SIZE - 1) - 0.5
    return np.exp(-(x**2 + y**2) / (2 * sharp**2)).astype(np.float32)


def put_marker(rng: np.random.Generator, shape: tuple[int, int] = (200, 160)) -> np.ndarray:
    """Put a marker near the left or right border, as markers stand on films."""
    mask = np.zeros(shape, bool)
    top, left = int(rng.integers(10, 150)), int(rng.choice([rng.integers(5, 25), rng.integers(120, 140)]))
    mask[top : top + 20, left : left + 15] = True
    return mask


def explain_all(heats: list[np.ndarray], masks: list[np.ndarray]) -> list[Attention]:
    rows = []
    for i, (heat, mask) in enumerate(zip(heats, masks, strict=True)):
        area, attention = measure_marker_shares(heat, mask, build())
        chance, places = sample_chance_shares(heat, mask, build(), i), measure_places(heat, mask, build(), f"g{i}")
        rows.append(Attention(f"{i}", "", "a", 0.9, area, attention, f"g{i}", chance, places))
    return rows


def test_a_map_of_the_centre_looks_at_markers_as_by_chance() -> None:
    rng = np.random.default_rng(0)
    verdicts = []
    for _ in range(20):
        rows = explain_all([centred()] * 24, [put_marker(rng) for _ in range(24)])
        (random,), (other,) = summarise_shares(rows), summarise_shares(use_other_films(rows))
        assert random.verdict == "less than by chance"
        assert (random.chance_of, other.chance_of) == ("the same shapes at random positions", "markers of other films")
        verdicts.append(other.verdict)
    assert verdicts.count("as by chance") >= 16


def test_a_map_that_follows_the_markers_is_above_chance() -> None:
    rng = np.random.default_rng(1)
    masks = [put_marker(rng) for _ in range(12)]
    heats = [centred() + 2 * np.asarray(measure(mask), np.float32) for mask in masks]
    (share,) = summarise_shares(use_other_films(explain_all(heats, masks)))
    assert share.verdict == "more than by chance"


def measure(mask: np.ndarray) -> np.ndarray:
    rows, columns = (np.arange(SIZE) * side // SIZE for side in mask.shape)
    return mask[np.ix_(rows, columns)]


def test_padding_is_left_out_of_the_places() -> None:
    mask = np.zeros((100, 50), bool)
    mask[:50] = True
    places = measure_places(np.ones((SIZE, SIZE), np.float32), mask, build("pad"), "a")
    assert places is not None
    assert places.heat.shape == places.mask.shape == (GRID, GRID)
    assert abs(float((places.heat * places.mask).sum()) - 0.5) < 0.02
    assert measure_places(np.zeros((SIZE, SIZE), np.float32), mask, build(), "a") is None


def test_only_markers_of_other_groups_are_drawn() -> None:
    rng = np.random.default_rng(2)
    places = [measure_places(centred(), put_marker(rng), build(), f"g{i}") for i in range(FEWEST_DONORS + 1)]
    drawn = draw_other_markers([*places, None])
    assert drawn is not None
    assert [len(part) for part in drawn] == [N_DRAWS] * len(places) + [0]
    one_group = [replace(place, group="same") for place in places if place is not None]
    assert draw_other_markers(one_group) is None
    assert draw_other_markers(places[:-1]) is None
