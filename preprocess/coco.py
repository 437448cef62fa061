"""Read and write COCO files of markers, the format that annotation tools exchange.

The tools write markers differently, and `read_coco` reads all of these forms:

- CVAT ("COCO 1.0", through Datumaro's coco_instances) writes a rotated box as an upright `bbox` without polygon, with
  the angle in `attributes.rotation`.
- Label Studio (label_studio_sdk.converter) writes boxes without polygons. It writes each marker of our files twice,
  because it opens one annotation as a box and a polygon.
- FiftyOne (fiftyone.utils.coco) writes attributes as keys beside `bbox`, and the confidence as `score`. It fails on an
  attribute named "confidence", so `write_coco` writes `score` too.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from preprocess.errors import MarkerFileError
from preprocess.files import write_atomic
from preprocess.markers import (
    PERSON,
    STYLES,
    MarkedImage,
    Marker,
    Quad,
    as_quad,
    box_quad,
    enclosing_quad,
    quad_area,
    quad_box,
    quad_sides,
    with_strokes,
)
from preprocess.words import amount

CATEGORIES = ("marker", *STYLES)

BAD_VALUES = (KeyError, TypeError, ValueError, AttributeError, OverflowError)

SMALLEST_PX = 1.0  # side of a marker

LEAST_INSIDE = 0.5  # part of the width and of the height of a marker on the film; the border may cut lead letters

MAX_NAMED = 3  # annotations in an error text

SAME_PX = 0.5  # boxes whose coordinates differ by less, as a Euclidean distance, are the same


class _FaultError(ValueError):
    """An annotation that cannot be meant; the text says what is wrong with it."""


def write_coco(path: str | Path, images: Mapping[str, MarkedImage]) -> None:
    """Write markers as COCO annotations, with one category for each style. The images are sorted by name.

    Raises:
        OutputError: the file cannot be written.
    """
    names = sorted(images)
    sections: dict[str, Iterable[Mapping[str, Any]]] = {
        "images": (_image_row(number, name, images[name]) for number, name in enumerate(names, 1)),
        "annotations": _annotation_rows(images[name].markers for name in names),
        "categories": ({"id": number, "name": name} for number, name in enumerate(CATEGORIES, 1)),
    }
    write_atomic(path, _encode(sections))


def _encode(sections: Mapping[str, Iterable[Mapping[str, Any]]]) -> Iterator[bytes]:
    """Yield the file line by line, so that memory stays small: the rows of 100,000 films take hundreds of megabytes."""
    yield b'{\n"info": {"description": "text markers on radiographs"}'
    for name, rows in sections.items():
        yield f',\n"{name}": ['.encode()
        for number, row in enumerate(rows):
            yield (",\n" if number else "\n").encode() + json.dumps(row).encode()
        yield b"\n]"
    yield b"\n}\n"


def _image_row(number: int, name: str, image: MarkedImage) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": image.width, "height": image.height}


def _annotation_rows(markers: Iterable[Iterable[Marker]]) -> Iterator[dict[str, Any]]:
    pairs = ((image_id, marker) for image_id, of_image in enumerate(markers, 1) for marker in of_image)
    return (_annotation_row(number, image_id, marker) for number, (image_id, marker) in enumerate(pairs, 1))


def _annotation_row(number: int, image_id: int, marker: Marker) -> dict[str, Any]:
    x0, y0, x1, y1 = quad_box(marker.quad)
    return {
        "id": number,
        "image_id": image_id,
        "category_id": CATEGORIES.index(marker.style if marker.style in STYLES else "marker") + 1,
        "bbox": [round(v, 2) for v in (x0, y0, x1 - x0, y1 - y0)],
        "segmentation": [[value for point in quad for value in point] for quad in marker.strokes or (marker.quad,)],
        "area": round(quad_area(marker.quad), 2),
        "iscrowd": 0,
        "score": marker.confidence,
        "attributes": {"text": marker.text} | ({"source": marker.source} if marker.source else {}),
    }


def read_coco(path: str | Path) -> dict[str, MarkedImage]:
    """Read a COCO file as a mapping from file_name to the size and markers of the image.

    An annotation without a polygon is read from its bbox, rotated by `rotation` (degrees clockwise around the centre)
    if it has this key. If such a box encloses the polygon of another annotation, the two are one marker. If two
    images have the same name, as in files of two annotators, their markers are joined.

    Raises:
        MarkerFileError: the file cannot be read, is not JSON, is not COCO, or holds annotations that cannot be meant:
            thinner than a pixel (such as fractions of the film), for the most part outside the film, with numbers that
            are not finite, or of an image that the file does not list.
    """
    try:
        content = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise MarkerFileError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise MarkerFileError(f"{path}: not JSON ({error}); expected a COCO file of markers") from error
    try:
        return _parse_coco(content, str(path))
    except BAD_VALUES as error:
        raise MarkerFileError(
            f"{path}: not COCO ({type(error).__name__}: {error}); expected images (id, file_name, width, "
            "height) and annotations (image_id, bbox or segmentation)"
        ) from error


def _parse_coco(content: Any, path: str) -> dict[str, MarkedImage]:
    names = {_whole(row["id"]): str(row["name"]) for row in content.get("categories", [])}
    films = _parse_images(content["images"], path)
    markers: dict[int, list[tuple[Marker, bool]]] = {number: [] for number in films}
    faults: list[str] = []
    for row in content["annotations"]:
        try:
            number = _whole(row["image_id"])
            if number not in films:
                raise _FaultError(f"its image_id {number} is not the id of an image in this file")
            marker = _parse_annotation(row, names)
            _check_quad(marker.quad, films[number][1])
            markers[number].append((marker, bool(row.get("segmentation"))))
        except (_FaultError, *BAD_VALUES) as error:
            faults.append(f"{_name_annotation(row, films)}: {_describe(error)}")
    if faults:
        raise MarkerFileError(_fault_text(path, faults, content["annotations"]))
    images: dict[str, MarkedImage] = {}
    for number, (name, image) in films.items():
        earlier = images[name].markers if name in images else ()
        images[name] = replace(image, markers=(*earlier, *_join_twice_written(markers[number])))
    return images


def _parse_images(rows: Iterable[Mapping[str, Any]], path: str) -> dict[int, tuple[str, MarkedImage]]:
    """Return the name and the size of each image by its id."""
    films: dict[int, tuple[str, MarkedImage]] = {}
    sizes: dict[str, tuple[int, int]] = {}
    for row in rows:
        number, name = _whole(row["id"]), str(row["file_name"])
        # Label Studio writes no size for an image that it could not open
        width, height = (_whole(row.get(side) or 0) for side in ("width", "height"))
        if number in films:
            raise MarkerFileError(
                f"{path}: two images ({films[number][0]} and {name}) have the id {number}; expected an id for each; "
                "export the file again"
            )
        if sizes.setdefault(name, (width, height)) != (width, height):
            raise MarkerFileError(
                f"{path}: {name} is listed twice, with {sizes[name][0]} x {sizes[name][1]} and {width} x {height} px; "
                "expected one film for each file_name; export the file again with the films' folders in its names"
            )
        films[number] = name, MarkedImage(width, height)
    return films


def _check_quad(quad: Quad, film: MarkedImage) -> None:
    """Raise _FaultError if a quad cannot be a marker on a film; a film of unknown size has the size 0."""
    across, down = quad_sides(quad)
    if min(across, down) < SMALLEST_PX:
        raise _FaultError(f"it is {across:.3g} x {down:.3g} px")
    x0, y0, x1, y1 = quad_box(quad)
    inside = (min(x1, film.width) - max(x0, 0)) / (x1 - x0), (min(y1, film.height) - max(y0, 0)) / (y1 - y0)
    if film.width and film.height and min(inside) < LEAST_INSIDE:
        raise _FaultError(
            f"it reaches from ({x0:g}, {y0:g}) to ({x1:g}, {y1:g}), on a film of {film.width} x {film.height} px"
        )


def _name_annotation(row: Any, films: Mapping[int, tuple[str, MarkedImage]]) -> str:
    values = row if isinstance(row, Mapping) else {}
    name = next((f" of {name}" for number, (name, _) in films.items() if number == values.get("image_id")), "")
    return f"annotation {values.get('id', '(without an id)')}{name}"


def _describe(error: Exception) -> str:
    return str(error) if isinstance(error, _FaultError) else f"{type(error).__name__}: {error}"


def _fault_text(path: str, faults: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Describe the annotations that cannot be meant, with their number and how to correct them."""
    more = f" and {len(faults) - MAX_NAMED} more" if len(faults) > MAX_NAMED else ""
    hint = ""
    if all(_holds_fractions(row) for row in rows):
        hint = "; all coordinates are between 0 and 1: multiply them by the width and height of the film"
    verb = "is no marker" if len(faults) == 1 else "are no markers"
    return (
        f"{path}: {len(faults)} of {amount(len(rows), 'annotation')} {verb} on a film: "
        f"{'; '.join(faults[:MAX_NAMED])}{more}; "
        f"expected image_id, and a bbox or polygon in pixels that is at least {SMALLEST_PX:g} px wide and high "
        f"and lies on the film; correct or delete these annotations{hint}"
    )


def _holds_fractions(row: Any) -> bool:
    try:
        polygons = row.get("segmentation")
        numbers = [v for polygon in polygons for v in polygon] if isinstance(polygons, list) else []
        return all(0 <= float(value) <= 1 for value in numbers or row["bbox"])
    except BAD_VALUES:
        return False


def _join_twice_written(markers: Iterable[tuple[Marker, bool]]) -> list[Marker]:
    """Return the markers without the boxes that enclose the polygon of another one."""
    markers = list(markers)
    outlined = [quad_box(marker.quad) for marker, has_polygon in markers if has_polygon]
    return [marker for marker, has_polygon in markers if has_polygon or not _is_among(marker.quad, outlined)]


def _is_among(quad: Quad, boxes: Iterable[tuple[float, ...]]) -> bool:
    upright = quad == box_quad(*quad_box(quad))
    return upright and any(math.dist(quad_box(quad), box) < SAME_PX for box in boxes)


def _parse_annotation(row: Mapping[str, Any], names: Mapping[int, str]) -> Marker:
    values = {**row, **(row.get("attributes") or {})}
    style = names.get(_whole(row.get("category_id") or 0), "")
    confidence = row.get("score", values.get("confidence"))
    marker = Marker(
        _parse_quad(values),
        text=str(values.get("text") or ""),
        confidence=1.0 if confidence in (None, "") else _finite(confidence),
        style=style if style in STYLES else "",
        source=PERSON if values.get("source") == PERSON else "",
    )
    strokes = _parse_strokes(values) if style == "annotation" else ()
    return with_strokes(marker, strokes) if strokes else marker


def _parse_strokes(values: Mapping[str, Any]) -> tuple[Quad, ...]:
    """Return the quads of an annotation's lines, or nothing if it has a single polygon or none."""
    polygons = values.get("segmentation")
    if not isinstance(polygons, list) or len(polygons) < 2:
        return ()
    points = [np.array([_finite(value) for value in polygon], np.float32).reshape(-1, 2) for polygon in polygons]
    return tuple(as_quad(part) if len(part) == 4 else enclosing_quad(part) for part in points)


def _parse_quad(values: Mapping[str, Any]) -> Quad:
    polygons = values.get("segmentation")
    if not polygons or isinstance(polygons, dict):  # no polygon, or a run-length mask: use the box
        x, y, width, height = (_finite(value) for value in values["bbox"])
        if width <= 0 or height <= 0:
            raise _FaultError(f"its bbox is {width:g} x {height:g} px")
        return _turn(box_quad(x, y, x + width, y + height), _finite(values.get("rotation") or 0))
    points = np.array([_finite(value) for polygon in polygons for value in polygon], np.float64).reshape(-1, 2)
    if len(np.unique(points, axis=0)) < 3:
        raise _FaultError(f"its polygon has {len(np.unique(points, axis=0))} different points")
    if len(points) == 5 and (points[0] == points[4]).all():  # a closed outline
        points = points[:4]
    return as_quad(points) if len(points) == 4 else enclosing_quad(points.astype(np.float32))


def _turn(quad: Quad, degrees: float) -> Quad:
    """Rotate a quad around its centre, clockwise on the screen, where y points down."""
    if degrees == 0:
        return quad
    points, angle = np.array(quad), math.radians(degrees)
    rotation = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    centre = points.mean(axis=0)
    return as_quad((points - centre) @ rotation + centre)


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise _FaultError(f"{value} is not a finite number")
    return number


def _whole(value: Any) -> int:
    """Return an id or a size, which other tools may write as 1.0 or "1"."""
    number = int(value)
    if isinstance(value, float) and number != value:
        raise ValueError(f"{value} is not a whole number")
    return number
