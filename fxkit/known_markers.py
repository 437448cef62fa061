"""The markers of films as a cleaned folder, its ledger or a COCO file gives them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from preprocess.coco import read_coco
from preprocess.film import mask_of
from preprocess.ledger import read_ledger
from preprocess.markers import MarkedImage
from preprocess.settings import CleanSettings, read_clean_settings


@dataclass(frozen=True)
class KnownMarkers:
    """The markers of some images by relative path, and how they are grown into masks."""

    images: Mapping[str, MarkedImage]
    settings: CleanSettings

    def mask(self, path: str) -> NDArray[np.bool_] | None:
        """Return the mask of the image with this path, or with one that ends like it; None where it is not known."""
        marked = self.images.get(path)
        if marked is None:
            ends = [known for known in self.images if path.endswith(f"/{known}")]
            marked = self.images[max(ends, key=len)] if ends else None
        return None if marked is None else mask_of((marked.height, marked.width), list(marked.markers), self.settings)


def read_known_markers(place: Path) -> KnownMarkers:
    """Read markers from a cleaned folder, its ledger.jsonl, or a COCO file."""
    if place.suffix == ".json":
        return KnownMarkers(read_coco(place), CleanSettings())
    folder = place if place.is_dir() else place.parent
    rows = read_ledger(place).values()
    images = {r.path: MarkedImage(r.width, r.height, r.markers) for r in rows if r.status != "failed"}
    return KnownMarkers(images, read_clean_settings(folder) or CleanSettings())
