import numpy as np
import pytest

from preprocess.detectors.rapid import RapidReader
from preprocess.detectors.reading import cut_upright, read_from_all_sides, read_markers
from preprocess.markers import Marker, Quad, as_quad, box_quad, is_mirrored

from ..conftest import film, write_text

BOX = box_quad(40, 30, 100, 50)


class CornerReader:
    """A reader that reads its text if the brightest pixel lies in the upper left quarter of the line."""

    def __init__(self, text: str = "L7", confidence: float = 0.9) -> None:
        self.text, self.confidence = text, confidence
        self.shapes: list[tuple[int, int]] = []

    def find(self, image: np.ndarray) -> list:
        return []

    def read(self, image: np.ndarray) -> tuple[str, float]:
        height, width = image.shape
        self.shapes.append((height, width))
        y, x = np.unravel_index(image.argmax(), image.shape)
        return (self.text, self.confidence) if y < height / 2 and x < width / 2 else ("", 0.0)


def film_with_bright_corner(corner: tuple[int, int]) -> np.ndarray:
    """Return a film on which one corner of BOX is bright."""
    image = np.zeros((80, 140), np.uint8)
    x, y = corner
    image[y : y + 4, x : x + 4] = 255
    return image


@pytest.mark.parametrize(
    ("corner", "quad"),
    [
        ((40, 30), BOX),
        ((96, 46), as_quad([(100, 50), (40, 50), (40, 30), (100, 30)])),  # upside down
        ((96, 30), as_quad([(100, 30), (40, 30), (40, 50), (100, 50)])),  # mirrored
        ((40, 46), as_quad([(40, 50), (100, 50), (100, 30), (40, 30)])),  # upside down and mirrored
    ],
)
def test_the_corners_follow_the_reading_order(corner: tuple[int, int], quad: Quad) -> None:
    reader = CornerReader()
    read = read_from_all_sides(film_with_bright_corner(corner), BOX, reader)
    assert (read.quad, read.text, read.score) == (quad, "L7", 0.9)
    assert set(reader.shapes) == {(48, 144)}  # a long quad is read along its longer side only


def test_a_square_is_read_from_all_sides() -> None:
    reader = CornerReader(text="")
    read_from_all_sides(film_with_bright_corner((40, 30)), box_quad(40, 30, 60, 50), reader)
    assert len(reader.shapes) == 8


@pytest.mark.parametrize(("text", "score"), [("?!", 0.0), ("R ?", 0.3), ("", 0.0)])
def test_only_letters_and_digits_score(text: str, score: float) -> None:
    read = read_from_all_sides(film_with_bright_corner((40, 30)), BOX, CornerReader(text))
    assert read.score == pytest.approx(score)
    assert read.text == (text if score else "")
    assert read.quad == BOX


def test_a_quad_is_warped_upright() -> None:
    image = np.zeros((100, 100), np.uint8)
    image[40:60, 30:70] = np.arange(40) * 5
    turned = as_quad([(30, 60), (30, 40), (70, 40), (70, 60)])  # text that reads from bottom to top
    cut = cut_upright(image, turned)
    assert cut.shape == (96, 48)
    assert cut[5, 24] < cut[90, 24]


@pytest.mark.parametrize(
    "unread",
    [
        Marker(BOX, style="symbol"),
        Marker(BOX, style="plate"),
        Marker(box_quad(40, 30, 100, 35), style="burned"),  # 5 px high
    ],
)
def test_symbols_plates_and_tiny_markers_are_not_read(unread: Marker) -> None:
    reader = CornerReader()
    assert read_markers(film_with_bright_corner((40, 30)), [unread], reader) == [unread]
    assert reader.shapes == []


@pytest.mark.parametrize(
    ("text", "confidence", "read"), [(" L7 ", 0.9, ""), ("L7", 0.9, "L7"), ("L7", 0.4, ""), ("L?", 0.9, "")]
)
def test_text_with_a_low_score_is_discarded(text: str, confidence: float, read: str) -> None:
    unread = Marker(BOX, confidence=0.8, style="lead")
    (marker,) = read_markers(film_with_bright_corner((40, 30)), [unread], CornerReader(text, confidence))
    assert marker == Marker(BOX, read, 0.8, "lead")


@pytest.mark.parametrize("mirrored", [False, True], ids=["plain", "mirrored"])
def test_a_legible_line_is_read_plain_and_mirrored(mirrored: bool) -> None:
    image = write_text(film(shape=(120, 240)), "LA92", (60, 80), 1.5)
    quad = as_quad([(55, 42), (175, 42), (175, 86), (55, 86)])
    if mirrored:
        image = np.ascontiguousarray(image[:, ::-1])
        quad = as_quad([(240 - x, y) for x, y in quad])
    assert is_mirrored(quad) is mirrored
    (marker,) = read_markers(image, [Marker(quad, style="burned")], RapidReader())
    assert marker == Marker(quad, "LA92", style="burned")
