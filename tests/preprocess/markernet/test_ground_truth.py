import numpy as np
import pytest

from preprocess.markernet.ground_truth import empty_truth, write_truth
from preprocess.markernet.marker_parts import UNKNOWN, Area

QUAD = np.array([(40.0, 30), (80, 30), (80, 60), (40, 60)])


@pytest.mark.parametrize("mirrored", [0, 1])
def test_the_ground_truth_has_the_direction_of_text(mirrored: int) -> None:
    truth = np.zeros((6, 60, 60), np.int8)
    downwards = QUAD[[2, 3, 0, 1]]  # upside down
    write_truth(truth, Area(downwards[[1, 0, 3, 2]] if mirrored else downwards, "burned", "R"))
    assert (truth[:, 22, 30] == [1, 0, 0, 0, 100, mirrored]).all()
    assert 15 * 20 <= truth[0].sum() <= 17 * 22


def test_unknown_parts_of_a_film_are_left_out_but_never_hide_a_marker() -> None:
    wide = QUAD + np.array([(-20, -20), (20, -20), (20, 20), (-20, 20)])
    for areas in ([Area(QUAD, "lead", "R"), Area(wide, UNKNOWN)], [Area(wide, UNKNOWN), Area(QUAD, "lead", "R")]):
        truth = empty_truth(120)
        for area in areas:
            write_truth(truth, area)
        assert (truth[0, 22, 30], truth[0, 12, 30], truth[0, 2, 2]) == (1, -1, 0)
        assert truth[1, 12, 30] == -1
