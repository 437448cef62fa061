import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.markernet.laying import lay_ink, patch_corners, patch_matrix
from preprocess.markers import as_quad, is_mirrored

PATCH = (10, 20)  # height and width
MIDDLE = np.array([50.0, 30.0])


@pytest.mark.parametrize(
    ("angle", "mirrored", "expected"),
    [
        (0, False, [(40, 25), (60, 25), (60, 35), (40, 35)]),
        (90, False, [(55, 20), (55, 40), (45, 40), (45, 20)]),  # clockwise: text that ran to the right runs down
        (180, False, [(60, 35), (40, 35), (40, 25), (60, 25)]),
        (0, True, [(60, 25), (40, 25), (40, 35), (60, 35)]),
        (90, True, [(55, 40), (55, 20), (45, 20), (45, 40)]),
    ],
)
def test_the_corners_of_a_patch_follow_angle_and_mirroring(angle: float, mirrored: bool, expected: list) -> None:
    quad = patch_corners(PATCH, patch_matrix(PATCH, 10, angle, mirrored, MIDDLE))
    assert quad == pytest.approx(np.array(expected))
    assert is_mirrored(as_quad(quad)) is mirrored


def test_by_default_the_centre_of_a_patch_is_the_origin() -> None:
    (ax, ay), (bx, by), _, (_, dy) = patch_corners((10, 40), patch_matrix((10, 40), 10, 0, mirrored=False))
    assert (ax < bx, ay == by, ay < dy) == (True, True, True)
    (mirrored_ax, _), (mirrored_bx, _), _, _ = patch_corners((10, 40), patch_matrix((10, 40), 10, 0, mirrored=True))
    assert mirrored_ax > mirrored_bx
    assert ax + bx == ay + dy == 0


def test_a_margin_is_in_pixels_of_the_patch() -> None:
    quad = patch_corners(PATCH, patch_matrix(PATCH, 30, 0, False, MIDDLE), margin=2)
    assert quad == pytest.approx(np.array([(14, 9), (86, 9), (86, 51), (14, 51)]))


@pytest.mark.parametrize(("angle", "rows"), [(0, slice(25, 35)), (90, slice(20, 30))])
def test_ink_is_laid_exactly_on_its_pixels(angle: float, rows: slice) -> None:
    """The left half of the patch has ink; after a clockwise rotation it is the upper half."""
    ink = np.zeros(PATCH, np.uint8)
    ink[:, :10] = 255
    laid = lay_ink(ink, patch_matrix(PATCH, 10, angle, False, MIDDLE), (60, 100))
    columns = slice(40, 50) if angle == 0 else slice(45, 55)
    assert laid[rows, columns] == pytest.approx(np.ones((10, 10)), abs=1e-3)
    assert laid.sum() == pytest.approx(100, abs=0.1)


@settings(max_examples=40, deadline=None)
@given(angle=st.floats(0, 360), height=st.floats(8, 60), mirrored=st.booleans())
def test_ink_keeps_its_position_and_area_at_any_angle_and_size(angle: float, height: float, mirrored: bool) -> None:
    laid = lay_ink(
        np.full((40, 60), 255, np.uint8), patch_matrix((40, 60), height, angle, mirrored, (80, 64)), (128, 160)
    )
    y, x = np.indices(laid.shape) + 0.5
    assert laid.sum() == pytest.approx(1.5 * height**2, rel=0.12)
    assert (laid * x).sum() / laid.sum() == pytest.approx(80, abs=0.3)
    assert (laid * y).sum() / laid.sum() == pytest.approx(64, abs=0.3)
