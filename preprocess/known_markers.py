"""The markers that are known of some images: from a cleaned folder, a ledger or a COCO file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from preprocess.clean_image import mask_of
from preprocess.coco import read_coco
from preprocess.ledger import read_ledger
from preprocess.markers import MarkedImage
from preprocess.settings import CleanSettings, read_clean_settings


@dataclass(frozen=True)
class KnownMarkers:
    """The markers of some images by relative path, and how they are grown into masks."""

    images: Mapping[str, MarkedImage]
    settings: CleanSettings
    place: str = "markers"  # where they were read, for errors

    def find(self, path: str) -> MarkedImage | None:
        """Return the image with this path, or else with the longest path that this one ends in; None if unknown."""
        ends = [path, *(path[i + 1 :] for i, letter in enumerate(path) if letter == "/")]
        return next((self.images[end] for end in ends if end in self.images), None)

    def mask(self, path: str) -> NDArray[np.bool_] | None:
        """Return the mask of the image that `find` finds."""
        marked = self.find(path)
        return None if marked is None else mask_of((marked.height, marked.width), list(marked.markers), self.settings)


def read_known_markers(place: Path) -> KnownMarkers:
    """Read markers from a cleaned folder, its ledger.jsonl, or a COCO file.

    Raises:
        OutputError, MarkerFileError: the file cannot be read.
    """
    if place.suffix == ".json":
        return KnownMarkers(read_coco(place), CleanSettings(), str(place))
    folder = place if place.is_dir() else place.parent
    rows = read_ledger(place).values()
    images = {r.path: MarkedImage(r.width, r.height, r.markers) for r in rows if r.status != "failed"}
    return KnownMarkers(images, read_clean_settings(folder) or CleanSettings(), str(place))
