"""A made-up forearm: bones as tubes with cortex and marrow, their fractures, and the flesh around them.

Limb coordinates are millimetres: x across (towards the thumb), y along (0 at the wrist, the elbow positive),
z depth. A film turned by `turn` about the limb's axis sees x cos(turn) + z sin(turn): 0 is postero-anterior,
90 degrees lateral. What a ray meets is its length within cortex and marrow, so cortex brightens at the rims
by itself, overlapping bones add up, and two films of one patient agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

Point = tuple[float, float, float]


MU_CORTEX = 0.050  # per mm, in excess of flesh

MU_SPONGY = 0.017

MU_FLESH = 0.021


@dataclass(frozen=True)
class Fracture:
    at: float  # where along the bone, 0 to 1
    tilt: tuple[float, float]  # slope of the break across x and z
    shift_mm: tuple[float, float]  # the distal part's displacement along x and z
    gap_mm: float  # below 0: driven into one another
    bend: tuple[float, float]  # the distal part's angulation in x and z, radians
    jag: tuple[float, float, float]  # size in mm and two phases of the break's teeth


@dataclass(frozen=True)
class Tube:
    """A bone or a piece of flesh from a (distal) to b (proximal)."""

    a: Point
    b: Point
    half_mm: tuple[float, ...]  # half widths at equal steps from a to b
    depth: float = 1.0  # depth : width
    bow_mm: float = 0.0
    round_mm: tuple[float, float] = (3.0, 3.0)  # how far the ends are rounded
    cortex_mm: tuple[float, ...] = (0.0,)
    spongy: tuple[float, ...] = (1.0,)  # density of the marrow space
    fracture: Fracture | None = None


@dataclass(frozen=True)
class Patient:
    forearm: tuple[Tube, ...]  # radius and ulna first
    hand: tuple[Tube, ...]
    arm_flesh: tuple[Tube, ...]
    hand_flesh: tuple[Tube, ...]
    hand_follows: Fracture | None  # the fracture that carries the hand along
    side: str  # L or R
    fractured: bool
    severity: float  # 0 subtle to 1 plain; 0 without a fracture


def steps(values: Sequence[float], t: Array) -> Array:
    """Interpolate values that stand at equal steps of t from 0 to 1."""
    if len(values) == 1:
        return np.full_like(t, values[0])
    return np.interp(t, np.linspace(0, 1, len(values)), values).astype(np.float32)


def axis(tube: Tube, turn: float) -> tuple[Array, Array, float]:
    """Return the projected distal end, the unit direction to the proximal end, and the length."""
    c, s = np.cos(turn), np.sin(turn)
    a = np.array([tube.a[0] * c + tube.a[2] * s, tube.a[1]], np.float32)
    b = np.array([tube.b[0] * c + tube.b[2] * s, tube.b[1]], np.float32)
    length = max(float(np.hypot(*(b - a))), 1.0)
    return a, (b - a) / length, length


def rays(tube: Tube, x: Array, y: Array, turn: float) -> tuple[Array, Array, Array, Array]:
    """Return, for the points (x, y) of the projection: length in cortex, length in marrow, t and s.

    t runs from 0 to 1 along the tube, s in mm across it.
    """
    a, e, length = axis(tube, turn)
    t = ((x - a[0]) * e[0] + (y - a[1]) * e[1]) / length
    s = (x - a[0]) * -e[1] + (y - a[1]) * e[0]
    s = s - tube.bow_mm * np.cos(turn) * 4 * t * (1 - t)
    half = steps(tube.half_mm, t)
    c2, s2 = np.cos(turn) ** 2, np.sin(turn) ** 2
    width = half * np.sqrt(c2 + tube.depth**2 * s2)
    depth = half * np.sqrt(s2 + tube.depth**2 * c2)
    whole = _chord(t * length, (1 - t) * length, s, width, depth, tube.round_mm)
    if tube.cortex_mm == (0.0,):
        return whole, whole, t, s
    shell = steps(tube.cortex_mm, t)
    marrow = _chord(t * length - shell, (1 - t) * length - shell, s, width - shell, depth - shell, tube.round_mm)
    return whole - marrow, marrow, t, s


def _chord(from_a: Array, from_b: Array, s: Array, width: Array, depth: Array, ends: tuple[float, float]) -> Array:
    """Length of a ray through an elliptic tube with rounded ends, at distances in mm."""
    inside = 1 - (s / np.maximum(width, 1e-3)) ** 2
    for distance, radius in ((from_a, ends[0]), (from_b, ends[1])):
        inside = inside - np.square(np.clip((radius - distance) / radius, 0, 4))
    return 2 * np.maximum(depth, 0) * np.sqrt(np.maximum(inside, 0))


def absorption(tube: Tube, x: Array, y: Array, turn: float, texture: Array) -> Array:
    """Return what a bone absorbs at the points (x, y), in two parts where it is broken."""
    if tube.fracture is None:
        return _absorption(tube, x, y, turn, texture)[0]
    fracture = tube.fracture
    upper, t, s = _absorption(tube, x, y, turn, texture)
    total = upper * _proximal(tube, t, s, turn)
    moved_x, moved_y = carry(tube, fracture, x, y, turn)
    lower, t, s = _absorption(tube, moved_x, moved_y, turn, texture)
    return np.asarray(total + lower * (1 - _proximal(tube, t, s, turn)), np.float32)


def _absorption(tube: Tube, x: Array, y: Array, turn: float, texture: Array) -> tuple[Array, Array, Array]:
    cortex, marrow, t, s = rays(tube, x, y, turn)
    density = steps(tube.spongy, t) * (1 + texture)
    return MU_CORTEX * cortex + MU_SPONGY * marrow * density, t, s


def _proximal(tube: Tube, t: Array, s: Array, turn: float) -> Array:
    """Share of the ray on the proximal side of the break: sharp where the beam runs along it."""
    fracture, length = tube.fracture, axis(tube, turn)[2]
    assert fracture is not None
    slope = fracture.tilt[0] * np.cos(turn) + fracture.tilt[1] * np.sin(turn)
    along = abs(fracture.tilt[1] * np.cos(turn) - fracture.tilt[0] * np.sin(turn))
    size, first, second = fracture.jag
    teeth = size * (np.sin(0.9 * s + first) + 0.6 * np.sin(2.3 * s + second))
    beyond = (t - fracture.at) * length - slope * s - teeth
    return np.asarray(np.clip(beyond / (0.5 + 3.0 * along) + 0.5, 0, 1))


def carry(tube: Tube, fracture: Fracture, x: Array, y: Array, turn: float) -> tuple[Array, Array]:
    """Return where points of the film lay before the distal part moved."""
    a, e, length = axis(tube, turn)
    pivot = a + e * length * fracture.at
    c, s = np.cos(turn), np.sin(turn)
    bend = fracture.bend[0] * c + fracture.bend[1] * s
    shift = fracture.shift_mm[0] * c + fracture.shift_mm[1] * s
    u, v = x - pivot[0] - shift, y - pivot[1] + fracture.gap_mm
    cos, sin = np.cos(bend), np.sin(bend)
    return pivot[0] + u * cos - v * sin, pivot[1] + u * sin + v * cos


# ---- drawing a patient


def draw_patient(rng: np.random.Generator, fractured: bool, min_severity: float = 0.0) -> Patient:
    """Draw one forearm. Everything but the fracture is drawn before it, so class tells nothing else."""
    child = bool(rng.random() < 0.45)
    radius, ulna = _radius(rng), _ulna(rng)
    caps: tuple[Tube, ...] = ()
    if child:
        radius, caps = _growth_plate(rng, radius)
    hand, fingers = _hand(rng, child)
    flesh = _arm_flesh(rng)
    side = "L" if rng.random() < 0.5 else "R"
    if not fractured:
        return Patient((radius, ulna, *caps), hand, flesh, fingers, None, side, False, 0.0)
    severity = float(min_severity + (1 - min_severity) * rng.beta(1.6, 1.4))
    radius, ulna, follows = _break(rng, radius, ulna, severity)
    return Patient((radius, ulna, *caps), hand, flesh, fingers, follows, side, True, severity)


def _vary(rng: np.random.Generator, values: Sequence[float], share: float) -> tuple[float, ...]:
    return tuple(float(v * rng.uniform(1 - share, 1 + share)) for v in values)


def _radius(rng: np.random.Generator) -> Tube:
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


def _ulna(rng: np.random.Generator) -> Tube:
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


def _growth_plate(rng: np.random.Generator, radius: Tube) -> tuple[Tube, tuple[Tube, ...]]:
    """Cut the radius short and set an epiphysis on it."""
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


CARPALS = (  # x, y, z, half width, half height, depth : width
    (14.5, -11, 4, 6.6, 9.0, 1.0),
    (4.0, -10, 0, 6.8, 7.2, 1.1),
    (-7.0, -12, -2, 6.2, 6.6, 1.1),
    (-10.0, -12, 8, 4.4, 5.2, 1.0),
    (19.0, -25, 6, 6.8, 6.6, 1.0),
    (9.5, -26, 1, 5.4, 5.8, 1.4),
    (1.0, -24, 0, 6.4, 10.2, 1.4),
    (-9.0, -25, 1, 7.2, 8.2, 1.3),
)

RAYS = (  # base x, y, z; heading in degrees; lengths of the bones
    (22.0, -31.0, 9.0, 42.0, (40, 29, 21)),
    (11.5, -34.5, 0.0, 8.0, (60, 38, 23)),
    (2.0, -36.0, 0.0, 1.0, (57, 42, 27)),
    (-6.5, -35.0, 0.0, -6.0, (51, 39, 26)),
    (-13.5, -34.0, 1.0, -15.0, (48, 31, 19)),
)


def _hand(rng: np.random.Generator, child: bool) -> tuple[tuple[Tube, ...], tuple[Tube, ...]]:
    bones = [_carpal(rng, row, child) for row in CARPALS]
    flesh = [
        Tube((1.0, -92.0, 1.0), (0.0, 34.0, 1.0), (35, 39, 39, 36, 31, 28, 27), 0.5, 0.0, (16.0, 40.0)),
        Tube((28.0, -58.0, 12.0), (6.0, 14.0, 8.0), (11, 16, 18, 17, 14), 0.9, 0.0, (14.0, 30.0)),
    ]
    spread, curl = rng.uniform(0.7, 1.7), rng.uniform(0.0, 0.35)
    for number, row in enumerate(RAYS):
        more = _ray(rng, row, 1.0 if number == 0 else spread, 0.3 if number == 0 else curl)
        bones += more
        flesh += [_finger(bone) for bone in (more if number == 0 else more[1:])]
    return tuple(bones), tuple(flesh)


def _carpal(rng: np.random.Generator, row: tuple[float, ...], child: bool) -> Tube:
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


def _ray(rng: np.random.Generator, row: tuple[Any, ...], spread: float, curl: float) -> list[Tube]:
    """One finger: a metacarpal and two phalanges, each bent a little more towards the palm."""
    x, y, z, heading, lengths = row
    point, lift = np.array([x, y, z], float), rng.uniform(0.0, 0.1)
    heading = np.radians(heading * spread + rng.uniform(-2, 2))
    bones = []
    for number, length in enumerate(lengths):
        way = np.array([np.sin(heading) * np.cos(lift), -np.cos(heading) * np.cos(lift), np.sin(lift)])
        tip = point + way * length * rng.uniform(0.96, 1.04)
        bones.append(_digit(rng, tip, point, (1.0, 0.88, 0.72)[number]))
        point, lift = tip + way * 1.8, lift + curl
    return bones


def _digit(rng: np.random.Generator, tip: Any, base: Any, size: float) -> Tube:
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


def _finger(bone: Tube) -> Tube:
    return replace(
        bone, half_mm=tuple(h + 4.5 for h in bone.half_mm), depth=0.95, round_mm=(7.0, 7.0), cortex_mm=(0.0,)
    )


def _arm_flesh(rng: np.random.Generator) -> tuple[Tube, ...]:
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


def _break(rng: np.random.Generator, radius: Tube, ulna: Tube, severity: float) -> tuple[Tube, Tube, Fracture | None]:
    """Break the radius, the ulna or both; return also the fracture that carries the hand along."""
    distal, both = rng.random() < 0.6, rng.random() < 0.15 + 0.5 * severity
    at = rng.uniform(0.065, 0.15) if distal else rng.uniform(0.16, 0.27)
    fracture = _draw_fracture(rng, float(at), severity, 0.45 if distal or both else 0.12)
    if both:
        partner = replace(fracture, at=float(at + rng.uniform(-0.03, 0.03)), jag=_draw_jag(rng))
        return replace(radius, fracture=fracture), replace(ulna, fracture=partner), fracture
    if distal:
        return replace(radius, fracture=fracture), ulna, fracture
    splinted = _splint(fracture)
    if rng.random() < 0.6:
        return replace(radius, fracture=splinted), ulna, None
    return radius, replace(ulna, fracture=splinted), None


def _splint(fracture: Fracture) -> Fracture:
    """Where one shaft is whole, it holds the other: the hand stays, and the parts move little."""
    x, z = fracture.shift_mm
    return replace(fracture, shift_mm=(0.3 * x, 0.3 * z), gap_mm=float(np.clip(fracture.gap_mm, -0.8, 1.4)))


def _draw_fracture(rng: np.random.Generator, at: float, severity: float, bend: float) -> Fracture:
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
        _draw_jag(rng),
    )


def _draw_jag(rng: np.random.Generator) -> tuple[float, float, float]:
    size, first, second = rng.uniform([0.2, 0, 0], [0.9, 6.28, 6.28])
    return float(size), float(first), float(second)
