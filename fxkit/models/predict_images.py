"""Predict single image files: read and clean them in threads, and run the network in batches. Needs no torch."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fxkit.data.preprocessing import Grey, Preprocessing, resize
from fxkit.metrics.predictions import decisions
from preprocess.errors import AreaError, ImageError
from preprocess.image_files import MAX_PIXELS
from preprocess.images import Array, read_image, to_grey8
from preprocess.one_value import has_one_value

BATCH = 16  # films

READERS = 4  # threads that read and resize files while the network runs

Floats = NDArray[np.float64]

Cleaner = Callable[[Array], tuple[Array, int]]


class Card(Protocol):
    """The description of a model: what its probabilities mean."""

    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def cleaning(self) -> Mapping[str, Any] | None: ...
    @property
    def threshold(self) -> float: ...


class NetworkCard(Card, Protocol):
    """The description that is needed to use a network of fxkit."""

    @property
    def preprocessing(self) -> Preprocessing: ...


class HasCard(Protocol):
    """Anything with a card."""

    @property
    def card(self) -> Card: ...


class Network(Protocol):
    """A network of fxkit that predicts films at its size: in torch, or an exported file."""

    @property
    def card(self) -> NetworkCard: ...

    def probabilities(self, films: Grey) -> Floats:
        """Return (N, C) probabilities of (N, S, S) films at the network's size."""


@runtime_checkable
class GivenNetwork(Protocol):
    """A model made elsewhere, which has its own way to prepare films (`fxkit.models.given`)."""

    @property
    def card(self) -> Card: ...

    def prepare(self, film: Grey) -> Array:
        """Return what the model takes of one film, (H, W) uint8 of any size."""

    def predict_prepared(self, prepared: Sequence[Array]) -> Floats:
        """Return (N, C) probabilities of N prepared films."""


AnyNetwork = Network | GivenNetwork


@dataclass(frozen=True)
class ImagePrediction:
    """The prediction for one image file. If the file failed, only `path` and `error` are set."""

    path: str
    probabilities: tuple[float, ...] = ()
    decision: str = ""
    markers: int | None = None  # number of erased markers; None if the image was not cleaned
    error: str = ""
    one_value: bool = False  # whether all pixels of the file have one grey value


@dataclass(frozen=True)
class _ReadFile:
    """A file after reading: its prediction, still without probabilities, and its prepared film, None if it failed."""

    prediction: ImagePrediction
    film: Array | None = None


def predict_films(network: AnyNetwork, films: Sequence[Grey]) -> Floats:
    """Predict films in batches, with any network: it prepares them as for `predict_images`.

    Args:
        films: N films, (H, W) uint8 of any size, bright bone; unmodified. They are not cleaned.
    Returns:
        (N, C) float64 probabilities.
    Raises:
        RunError: a model made elsewhere failed, or its output is no probabilities.
    """
    parts = [
        predict_prepared(network, [prepare_film(network, film) for film in films[start : start + BATCH]])
        for start in range(0, len(films), BATCH)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, len(network.card.classes)))


def prepare_film(network: AnyNetwork, film: Grey) -> Array:
    """Return what a network takes of one film, (H, W) uint8: for networks of fxkit, (S, S) uint8."""
    return network.prepare(film) if isinstance(network, GivenNetwork) else resize(film, network.card.preprocessing)


def predict_prepared(network: AnyNetwork, prepared: Sequence[Array]) -> Floats:
    """Return (N, C) probabilities of N films that `prepare_film` returned, in one batch."""
    if isinstance(network, GivenNetwork):
        return network.predict_prepared(prepared)
    return network.probabilities(np.stack(prepared))


def predict_images(
    network: AnyNetwork, paths: Sequence[str | Path], *, max_pixels: int = MAX_PIXELS, raw: bool = False
) -> list[ImagePrediction]:
    """Predict single image files, in the given order. A file that cannot be read gets an error text.

    Args:
        max_pixels: larger images get an error text.
        raw: do not clean the images, even if the model was trained on cleaned images. Otherwise they are cleaned with
            the same settings as the training images.
    Raises:
        DetectorError: the marker detector that cleaned the training images is not available.
    """
    clean = None if raw else build_cleaner(network)
    read = partial(_read, network, clean, max_pixels)
    with ThreadPoolExecutor(READERS if clean is None else 1) as pool:  # detectors are not thread-safe
        files = _read_ahead(pool, read, paths, 2 * BATCH)
        return [prediction for batch in _batches(files, BATCH) for prediction in _predict_batch(network, batch)]


def build_cleaner(model: HasCard) -> Cleaner | None:
    """Return a function: image -> (cleaned image, number of markers). None if the model was trained on raw images."""
    if model.card.cleaning is None:
        return None
    from preprocess.clean_image import clean_image
    from preprocess.detectors.build import build_detector
    from preprocess.settings import settings_from

    settings = settings_from(model.card.cleaning, "model.json")
    detector = build_detector(settings)

    def clean(image: Array) -> tuple[Array, int]:
        cleaned = clean_image(image, detector, settings)
        return cleaned.image, len(cleaned.markers)

    return clean


def decide(model: HasCard, probabilities: Floats) -> str:
    """Return the predicted class: by the threshold if there are two classes, else the most probable one."""
    return model.card.classes[int(decisions(probabilities[None], model.card.threshold)[0])]


def _read(network: AnyNetwork, clean: Cleaner | None, max_pixels: int, path: str | Path) -> _ReadFile:
    markers = None
    try:
        image = read_image(path, max_pixels=max_pixels)
        one_value = has_one_value(image)
        if clean is not None:
            image, markers = clean(image)
    except ImageError as error:
        return _ReadFile(ImagePrediction(str(path), error=str(error)))
    except AreaError as error:
        return _ReadFile(ImagePrediction(str(path), error=f"{path}: {error}"))
    prediction = ImagePrediction(str(path), markers=markers, one_value=one_value)
    return _ReadFile(prediction, prepare_film(network, to_grey8(image)))


def _read_ahead(
    pool: ThreadPoolExecutor, read: Callable[[str | Path], _ReadFile], paths: Iterable[str | Path], count: int
) -> Iterator[_ReadFile]:
    """Read files in order, at most `count` ahead of the caller, so that memory use stays constant."""
    waiting: deque[Future[_ReadFile]] = deque()
    for path in paths:
        waiting.append(pool.submit(read, path))
        if len(waiting) > count:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _batches(files: Iterator[_ReadFile], size: int) -> Iterator[list[_ReadFile]]:
    while batch := list(islice(files, size)):
        yield batch


def _predict_batch(network: AnyNetwork, batch: Sequence[_ReadFile]) -> list[ImagePrediction]:
    films = [file.film for file in batch if file.film is not None]
    rows = iter(predict_prepared(network, films) if films else ())
    return [file.prediction if file.film is None else _with_row(network, file, next(rows)) for file in batch]


def _with_row(network: AnyNetwork, file: _ReadFile, row: Floats) -> ImagePrediction:
    return replace(file.prediction, probabilities=tuple(row.tolist()), decision=decide(network, row))
