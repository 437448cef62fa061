"""Clean with markers that were corrected in an annotation tool: one box moved, one added, one deleted.

The formats of Label Studio and FiftyOne are what their exporters wrote for such a correction (label_studio_sdk 2.1.2,
converter.convert_to_coco; fiftyone 1.22.1, COCODetectionDatasetExporter). The format of CVAT follows its source code:
cvat/apps/dataset_manager/bindings.py and coco_format/converter.py of Datumaro.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preprocess.clean_image import build_mask
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.images import read_image
from preprocess.markers import Marker, Quad, as_quad, box_quad
from preprocess.settings import CleanSettings

Content = dict[str, Any]
Films = Callable[..., tuple[Path, Path]]

KEPT, MOVED, DELETED, ADDED = "b/film 03.png", "a/film 00.png", "b/film 01.png", "a/film 02.png"
KEPT_BOX, MOVED_BOX, ADDED_BOX = (50, 10, 30, 15), (40, 12, 36, 18), (10, 100, 40, 10)
BOXES = {KEPT: KEPT_BOX, MOVED: MOVED_BOX, ADDED: ADDED_BOX}


def number_of(coco: Content, path: str) -> int:
    return next(image["id"] for image in coco["images"] if image["file_name"] == path)


def polygon(x: float, y: float, width: float, height: float) -> list[float]:
    return [x, y, x + width, y, x + width, y + height, x, y + height]


def cvat(coco: Content) -> Content:
    """Return a CVAT export: polygons stay polygons, and the added rectangle is rotated by 90 degrees."""
    fields = {"license": 0, "flickr_url": "", "coco_url": "", "date_captured": 0}
    shapes = {
        KEPT: {"segmentation": [polygon(*KEPT_BOX)], "attributes": {"occluded": False, "text": "R3"}},
        MOVED: {"segmentation": [polygon(*MOVED_BOX)], "attributes": {"occluded": False, "text": "R0"}},
        ADDED: {"segmentation": [], "attributes": {"occluded": False, "rotation": 90.0}},
    }
    rows = [
        {
            "id": number,
            "image_id": number_of(coco, path),
            "category_id": 1,
            "area": float(BOXES[path][2] * BOXES[path][3]),
            "bbox": list(map(float, BOXES[path])),
            "iscrowd": 0,
            **shape,
        }
        for number, (path, shape) in enumerate(shapes.items(), 1)
    ]
    return {
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "info": dict.fromkeys(("contributor", "date_created", "description", "url", "version", "year"), ""),
        "categories": [{"id": 1, "name": "marker", "supercategory": ""}],
        "images": [image | fields for image in coco["images"]],
        "annotations": rows,
    }


def label_studio(coco: Content) -> Content:
    """Return a Label Studio export: no texts, ids from 0, uploaded files renamed, a local file named by its URL.

    A marker that was imported and not deleted is exported twice: as a box and as a polygon.
    """
    names = {KEPT: "/data/local-files/?d=films/b/film%2003.png", MOVED: "images/1a2b3c4d-film_00.png"}
    names |= {DELETED: r"..\..\label-studio\media\upload\4\cb0618f6-film_01.png", ADDED: "images/00ff00ff__film 02.png"}
    images = [
        {"width": 90, "height": 120, "id": number, "file_name": names.get(image["file_name"], image["file_name"])}
        for number, image in enumerate(coco["images"])
    ]
    rows = [
        {
            "id": number,
            "image_id": number_of(coco, path) - 1,
            "category_id": 3,
            "segmentation": [],
            "bbox": [x, y, width + 1e-15, height],
            "ignore": 0,
            "iscrowd": 0,
            "area": width * height,
        }
        for number, (path, (x, y, width, height)) in enumerate(BOXES.items())
    ]
    rows.append({**rows[0], "id": len(rows), "segmentation": [polygon(*KEPT_BOX)]})
    categories = [{"id": number, "name": name} for number, name in enumerate(("burned", "lead", "marker", "sticker"))]
    return {
        "images": images,
        "categories": categories,
        "annotations": rows,
        "info": {"year": 2026, "version": "1.0", "description": "", "contributor": "Label Studio", "url": ""},
    }


def fiftyone(coco: Content) -> Content:
    """Return a FiftyOne export: file names without folders; a new box has no score and no text."""
    fields = {KEPT: {"score": 0.9, "text": "R3"}, MOVED: {"score": 0.9, "text": "R0"}, ADDED: {}}
    rows = [
        {
            "id": number,
            "image_id": number_of(coco, path),
            "category_id": 2 if path == ADDED else 1,
            "bbox": [x / 90 * 90, y / 120 * 120, width / 90 * 90, height / 120 * 120],
            "area": float(width * height),
            "iscrowd": 0,
            **fields[path],
        }
        for number, (path, (x, y, width, height)) in enumerate(BOXES.items(), 1)
    ]
    names = ("marker", "sticker")
    images = [{**image, "file_name": Path(image["file_name"]).name} for image in coco["images"]]
    return {
        "info": {"year": "", "version": "", "contributor": "", "url": "https://voxel51.com/fiftyone"},
        "licenses": [],
        "categories": [{"id": number, "name": name, "supercategory": None} for number, name in enumerate(names, 1)],
        "images": [image | {"license": None, "coco_url": None} for image in images],
        "annotations": rows,
    }


ROTATED = as_quad([(35, 85), (35, 125), (25, 125), (25, 85)])


@pytest.mark.parametrize(("tool", "added"), [(cvat, ROTATED), (label_studio, None), (fiftyone, None)])
def test_exactly_the_corrected_boxes_are_erased(films: Films, tool: Callable[..., Content], added: Quad | None) -> None:
    root, coco = films(4)
    (root.parent / "corrected.json").write_text(json.dumps(tool(json.loads(coco.read_text()))))
    summary = clean_folder(root, options=FolderOptions(markers=root.parent / "corrected.json"))
    quads = {path: box_quad(x, y, x + width, y + height) for path, (x, y, width, height) in BOXES.items()}
    quads[ADDED] = added or quads[ADDED]
    assert {row.path: [marker.quad for marker in row.markers] for row in summary.rows} == {
        DELETED: [],
        **{path: [quad] for path, quad in quads.items()},
    }
    for row in summary.rows:
        before, after = read_image(root / row.path), read_image(summary.out / row.output)
        mask = build_mask(before.shape, [Marker(quads[row.path])] if row.path in quads else [], CleanSettings())
        assert np.array_equal(before[~mask], after[~mask])
        assert (before != after).any() == mask.any()
    assert {marker.style for row in summary.rows for marker in row.markers} == {""}
