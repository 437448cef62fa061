"""Read what the splits balance in addition to the class: the site and the marker style of each file."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from fxkit.data.manifest import Record
from fxkit.errors import DataError
from preprocess.coco_names import name_films
from preprocess.known_markers import KnownMarkers
from preprocess.markers import MarkedImage, describe_style
from preprocess.words import none_of

UNKNOWN = "none"


Strata = Mapping[str, Mapping[str, str]]  # kind -> path -> value


def read_strata(records: Sequence[Record], kinds: Sequence[str], markers: KnownMarkers | None = None) -> Strata:
    """Return the site and the marker style of each file, "none" if unknown.

    Args:
        kinds: which to return: "site", "marker" or both.
        markers: known markers of the films, needed for "marker".

    Returns:
        Kind -> path -> value.

    Raises:
        DataError: no file has a site, or none has known markers.
    """
    strata: dict[str, dict[str, str]] = {}
    if "site" in kinds:
        if not any(r.site for r in records):
            raise DataError(
                "--stratify site: no file has a site; expected a CSV file with a column site, or a folder for each site"
            )
        strata["site"] = {r.path: r.site or UNKNOWN for r in records}
    if "marker" in kinds and markers is not None:
        strata["marker"] = _read_styles(records, markers)
    return strata


def _read_styles(records: Sequence[Record], markers: KnownMarkers) -> dict[str, str]:
    images = name_films(markers.images, [r.path for r in records], markers.source)
    if not any(r.path in images for r in records):
        raise DataError(
            f"{markers.source}: has markers of {none_of(len(records), 'film')}, such as "
            f"{records[0].path}; expected "
            "the markers of these films; run `fxkit clean-labels` on them"
        )
    return marker_styles(records, images)


def marker_styles(records: Sequence[Record], images: Mapping[str, MarkedImage]) -> dict[str, str]:
    """Return the most frequent marker style of each file, such as "lead" or "mirrored lead"; "none" without markers.

    A file whose markers are unknown takes the most frequent style of the other files of its film.
    """
    known = {r.path: _style(images[r.path]) for r in records if r.path in images}
    by_film: dict[str, Counter[str]] = defaultdict(Counter)
    for record in sorted(records, key=lambda r: r.path):
        if record.path in known:
            by_film[record.film][known[record.path]] += 1
    film_styles = {film: styles.most_common(1)[0][0] for film, styles in by_film.items()}
    return {r.path: known.get(r.path, film_styles.get(r.film, UNKNOWN)) for r in records}


def _style(image: MarkedImage) -> str:
    """Return the most frequent style, the first one in a tie. Plates do not count, because they only carry letters."""
    kinds = Counter(describe_style(marker) for marker in image.markers if marker.style != "plate")
    return kinds.most_common(1)[0][0] if kinds else UNKNOWN
