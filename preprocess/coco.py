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
from pathlib import Path
from typing import Any

import numpy as np

from preprocess.errors import MarkerFileError
from preprocess.files import write_atomic
from preprocess.markers import STYLES, MarkedImage, Marker, Quad, as_quad, box_quad, enclosing_quad, quad_area, quad_box

CATEGORIES = ("marker", *STYLES)

SAME_PX = 0.5  # boxes whose coordinates differ by less, as a Euclidean distance, are the same


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
        "segmentation": [[value for point in marker.quad for value in point]],
        "area": round(quad_area(marker.quad), 2),
        "iscrowd": 0,
        "score": marker.confidence,
        "attributes": {"text": marker.text},
    }


def read_coco(path: str | Path) -> dict[str, MarkedImage]:
    """Read a COCO file as a mapping from file_name to the size and markers of the image.

    An annotation without a polygon is read from its bbox, rotated by `rotation` (degrees clockwise around the centre)
    if it has this key. If such a box encloses the polygon of another annotation, the two are one marker. If two
    images have the same name, as in files of two annotators, their markers are joined.

    Raises:
        MarkerFileError: the file cannot be read, is not JSON, or is not COCO.
    """
    try:
        content = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise MarkerFileError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise MarkerFileError(f"{path}: not JSON ({error}); expected a COCO file of markers") from error
    try:
        return _parse_coco(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MarkerFileError(
            f"{path}: not COCO ({type(error).__name__}: {error}); expected images (id, file_name, width, "
            "height) and annotations (image_id, bbox or segmentation)"
        ) from error


def _parse_coco(content: Any) -> dict[str, MarkedImage]:
    names = {int(row["id"]): str(row["name"]) for row in content.get("categories", [])}
    rows: dict[int, list[Any]] = {int(row["id"]): [] for row in content["images"]}
    for row in content["annotations"]:
        rows[int(row["image_id"])].append(row)
    markers = {image_id: _parse_annotations(of_image, names) for image_id, of_image in rows.items()}
    images: dict[str, MarkedImage] = {}
    for row in content["images"]:
        name = str(row["file_name"])
        earlier = images[name].markers if name in images else ()
        # Label Studio writes no size for an image that it could not open
        width, height = (int(row.get(side) or 0) for side in ("width", "height"))
        images[name] = MarkedImage(width, height, (*earlier, *markers[int(row["id"])]))
    return images


def _parse_annotations(rows: Sequence[Mapping[str, Any]], names: Mapping[int, str]) -> list[Marker]:
    markers = [(_parse_annotation(row, names), bool(row.get("segmentation"))) for row in rows]
    outlined = [quad_box(marker.quad) for marker, has_polygon in markers if has_polygon]
    return [marker for marker, has_polygon in markers if has_polygon or not _is_among(marker.quad, outlined)]


def _is_among(quad: Quad, boxes: Iterable[tuple[float, ...]]) -> bool:
    upright = quad == box_quad(*quad_box(quad))
    return upright and any(math.dist(quad_box(quad), box) < SAME_PX for box in boxes)


def _parse_annotation(row: Mapping[str, Any], names: Mapping[int, str]) -> Marker:
    values = {**row, **(row.get("attributes") or {})}
    style = names.get(int(row.get("category_id") or 0), "")
    confidence = row.get("score", values.get("confidence"))
    return Marker(
        _parse_quad(values),
        text=str(values.get("text") or ""),
        confidence=1.0 if confidence in (None, "") else _finite(confidence),
        style=style if style in STYLES else "",
    )


def _parse_quad(values: Mapping[str, Any]) -> Quad:
    polygons = values.get("segmentation")
    if not polygons or isinstance(polygons, dict):  # no polygon, or a run-length mask: use the box
        x, y, width, height = (_finite(value) for value in values["bbox"])
        return _turn(box_quad(x, y, x + width, y + height), _finite(values.get("rotation") or 0))
    points = np.array([_finite(value) for polygon in polygons for value in polygon], np.float64).reshape(-1, 2)
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
        raise ValueError(f"{value} is not a finite number")
    return number
