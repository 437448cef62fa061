import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.markernet import annotations
from preprocess.markernet.annotations import draw_annotation, draw_labelled_annotation
from preprocess.markernet.ground_truth import empty_truth, write_truth
from preprocess.markernet.marker_parts import FilmPose

CENTRE = np.array([160.0, 160.0])


def enclosed(strokes: list[np.ndarray], side: int = 320) -> np.ndarray:
    """Return where the strokes lie, three pixels wider on every side."""
    canvas = np.zeros((side, side), np.uint8)
    for stroke in strokes:
        points = [np.round(stroke).astype(np.int32)]
        cv2.fillPoly(canvas, points, 1)
        cv2.polylines(canvas, points, True, 1, 7)
    return canvas > 0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), angle=st.floats(0, 360))
def test_an_annotation_changes_the_film_only_along_its_strokes(seed: int, angle: float) -> None:
    marker = draw_annotation(np.random.default_rng(seed), CENTRE, FilmPose(angle))
    film = np.full((320, 320), 0.4, np.float32)
    marker.draw(film)
    strokes = [stroke for area in marker.areas for stroke in area.strokes]
    assert {area.style for area in marker.areas} == {"annotation"}
    assert not (film != np.float32(0.4))[~enclosed(strokes)].any()
    assert 0 <= film.min() <= film.max() <= 1


@pytest.mark.parametrize("kind", ["ellipse", "box"])
def test_what_a_circle_or_a_box_encloses_is_no_marker(kind: str) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        strokes = getattr(annotations, f"_{kind}")(rng, CENTRE, FilmPose(), 2.0)
        truth = empty_truth(320)
        write_truth(truth, annotations._as_area(strokes))
        corners = np.concatenate(strokes)
        if np.ptp(corners, axis=0).min() < 24:
            continue
        assert truth[0].any()
        assert truth[0][80, 80] == 0  # the centre
        assert (truth[1][truth[0] > 0] == 4).all()


def test_the_label_of_an_annotation_is_text_of_its_own() -> None:
    for seed in range(12):
        marker = draw_labelled_annotation(np.random.default_rng(seed), CENTRE, FilmPose())
        drawn, label = marker.areas
        assert (drawn.style, drawn.text) == ("annotation", "")
        assert label.style in ("burned", "label")
        assert label.text
        film = np.full((320, 320), 0.4, np.float32)
        marker.draw(film)
        x, y = label.quad[0]
        if 0 <= x < 250 and 0 <= y < 300:
            (left, top), (right, bottom) = np.floor(label.quad[0]).astype(int), np.ceil(label.quad[2]).astype(int)
            assert (film[top:bottom, left:right] != np.float32(0.4)).any()
