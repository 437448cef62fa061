import numpy as np
import pytest

from preprocess.clean_image import build_mask, choose_markers, clean_image, erase
from preprocess.detectors.build import UnionDetector, build_detector
from preprocess.detectors.markernet import MarkerNetDetector
from preprocess.detectors.ocr import TurnedDetector
from preprocess.detectors.rapid import RapidReader
from preprocess.errors import AreaError, DetectorError
from preprocess.markers import Marker, box_quad
from preprocess.settings import CleanSettings

from .conftest import film, jpeg, write_text


class FixedDetector:
    """A detector that always returns the same markers."""

    def __init__(self, *confidences: float) -> None:
        self.markers = [
            Marker(box_quad(50, 10 + 20 * n, 80, 20 + 20 * n), confidence=c) for n, c in enumerate(confidences)
        ]

    def detect(self, image: np.ndarray) -> list[Marker]:
        assert image.dtype == np.uint8
        assert image.ndim == 2
        return self.markers


@pytest.mark.parametrize("shape", [(120, 90), (120, 90, 3)])
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_only_confident_markers_are_erased(shape: tuple[int, ...], kind: str) -> None:
    image = film(shape=shape, dtype=kind)
    before = image.copy()
    cleaned = clean_image(image, FixedDetector(0.9, 0.1), CleanSettings())
    assert [marker.confidence for marker in cleaned.markers] == [0.9]
    assert cleaned.mask[15, 60]
    assert not cleaned.mask[35, 60]
    assert np.array_equal(cleaned.image[~cleaned.mask], before[~cleaned.mask])
    assert not np.array_equal(cleaned.image[cleaned.mask], before[cleaned.mask])
    assert np.array_equal(image, before)


class Uncovering:
    """A detector that finds one marker after the other: each only where the ones before it are erased."""

    def __init__(self, *places: int) -> None:
        self.markers = [Marker(box_quad(50, y, 80, y + 10)) for y in places]

    def detect(self, image: np.ndarray) -> list[Marker]:
        bright = [marker for marker in self.markers if image[int(marker.quad[0][1]) + 5, 60] > 200]
        return bright[:1]


def test_what_the_first_round_uncovers_is_erased_and_the_rest_is_told() -> None:
    image = film()
    for y in (10, 50, 90):
        image[y : y + 10, 50:80] = 250
    detector = Uncovering(10, 50, 90)
    cleaned = clean_image(image, detector, CleanSettings())
    assert cleaned.markers == tuple(detector.markers[:2])
    assert cleaned.residual == tuple(detector.markers[2:])
    assert not cleaned.mask[95, 60]
    whole = clean_image(image, Uncovering(10, 50), CleanSettings())
    assert (len(whole.markers), whole.residual) == (2, ())


def test_what_the_settings_leave_is_not_residual() -> None:
    named = FixedDetector(0.9)
    named.markers = [Marker(box_quad(50, 10, 80, 20), "R"), Marker(box_quad(50, 50, 80, 60), "L")]
    cleaned = clean_image(film(), named, CleanSettings(keep="L"))
    assert [marker.text for marker in cleaned.markers] == ["R"]
    assert [marker.text for marker in cleaned.residual] == ["R"]  # this detector finds it anywhere


def test_a_second_round_does_not_exceed_the_largest_area() -> None:
    image = film()
    for y in (10, 50):
        image[y : y + 10, 50:80] = 250
    one = clean_image(image, Uncovering(10), CleanSettings()).mask.mean()
    detector = Uncovering(10, 50)
    cleaned = clean_image(image, detector, CleanSettings(max_fraction=float(1.5 * one)))
    assert (cleaned.markers, cleaned.residual) == (tuple(detector.markers[:1]), tuple(detector.markers[1:]))


def test_a_film_without_markers_does_not_change() -> None:
    image = film()
    cleaned = clean_image(image, FixedDetector(), CleanSettings())
    assert np.array_equal(cleaned.image, image)
    assert not cleaned.mask.any()


def test_only_the_erased_markers_are_returned() -> None:
    right, left = Marker(box_quad(50, 10, 80, 20), "R"), Marker(box_quad(50, 40, 80, 50), "L")
    image = film()
    cleaned = erase(image, [right, left], CleanSettings(keep="R"))
    assert cleaned.markers == (left,)
    assert np.array_equal(cleaned.image[8:22], image[8:22])
    assert not erase(image, [right, left], CleanSettings(only="X")).mask.any()


@pytest.mark.parametrize("mode", ["inpaint", "fill", "noise", "box"])
def test_each_mode_changes_only_the_masked_pixels(mode: str) -> None:
    image = film()
    image[10:25, 50:80] = 250
    cleaned = erase(image, [Marker(box_quad(50, 10, 80, 25), "R")], CleanSettings(mode=mode))
    assert cleaned.image[10:25, 50:80].max() < 100
    assert np.array_equal(cleaned.image[~cleaned.mask], image[~cleaned.mask])
    assert bool((cleaned.image[cleaned.mask] == 0).all()) == (mode == "box")


def test_a_film_is_refused_if_too_much_would_be_erased() -> None:
    large = Marker(box_quad(0, 0, 90, 60))
    with pytest.raises(AreaError, match=r"5\d\.\d% of the film would be erased, more than the limit of 25\.0%"):
        erase(film(), [large], CleanSettings())
    assert erase(film(), [large], CleanSettings(max_fraction=0.7)).mask.mean() > 0.5


def test_the_default_detector_is_the_marker_network_with_a_reader() -> None:
    with_text, without_text = (build_detector(CleanSettings(read_text=read)) for read in (True, False))
    assert isinstance(with_text, MarkerNetDetector)
    assert isinstance(without_text, MarkerNetDetector)
    assert isinstance(with_text._reader, RapidReader)
    assert without_text._reader is None


def test_ocr_uses_its_settings() -> None:
    detector = build_detector(CleanSettings(detector="rapidocr", side_px=320, turns=2, read_text=False))
    assert isinstance(detector, TurnedDetector)
    assert isinstance(detector.reader, RapidReader)
    assert (detector.side_px, detector.turns) == (320, 2)


def test_the_union_runs_the_network_first() -> None:
    detector = build_detector(CleanSettings(detector="union"))
    assert isinstance(detector, UnionDetector)
    assert [type(part) for part in detector.detectors] == [MarkerNetDetector, TurnedDetector]


def test_the_network_of_the_settings_is_loaded() -> None:
    with pytest.raises(DetectorError, match=r"^nosuch\.onnx: cannot be loaded \(.*expected an \.onnx of `fxkit marker"):
        build_detector(CleanSettings(weights="nosuch.onnx", read_text=False))


def test_jpeg_ringing_around_a_marker_is_erased_too() -> None:
    """JPEG leaves waves beside letters, which would show where the letters were."""
    image = np.rint(np.random.default_rng(0).normal(60, 1.5, (160, 160))).astype(np.uint8)
    write_text(image, "L", (64, 90), size=1.0)
    image = jpeg(image, 40)
    rows, columns = np.nonzero(image > 150)
    marker = Marker(box_quad(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1), "L")
    before, cleaned = image.astype(int), erase(image, [marker], CleanSettings())
    around = np.zeros(image.shape, bool)
    around[rows.min() - 12 : rows.max() + 13, columns.min() - 12 : columns.max() + 13] = True
    assert np.abs(before - 60)[around & ~build_mask(image.shape, [marker], CleanSettings())].max() > 12
    assert np.abs(cleaned.image.astype(int) - 60).max() < 8
    assert (cleaned.mask & ~around).sum() == 0


def test_without_jpeg_blocks_the_mask_covers_only_the_markers() -> None:
    marker = Marker(box_quad(50, 10, 80, 20), "R")
    assert np.array_equal(
        erase(film(), [marker], CleanSettings()).mask, build_mask((120, 90), [marker], CleanSettings())
    )


RIGHT, LEFT, UNREAD = (Marker(box_quad(10 * n, 0, 10 * n + 8, 8), text) for n, text in enumerate(("R29", "L", "")))


def plate_under(marker: Marker) -> Marker:
    x, y = marker.quad[0]
    return Marker(box_quad(x - 1, y - 1, x + 9, y + 9), style="plate")


def test_by_default_all_markers_are_erased() -> None:
    markers = [RIGHT, plate_under(RIGHT), UNREAD]
    assert choose_markers(markers, CleanSettings()) == markers


def test_keep_keeps_matching_markers_and_erases_unread_ones() -> None:
    markers = [RIGHT, LEFT, UNREAD]
    assert choose_markers(markers, CleanSettings(keep="^R")) == [LEFT, UNREAD]
    assert choose_markers(markers, CleanSettings(keep=".*")) == [UNREAD]
    assert choose_markers(markers, CleanSettings(keep="r")) == markers
    assert choose_markers(markers, CleanSettings(keep="(?i)r")) == [LEFT, UNREAD]


def test_only_erases_matching_markers_and_keeps_unread_ones() -> None:
    markers = [RIGHT, LEFT, UNREAD]
    assert choose_markers(markers, CleanSettings(only=r"\d")) == [RIGHT]
    assert choose_markers(markers, CleanSettings(only="R|L", keep="29")) == [LEFT]
    assert choose_markers(markers, CleanSettings(only=".*")) == [RIGHT, LEFT]


def test_plates_can_be_kept() -> None:
    assert choose_markers([RIGHT, plate_under(RIGHT)], CleanSettings(plates=False)) == [RIGHT]


def test_a_plate_follows_the_letters_on_it() -> None:
    markers = [RIGHT, plate_under(RIGHT), LEFT, plate_under(LEFT)]
    assert choose_markers(markers, CleanSettings(keep="R")) == [LEFT, plate_under(LEFT)]
    assert choose_markers(markers, CleanSettings(only="R")) == [RIGHT, plate_under(RIGHT)]
