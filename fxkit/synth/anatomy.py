"""Choose the anatomy of a synthetic patient at random: forearm bones, hand, soft tissue and fractures.

The bones and the soft tissue are tubes; see `fxkit.synth.tubes` for their coordinates.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fxkit.synth.tubes import Fracture, Tube


@dataclass(frozen=True)
class Patient:
    """One synthetic forearm.

    Args:
        forearm: radius and ulna first, then the epiphyses of a child.
        hand: carpal bones, metacarpals and phalanges.
        arm_flesh: soft tissue of the forearm.
        hand_flesh: soft tissue of the hand.
        hand_follows: the fracture whose displacement moves the hand; None if the hand stays in place.
        side: L or R.
        fractured: the class.
        severity: from 0 (subtle) to 1 (obvious); 0 without a fracture.
    """

    forearm: tuple[Tube, ...]
    hand: tuple[Tube, ...]
    arm_flesh: tuple[Tube, ...]
    hand_flesh: tuple[Tube, ...]
    hand_follows: Fracture | None
    side: str
    fractured: bool
    severity: float


def choose_patient(rng: np.random.Generator, fractured: bool, min_severity: float = 0.0) -> Patient:
    """Choose a random forearm.

    All properties but the fracture are chosen first and do not depend on the class.

    Args:
        fractured: the class.
        min_severity: lowest severity of a fracture, from 0 to 1.
    """
    child = bool(rng.random() < 0.45)
    radius, ulna = _choose_radius(rng), _choose_ulna(rng)
    caps: tuple[Tube, ...] = ()
    if child:
        radius, caps = _add_growth_plate(rng, radius)
    hand, fingers = _choose_hand(rng, child)
    flesh = _choose_arm_flesh(rng)
    side = "L" if rng.random() < 0.5 else "R"
    if not fractured:
        return Patient((radius, ulna, *caps), hand, flesh, fingers, None, side, False, 0.0)
    severity = float(min_severity + (1 - min_severity) * rng.beta(1.6, 1.4))
    radius, ulna, hand_follows = _break_bones(rng, radius, ulna, severity)
    return Patient((radius, ulna, *caps), hand, flesh, fingers, hand_follows, side, True, severity)


def _vary(rng: np.random.Generator, values: Sequence[float], share: float) -> tuple[float, ...]:
    return tuple(float(v * rng.uniform(1 - share, 1 + share)) for v in values)


def _choose_radius(rng: np.random.Generator) -> Tube:
    half = _vary(rng, [14.5, 13.8, 9.3, 7.3, 6.9, 7.0, 7.2, 7.3, 7.2, 7.0, 6.6, 6.8, 7.4, 10.5], 0.03)
    scale = rng.uniform(0.9, 1.06)
    return Tube(
        (13 + rng.uniform(-1, 1), 1.5, 2.0),
        (9 + rng.uniform(-2, 2), 232.0, 4.0),
        tuple(h * scale for h in half),
        depth=rng.uniform(0.72, 0.84),
        bow_mm=rng.uniform(3, 9),
        round_mm=(4.0, 4.0),
        cortex_mm=_vary(rng, [0.7, 0.8, 1.5, 2.4, 2.9, 3.1, 3.1, 3.0, 2.8, 2.5, 2.0, 1.2, 0.9], 0.06),
        spongy=(1.0, 0.95, 0.6, 0.3, 0.2, 0.15, 0.15, 0.15, 0.15, 0.2, 0.3, 0.6, 1.0),
    )


def _choose_ulna(rng: np.random.Generator) -> Tube:
    half = _vary(rng, [7.6, 8.2, 6.0, 5.6, 5.8, 6.2, 6.4, 6.5, 6.8, 7.0, 7.5, 9.0, 11.0, 12.5], 0.03)
    scale = rng.uniform(0.9, 1.06)
    return Tube(
        (-13 + rng.uniform(-1, 1), 3.5 + rng.uniform(-1.5, 3), -3.0),
        (-10 + rng.uniform(-2, 2), 246.0, -6.0),
        tuple(h * scale for h in half),
        depth=rng.uniform(0.85, 1.0),
        bow_mm=rng.uniform(-4, 3),
        round_mm=(6.0, 6.0),
        cortex_mm=_vary(rng, [0.7, 0.9, 1.7, 2.2, 2.6, 2.8, 2.8, 2.8, 2.6, 2.4, 2.0, 1.5, 1.0], 0.06),
        spongy=(0.9, 0.8, 0.5, 0.3, 0.2, 0.15, 0.15, 0.15, 0.15, 0.2, 0.3, 0.6, 1.0),
    )


def _add_growth_plate(rng: np.random.Generator, radius: Tube) -> tuple[Tube, tuple[Tube, ...]]:
    """Shorten the radius and add its distal epiphysis, which is separated by the growth plate."""
    x, y, z = radius.a
    thick, gap, half = rng.uniform(5, 8), rng.uniform(1.2, 2.4), radius.half_mm[0] * rng.uniform(0.8, 0.98)
    cap = Tube(
        (x, y, z),
        (x - rng.uniform(0, 1), y + thick, z),
        (half * 0.92, half, half * 0.97),
        depth=radius.depth,
        round_mm=(3.5, 2.2),
        cortex_mm=(0.8,),
        spongy=(1.0,),
    )
    return replace(radius, a=(x, y + thick + gap, z), round_mm=(2.2, 4.0)), (cap,)


CARPALS = (  # x, y, z, half width, half height, ratio of depth to width
    (14.5, -11, 4, 6.6, 9.0, 1.0),
    (4.0, -10, 0, 6.8, 7.2, 1.1),
    (-7.0, -12, -2, 6.2, 6.6, 1.1),
    (-10.0, -12, 8, 4.4, 5.2, 1.0),
    (19.0, -25, 6, 6.8, 6.6, 1.0),
    (9.5, -26, 1, 5.4, 5.8, 1.4),
    (1.0, -24, 0, 6.4, 10.2, 1.4),
    (-9.0, -25, 1, 7.2, 8.2, 1.3),
)

RAYS = (  # base x, y, z; direction in degrees; lengths of metacarpal and phalanges in mm
    (22.0, -31.0, 9.0, 42.0, (40, 29, 21)),
    (11.5, -34.5, 0.0, 8.0, (60, 38, 23)),
    (2.0, -36.0, 0.0, 1.0, (57, 42, 27)),
    (-6.5, -35.0, 0.0, -6.0, (51, 39, 26)),
    (-13.5, -34.0, 1.0, -15.0, (48, 31, 19)),
)


def _choose_hand(rng: np.random.Generator, child: bool) -> tuple[tuple[Tube, ...], tuple[Tube, ...]]:
    bones = [_choose_carpal(rng, row, child) for row in CARPALS]
    flesh = [
        Tube((1.0, -92.0, 1.0), (0.0, 34.0, 1.0), (35, 39, 39, 36, 31, 28, 27), 0.5, 0.0, (16.0, 40.0)),
        Tube((28.0, -58.0, 12.0), (6.0, 14.0, 8.0), (11, 16, 18, 17, 14), 0.9, 0.0, (14.0, 30.0)),
    ]
    spread, curl = rng.uniform(0.7, 1.7), rng.uniform(0.0, 0.35)
    for number, row in enumerate(RAYS):
        ray = _choose_ray(rng, row, 1.0 if number == 0 else spread, 0.3 if number == 0 else curl)
        bones += ray
        flesh += [_wrap_in_flesh(bone) for bone in (ray if number == 0 else ray[1:])]
    return tuple(bones), tuple(flesh)


def _choose_carpal(rng: np.random.Generator, row: tuple[float, ...], child: bool) -> Tube:
    x, y, z, half, height, depth = row
    scale = rng.uniform(0.75, 0.98) if child else rng.uniform(1.0, 1.1)
    x, y, lean = x + rng.uniform(-0.8, 0.8), y + rng.uniform(-0.8, 0.8), rng.uniform(-2.5, 2.5)
    half, height = half * scale, height * scale
    return Tube(
        (x + lean, y - height, z),
        (x - lean, y + height, z),
        _vary(rng, (half * 0.85, half, half * 0.9, half, half * 0.85), 0.07),
        depth,
        round_mm=(height * rng.uniform(0.35, 0.7), height * rng.uniform(0.35, 0.7)),
        cortex_mm=(0.6,),
        spongy=(0.8,),
    )


def _choose_ray(rng: np.random.Generator, row: tuple[Any, ...], spread: float, curl: float) -> list[Tube]:
    """Return a metacarpal and two phalanges, each bent a little more towards the palm."""
    x, y, z, heading, lengths = row
    point, lift = np.array([x, y, z], float), rng.uniform(0.0, 0.1)
    heading = np.radians(heading * spread + rng.uniform(-2, 2))
    bones = []
    for number, length in enumerate(lengths):
        direction = np.array([np.sin(heading) * np.cos(lift), -np.cos(heading) * np.cos(lift), np.sin(lift)])
        tip = point + direction * length * rng.uniform(0.96, 1.04)
        bones.append(_choose_digit(rng, tip, point, (1.0, 0.88, 0.72)[number]))
        point, lift = tip + direction * 1.8, lift + curl
    return bones


def _choose_digit(rng: np.random.Generator, tip: Any, base: Any, size: float) -> Tube:
    half = _vary(rng, [5.6, 5.9, 4.6, 4.0, 4.0, 4.5, 5.6, 6.3], 0.05)
    return Tube(
        (float(tip[0]), float(tip[1]), float(tip[2])),
        (float(base[0]), float(base[1]), float(base[2])),
        tuple(h * size for h in half),
        depth=0.9,
        round_mm=(3.5 * size, 2.5 * size),
        cortex_mm=(0.6, 0.8, 1.5, 1.8, 1.8, 1.4, 0.8, 0.6),
        spongy=(0.9, 0.6, 0.3, 0.25, 0.25, 0.3, 0.6, 0.9),
    )


def _wrap_in_flesh(bone: Tube) -> Tube:
    return replace(
        bone, half_mm=tuple(h + 4.5 for h in bone.half_mm), depth=0.95, round_mm=(7.0, 7.0), cortex_mm=(0.0,)
    )


def _choose_arm_flesh(rng: np.random.Generator) -> tuple[Tube, ...]:
    stout = rng.uniform(0.85, 1.2)
    half = _vary(rng, [27, 27, 28, 30, 32.5, 36, 40, 43.5, 46, 46], 0.02)
    whole = Tube(
        (0.0, -40.0, 0.0),
        (rng.uniform(-4, 4), 300.0, 0.0),
        tuple(h * (1 + (stout - 1) * 0.7) for h in half),
        depth=rng.uniform(0.68, 0.85),
        bow_mm=rng.uniform(-3, 3),
        round_mm=(45.0, 10.0),
    )
    return (whole,)


def _break_bones(
    rng: np.random.Generator, radius: Tube, ulna: Tube, severity: float
) -> tuple[Tube, Tube, Fracture | None]:
    """Return radius and ulna with a fracture in one or both, and the fracture whose displacement moves the hand."""
    distal, both = rng.random() < 0.6, rng.random() < 0.15 + 0.5 * severity
    at = rng.uniform(0.065, 0.15) if distal else rng.uniform(0.16, 0.27)
    fracture = _choose_fracture(rng, float(at), severity, 0.45 if distal or both else 0.12)
    if both:
        partner = replace(fracture, at=float(at + rng.uniform(-0.03, 0.03)), jag=_choose_jag(rng))
        return replace(radius, fracture=fracture), replace(ulna, fracture=partner), fracture
    if distal:
        return replace(radius, fracture=fracture), ulna, fracture
    splinted = _limit_displacement(fracture)
    if rng.random() < 0.6:
        return replace(radius, fracture=splinted), ulna, None
    return radius, replace(ulna, fracture=splinted), None


def _limit_displacement(fracture: Fracture) -> Fracture:
    """Return the fracture with a small displacement: an intact second bone holds the parts and the hand in place."""
    x, z = fracture.shift_mm
    return replace(fracture, shift_mm=(0.3 * x, 0.3 * z), gap_mm=float(np.clip(fracture.gap_mm, -0.8, 1.4)))


def _choose_fracture(rng: np.random.Generator, at: float, severity: float, bend: float) -> Fracture:
    shift = np.clip(severity**1.3 * rng.normal(0, 4.0, 2), -8, 8)
    bends = np.clip(severity * rng.normal(0, bend * 0.6, 2), -bend, bend)
    oblique = rng.random() < 0.4
    tilt = rng.normal(0, 0.7 if oblique else 0.15, 2)
    driven_in = rng.random() < 0.2
    gap = -rng.uniform(0.5, 1 + 2.5 * severity) if driven_in else rng.uniform(0.35, 0.9) + 1.3 * severity
    return Fracture(
        at,
        (float(tilt[0]), float(tilt[1])),
        (float(shift[0]), float(shift[1])),
        float(gap),
        (float(bends[0]), float(bends[1])),
        _choose_jag(rng),
    )


def _choose_jag(rng: np.random.Generator) -> tuple[float, float, float]:
    size, first, second = rng.uniform([0.2, 0, 0], [0.9, 6.28, 6.28])
    return float(size), float(first), float(second)
