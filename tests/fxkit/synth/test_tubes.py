"""Absorption of bones: cortex, marrow and fractures."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxkit.synth.tubes import Fracture, Tube, absorb, trace_rays


def test_cortex_absorbs_more_than_marrow_and_nothing_is_absorbed_beside_the_bone() -> None:
    bone = Tube((0, 0, 0), (0, 100, 0), (10.0,), cortex_mm=(3.0,), spongy=(0.2,))
    x = np.array([[0.0, 8.5, 20.0]], np.float32)
    middle, rim, beside = absorb(bone, x, np.full_like(x, 50), 0.0, np.zeros_like(x))[0]
    assert rim > 1.3 * middle > 0
    assert beside == 0


@given(st.floats(0, 3.1), st.floats(-9, 9))
@settings(max_examples=30, deadline=None)
def test_a_round_tube_has_the_chord_of_a_circle_in_every_view(turn: float, s: float) -> None:
    tube = Tube((0, 0, 0), (0, 100, 0), (10.0,))
    whole = trace_rays(tube, np.array([[s]], np.float32), np.array([[50.0]], np.float32), turn)[0]
    assert float(whole[0, 0]) == pytest.approx(2 * np.sqrt(100 - s * s), rel=1e-3)


def test_a_fracture_is_a_dark_gap_or_a_dense_line_if_impacted() -> None:
    whole = Tube((0, 0, 0), (0, 100, 0), (10.0,), cortex_mm=(3.0,), spongy=(0.2,))
    y = np.linspace(30, 70, 400, dtype=np.float32)[:, None]
    absorbed = {}
    for gap in (2.0, -2.0):
        fracture = Fracture(0.5, (0, 0), (0, 0), gap, (0, 0), (0, 0, 0))
        tube = replace(whole, fracture=fracture)
        absorbed[gap] = absorb(tube, np.zeros_like(y), y, 0.0, np.zeros_like(y))
    usual = float(absorb(whole, np.zeros_like(y), y, 0.0, np.zeros_like(y)).mean())
    assert absorbed[2.0].min() < 0.1 * usual
    assert absorbed[-2.0].max() > 1.8 * usual
