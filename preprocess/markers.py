"""Markers and their quads, and COCO files of them, which annotation tools open and write.

A quad's corners follow the text as it reads: top left, top right, bottom right, bottom left. Turned text has
a turned quad, mirrored text one that runs counter-clockwise. Coordinates are pixels; (0, 0) is the image's
outer top left corner, so a marker over the whole of an (H, W) image ends at (W, H).
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.errors import MarkerFileError
from preprocess.images import write_atomic

Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]

STYLES = ("burned", "label", "lead", "symbol", "plate")


@dataclass(frozen=True)
class Marker:
    """One text or symbol burned into a film, or laid on it as lead letters.

    Args:
        quad: corners (x, y) in pixels, in reading order.
        text: as read; empty when nothing legible was found.
        confidence: 0 to 1, that this is a marker at all.
        style: one of STYLES, or empty when it is not known.
    """

    quad: Quad
    text: str = ""
    confidence: float = 1.0
    style: str = ""


@dataclass(frozen=True)
class MarkedImage:
    """The size of one image in pixels, and its markers."""

    width: int
    height: int
    markers: tuple[Marker, ...] = ()


def as_quad(points: Any) -> Quad:
    """Return four (x, y) points as a Quad, rounded to a hundredth of a pixel."""
    a, b, c, d = ((round(float(x), 2) + 0.0, round(float(y), 2) + 0.0) for x, y in points)
    return (a, b, c, d)


def box_quad(x0: float, y0: float, x1: float, y1: float) -> Quad:
    """Return the quad of an upright box."""
    return as_quad(((x0, y0), (x1, y0), (x1, y1), (x0, y1)))


def quad_box(quad: Quad) -> tuple[float, float, float, float]:
    """Return the upright box (x0, y0, x1, y1) around a quad."""
    xs, ys = zip(*quad, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def quad_area(quad: Quad) -> float:
    """Return the area of a quad in square pixels."""
    total = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(quad, (*quad[1:], quad[0]), strict=True))
    return abs(total) / 2


def quad_sides(quad: Quad) -> tuple[float, float]:
    """Return a quad's length along its text and its height, in pixels."""
    return math.dist(quad[0], quad[1]), math.dist(quad[1], quad[2])


def around(points: NDArray[np.float32]) -> Quad:
    """Return the smallest turned rectangle around (N, 2) points, from its corner nearest to the top left."""
    corners = cv2.boxPoints(cv2.minAreaRect(points.astype(np.float32)))
    return as_quad(np.roll(corners, -int(corners.sum(axis=1).argmin()), axis=0))


def write_coco(path: str | Path, images: Mapping[str, MarkedImage]) -> None:
    """Write markers as COCO annotations, one category a style; the order of paths does not matter.

    Raises:
        OutputError: the file cannot be written.
    """
    ordered = sorted(images.items())
    content = {
        "info": {"description": "text markers on radiographs"},
        "images": [
            {"id": number, "file_name": name, "width": image.width, "height": image.height}
            for number, (name, image) in enumerate(ordered, 1)
        ],
        "annotations": _annotations([image.markers for _, image in ordered]),
        "categories": [{"id": number, "name": name} for number, name in enumerate(("marker", *STYLES), 1)],
    }
    write_atomic(path, json.dumps(content, indent=1) + "\n")


def _annotations(markers: Sequence[Iterable[Marker]]) -> list[dict[str, Any]]:
    pairs = ((image_id, marker) for image_id, several in enumerate(markers, 1) for marker in several)
    return [_annotation(number, image_id, marker) for number, (image_id, marker) in enumerate(pairs, 1)]


def _annotation(number: int, image_id: int, marker: Marker) -> dict[str, Any]:
    x0, y0, x1, y1 = quad_box(marker.quad)
    return {
        "id": number,
        "image_id": image_id,
        "category_id": ("", *STYLES).index(marker.style) + 1 if marker.style in STYLES else 1,
        "bbox": [round(v, 2) for v in (x0, y0, x1 - x0, y1 - y0)],
        "segmentation": [[value for point in marker.quad for value in point]],
        "area": round(quad_area(marker.quad), 2),
        "iscrowd": 0,
        "attributes": {"text": marker.text, "confidence": marker.confidence},
    }


def read_coco(path: str | Path) -> dict[str, MarkedImage]:
    """Read a COCO file; annotations without a segmentation count by their bbox.

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
    markers: dict[int, list[Marker]] = {int(row["id"]): [] for row in content["images"]}
    for row in content["annotations"]:
        markers[int(row["image_id"])].append(_parse_annotation(row, names))
    return {
        str(row["file_name"]): MarkedImage(int(row["width"]), int(row["height"]), tuple(markers[int(row["id"])]))
        for row in content["images"]
    }


def _parse_annotation(row: Mapping[str, Any], names: Mapping[int, str]) -> Marker:
    attributes = row.get("attributes") or {}
    style = names.get(int(row.get("category_id", 0)), "")
    return Marker(
        _parse_quad(row),
        text=str(attributes.get("text", "")),
        confidence=float(attributes.get("confidence", 1.0)),
        style=style if style in STYLES else "",
    )


def _parse_quad(row: Mapping[str, Any]) -> Quad:
    polygons = row.get("segmentation")
    if not polygons or isinstance(polygons, dict):  # none, or run lengths: the box has to do
        x, y, width, height = (_finite(value) for value in row["bbox"])
        return box_quad(x, y, x + width, y + height)
    values = [_finite(value) for polygon in polygons for value in polygon]
    points = np.array(values, np.float64).reshape(-1, 2)
    return as_quad(points) if len(points) == 4 else around(points.astype(np.float32))


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is no coordinate")
    return number
