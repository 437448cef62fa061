import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from preprocess.clean_image import clean_image
from preprocess.detectors.markernet import (
    BRIGHT,
    CHANNELS,
    CHANNELS_BEFORE,
    CORE,
    EDGE,
    MAX_ENLARGEMENT,
    SIDE_PX,
    STYLE_SHIFT,
    MarkerNetDetector,
    build_marker,
    darken_bright_film,
    film_scale,
    find_plates,
    in_reading_order,
    pad_film,
    resize_film,
)
from preprocess.detectors.regions import find_regions
from preprocess.detectors.views import View
from preprocess.errors import DetectorError
from preprocess.folder.clean_folder import FolderOptions, clean_folder
from preprocess.images import write_image
from preprocess.markers import Marker, box_quad, enclosing_quad, is_mirrored
from preprocess.mask import marker_mask
from preprocess.settings import CleanSettings

from ..conftest import contents, film, logits_with, turned_box, write_text

ONE = np.ones(2)
BLANK = np.zeros((120, 160), np.uint8)


@pytest.mark.parametrize("angle", [0, 90, 180, 270, 20, 110, 200, 290])
@pytest.mark.parametrize("mirrored", [False, True], ids=["plain", "mirrored"])
def test_corners_are_put_in_reading_order(angle: float, mirrored: bool) -> None:
    placed = turned_box(angle)
    if mirrored:
        placed = np.column_stack([80 - placed[:, 0], placed[:, 1]])
    up = (placed[0] - placed[3]) / 14
    quad = in_reading_order(enclosing_quad(placed.astype(np.float32)), up.astype(np.float32), mirrored)
    assert np.array(quad) == pytest.approx(placed, abs=0.05)
    assert is_mirrored(quad) is mirrored


BOX = [(10.0, 20.0), (30.0, 20.0), (30.0, 27.0), (10.0, 27.0)]


@pytest.mark.parametrize(("channel", "style"), list(enumerate(("burned", "label", "lead", "symbol"), 1)))
def test_a_marker_has_the_style_with_the_highest_mean_logit(channel: int, style: str) -> None:
    logits = logits_with((0, BOX, 2.0), (channel, BOX, 1.0), (7, BOX, -1.0), (6, BOX, 0.0))
    (region,) = find_regions(logits[0], CORE, EDGE)
    marker = build_marker(BLANK, logits, region, ONE * 2)
    assert marker.style == style
    assert marker.confidence == pytest.approx(1 / (1 + np.exp(-2.0 - STYLE_SHIFT[style])), abs=1e-4)
    assert set(marker.quad) == set(box_quad(20, 40, 60, 54))
    if style != "symbol":
        assert marker.quad == box_quad(20, 40, 60, 54)


def test_the_confidence_is_that_of_the_more_certain_half() -> None:
    logits = logits_with((0, BOX, 0.0), (0, [(10, 20), (20, 20), (20, 27), (10, 27)], 4.0))
    (region,) = find_regions(logits[0], CORE, EDGE)
    assert build_marker(BLANK, logits, region, ONE).confidence == pytest.approx(
        1 / (1 + np.exp(-4.0 - STYLE_SHIFT["burned"])), abs=1e-4
    )


@pytest.mark.parametrize(("certain", "fringe", "kept"), [(7.0, -1.0, False), (7.0, 0.0, True), (3.0, -1.0, True)])
def test_the_quad_leaves_out_a_fringe_that_is_much_less_certain(certain: float, fringe: float, kept: bool) -> None:
    wide = [(6.0, 16.0), (34.0, 16.0), (34.0, 31.0), (6.0, 31.0)]
    logits = logits_with((0, wide, fringe), (0, BOX, certain), (2, wide, 1.0))
    (region,) = find_regions(logits[0], CORE, EDGE)
    expected = box_quad(6, 16, 34, 31) if kept else box_quad(10, 20, 30, 27)
    assert set(build_marker(BLANK, logits, region, ONE).quad) == set(expected)


@pytest.mark.parametrize(("style", "at", "count"), [("lead", 20, 1), ("burned", 20, 0), ("lead", 70, 0)])
def test_plates_are_found_only_under_lead_letters(style: str, at: float, count: int) -> None:
    logits = logits_with((5, [(6, 16), (34, 16), (34, 31), (6, 31)], 3.0))
    letter = Marker(box_quad(2 * at - 8, 40, 2 * at + 8, 54), style=style)
    plates = find_plates(logits, ONE * 2, [letter])
    assert [(set(plate.quad), plate.style) for plate in plates] == [(set(box_quad(12, 32, 68, 62)), "plate")] * count


def test_a_plate_is_no_more_certain_than_the_letters_on_it() -> None:
    logits = logits_with((5, [(6, 16), (34, 16), (34, 31), (6, 31)], 3.0))
    letters = [Marker(box_quad(x, 40, x + 16, 54), style="lead", confidence=c) for x, c in ((20, 0.2), (44, 0.3))]
    (plate,) = find_plates(logits, ONE * 2, letters)
    assert plate.confidence == 0.3


@pytest.mark.parametrize(
    ("shape", "scale"),
    [((1024, 700), 1.0), ((4000, 3000), SIDE_PX / 4000), ((224, 224), MAX_ENLARGEMENT), ((600, 800), SIDE_PX / 800)],
)
def test_films_are_scaled_to_about_a_thousand_pixels(shape: tuple[int, int], scale: float) -> None:
    assert film_scale(shape) == scale
    assert resize_film(np.zeros(shape, np.uint8)).shape == tuple(round(side * scale) for side in shape)


@pytest.mark.parametrize("ground", [12, 60, BRIGHT])
def test_films_as_dark_as_the_training_films_do_not_change(ground: int) -> None:
    dark = np.random.default_rng(0).integers(ground - 3, ground + 3, (40, 50), dtype=np.uint8)
    dark[:15] = 255  # overexposed
    assert np.array_equal(darken_bright_film(dark), dark)
    assert np.array_equal(darken_bright_film(np.full((4, 5), 255, np.uint8)), np.full((4, 5), 255))


@pytest.mark.parametrize(("ground", "darkened"), [(111, 110), (160, 110), (185, 110), (230, 187)])
def test_bright_films_are_darkened_but_keep_black_and_white(ground: int, darkened: int) -> None:
    bright = np.full((40, 50), ground, np.uint8)
    bright[:10], bright[35:] = 0, 255
    film = darken_bright_film(bright)
    assert abs(int(film[20, 20]) - darkened) <= 1
    assert (film[:10] == 0).all()
    assert (film[35:] == 255).all()


@pytest.mark.parametrize("shape", [(1, 1), (32, 64), (33, 5), (300, 1024)])
def test_films_are_padded_with_black_below_and_to_the_right(shape: tuple[int, int]) -> None:
    padded = pad_film(np.full(shape, 7, np.uint8))
    assert all(side % 32 == 0 and side - 32 < given <= side for side, given in zip(padded.shape, shape, strict=True))
    assert padded.sum() == 7 * shape[0] * shape[1]
    assert (padded[: shape[0], : shape[1]] == 7).all()


def test_a_file_that_is_not_onnx_is_refused(tmp_path: Path) -> None:
    (tmp_path / "site.onnx").write_bytes(b"no network")
    for file in (tmp_path / "site.onnx", tmp_path / "none.onnx"):
        with pytest.raises(
            DetectorError, match=rf"{file.name}: cannot be loaded \(.*; expected an \.onnx of `fxkit markernet`$"
        ):
            MarkerNetDetector(file)


def other_network(file: Path, channels: int) -> Path:
    """Write an ONNX network that returns the film itself in the given number of channels."""
    tensors = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, count, "h", "w"])
        for name, count in (("film", 1), ("said", channels))
    ]
    nodes = [helper.make_node("Concat", ["film"] * channels, ["said"], axis=1)]
    model = helper.make_model(
        helper.make_graph(nodes, "other", tensors[:1], tensors[1:]), opset_imports=[helper.make_opsetid("", 18)]
    )
    model.ir_version = 9
    onnx.save(model, str(file))
    return file


def test_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match=r"site\.onnx: not a marker network; expected the \.onn"):
        MarkerNetDetector(other_network(tmp_path / "site.onnx", 2))
    for channels in (CHANNELS, CHANNELS_BEFORE):
        MarkerNetDetector(other_network(tmp_path / "site.onnx", channels))


def test_of_a_drawn_box_only_the_lines_become_strokes() -> None:
    outer, inner = [(10, 10), (70, 10), (70, 50), (10, 50)], [(13, 13), (67, 13), (67, 47), (13, 47)]
    logits = logits_with((0, outer, 6), (0, inner, -6), (9, outer, 4))
    (region,) = find_regions(logits[0], 0, 0)
    marker = build_marker(np.zeros((120, 160), np.uint8), logits, region, np.array([2.0, 2.0]))
    assert (marker.style, marker.quad) == ("annotation", box_quad(20, 20, 140, 100))
    mask = marker_mask((120, 160), [marker], grow_px=0)
    assert mask[20:26, 20:140].all()
    assert mask[20:100, 134:140].all()
    assert not mask[38:82, 38:122].any()


def test_networks_without_a_channel_for_annotations_choose_among_the_other_styles() -> None:
    logits = logits_with((0, [(10, 10), (70, 10), (70, 50), (10, 50)], 6), (3, [(0, 0), (80, 0), (80, 60), (0, 60)], 2))
    (region,) = find_regions(logits[0], 0, 0)
    marker = build_marker(np.zeros((120, 160), np.uint8), logits[:CHANNELS_BEFORE], region, np.array([2.0, 2.0]))
    assert (marker.style, marker.strokes) == ("lead", ())


@pytest.fixture(scope="module")
def detector() -> MarkerNetDetector:
    return MarkerNetDetector()


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True], ids=["plain", "mirrored"])
def test_typed_text_is_found_and_covered_in_every_view(detector: MarkerNetDetector, turns: int, mirrored: bool) -> None:
    image = write_text(film(shape=(448, 400)), "RB07", (200, 240), 1.8)
    turned = View(turns, mirrored).show(image)
    markers = [marker for marker in detector.detect(turned) if marker.confidence >= 0.4]
    mask = marker_mask(turned.shape, markers)
    assert mask[turned == 245].mean() > 0.99
    assert mask.mean() < 0.1
    assert markers[0].text == ""


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (31, 20), (20, 31, 3), (3000, 40)])
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_films_of_any_size_and_depth_are_cleaned(
    detector: MarkerNetDetector, shape: tuple[int, ...], kind: str
) -> None:
    image = np.full(shape, 60 * (257 if kind == "uint16" else 1), kind)
    cleaned = clean_image(image, detector, CleanSettings())
    assert np.array_equal(cleaned.image[~cleaned.mask], image[~cleaned.mask])
    assert cleaned.image.dtype == image.dtype


@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_text_on_16_bit_and_colour_films_is_erased(detector: MarkerNetDetector, colour: bool) -> None:
    image = write_text(film(shape=(448, 400)), "RB07", (200, 240), 1.8)
    ink = image == 245
    image = np.dstack([image] * 3) if colour else image.astype(np.uint16) * 257
    cleaned = clean_image(image, detector, CleanSettings())
    assert cleaned.mask[ink].mean() > 0.99
    assert cleaned.image[ink].max() < 0.8 * image.max()


def test_a_film_without_markers_is_copied_byte_for_byte(tmp_path: Path) -> None:
    for seed in range(3):
        write_image(tmp_path / "films" / f"{seed}.jpg", film(seed, (300, 260)))
    summary = clean_folder(tmp_path / "films", options=FolderOptions(settings=CleanSettings(read_text=False)))
    assert [(row.status, row.markers) for row in summary.rows] == [("copied", ())] * 3
    after = contents(summary.out)
    assert {name: after[name] for name in ("0.jpg", "1.jpg", "2.jpg")} == contents(tmp_path / "films")
    assert json.loads(after["clean.json"])["settings"]["detector"] == "markernet"
