"""Annotations that cannot be meant are refused with the file, the annotation, the reason and their number."""

import json
from pathlib import Path
from typing import Any

import pytest

from preprocess.coco import read_coco
from preprocess.errors import MarkerFileError

FILM = {"id": 1, "file_name": "a.png", "width": 320, "height": 400}


def write(folder: Path, annotations: list[dict[str, Any]], images: list[dict[str, Any]] | None = None) -> Path:
    """Write a COCO file; the annotations get ids from 1 and belong to the first image unless they say otherwise."""
    rows = [{"id": number, "image_id": 1} | row for number, row in enumerate(annotations, 1)]
    path = folder / "m.json"
    path.write_text(json.dumps({"images": images or [FILM], "annotations": rows}))
    return path


FAULTY: list[tuple[dict[str, Any], str]] = [
    ({"bbox": [0.06, 0.05, 0.12, 0.12]}, r"it is 0.12 x 0.12 px"),
    ({"bbox": [20, 30, 40, 0.5]}, r"it is 40 x 0.5 px"),
    ({"bbox": [20, 30, 0, 10]}, r"its bbox is 0 x 10 px"),
    ({"bbox": [20, 30, -10, 10]}, r"its bbox is -10 x 10 px"),
    ({"bbox": [20, 30, float("nan"), 10]}, r"nan is not a finite number"),
    ({"bbox": [20, 30, float("inf"), 10]}, r"inf is not a finite number"),
    ({"bbox": [300, 380, 400, 500]}, r"it reaches from \(300, 380\) to \(700, 880\), on a film of 320 x 400 px"),
    ({"bbox": [-90, 20, 100, 20]}, r"it reaches from \(-90, 20\) to \(10, 40\), on a film"),
    ({"bbox": [400, 20, 10, 20]}, r"it reaches .*, on a film of 320 x 400 px"),
    ({"segmentation": [[20, 20, 60, 20]], "bbox": [20, 20, 40, 1]}, r"its polygon has 2 different points"),
    ({"segmentation": [[20, 20, 60, 60, 20, 20]]}, r"its polygon has 2 different points"),
    ({"segmentation": [[20, 20, 40, 20, 60, 20]]}, r"it is .* px"),
    ({"segmentation": [[0.1, 0.1, 0.2, 0.1, 0.2, 0.2, 0.1, 0.2]]}, r"it is 0.1 x 0.1 px"),
    ({"segmentation": [[20, 20, 40]]}, r"ValueError"),
    ({"bbox": [20, 30, 10]}, r"ValueError"),
    ({"bbox": "box"}, r"ValueError"),
    ({}, r"KeyError: 'bbox'"),
    ({"bbox": [20, 30, 40, 10], "image_id": 7}, r"its image_id 7 is not the id of an image in this file"),
    ({"bbox": [20, 30, 40, 10], "image_id": 1e999}, r"OverflowError"),
]


@pytest.mark.parametrize(("annotation", "reason"), FAULTY)
def test_an_annotation_that_cannot_be_meant_is_named(tmp_path: Path, annotation: dict[str, Any], reason: str) -> None:
    path = write(tmp_path, [{"bbox": [10, 10, 20, 20]}, annotation])
    with pytest.raises(MarkerFileError, match=rf"m.json: 1 of 2 annotations is no marker .*: annotation 2.*: {reason}"):
        read_coco(path)


def test_fractions_of_the_film_are_recognised(tmp_path: Path) -> None:
    path = write(tmp_path, [{"bbox": [0.1, 0.1, 0.2, 0.2]}, {"segmentation": [[0, 0, 1, 0, 1, 1]]}])
    with pytest.raises(MarkerFileError, match="multiply them by the width and height of the film"):
        read_coco(path)


def test_of_many_faults_three_are_named_and_all_counted(tmp_path: Path) -> None:
    path = write(tmp_path, [{"bbox": [0, 0, 0, 0]}] * 5 + [{"bbox": [10, 10, 20, 20]}])
    with pytest.raises(MarkerFileError, match=r"5 of 6 annotations are no markers .*annotation 3 of a.* and 2 more"):
        read_coco(path)


@pytest.mark.parametrize("bbox", [[-5, 10, 20, 20], [310, 390, 20, 20], [0, 0, 320, 400], [10, 10, 1, 1]])
def test_a_marker_that_the_border_cuts_is_kept(tmp_path: Path, bbox: list[float]) -> None:
    (image,) = read_coco(write(tmp_path, [{"bbox": bbox}])).values()
    assert len(image.markers) == 1


def test_a_film_of_unknown_size_may_have_markers_anywhere(tmp_path: Path) -> None:
    path = write(tmp_path, [{"bbox": [900, 900, 20, 20]}], [{"id": 1, "file_name": "a.png", "width": None}])
    assert len(read_coco(path)["a.png"].markers) == 1


def test_two_images_with_one_id_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [], [FILM, FILM | {"file_name": "b.png"}])
    with pytest.raises(MarkerFileError, match=r"two images \(a.png and b.png\) have the id 1"):
        read_coco(path)


def test_one_name_with_two_sizes_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [], [FILM, FILM | {"id": 2, "width": 640}])
    with pytest.raises(MarkerFileError, match=r"a.png is listed twice, with 320 x 400 and 640 x 400 px"):
        read_coco(path)
