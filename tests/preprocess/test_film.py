import numpy as np
import pytest

from preprocess.clean import CleanSettings, clean_image
from preprocess.markers import Marker, box_quad

from .conftest import film


class Fixed:
    """A detector that always finds the same."""

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
def test_confident_markers_are_erased_and_nothing_else_changes(shape: tuple[int, ...], kind: str) -> None:
    image = film(shape=shape, dtype=kind)
    before = image.copy()
    cleaned = clean_image(image, Fixed(0.9, 0.1), CleanSettings())
    assert [marker.confidence for marker in cleaned.markers] == [0.9]
    assert cleaned.mask[15, 60]
    assert not cleaned.mask[35, 60]
    assert np.array_equal(cleaned.image[~cleaned.mask], before[~cleaned.mask])
    assert not np.array_equal(cleaned.image[cleaned.mask], before[cleaned.mask])
    assert np.array_equal(image, before)


def test_a_film_without_markers_stays_as_it_is() -> None:
    image = film()
    cleaned = clean_image(image, Fixed(), CleanSettings())
    assert np.array_equal(cleaned.image, image)
    assert not cleaned.mask.any()
