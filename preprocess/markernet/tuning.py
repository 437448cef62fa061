"""Tune the marker network to a site with a few dozen films whose markers a person has corrected."""

import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from preprocess.clean_image import build_mask, find_markers
from preprocess.detectors.markernet import MarkerNetDetector
from preprocess.detectors.ocr import Detector
from preprocess.errors import ImageError, MarkerFileError
from preprocess.images import read_image, to_grey8
from preprocess.markernet.scene import Film, Picture, Place, reduce_film
from preprocess.markernet.training import TrainingPlan, find_false_positives, train
from preprocess.markernet.weights import load_network, save_network
from preprocess.markers import MarkedImage, Marker
from preprocess.mask import Mask, marker_mask
from preprocess.settings import NETWORK, CleanSettings
from preprocess.words import amount

MIN_FILMS = 8  # films with markers

COVERED = 0.9  # share of the area of a marker that the mask must cover

CONFIDENT = 0.9  # the shipped network is uncertain about a marker below this confidence

REPEATS = 8  # missed or uncertain markers and false positives are shown 8 times as often as other markers

PLAN = TrainingPlan(rounds=1, steps=300, lr=5e-4, place_share=0.5)


@dataclass(frozen=True)
class Recall:
    """Result of a network on the held-out films.

    Args:
        covered: number of markers that would be erased to at least the share COVERED.
        beyond: mean share of a film that would be erased outside its markers.
    """

    covered: int
    beyond: float


@dataclass(frozen=True)
class Tuned:
    """Result of tuning.

    Args:
        weights: the ONNX file of the tuned network.
        trained_on: number of films for training.
        held_out: paths of the held-out films.
        markers: number of markers on the held-out films.
        before: result of the shipped network on the held-out films.
        after: result of the tuned network on the held-out films.
    """

    weights: Path
    trained_on: int
    held_out: tuple[str, ...]
    markers: int
    before: Recall
    after: Recall


def tune(
    root: str | Path,
    marked: Mapping[str, MarkedImage],
    out: str | Path,
    *,
    plan: TrainingPlan = PLAN,
    held_out_fraction: float = 0.3,
) -> Tuned:
    """Train the shipped network further with these films, and write an ONNX file and its .safetensors file.

    Args:
        root: folder of the films.
        marked: path below the root -> all markers of the film; anything else counts as no marker.
        out: the ONNX file.
        plan: settings of the training run.
        held_out_fraction: share of the films with markers that is held out, to measure recall before and after.
    Raises:
        MarkerFileError: there are too few films with markers.
        ImageError: a film cannot be read, or its size differs from that in the marker file.
    """
    held_out, used = _hold_out(marked, held_out_fraction, plan.seed)
    films, uncertain = _read_for_training(root, used)
    before = measure(root, held_out, NETWORK)
    start = load_network(NETWORK.with_suffix(".safetensors"))
    places = places_to_show(films, uncertain) + find_false_positives(start, films) * REPEATS
    with tempfile.TemporaryDirectory(prefix="fxkit-") as folder:
        network = train(films, plan, Path(folder), start, places)
    save_network(network, out)
    n_markers = sum(len(_without_plates(image)) for image in held_out.values())
    return Tuned(Path(out), len(used), tuple(sorted(held_out)), n_markers, before, measure(root, held_out, out))


def _hold_out(
    marked: Mapping[str, MarkedImage], fraction: float, seed: int
) -> tuple[dict[str, MarkedImage], dict[str, MarkedImage]]:
    paths = sorted(path for path, image in marked.items() if _without_plates(image))
    if len(paths) < MIN_FILMS:
        raise MarkerFileError(
            f"{amount(len(paths), 'film')} with markers; give at least {MIN_FILMS}; 20 to 50 are better"
        )
    random.Random(seed).shuffle(paths)
    held_out = set(paths[: max(2, round(fraction * len(paths)))])
    used = {path: image for path, image in marked.items() if path not in held_out}
    return {path: marked[path] for path in held_out}, used


def _without_plates(image: MarkedImage) -> list[Marker]:
    return [marker for marker in image.markers if marker.style != "plate"]


def _training_markers(image: MarkedImage) -> list[Marker]:
    """Return the markers without their styles, except plates.

    Each style has its own confidence limit, so a marker whose style changes could be lost.
    """
    sure = [replace(marker, confidence=1.0) for marker in image.markers]
    return [marker if marker.style == "plate" else replace(marker, style="") for marker in sure]


def places_to_show(films: Sequence[Film], uncertain: Sequence[Sequence[bool]]) -> list[Place]:
    """Return the places to show: the centres of markers, and of films without markers.

    Args:
        uncertain: for each film, whether each of its markers is uncertain; those are repeated REPEATS times.
    """
    places = []
    for number, (film, flags) in enumerate(zip(films, uncertain, strict=True)):
        spots = [area.quad.mean(0) for area in film.areas] or [np.array(film.picture.shape[::-1]) / 2]
        for (x, y), is_uncertain in zip(spots, flags or [False], strict=True):
            places += [Place(number, float(x), float(y))] * (REPEATS if is_uncertain else 1)
    return places


def _read_for_training(root: str | Path, marked: Mapping[str, MarkedImage]) -> tuple[list[Film], list[list[bool]]]:
    """Read films to train on, and return for each marker whether the shipped network misses or doubts it."""
    detector, films, uncertain = MarkerNetDetector(), [], []
    for path, image in marked.items():
        film = _read_film(root, path, image)
        films.append(reduce_film(film, _training_markers(image)))
        uncertain.append(_find_uncertain(film, image.markers, detector))
    return films, uncertain


def _find_uncertain(film: Picture, markers: Sequence[Marker], detector: Detector) -> list[bool]:
    """Return for each marker whether the network misses or doubts it; plates never count as doubtful."""
    if not markers:
        return []
    mask = _predict_mask(film, detector, CONFIDENT)
    return [marker.style != "plate" and not _is_covered(mask, marker) for marker in markers]


def measure(root: str | Path, marked: Mapping[str, MarkedImage], weights: str | Path) -> Recall:
    """Measure which markers of these films a network erases with the default settings, and how much else it erases."""
    detector = MarkerNetDetector(weights)
    covered, beyond = 0, []
    for path, image in marked.items():
        film = _read_film(root, path, image)
        mask = _predict_mask(film, detector)
        beyond.append(float((mask & ~marker_mask(film.shape, image.markers, grow_fraction=0.5)).mean()))
        covered += sum(_is_covered(mask, marker) for marker in _without_plates(image))
    return Recall(covered, float(np.mean(beyond)))


def _predict_mask(film: Picture, detector: Detector, min_confidence: float = CleanSettings().min_confidence) -> Mask:
    settings = CleanSettings(min_confidence=min_confidence)
    return build_mask(film.shape, find_markers(film, detector, settings), settings)


def _read_film(root: str | Path, path: str, image: MarkedImage) -> Picture:
    film = to_grey8(read_image(Path(root, path)))
    if film.shape != (image.height, image.width):
        raise ImageError(
            f"{path}: {film.shape[1]} x {film.shape[0]} px, but the marker file says {image.width} x "
            f"{image.height}; annotate the image at its current size"
        )
    return film


def _is_covered(mask: Mask, marker: Marker) -> bool:
    inside = marker_mask(mask.shape, [marker], grow_fraction=0, grow_px=0)
    return bool(inside.any() and mask[inside].mean() >= COVERED)
