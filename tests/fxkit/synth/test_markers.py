"""Style, text and geometry of the markers on synthetic films."""

import numpy as np
import pytest

from fxkit.synth.markers import choose_style, text_patch


@pytest.mark.parametrize("correlation", [0.0, 0.4, 1.0])
def test_marker_style_depends_on_the_class_as_strongly_as_requested(correlation: float) -> None:
    rng = np.random.default_rng(0)
    for fractured, sign in ((True, 1), (False, -1)):
        lead = np.mean([choose_style(rng, fractured, correlation) == "lead" for _ in range(4000)])
        assert lead == pytest.approx((1 + sign * correlation) / 2, abs=0.03)


def test_text_patches_have_no_empty_border() -> None:
    patch = text_patch("RB07", "DejaVuSans.ttf")
    assert all(edge.any() for edge in (patch[0], patch[-1], patch[:, 0], patch[:, -1]))
