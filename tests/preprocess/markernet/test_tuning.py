from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from preprocess.detectors.markernet import MarkerNetDetector
from preprocess.errors import ImageError, MarkerFileError
from preprocess.images import write_image
from preprocess.markernet import tuning
from preprocess.markernet.marker_parts import Area
from preprocess.markernet.network import MarkerNet
from preprocess.markernet.scene import Film, Place
from preprocess.markernet.training import TrainingPlan
from preprocess.markernet.tuning import (
    CONFIDENT,
    REPEATS,
    Recall,
    _hold_out,
    _read_for_training,
    _training_markers,
    measure,
    places_to_show,
    tune,
)
from preprocess.markers import MarkedImage, Marker, box_quad
from preprocess.settings import NETWORK

from ..conftest import film, write_text

PLAN = TrainingPlan(rounds=1, steps=100, batch=4, side_px=128, lr=1e-3, place_share=0.8, workers=0, threads=1)
SHAPE = (140, 110)


def odd_sign(seed: int) -> tuple[np.ndarray, Marker]:
    """Return a film with a sign that training never draws: a soft cloud to the right of the bone."""
    image = film(seed, SHAPE).astype(np.float32)
    x, y = np.random.default_rng(seed).integers((50, 15), (95, 125)).tolist()
    rows, columns = np.indices(SHAPE)
    image += 90 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 60)
    return np.clip(image, 0, 255).astype(np.uint8), Marker(box_quad(x - 8, y - 8, x + 9, y + 9), style="lead")


def write_films(root: Path, count: int) -> dict[str, MarkedImage]:
    marked = {}
    for number in range(count):
        image, marker = odd_sign(number)
        write_image(root / f"{number:02}.png", image)
        marked[f"{number:02}.png"] = MarkedImage(SHAPE[1], SHAPE[0], (marker,))
    return marked


@pytest.mark.slow
def test_tuning_learns_a_sign_of_the_site(tmp_path: Path) -> None:
    marked = write_films(tmp_path / "films", 16)
    tuned = tune(tmp_path / "films", marked, tmp_path / "out" / "site.onnx", plan=PLAN, held_out_fraction=0.4)
    assert (tuned.trained_on, len(tuned.held_out), tuned.markers) == (10, 6, 6)
    assert set(tuned.held_out) < set(marked)
    assert tuned.before.covered < tuned.after.covered
    assert tuned.after.beyond < 0.2
    again = measure(tmp_path / "films", {path: marked[path] for path in tuned.held_out}, tuned.weights)
    assert (again.covered, again.beyond) == (tuned.after.covered, pytest.approx(tuned.after.beyond))
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["site.onnx", "site.safetensors"]


def test_held_out_films_are_not_trained_on(tmp_path: Path) -> None:
    marked = {f"{number}.png": MarkedImage(9, 9, (Marker(box_quad(0, 0, 3, 3)),)) for number in range(20)}
    plate = MarkedImage(9, 9, (Marker(box_quad(0, 0, 3, 3), style="plate"),))
    held_out, used = _hold_out({**marked, "none.png": MarkedImage(9, 9), "plate.png": plate}, 0.3, 0)
    assert (len(held_out), len(used)) == (6, 16)
    assert not set(held_out) & set(used)
    assert {"none.png", "plate.png"} < set(used)  # they have no markers to find
    assert _hold_out(marked, 0.3, 0)[0].keys() == _hold_out(dict(reversed(marked.items())), 0.3, 0)[0].keys()
    assert _hold_out(marked, 0.3, 1)[0].keys() != _hold_out(marked, 0.3, 0)[0].keys()


def test_measure_counts_covered_markers_and_the_area_erased_elsewhere(tmp_path: Path) -> None:
    image = write_text(film(shape=(448, 400)), "RB07", (200, 240), 1.8)
    write_image(tmp_path / "a.png", image)
    detected = [marker for marker in MarkerNetDetector().detect(image) if marker.style != "plate"]
    elsewhere = Marker(box_quad(20, 380, 120, 430))
    plate = Marker(box_quad(300, 20, 390, 90), style="plate")
    whole = {"a.png": MarkedImage(400, 448, (*detected, elsewhere, plate))}
    assert measure(tmp_path, whole, NETWORK) == Recall(len(detected), 0.0)
    assert detected
    missed = measure(tmp_path, {"a.png": MarkedImage(400, 448, (elsewhere,))}, NETWORK)
    assert missed.covered == 0
    assert 0.01 < missed.beyond < 0.2


def test_markers_that_would_not_be_erased_are_not_covered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "a.png", film(shape=SHAPE))
    markers = (Marker(box_quad(10, 10, 30, 30), confidence=0.41), Marker(box_quad(60, 60, 80, 80), confidence=0.39))
    monkeypatch.setattr(MarkerNetDetector, "detect", lambda self, image: list(markers))
    assert measure(tmp_path, {"a.png": MarkedImage(SHAPE[1], SHAPE[0], markers)}, NETWORK).covered == 1


def test_the_styles_of_users_are_dropped_but_plates_stay_plates() -> None:
    lead, plate = (Marker(box_quad(0, 0, 3, 3), "R", 0.5, style) for style in ("lead", "plate"))
    sure = [replace(marker, confidence=1.0) for marker in (lead, plate)]  # a person saw them
    assert _training_markers(MarkedImage(9, 9, (lead, plate))) == [replace(sure[0], style=""), sure[1]]


def test_places_are_markers_and_the_centres_of_films_without_markers() -> None:
    area = Area(np.array([(10.0, 20), (30, 20), (30, 40), (10, 40)]), "lead")
    films = [Film(film(), (area, area)), Film(film(shape=(60, 40)))]
    places = places_to_show(films, [[False, True], []])
    assert places == [Place(0, 20, 30)] + [Place(0, 20, 30)] * REPEATS + [Place(1, 20, 30)]


def test_missed_markers_are_uncertain_but_plates_are_not(tmp_path: Path) -> None:
    image = write_text(film(shape=(448, 400)), "RB07", (200, 240), 1.8)
    write_image(tmp_path / "a.png", image)
    write_image(tmp_path / "b.png", film(shape=(60, 40)))
    confident = [marker for marker in MarkerNetDetector().detect(image) if marker.style != "plate"]
    assert min(marker.confidence for marker in confident) > CONFIDENT
    missed, plate = Marker(box_quad(20, 380, 120, 430)), Marker(box_quad(300, 20, 390, 90), style="plate")
    marked = {"a.png": MarkedImage(400, 448, (*confident, plate, missed)), "b.png": MarkedImage(40, 60)}
    assert _read_for_training(tmp_path, marked)[1] == [[False] * len(confident) + [False, True], []]


def test_markers_found_with_low_confidence_are_uncertain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "a.png", film(shape=SHAPE))
    markers = (Marker(box_quad(10, 10, 30, 30), confidence=0.89), Marker(box_quad(60, 60, 80, 80), confidence=0.91))
    monkeypatch.setattr(MarkerNetDetector, "detect", lambda self, image: list(markers))
    marked = {"a.png": MarkedImage(SHAPE[1], SHAPE[0], markers)}
    assert _read_for_training(tmp_path, marked)[1] == [[True, False]]


@pytest.mark.slow
def test_false_positives_are_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marked, all_places = {**write_films(tmp_path, 9), "unmarked.png": MarkedImage(SHAPE[1], SHAPE[0])}, []
    write_image(tmp_path / "unmarked.png", film(shape=SHAPE))
    false_positive = Place(6, 5, 5)
    monkeypatch.setattr(tuning, "find_false_positives", lambda network, films: [false_positive])

    def keep_places(
        films: list[Film], plan: TrainingPlan, folder: Path, start: MarkerNet, places: list[Place]
    ) -> MarkerNet:
        all_places.extend(places)
        return start

    monkeypatch.setattr(tuning, "train", keep_places)
    tune(tmp_path, marked, tmp_path / "site.onnx", plan=PLAN)
    assert all_places.count(false_positive) == REPEATS
    assert {place.film for place in all_places} == set(range(7))  # six with markers and the one without


def test_too_few_films_are_refused(tmp_path: Path) -> None:
    marked = {**write_films(tmp_path, 7), "none.png": MarkedImage(9, 9)}
    with pytest.raises(MarkerFileError, match=r"^7 films with markers; give at least 8; 20 to 50 are better$"):
        tune(tmp_path, marked, tmp_path / "site.onnx")


@pytest.mark.parametrize("number", range(8))
def test_films_whose_size_differs_from_the_marker_file_are_refused(tmp_path: Path, number: int) -> None:
    """Each film is refused, whether it is trained on or held out."""
    marked = write_films(tmp_path, 8)
    path = f"{number:02}.png"
    marked[path] = replace(marked[path], width=220)
    with pytest.raises(
        ImageError,
        match=rf"^{path}: 110 x 140 px, but the marker file says 220 x 140; annotate the image at its current size",
    ):
        tune(tmp_path, marked, tmp_path / "site.onnx")
    assert not (tmp_path / "site.onnx").exists()
