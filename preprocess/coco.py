"""COCO files of markers, which annotation tools open and write.

What they write, by their own exporters: CVAT ("COCO 1.0", through Datumaro's coco_instances) a box without
polygon as the unturned one, with its angle in attributes.rotation; Label Studio (label_studio_sdk.converter)
boxes as boxes only, and each of our markers twice, since it opens them as a box and a polygon; FiftyOne
(fiftyone.utils.coco) an object's attributes as keys beside `bbox`, its confidence as `score`. FiftyOne fails on an
attribute named "confidence".
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from preprocess.errors import MarkerFileError
from preprocess.files import write_atomic
from preprocess.markers import STYLES, MarkedImage, Marker, Quad, around, as_quad, box_quad, quad_area, quad_box

CATEGORIES = ("marker", *STYLES)

SAME_PX = 0.5


def write_coco(path: str | Path, images: Mapping[str, MarkedImage]) -> None:
    """Write markers as COCO annotations, one category a style; the order of paths does not matter.

    Raises:
        OutputError: the file cannot be written.
    """
    names = sorted(images)
    parts: dict[str, Iterable[Mapping[str, Any]]] = {
        "images": (_image(number, name, images[name]) for number, name in enumerate(names, 1)),
        "annotations": _annotations(images[name].markers for name in names),
        "categories": ({"id": number, "name": name} for number, name in enumerate(CATEGORIES, 1)),
    }
    write_atomic(path, _content(parts))


def _content(parts: Mapping[str, Iterable[Mapping[str, Any]]]) -> Iterator[bytes]:
    """A row a line, each written at once: of 100,000 films the rows alone would fill hundreds of megabytes."""
    yield b'{\n"info": {"description": "text markers on radiographs"}'
    for name, rows in parts.items():
        yield f',\n"{name}": ['.encode()
        for number, row in enumerate(rows):
            yield (",\n" if number else "\n").encode() + json.dumps(row).encode()
        yield b"\n]"
    yield b"\n}\n"


def _image(number: int, name: str, image: MarkedImage) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": image.width, "height": image.height}


def _annotations(markers: Iterable[Iterable[Marker]]) -> Iterator[dict[str, Any]]:
    pairs = ((image_id, marker) for image_id, several in enumerate(markers, 1) for marker in several)
    return (_annotation(number, image_id, marker) for number, (image_id, marker) in enumerate(pairs, 1))


def _annotation(number: int, image_id: int, marker: Marker) -> dict[str, Any]:
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
    """Read a COCO file as file_name -> its size and markers.

    Annotations without a polygon count by their bbox, turned by `rotation` (degrees clockwise about its centre)
    if they have one; such a box around another annotation's polygon is the same marker. Images listed twice under
    one name, as of two annotators, have the markers of both.

    Raises:
        MarkerFileError: not readable, not JSON, or not COCO.
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
    markers = {number: _parse_annotations(several, names) for number, several in rows.items()}
    images: dict[str, MarkedImage] = {}
    for row in content["images"]:
        name = str(row["file_name"])
        before = images[name].markers if name in images else ()
        # Label Studio gives no size of an image that it could not open
        width, height = (int(row.get(side) or 0) for side in ("width", "height"))
        images[name] = MarkedImage(width, height, (*before, *markers[int(row["id"])]))
    return images


def _parse_annotations(rows: Sequence[Mapping[str, Any]], names: Mapping[int, str]) -> list[Marker]:
    markers = [(_parse_annotation(row, names), bool(row.get("segmentation"))) for row in rows]
    outlined = [quad_box(marker.quad) for marker, has_polygon in markers if has_polygon]
    return [marker for marker, has_polygon in markers if has_polygon or not _is_one_of(marker.quad, outlined)]


def _is_one_of(quad: Quad, boxes: Iterable[tuple[float, ...]]) -> bool:
    upright = quad == box_quad(*quad_box(quad))
    return upright and any(math.dist(quad_box(quad), box) < SAME_PX for box in boxes)


def _parse_annotation(row: Mapping[str, Any], names: Mapping[int, str]) -> Marker:
    facts = {**row, **(row.get("attributes") or {})}
    style = names.get(int(row.get("category_id") or 0), "")
    confidence = row.get("score", facts.get("confidence"))
    return Marker(
        _parse_quad(facts),
        text=str(facts.get("text") or ""),
        confidence=1.0 if confidence in (None, "") else _finite(confidence),
        style=style if style in STYLES else "",
    )


def _parse_quad(facts: Mapping[str, Any]) -> Quad:
    polygons = facts.get("segmentation")
    if not polygons or isinstance(polygons, dict):  # none, or run lengths: the box has to do
        x, y, width, height = (_finite(value) for value in facts["bbox"])
        return _turned(box_quad(x, y, x + width, y + height), _finite(facts.get("rotation") or 0))
    points = np.array([_finite(value) for polygon in polygons for value in polygon], np.float64).reshape(-1, 2)
    if len(points) == 5 and (points[0] == points[4]).all():
        points = points[:4]
    return as_quad(points) if len(points) == 4 else around(points.astype(np.float32))


def _turned(quad: Quad, degrees: float) -> Quad:
    """Turn clockwise as seen, which is how angles grow where y points down."""
    if degrees == 0:
        return quad
    points, angle = np.array(quad), math.radians(degrees)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    centre = points.mean(axis=0)
    return as_quad((points - centre) @ turn + centre)


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is no coordinate")
    return number
