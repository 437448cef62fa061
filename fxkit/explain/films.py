"""Which films `fxkit cam` explains, and where the markers on them lie."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxkit.data.dataset import open_image_root
from fxkit.data.manifest import Record, usable
from fxkit.errors import DataError
from fxkit.models.run_folder import Run
from preprocess.folder.sources import default_out
from preprocess.known_markers import KnownMarkers, read_known_markers
from preprocess.ledger import LEDGER
from preprocess.mask import marker_mask


@dataclass(frozen=True)
class Film:
    """An image to explain, with its class, (H, W) marker mask, group and (H, W) boxes where they are known."""

    path: Path
    name: str
    label: str = ""
    mask: NDArray[np.bool_] | None = None
    group: str = ""
    boxes: NDArray[np.bool_] | None = None  # of what the class is seen by, such as fractures


def films_of_run(
    run: Run,
    *,
    root: Path | None = None,
    markers: Path | None = None,
    boxes: Path | None = None,
    limit: int = 0,
) -> Iterator[Film]:
    """Yield one copy of each test film, classes taking turns.

    Args:
        root: where the films lie now; where they lay in training if None.
        markers: a cleaned folder, its ledger, or a COCO file; if None, what lies in root or ROOT-clean is used.
        boxes: a COCO file of what the classes are seen by, such as fractures.
        limit: films at most; 0 for all.
    Raises:
        DataError: no test film.
        OutputError, MarkerFileError: the markers cannot be read.
    """
    place = root or run.root
    known = read_known_markers(markers) if markers else _beside(place)
    drawn = read_known_markers(boxes) if boxes else None
    records = list({r.film: r for r in reversed(usable(run.records, "test"))}.values())
    if not records:
        raise DataError(f"{run.folder / 'manifest.csv'}: no usable test film; name images to explain instead")
    images = open_image_root(place)
    for record in _by_turns(records)[: limit or None]:
        mask = known.mask(record.path) if known else None
        boxed = _boxed(drawn, record.path) if drawn else None
        yield Film(images.find(record.path), record.path, record.label, mask, record.group, boxed)


def films_of_images(paths: Sequence[Path], markers: Path | None = None) -> Iterator[Film]:
    """Yield these images as films of unknown class; markers as for `films_of_run`."""
    known = read_known_markers(markers) if markers else None
    for path in paths:
        yield Film(path, str(path), mask=known.mask(path.as_posix()) if known else None)


def _boxed(drawn: KnownMarkers, path: str) -> NDArray[np.bool_] | None:
    image = drawn.find(path)
    if image is None:
        return None
    return marker_mask((image.height, image.width), image.markers, grow_fraction=0.0, grow_px=0.0)


def _beside(root: Path) -> KnownMarkers | None:
    for folder in (root, default_out(root)):
        if (folder / LEDGER).is_file():
            return read_known_markers(folder)
    return None


def _by_turns(records: Sequence[Record]) -> list[Record]:
    ordered = sorted(records, key=lambda r: r.path)
    classes = sorted({r.label for r in ordered})
    turns = zip_longest(*([r for r in ordered if r.label == name] for name in classes))
    return [r for r in chain.from_iterable(turns) if r is not None]
