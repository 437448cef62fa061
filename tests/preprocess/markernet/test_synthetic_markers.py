from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.markernet.console_markers import draw_icon_marker
from preprocess.markernet.marker_parts import Area, FilmPose, SyntheticMarker
from preprocess.markernet.synthetic_markers import KINDS, draw_marker

DrawMarker = Callable[..., SyntheticMarker]
MIDDLE = np.array([50.0, 30.0])


def ground(side: int = 256) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0.3, 0.01, (side, side))
    return noise.astype(np.float32)


def soft_margin(areas: tuple[Area, ...], kind: DrawMarker) -> float:
    """Return how far soft edges and the backgrounds of icons reach beyond the areas, in pixels."""
    height = max(float(np.linalg.norm(area.quad[3] - area.quad[0])) for area in areas)
    return 4 + (0.75 if kind is draw_icon_marker else 0.2) * height


def filled(areas: tuple[Area, ...], shape: tuple[int, ...], margin: float = 0) -> np.ndarray:
    canvas = np.zeros(shape, np.uint8)
    for quad in (quad for area in areas for quad in area.strokes or (area.quad,)):
        points = np.round(np.clip(quad, -4000, 4000)).astype(np.int32)
        cv2.fillPoly(canvas, [points], 1)
        if margin:
            cv2.polylines(canvas, [points], True, 1, round(2 * margin))
    return canvas > 0


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), angle=st.floats(0, 360), mirrored=st.booleans())
def test_a_marker_changes_the_film_only_in_its_areas(kind: DrawMarker, seed: int, angle: float, mirrored: bool) -> None:
    marker = kind(np.random.default_rng(seed), np.array([128.0, 128.0]), FilmPose(angle, mirrored))
    film, before = ground(), ground()
    marker.draw(film)
    assert film.dtype == np.float32
    assert np.isfinite(film).all()
    assert film.min() >= 0
    assert film.max() <= 1
    changed = np.abs(film - before) > 0.01
    assert changed[filled(marker.areas, film.shape, 1)].any()
    assert not changed[~filled(marker.areas, film.shape, soft_margin(marker.areas, kind))].any()


def test_every_style_is_drawn_and_all_areas_but_icons_and_plates_have_text() -> None:
    markers = [draw_marker(np.random.default_rng(seed), MIDDLE, FilmPose()) for seed in range(150)]
    areas = [area for marker in markers for area in marker.areas]
    assert {area.style for area in areas} == {"burned", "label", "lead", "symbol", "plate", "annotation"}
    assert all(bool(area.text) is (area.style not in ("symbol", "plate", "annotation")) for area in areas)
