from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from preprocess.detectors.markernet import MarkerNetDetector
from preprocess.errors import ImageError, MarkerFileError
from preprocess.images import write_image
from preprocess.markernet import tuning
from preprocess.markernet.network import MarkerNet
from preprocess.markernet.scene import Film, Place
from preprocess.markernet.stamps import Area
from preprocess.markernet.training import Plan
from preprocess.markernet.tuning import (
    SURE,
    TIMES,
    Recall,
    _parted,
    _read_to_learn,
    _to_learn,
    measure,
    places_of,
    tune,
)
from preprocess.markers import MarkedImage, Marker, box_quad
from preprocess.settings import NETWORK

from ..conftest import film, write_text

PLAN = Plan(rounds=1, steps=100, batch=4, side_px=128, lr=1e-3, place_share=0.8, workers=0, threads=1)
SHAPE = (140, 110)


def odd_sign(seed: int) -> tuple[np.ndarray, Marker]:
    """A film with a sign as none is made for training, a soft cloud, somewhere to the right of the bone."""
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
def test_a_network_learns_a_sign_of_the_site(tmp_path: Path) -> None:
    marked = write_films(tmp_path / "films", 16)
    tuned = tune(tmp_path / "films", marked, tmp_path / "out" / "site.onnx", plan=PLAN, aside=0.4)
    assert (tuned.trained_on, len(tuned.aside), tuned.markers) == (10, 6, 6)
    assert set(tuned.aside) < set(marked)
    assert tuned.before.found < tuned.after.found
    assert tuned.after.beyond < 0.2
    again = measure(tmp_path / "films", {path: marked[path] for path in tuned.aside}, tuned.weights)
    assert (again.found, again.beyond) == (tuned.after.found, pytest.approx(tuned.after.beyond))
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["site.onnx", "site.safetensors"]


def test_the_films_kept_aside_are_not_trained_on(tmp_path: Path) -> None:
    marked = {f"{number}.png": MarkedImage(9, 9, (Marker(box_quad(0, 0, 3, 3)),)) for number in range(20)}
    plate = MarkedImage(9, 9, (Marker(box_quad(0, 0, 3, 3), style="plate"),))
    kept, used = _parted({**marked, "none.png": MarkedImage(9, 9), "plate.png": plate}, 0.3, 0)
    assert (len(kept), len(used)) == (6, 16)
    assert not set(kept) & set(used)
    assert {"none.png", "plate.png"} < set(used)  # there is nothing to find on them
    assert _parted(marked, 0.3, 0)[0].keys() == _parted(dict(reversed(marked.items())), 0.3, 0)[0].keys()
    assert _parted(marked, 0.3, 1)[0].keys() != _parted(marked, 0.3, 0)[0].keys()


def test_recall_counts_markers_that_are_covered_and_what_is_beyond(tmp_path: Path) -> None:
    image = write_text(film(shape=(448, 400)), "RB07", (200, 240), 1.8)
    write_image(tmp_path / "a.png", image)
    here = [marker for marker in MarkerNetDetector().detect(image) if marker.style != "plate"]
    elsewhere = Marker(box_quad(20, 380, 120, 430))
    plate = Marker(box_quad(300, 20, 390, 90), style="plate")
    whole = {"a.png": MarkedImage(400, 448, (*here, elsewhere, plate))}
    assert measure(tmp_path, whole, NETWORK) == Recall(len(here), 0.0)
    assert here
    missed = measure(tmp_path, {"a.png": MarkedImage(400, 448, (elsewhere,))}, NETWORK)
    assert missed.found == 0
    assert 0.01 < missed.beyond < 0.2


def test_what_would_not_be_erased_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "a.png", film(shape=SHAPE))
    markers = (Marker(box_quad(10, 10, 30, 30), confidence=0.41), Marker(box_quad(60, 60, 80, 80), confidence=0.39))
    monkeypatch.setattr(MarkerNetDetector, "detect", lambda self, image: list(markers))
    assert measure(tmp_path, {"a.png": MarkedImage(SHAPE[1], SHAPE[0], markers)}, NETWORK).found == 1


def test_what_a_user_calls_a_marker_is_not_learnt_but_plates_stay_plates() -> None:
    lead, plate = (Marker(box_quad(0, 0, 3, 3), "R", 0.5, style) for style in ("lead", "plate"))
    assert _to_learn(MarkedImage(9, 9, (lead, plate))) == [replace(lead, style=""), plate]


def test_markers_are_shown_and_films_without_any() -> None:
    area = Area(np.array([(10.0, 20), (30, 20), (30, 40), (10, 40)]), "lead")
    films = [Film(film(), (area, area)), Film(film(shape=(60, 40)))]
    places = places_of(films, [[False, True], []])
    assert places == [Place(0, 20, 30)] + [Place(0, 20, 30)] * TIMES + [Place(1, 20, 30)]


def test_what_the_shipped_network_misses_is_doubted_but_no_plate(tmp_path: Path) -> None:
    image = write_text(film(shape=(448, 400)), "RB07", (200, 240), 1.8)
    write_image(tmp_path / "a.png", image)
    write_image(tmp_path / "b.png", film(shape=(60, 40)))
    sure = [marker for marker in MarkerNetDetector().detect(image) if marker.style != "plate"]
    assert min(marker.confidence for marker in sure) > SURE
    missed, plate = Marker(box_quad(20, 380, 120, 430)), Marker(box_quad(300, 20, 390, 90), style="plate")
    marked = {"a.png": MarkedImage(400, 448, (*sure, plate, missed)), "b.png": MarkedImage(40, 60)}
    assert _read_to_learn(tmp_path, marked)[1] == [[False] * len(sure) + [False, True], []]


def test_what_is_found_but_not_surely_is_doubted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "a.png", film(shape=SHAPE))
    markers = (Marker(box_quad(10, 10, 30, 30), confidence=0.89), Marker(box_quad(60, 60, 80, 80), confidence=0.91))
    monkeypatch.setattr(MarkerNetDetector, "detect", lambda self, image: list(markers))
    marked = {"a.png": MarkedImage(SHAPE[1], SHAPE[0], markers)}
    assert _read_to_learn(tmp_path, marked)[1] == [[True, False]]


def test_false_finds_are_shown_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marked, shown = {**write_films(tmp_path, 9), "bare.png": MarkedImage(SHAPE[1], SHAPE[0])}, []
    write_image(tmp_path / "bare.png", film(shape=SHAPE))
    false = Place(6, 5, 5)
    monkeypatch.setattr(tuning, "false_finds", lambda network, films: [false])

    def trained(films: list[Film], plan: Plan, folder: Path, start: MarkerNet, places: list[Place]) -> MarkerNet:
        shown.extend(places)
        return start

    monkeypatch.setattr(tuning, "train", trained)
    tune(tmp_path, marked, tmp_path / "site.onnx", plan=PLAN)
    assert shown.count(false) == TIMES
    assert {place.film for place in shown} == set(range(7))  # six with markers, and the bare one


def test_too_few_films_are_refused(tmp_path: Path) -> None:
    marked = {**write_films(tmp_path, 7), "none.png": MarkedImage(9, 9)}
    with pytest.raises(MarkerFileError, match=r"^7 films with markers; expected 8 or more, better 20 to 50$"):
        tune(tmp_path, marked, tmp_path / "site.onnx")


@pytest.mark.parametrize("number", range(8))
def test_films_of_another_size_than_the_file_says_are_refused(tmp_path: Path, number: int) -> None:
    """Wherever the film is: trained on, or kept aside."""
    marked = write_films(tmp_path, 8)
    path = f"{number:02}.png"
    marked[path] = replace(marked[path], width=220)
    with pytest.raises(
        ImageError, match=rf"^{path}: 110 x 140 px, but the marker file says 220 x 140; annotate the image as it is"
    ):
        tune(tmp_path, marked, tmp_path / "site.onnx")
    assert not (tmp_path / "site.onnx").exists()
