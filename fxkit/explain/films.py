"""Choose the films that `fxkit cam` explains, with their marker masks and boxes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxkit.data.image_root import open_image_root
from fxkit.data.manifest import Record, usable
from fxkit.errors import DataError
from fxkit.models.run_folder import Results
from preprocess.errors import MarkerFileError, first_few
from preprocess.folder.sources import default_out
from preprocess.known_markers import KnownMarkers, read_known_markers
from preprocess.ledger import LEDGER
from preprocess.mask import marker_mask
from preprocess.words import amount, none_of


@dataclass(frozen=True)
class Film:
    """An image to explain.

    Attributes:
        name: name of the film in the results.
        label: its class; "" if unknown.
        mask: (H, W), True on markers; None if the markers are unknown.
        group: "" if unknown.
        boxes: (H, W), True inside the boxes that show the class, such as fractures; None if there is no box file.
    """

    path: Path
    name: str
    label: str = ""
    mask: NDArray[np.bool_] | None = None
    group: str = ""
    boxes: NDArray[np.bool_] | None = None


def misfits(film: Film, shape: tuple[int, ...]) -> list[str]:
    """Return which of "markers" and "boxes" were annotated on an image of another size than the film's, (H, W, ...)."""
    masks = (("markers", film.mask), ("boxes", film.boxes))
    return [kind for kind, mask in masks if mask is not None and mask.shape != shape[:2]]


def misfit_notes(misfitting: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Count and name the films whose markers or boxes are not used.

    Args:
        misfitting: "markers" or "boxes" with the name of a film.
    """
    notes = []
    for kind in ("markers", "boxes"):
        names = [name for other, name in misfitting if other == kind]
        if names:
            notes.append(
                f"WARNING: the {kind} of {amount(len(names), 'film')} are not used, because their file states another "
                f"image size than the film has: {first_few(names)}; annotate the films at their current size"
            )
    return tuple(notes)


def films_from_run(
    run: Results,
    *,
    root: Path | None = None,
    markers: Path | None = None,
    boxes: Path | None = None,
    limit: int = 0,
) -> Iterator[Film]:
    """Yield one copy of each test film, alternating between the classes.

    Args:
        root: folder that the manifest's paths are relative to; default: the one used in training.
        markers: cleaned folder, its ledger, or COCO file; default: the ledger in root or in ROOT-clean, if there is
            one.
        boxes: COCO file with boxes around what shows the class, such as fractures.
        limit: maximum number of films; 0 for all.
    Raises:
        DataError: the run has no test film.
        OutputError, MarkerFileError: the marker file or the box file cannot be read.
        MarkerFileError: the box file lists no test film.
    """
    root = root or run.root
    known_markers = read_known_markers(markers) if markers else _find_markers(root)
    known_boxes = read_known_markers(boxes) if boxes else None
    records = list({r.film: r for r in reversed(usable(run.records, "test"))}.values())
    if not records:
        raise DataError(f"{run.folder / 'manifest.csv'}: no usable test film; name images to explain instead")
    if known_boxes and not any(known_boxes.find(record.path) for record in records):
        raise MarkerFileError(
            f"{boxes}: {none_of(len(known_boxes.images), 'image')} in it (the first: "
            f"{next(iter(known_boxes.images), 'none')}) is a test film of {run.folder}, such as {records[0].path}; "
            "file_name must be the path of a film, or its end"
        )
    images = open_image_root(root)
    for record in _alternate_classes(records)[: limit or None]:
        mask = known_markers.mask(record.path) if known_markers else None
        box_mask = _box_mask(known_boxes, record.path) if known_boxes else None
        yield Film(images.find(record.path), record.path, record.label, mask, record.group, box_mask)


def films_from_images(paths: Sequence[Path], markers: Path | None = None) -> Iterator[Film]:
    """Yield these images as films without a label.

    Args:
        markers: cleaned folder, its ledger, or COCO file.
    """
    known = read_known_markers(markers) if markers else None
    for path in paths:
        yield Film(path, str(path), mask=known.mask(path.as_posix()) if known else None)


def _box_mask(boxes: KnownMarkers, path: str) -> NDArray[np.bool_] | None:
    image = boxes.find(path)
    if image is None:
        return None
    return marker_mask((image.height, image.width), image.markers, grow_fraction=0.0, grow_px=0.0)


def _find_markers(root: Path) -> KnownMarkers | None:
    """Read the ledger in root or in the folder that `clean-labels` writes beside it, if there is one."""
    for folder in (root, default_out(root)):
        if (folder / LEDGER).is_file():
            return read_known_markers(folder)
    return None


def _alternate_classes(records: Sequence[Record]) -> list[Record]:
    ordered = sorted(records, key=lambda r: r.path)
    classes = sorted({r.label for r in ordered})
    turns = zip_longest(*([r for r in ordered if r.label == name] for name in classes))
    return [r for r in chain.from_iterable(turns) if r is not None]
