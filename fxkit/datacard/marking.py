"""What can be said of a film's markers without reading them: how many of which style, where, and how large."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fxkit.data.manifest import Record
from fxkit.known_markers import KnownMarkers
from preprocess.markers import MarkedImage, kind_of, quad_area, quad_box


@dataclass(frozen=True)
class Marking:
    """The markers of one file; the place is None where it has none.

    Args:
        counts: markers by style, mirrored ones apart; plates of lead letters do not count.
        x: mean place of their centres, as a fraction of the width, as is y of the height.
        largest: area of the largest, as a fraction of the film's.
    """

    path: str
    counts: Mapping[str, int]
    x: float | None = None
    y: float | None = None
    largest: float = 0.0


def markings_of(records: Iterable[Record], known: KnownMarkers) -> dict[str, Marking]:
    """Return path -> its marking, of those files whose markers are known."""
    found = ((record.path, known.find(record.path)) for record in records)
    return {path: _marking(path, image) for path, image in found if image and image.width and image.height}


def _marking(path: str, image: MarkedImage) -> Marking:
    markers = [marker for marker in image.markers if marker.style != "plate"]
    if not markers:
        return Marking(path, {})
    boxes = [quad_box(marker.quad) for marker in markers]
    return Marking(
        path,
        dict(sorted(Counter(map(kind_of, markers)).items())),
        round(sum(x0 + x1 for x0, _, x1, _ in boxes) / 2 / len(boxes) / image.width, 4),
        round(sum(y0 + y1 for _, y0, _, y1 in boxes) / 2 / len(boxes) / image.height, 4),
        round(max(quad_area(marker.quad) for marker in markers) / (image.width * image.height), 6),
    )
