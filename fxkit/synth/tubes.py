"""Bones and soft tissue of a synthetic forearm as tubes, and what an X-ray beam loses in them.

Limb coordinates are millimetres: x across the limb (positive towards the thumb), y along it (0 at the wrist, positive
towards the elbow), z in depth. A film that is rotated by `turn` about the axis of the limb shows
x cos(turn) + z sin(turn): 0 is the postero-anterior view, 90 degrees the lateral view.

The absorption of a ray depends on its path length in cortex and marrow. Cortex is therefore bright at the rims without
further modelling, overlapping bones add up, and all films of one patient are consistent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

Point = tuple[float, float, float]

MU_CORTEX = 0.050  # absorption per mm, in excess of soft tissue

MU_SPONGY = 0.017

MU_FLESH = 0.021


@dataclass(frozen=True)
class Fracture:
    """A break through a bone.

    Args:
        at: position along the bone, from 0 to 1.
        tilt: slope of the break across x and z.
        shift_mm: displacement of the distal part along x and z.
        gap_mm: distance between the parts; below 0 they are impacted.
        bend: angulation of the distal part in x and z, radians.
        jag: size of the teeth of the break in mm, and their two phases.
    """

    at: float
    tilt: tuple[float, float]
    shift_mm: tuple[float, float]
    gap_mm: float
    bend: tuple[float, float]
    jag: tuple[float, float, float]


@dataclass(frozen=True)
class Tube:
    """A bone or a piece of soft tissue.

    Args:
        a: distal end, mm.
        b: proximal end, mm.
        half_mm: half widths at equal steps from a to b.
        depth: ratio of depth to width.
        bow_mm: sideways bow at the middle.
        round_mm: radius of the rounding at each end.
        cortex_mm: thickness of the cortex at equal steps; (0.0,) means that there is no cortex.
        spongy: density of the marrow space at equal steps.
        fracture: the break, if any.
    """

    a: Point
    b: Point
    half_mm: tuple[float, ...]
    depth: float = 1.0
    bow_mm: float = 0.0
    round_mm: tuple[float, float] = (3.0, 3.0)
    cortex_mm: tuple[float, ...] = (0.0,)
    spongy: tuple[float, ...] = (1.0,)
    fracture: Fracture | None = None


def interpolate(values: Sequence[float], t: Array) -> Array:
    """Interpolate values given at equal steps of t from 0 to 1."""
    if len(values) == 1:
        return np.full_like(t, values[0])
    return np.interp(t, np.linspace(0, 1, len(values)), values).astype(np.float32)


def project_axis(tube: Tube, turn: float) -> tuple[Array, Array, float]:
    """Return the distal end on the film, the unit direction to the proximal end, and the length, in mm."""
    c, s = np.cos(turn), np.sin(turn)
    a = np.array([tube.a[0] * c + tube.a[2] * s, tube.a[1]], np.float32)
    b = np.array([tube.b[0] * c + tube.b[2] * s, tube.b[1]], np.float32)
    length = max(float(np.hypot(*(b - a))), 1.0)
    return a, (b - a) / length, length


def trace_rays(tube: Tube, x: Array, y: Array, turn: float) -> tuple[Array, Array, Array, Array]:
    """Return path lengths and tube coordinates of the rays through the film points (x, y).

    Returns:
        Length in cortex (mm), length in marrow (mm), position t along the tube from 0 to 1, and distance s across the
        tube (mm).
    """
    a, e, length = project_axis(tube, turn)
    t = ((x - a[0]) * e[0] + (y - a[1]) * e[1]) / length
    s = (x - a[0]) * -e[1] + (y - a[1]) * e[0]
    s = s - tube.bow_mm * np.cos(turn) * 4 * t * (1 - t)
    half = interpolate(tube.half_mm, t)
    c2, s2 = np.cos(turn) ** 2, np.sin(turn) ** 2
    width = half * np.sqrt(c2 + tube.depth**2 * s2)
    depth = half * np.sqrt(s2 + tube.depth**2 * c2)
    whole = _chord(t * length, (1 - t) * length, s, width, depth, tube.round_mm)
    if tube.cortex_mm == (0.0,):
        return whole, whole, t, s
    shell = interpolate(tube.cortex_mm, t)
    marrow = _chord(t * length - shell, (1 - t) * length - shell, s, width - shell, depth - shell, tube.round_mm)
    return whole - marrow, marrow, t, s


def _chord(from_a: Array, from_b: Array, s: Array, width: Array, depth: Array, ends: tuple[float, float]) -> Array:
    """Return the length of a ray through an elliptic tube with rounded ends; all distances are in mm."""
    inside = 1 - (s / np.maximum(width, 1e-3)) ** 2
    for distance, radius in ((from_a, ends[0]), (from_b, ends[1])):
        inside = inside - np.square(np.clip((radius - distance) / radius, 0, 4))
    return 2 * np.maximum(depth, 0) * np.sqrt(np.maximum(inside, 0))


def absorb(tube: Tube, x: Array, y: Array, turn: float, texture: Array) -> Array:
    """Return the absorption of a bone at the film points (x, y); the two parts of a broken bone are summed."""
    if tube.fracture is None:
        return _absorb_whole(tube, x, y, turn, texture)[0]
    fracture = tube.fracture
    proximal, t, s = _absorb_whole(tube, x, y, turn, texture)
    total = proximal * _proximal_share(tube, t, s, turn)
    moved_x, moved_y = undo_displacement(tube, fracture, x, y, turn)
    distal, t, s = _absorb_whole(tube, moved_x, moved_y, turn, texture)
    return np.asarray(total + distal * (1 - _proximal_share(tube, t, s, turn)), np.float32)


def _absorb_whole(tube: Tube, x: Array, y: Array, turn: float, texture: Array) -> tuple[Array, Array, Array]:
    cortex, marrow, t, s = trace_rays(tube, x, y, turn)
    density = interpolate(tube.spongy, t) * (1 + texture)
    return MU_CORTEX * cortex + MU_SPONGY * marrow * density, t, s


def _proximal_share(tube: Tube, t: Array, s: Array, turn: float) -> Array:
    """Return the share of each ray on the proximal side of the break, which is sharp if the beam runs along it."""
    fracture, length = tube.fracture, project_axis(tube, turn)[2]
    assert fracture is not None
    slope = fracture.tilt[0] * np.cos(turn) + fracture.tilt[1] * np.sin(turn)
    along = abs(fracture.tilt[1] * np.cos(turn) - fracture.tilt[0] * np.sin(turn))
    size, first, second = fracture.jag
    teeth = size * (np.sin(0.9 * s + first) + 0.6 * np.sin(2.3 * s + second))
    beyond = (t - fracture.at) * length - slope * s - teeth
    return np.asarray(np.clip(beyond / (0.5 + 3.0 * along) + 0.5, 0, 1))


def undo_displacement(tube: Tube, fracture: Fracture, x: Array, y: Array, turn: float) -> tuple[Array, Array]:
    """Return the film points where the points (x, y) of the distal part lay before the fracture displaced it."""
    a, e, length = project_axis(tube, turn)
    pivot = a + e * length * fracture.at
    c, s = np.cos(turn), np.sin(turn)
    bend = fracture.bend[0] * c + fracture.bend[1] * s
    shift = fracture.shift_mm[0] * c + fracture.shift_mm[1] * s
    u, v = x - pivot[0] - shift, y - pivot[1] + fracture.gap_mm
    cos, sin = np.cos(bend), np.sin(bend)
    return pivot[0] + u * cos - v * sin, pivot[1] + u * sin + v * cos
