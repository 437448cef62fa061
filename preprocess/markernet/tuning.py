"""Adapt the marker network to a site, from a few dozen films whose markers a person has corrected."""

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
from preprocess.markernet.scene import Film, Picture, Place, small_film
from preprocess.markernet.training import Plan, false_finds, train
from preprocess.markernet.weights import load_network, save_network
from preprocess.markers import MarkedImage, Marker
from preprocess.mask import Mask, marker_mask
from preprocess.settings import NETWORK, CleanSettings

FEWEST = 8  # films

COVERED = 0.9  # share of a marker's quad that must lie under the mask

SURE = 0.9  # confidence below which the shipped network doubts a marker

TIMES = 8  # as often as others, markers are shown that it misses or doubts, and what it falsely finds

PLAN = Plan(rounds=1, steps=300, lr=5e-4, place_share=0.5)


@dataclass(frozen=True)
class Recall:
    """How a network does on the films kept aside.

    Args:
        found: markers of which COVERED or more would be erased.
        beyond: mean share of a film that would be erased beyond its markers' masks.
    """

    found: int
    beyond: float


@dataclass(frozen=True)
class Tuned:
    """What tuning did; `aside` are the paths of the films kept aside, `markers` their number of markers."""

    weights: Path
    trained_on: int
    aside: tuple[str, ...]
    markers: int
    before: Recall
    after: Recall


def tune(
    root: str | Path,
    marked: Mapping[str, MarkedImage],
    out: str | Path,
    *,
    plan: Plan = PLAN,
    aside: float = 0.3,
) -> Tuned:
    """Go on training from the shipped network with these films; write OUT (ONNX) and its .safetensors.

    Args:
        marked: path below root -> its markers, all of them: what is not in it counts as no marker.
        aside: share of the films that is kept aside, to measure recall before and after.
    Raises:
        MarkerFileError: too few films with markers.
        ImageError: a film cannot be read, or has another size than the marker file says.
    """
    kept, used = _parted(marked, aside, plan.seed)
    films, doubted = _read_to_learn(root, used)
    before = measure(root, kept, NETWORK)
    start = load_network(NETWORK.with_suffix(".safetensors"))
    places = places_of(films, doubted) + false_finds(start, films) * TIMES
    with tempfile.TemporaryDirectory(prefix="fxkit-") as folder:
        network = train(films, plan, Path(folder), start, places)
    save_network(network, out)
    markers = sum(len(_counted(image)) for image in kept.values())
    return Tuned(Path(out), len(used), tuple(sorted(kept)), markers, before, measure(root, kept, out))


def _parted(
    marked: Mapping[str, MarkedImage], aside: float, seed: int
) -> tuple[dict[str, MarkedImage], dict[str, MarkedImage]]:
    paths = sorted(path for path, image in marked.items() if _counted(image))
    if len(paths) < FEWEST:
        raise MarkerFileError(f"{len(paths)} films with markers; expected {FEWEST} or more, better 20 to 50")
    random.Random(seed).shuffle(paths)
    kept = set(paths[: max(2, round(aside * len(paths)))])
    return {path: marked[path] for path in kept}, {path: image for path, image in marked.items() if path not in kept}


def _counted(image: MarkedImage) -> list[Marker]:
    return [marker for marker in image.markers if marker.style != "plate"]


def _to_learn(image: MarkedImage) -> list[Marker]:
    """The markers, none with a style: another style has another least sureness, so that what is found could be lost."""
    return [marker if marker.style == "plate" else replace(marker, style="") for marker in image.markers]


def places_of(films: Sequence[Film], doubted: Sequence[Sequence[bool]]) -> list[Place]:
    """Return the middle of each marker, TIMES if it is doubted, and of each film without any."""
    places = []
    for number, (film, doubts) in enumerate(zip(films, doubted, strict=True)):
        spots = [area.quad.mean(0) for area in film.areas] or [np.array(film.picture.shape[::-1]) / 2]
        for (x, y), doubt in zip(spots, doubts or [False], strict=True):
            places += [Place(number, float(x), float(y))] * (TIMES if doubt else 1)
    return places


def _read_to_learn(root: str | Path, marked: Mapping[str, MarkedImage]) -> tuple[list[Film], list[list[bool]]]:
    """Read films to train on; tell for each of their markers whether the shipped network misses or doubts it."""
    detector, films, doubted = MarkerNetDetector(), [], []
    for path, image in marked.items():
        film = _read_film(root, path, image)
        films.append(small_film(film, _to_learn(image)))
        doubted.append(_doubts(film, image.markers, detector))
    return films, doubted


def _doubts(film: Picture, markers: Sequence[Marker], detector: Detector) -> list[bool]:
    """Plates count as found; on a film without markers there is nothing to look for."""
    if not markers:
        return []
    mask = _erased(film, detector, SURE)
    return [marker.style != "plate" and not _covered(mask, marker) for marker in markers]


def measure(root: str | Path, marked: Mapping[str, MarkedImage], weights: str | Path) -> Recall:
    """Say how many of the markers of these films a network erases with the usual settings, and how much else."""
    detector = MarkerNetDetector(weights)
    found, beyond = 0, []
    for path, image in marked.items():
        film = _read_film(root, path, image)
        mask = _erased(film, detector)
        beyond.append(float((mask & ~marker_mask(film.shape, image.markers, grow_fraction=0.5)).mean()))
        found += sum(_covered(mask, marker) for marker in _counted(image))
    return Recall(found, float(np.mean(beyond)))


def _erased(film: Picture, detector: Detector, least: float = CleanSettings().min_confidence) -> Mask:
    settings = CleanSettings(min_confidence=least)
    return build_mask(film.shape, find_markers(film, detector, settings), settings)


def _read_film(root: str | Path, path: str, image: MarkedImage) -> Picture:
    film = to_grey8(read_image(Path(root, path)))
    if film.shape != (image.height, image.width):
        raise ImageError(
            f"{path}: {film.shape[1]} x {film.shape[0]} px, but the marker file says {image.width} x "
            f"{image.height}; annotate the image as it is now"
        )
    return film


def _covered(mask: Mask, marker: Marker) -> bool:
    here = marker_mask(mask.shape, [marker], grow_fraction=0, grow_px=0)
    return bool(here.any() and mask[here].mean() >= COVERED)
