"""Look up the known markers of an image: from a cleaned folder, a ledger or a COCO file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from preprocess.clean_image import build_mask
from preprocess.coco import read_coco
from preprocess.ledger import read_ledger
from preprocess.markers import MarkedImage
from preprocess.settings import CleanSettings, read_clean_settings


@dataclass(frozen=True)
class KnownMarkers:
    """The markers of some images, by relative path.

    Args:
        settings: cleaning settings, which say how far a mask extends beyond its markers.
        source: file or folder that the markers were read from, for error texts.
    """

    images: Mapping[str, MarkedImage]
    settings: CleanSettings
    source: str = "markers"

    def find(self, path: str) -> MarkedImage | None:
        """Return the image with this path, else the one whose path is the longest ending of it, else None."""
        ends = [path, *(path[i + 1 :] for i, letter in enumerate(path) if letter == "/")]
        return next((self.images[end] for end in ends if end in self.images), None)

    def mask(self, path: str) -> NDArray[np.bool_] | None:
        """Return the (H, W) mask of the markers of the image that `find` returns."""
        image = self.find(path)
        return None if image is None else build_mask((image.height, image.width), image.markers, self.settings)


def read_known_markers(source: Path) -> KnownMarkers:
    """Read markers from a cleaned folder, its ledger.jsonl, or a COCO file.

    Raises:
        OutputError: the ledger cannot be read.
        MarkerFileError: the COCO file cannot be read.
    """
    if source.suffix == ".json":
        return KnownMarkers(read_coco(source), CleanSettings(), str(source))
    folder = source if source.is_dir() else source.parent
    rows = read_ledger(source).values()
    images = {row.path: MarkedImage(row.width, row.height, row.markers) for row in rows if row.status != "failed"}
    return KnownMarkers(images, read_clean_settings(folder) or CleanSettings(), str(source))
