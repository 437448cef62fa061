import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocess.coco import read_coco, write_coco
from preprocess.errors import MarkerFileError
from preprocess.markers import STYLES, MarkedImage, Marker, box_quad, quad_box, with_strokes

start, side = st.floats(0, 2000, allow_nan=False), st.floats(1.1, 900, allow_nan=False)
markers = st.builds(
    Marker,
    quad=st.builds(lambda x, y, w, h: box_quad(x, y, x + w, y + h), start, start, side, side),
    text=st.text(max_size=5),
    confidence=st.floats(0, 1),
    style=st.sampled_from(["", *STYLES]),
)


@given(st.dictionaries(st.text(min_size=1), st.tuples(st.lists(markers, max_size=3))))
def test_markers_survive_writing_and_reading(tmp_path_factory: pytest.TempPathFactory, made: dict[str, tuple]) -> None:
    file = tmp_path_factory.mktemp("coco") / "markers.json"
    images = {name: MarkedImage(3000, 3000, tuple(several)) for name, (several,) in made.items()}
    write_coco(file, images)
    assert read_coco(file) == images


def test_boxes_without_polygons_are_read(tmp_path: Path) -> None:
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
        ('{"images": [{"id": 1e999, "file_name": "a"}], "annotations": []}', "not COCO .*infinity"),
        ('{"images": [{"id": 1.5, "file_name": "a"}], "annotations": []}', "not COCO .*1.5 is not a whole number"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_file_that_is_not_coco_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(MarkerFileError, match=reason):
        read_coco(tmp_path / "m.json")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MarkerFileError, match="cannot be read"):
        read_coco(tmp_path / "m.json")


def read_one(tmp_path: Path, **annotation: object) -> Marker:
    images = [{"id": 1, "file_name": "a.png", "width": 100, "height": 100}]
    content = {"images": images, "annotations": [{"image_id": 1, "bbox": [10, 20, 40, 20], **annotation}]}
    (tmp_path / "one.json").write_text(json.dumps(content))
    (marker,) = read_coco(tmp_path / "one.json")["a.png"].markers
    return marker


def test_a_turned_box_turns_clockwise_about_its_centre(tmp_path: Path) -> None:
    turned = read_one(tmp_path, segmentation=[], attributes={"rotation": 90.0, "occluded": False})
    assert turned.quad == ((40, 10), (40, 50), (20, 50), (20, 10))
    assert read_one(tmp_path, rotation=90.0) == turned
    assert read_one(tmp_path, attributes={"rotation": 0.0}).quad == box_quad(10, 20, 50, 40)


def test_attributes_may_be_keys_beside_the_box_or_be_empty(tmp_path: Path) -> None:
    beside = read_one(tmp_path, text="R7", score=0.5, attributes=None, category_id=None)
    assert (beside.text, beside.confidence, beside.style) == ("R7", 0.5, "")
    empty = read_one(tmp_path, score=None, attributes={"text": None, "confidence": ""})
    assert (empty.text, empty.confidence) == ("", 1.0)
    assert read_one(tmp_path, attributes={"confidence": "0.25"}).confidence == 0.25


def test_a_closed_polygon_keeps_its_reading_order(tmp_path: Path) -> None:
    mirrored = ((50, 20), (10, 20), (10, 40), (50, 40))
    closed = [value for point in (*mirrored, mirrored[0]) for value in point]
    assert read_one(tmp_path, segmentation=[closed]).quad == mirrored


def test_images_of_one_name_are_joined_and_may_lack_a_size(tmp_path: Path) -> None:
    images = [{"id": number, "file_name": "a.png", "width": 50, "height": 60} for number in (0, 1)]
    images.append({"id": 2, "file_name": "b.png", "width": None, "height": None})
    rows = [{"image_id": number, "bbox": [number, 2, 30, 40]} for number in (0, 1)]
    (tmp_path / "two.json").write_text(json.dumps({"images": images, "annotations": rows}))
    both = (Marker(box_quad(0, 2, 30, 42)), Marker(box_quad(1, 2, 31, 42)))
    assert read_coco(tmp_path / "two.json") == {"a.png": MarkedImage(50, 60, both), "b.png": MarkedImage(0, 0)}


def test_a_box_that_encloses_a_polygon_is_the_same_marker(tmp_path: Path) -> None:
    turned = [10, 40, 30, 20, 50, 40, 30, 60]
    rows: list[dict[str, object]] = [
        {"image_id": 1, "segmentation": [], "bbox": [10, 20.001, 40, 40]},
        {"image_id": 1, "segmentation": [turned], "bbox": [10, 20, 40, 40]},
        {"image_id": 1, "segmentation": [], "bbox": [12, 20, 40, 40]},
    ]
    images = [{"id": 1, "file_name": "a.png", "width": 100, "height": 100}]
    (tmp_path / "both.json").write_text(json.dumps({"images": images, "annotations": rows}))
    (image,) = read_coco(tmp_path / "both.json").values()
    assert [marker.quad for marker in image.markers] == [
        ((10, 40), (30, 20), (50, 40), (30, 60)),
        box_quad(12, 20, 52, 60),
    ]


def test_an_annotation_keeps_the_strokes_of_its_lines(tmp_path: Path) -> None:
    strokes = (box_quad(10, 10, 60, 13), box_quad(57, 13, 60, 80))
    arrow = with_strokes(Marker(box_quad(0, 0, 1, 1), "", 0.8, "annotation"), strokes)
    assert arrow.quad == box_quad(10, 10, 60, 80)
    write_coco(tmp_path / "m.json", {"a.png": MarkedImage(90, 120, (arrow,))})
    assert read_coco(tmp_path / "m.json")["a.png"].markers == (arrow,)
    whole = replace(arrow, strokes=())
    write_coco(tmp_path / "m.json", {"a.png": MarkedImage(90, 120, (whole,))})
    assert read_coco(tmp_path / "m.json")["a.png"].markers == (whole,)
