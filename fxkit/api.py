"""Functions of the public Python API that combine several modules: clean an image, find copies, predict.

`fxkit/__init__.py` lists all public names. The others are defined in the modules that do the work.
"""

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from preprocess.clean_image import Cleaned
from preprocess.detectors.ocr import Detector
from preprocess.images import Array
from preprocess.settings import CleanSettings

if TYPE_CHECKING:
    from fxkit.models.predict_images import ImagePrediction


@functools.lru_cache(maxsize=4)
def _detector(settings: CleanSettings) -> Detector:
    from preprocess.detectors.build import build_detector

    return build_detector(settings)


def clean_image(image: Array, settings: CleanSettings = CleanSettings()) -> Cleaned:  # noqa: B008  frozen
    """Find the text markers on one film and inpaint them. Pixels outside the mask do not change.

    Args:
        image: (H, W) or (H, W, 3), uint8 or uint16; not modified.
    Returns:
        The cleaned image, the (H, W) bool mask of the pixels that were filled, and the markers that were erased.
    Raises:
        AreaError: more of the image would be erased than `settings.max_fraction`.
        DetectorError: the detector or its model files are missing.
    """
    from preprocess.clean_image import clean_image as clean

    return clean(image, _detector(settings), settings)


@dataclass(frozen=True)
class CopyMatch:
    """Two images that look like copies of one film.

    Attributes:
        first, second: indices of the images.
        score: log odds that they are copies.
        joined: whether this match merged their groups. A weak match alone does not merge groups.
    """

    first: int
    second: int
    score: float
    joined: bool


@dataclass(frozen=True)
class CopyGroups:
    """Groups of images that are copies of one film.

    Attributes:
        groups: the group number of each image, from 0. Images with the same number are copies.
        matches: pairs that look like copies, weakest first.
    """

    groups: tuple[int, ...]
    matches: tuple[CopyMatch, ...]


def find_copies(images: Sequence[str | Path | Array], *, jobs: int = 1) -> CopyGroups:
    """Find copies of the same film by their pixels.

    Copies may be rotated, mirrored, inverted, cropped, scaled or saved again.

    Args:
        images: paths, or arrays of (H, W) or (H, W, 3), uint8 or uint16.
        jobs: number of processes that compare pairs.
    Raises:
        ImageError: a file cannot be read as an image.
    """
    from fxkit.index.cache import Reading, open_store
    from fxkit.index.copies.features import features_of
    from fxkit.index.find_copies import find_copies as find
    from preprocess.images import read_grey8, to_grey8

    hashes: list[str] = []
    with open_store(None) as store:
        for number, image in enumerate(images):
            grey = read_grey8(image) if isinstance(image, (str, Path)) else to_grey8(image)
            pixel_hash = hashlib.sha256(repr(grey.shape).encode() + grey.tobytes()).hexdigest()
            reading = Reading(pixel_hash, grey.shape[1], grey.shape[0], "ok")
            store.add_file(str(number), "", reading, features_of(grey) if pixel_hash not in hashes else None)
            hashes.append(pixel_hash)
        copies = find(store, hashes, jobs=jobs)
    number_of_group: dict[str, int] = {}
    groups = tuple(number_of_group.setdefault(copies.groups[key], len(number_of_group)) for key in hashes)
    first_index = {key: number for number, key in reversed(list(enumerate(hashes)))}  # of equal images, the first
    matches = []
    for link in copies.links:
        first, second = sorted((first_index[link.first], first_index[link.second]))
        matches.append(CopyMatch(first, second, link.score, link.joined))
    return CopyGroups(groups, tuple(matches))


def predict(
    model: str | Path, images: Sequence[str | Path], *, engine: str = "auto", device: str = "auto", raw: bool = False
) -> "list[ImagePrediction]":
    """Predict image files with a run folder or an exported file. For research only. Do not use for diagnosis.

    Args:
        model: run folder of `fxkit train`, or a file of `fxkit export`. An exported file needs no torch.
        engine: auto, torch, onnx or openvino; see `fxkit.models.engines.open_network`.
        raw: do not clean the images, even if the model was trained on cleaned films.
    Returns:
        One prediction for each image, in the same order. That of an unreadable file has an error text.
    """
    from fxkit.models.engines import open_network
    from fxkit.models.predict_images import predict_images

    opened = open_network(model, engine=engine, device=device, films=len(images))
    return predict_images(opened.network, images, raw=raw)
