"""What a network says of single image files: read and cleaned in threads, judged in batches. Needs no torch."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fxkit.data.preprocessing import Grey, Preprocessing, resize
from fxkit.metrics.predictions import decisions
from preprocess.errors import AreaError, ImageError
from preprocess.images import MAX_PIXELS, Array, read_image, to_grey8

BATCH = 16  # films

READERS = 4  # threads that read and shrink files while the network runs

Floats = NDArray[np.float64]

Cleaner = Callable[[Array], tuple[Array, int]]


class Card(Protocol):
    """What is to be known of a network in order to use it."""

    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def preprocessing(self) -> Preprocessing: ...
    @property
    def cleaning(self) -> Mapping[str, Any] | None: ...
    @property
    def threshold(self) -> float: ...


class HasCard(Protocol):
    @property
    def card(self) -> Card: ...


class Network(HasCard, Protocol):
    def probabilities(self, films: Grey) -> Floats:
        """Return (N, C) probabilities of (N, S, S) films at the network's size."""


@dataclass(frozen=True)
class ImagePrediction:
    """What a model says of one image; on failure the error, and nothing else."""

    path: str
    probabilities: tuple[float, ...] = ()
    decision: str = ""
    markers: int | None = None  # erased before; None where the model takes images as they are
    error: str = ""


@dataclass(frozen=True)
class _Read:
    """A file that was read, or failed to be: its prediction so far, and its (S, S) film."""

    prediction: ImagePrediction
    film: Grey | None = None


def predict_images(
    network: Network, paths: Sequence[str | Path], *, max_pixels: int = MAX_PIXELS, raw: bool = False
) -> list[ImagePrediction]:
    """Predict single image files, in their order; those that cannot be read come back with their error.

    A model trained on cleaned images gets them cleaned with the same settings, unless `raw`.

    Raises:
        DetectorError: the detector that the model's images were cleaned with is not at hand.
    """
    clean = None if raw else build_cleaner(network)
    read = partial(_read, network.card.preprocessing, clean, max_pixels)
    with ThreadPoolExecutor(READERS if clean is None else 1) as pool:  # detectors are not made for several threads
        files = _ahead(pool, read, paths, 2 * BATCH)
        return [found for batch in _batches(files, BATCH) for found in _judge(network, batch)]


def build_cleaner(model: HasCard) -> Cleaner | None:
    """Return image -> (image without markers, their number) as the model was trained; None where it took raw ones."""
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
    """Return the class decided for: of two, by the model's threshold on the positive; of more, the likeliest."""
    return model.card.classes[int(decisions(probabilities[None], model.card.threshold)[0])]


def _read(preprocessing: Preprocessing, clean: Cleaner | None, max_pixels: int, path: str | Path) -> _Read:
    markers = None
    try:
        image = read_image(path, max_pixels=max_pixels)
        if clean is not None:
            image, markers = clean(image)
    except ImageError as error:
        return _Read(ImagePrediction(str(path), error=str(error)))
    except AreaError as error:
        return _Read(ImagePrediction(str(path), error=f"{path}: {error}"))
    return _Read(ImagePrediction(str(path), markers=markers), resize(to_grey8(image), preprocessing))


def _ahead(
    pool: ThreadPoolExecutor, read: Callable[[str | Path], _Read], paths: Iterable[str | Path], count: int
) -> Iterator[_Read]:
    """Read files in their order, at most `count` ahead of what was taken, so that memory stays flat."""
    waiting: deque[Future[_Read]] = deque()
    for path in paths:
        waiting.append(pool.submit(read, path))
        if len(waiting) > count:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _batches(files: Iterator[_Read], size: int) -> Iterator[list[_Read]]:
    while batch := list(islice(files, size)):
        yield batch


def _judge(network: Network, batch: Sequence[_Read]) -> list[ImagePrediction]:
    films = [file.film for file in batch if file.film is not None]
    rows = iter(network.probabilities(np.stack(films)) if films else ())
    return [file.prediction if file.film is None else _judged(network, file, next(rows)) for file in batch]


def _judged(network: Network, file: _Read, row: Floats) -> ImagePrediction:
    return replace(file.prediction, probabilities=tuple(row.tolist()), decision=decide(network, row))
