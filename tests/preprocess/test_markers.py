import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocess.errors import MarkerFileError
from preprocess.markers import (
    MarkedImage,
    Marker,
    as_quad,
    box_quad,
    quad_area,
    quad_box,
    quad_sides,
    read_coco,
    write_coco,
)

number = st.floats(0, 3000, allow_nan=False)
markers = st.builds(
    Marker,
    quad=st.lists(st.tuples(number, number), min_size=4, max_size=4).map(as_quad),
    text=st.text(max_size=5),
    confidence=st.floats(0, 1),
    style=st.sampled_from(["", "burned", "label", "lead", "symbol"]),
)


@given(st.dictionaries(st.text(min_size=1), st.tuples(st.lists(markers, max_size=3))))
def test_coco_brings_markers_back(tmp_path_factory: pytest.TempPathFactory, made: dict[str, tuple]) -> None:
    file = tmp_path_factory.mktemp("coco") / "markers.json"
    images = {name: MarkedImage(3000, 3000, tuple(several)) for name, (several,) in made.items()}
    write_coco(file, images)
    assert read_coco(file) == images


def test_plain_boxes_are_enough(tmp_path: Path) -> None:
    file = tmp_path / "boxes.json"
    rows = [{"image_id": 7, "bbox": [1, 2, 30, 40]}]
    images = [{"id": 7, "file_name": "a.png", "width": 50, "height": 60}]
    file.write_text(json.dumps({"images": images, "annotations": rows}))
    assert read_coco(file) == {"a.png": MarkedImage(50, 60, (Marker(box_quad(1, 2, 31, 42)),))}


def test_a_polygon_becomes_the_rectangle_around_it(tmp_path: Path) -> None:
    file = tmp_path / "polygons.json"
    rows = [{"image_id": 1, "segmentation": [[0, 0, 10, 0, 10, 5, 5, 5, 0, 5]], "category_id": 9}]
    images = [{"id": 1, "file_name": "a.png", "width": 50, "height": 60}]
    content = {"images": images, "annotations": rows, "categories": [{"id": 9, "name": "lead"}]}
    file.write_text(json.dumps(content))
    (marker,) = read_coco(file)["a.png"].markers
    assert quad_box(marker.quad) == (0, 0, 10, 5)
    assert marker.style == "lead"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "not COCO"),
        ('{"images": []}', "not COCO .*annotations"),
        ('{"images": [{"id": 1}], "annotations": [{"image_id": 2}]}', "not COCO"),
        ('{"images": [{"id": 1}], "annotations": [{"image_id": 1, "bbox": [0, 0, NaN, 1]}]}', "nan is no coord"),
    ],
)
def test_what_is_not_coco_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(MarkerFileError, match=reason):
        read_coco(tmp_path / "m.json")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MarkerFileError, match="cannot be read"):
        read_coco(tmp_path / "m.json")


def test_sides_and_area() -> None:
    quad = as_quad([(0, 0), (6, 8), (2, 11), (-4, 3)])
    assert quad_sides(quad) == (10, 5)
    assert quad_area(quad) == 50
