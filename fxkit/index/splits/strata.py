"""What films are stratified by beside their class: the site, and the style of their markers."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from fxkit.data.manifest import Record
from fxkit.errors import DataError
from preprocess.coco_names import name_films
from preprocess.known_markers import KnownMarkers
from preprocess.markers import MarkedImage, describe_style

UNKNOWN = "none"


Strata = Mapping[str, Mapping[str, str]]  # kind -> path -> value


def read_strata(records: Sequence[Record], kinds: Sequence[str], markers: KnownMarkers | None = None) -> Strata:
    """Return the site ("site") and the marker style ("marker") of each file; "none" where it is not known.

    Args:
        kinds: of "site" and "marker", those that are wanted.
        markers: needed for "marker".

    Raises:
        DataError: no file has a site, or none has known markers.
    """
    strata: dict[str, dict[str, str]] = {}
    if "site" in kinds:
        if not any(r.site for r in records):
            raise DataError(
                "--stratify site: no file has a site; expected a CSV with a column site, or a folder for each site"
            )
        strata["site"] = {r.path: r.site or UNKNOWN for r in records}
    if "marker" in kinds and markers is not None:
        strata["marker"] = _read_styles(records, markers)
    return strata


def _read_styles(records: Sequence[Record], markers: KnownMarkers) -> dict[str, str]:
    images = name_films(markers.images, [r.path for r in records], markers.source)
    if not any(r.path in images for r in records):
        raise DataError(
            f"{markers.source}: has none of the {len(records)} films, such as {records[0].path}; expected their "
            "markers; run `fxkit clean-labels` on the same films"
        )
    return marker_styles(records, images)


def marker_styles(records: Sequence[Record], images: Mapping[str, MarkedImage]) -> dict[str, str]:
    """Return each file's most frequent marker style, the first of equals, mirrored ones apart: "mirrored lead".

    A file that is not among the images takes the style of its film's other files; "none" where there is no marker.
    """
    own = {r.path: _style(images[r.path]) for r in records if r.path in images}
    by_film: dict[str, Counter[str]] = defaultdict(Counter)
    for record in sorted(records, key=lambda r: r.path):
        if record.path in own:
            by_film[record.film][own[record.path]] += 1
    shared = {film: styles.most_common(1)[0][0] for film, styles in by_film.items()}
    return {r.path: own.get(r.path, shared.get(r.film, UNKNOWN)) for r in records}


def _style(image: MarkedImage) -> str:
    """A plate only carries letters, so it has no say where there are some."""
    kinds = Counter(describe_style(marker) for marker in image.markers if marker.style != "plate")
    return kinds.most_common(1)[0][0] if kinds else UNKNOWN
