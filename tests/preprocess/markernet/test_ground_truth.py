import numpy as np
import pytest

from preprocess.markernet.ground_truth import write_truth
from preprocess.markernet.marker_parts import Area

QUAD = np.array([(40.0, 30), (80, 30), (80, 60), (40, 60)])


@pytest.mark.parametrize("mirrored", [0, 1])
def test_the_ground_truth_has_the_direction_of_text(mirrored: int) -> None:
    truth = np.zeros((6, 60, 60), np.int8)
    downwards = QUAD[[2, 3, 0, 1]]  # upside down
    write_truth(truth, Area(downwards[[1, 0, 3, 2]] if mirrored else downwards, "burned", "R"))
    assert (truth[:, 22, 30] == [1, 0, 0, 0, 100, mirrored]).all()
    assert 15 * 20 <= truth[0].sum() <= 17 * 22
