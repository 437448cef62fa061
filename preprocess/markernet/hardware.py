"""Draw hardware and other bright or black objects that are not markers: implants, teeth, electrodes, shields, bars."""

import itertools

import cv2
import numpy as np

from preprocess.markernet.laying import Grey, Points, absorb, choose_size, fixed_point, soften

Direction = tuple[Points, Points]  # unit vectors along and across


def draw_hardware(rng: np.random.Generator, film: Grey) -> None:
    """Draw one object on an (H, W) film, in place."""
    kind = KINDS[int(rng.integers(len(KINDS)))]
    if kind is _draw_bars:
        _draw_bars(rng, film)
        return
    shape = np.zeros(film.shape, np.float32)
    kind(rng, shape)
    soft = soften(shape, float(rng.choice([0.0, rng.uniform(0.4, 1.6)])))
    absorb(film, soft * np.float32(rng.uniform(0.8, 6.0)), float(rng.uniform(0.85, 1.0)))


def _spot(rng: np.random.Generator, shape: Grey) -> Points:
    return rng.uniform(0.0, 1.0, 2) * shape.shape[::-1]


def _direction(rng: np.random.Generator) -> Direction:
    angle = rng.uniform(0, 2 * np.pi) if rng.random() < 0.6 else np.pi / 2 * rng.integers(4) + rng.normal(0, 0.08)
    along = np.array([np.cos(angle), np.sin(angle)])
    return along, np.array([-along[1], along[0]])


CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))


def _box(centre: Points, along: Points, across: Points) -> Points:
    """Return the corners of a rectangle around a centre; `along` and `across` are half its sides."""
    return np.array([centre + a * along + b * across for a, b in CORNERS])


def _fill(shape: Grey, points: Points, value: float = 1.0) -> None:
    cv2.fillPoly(shape, [fixed_point(points)], value, cv2.LINE_AA, 4)


def _line(shape: Grey, start: Points, end: Points, wide: float, value: float = 1.0) -> None:
    cv2.line(shape, fixed_point(start).tolist(), fixed_point(end).tolist(), value, max(1, round(wide)), cv2.LINE_AA, 4)


def _disc(shape: Grey, centre: Points, radius: float, value: float = 1.0, wide: float = 0) -> None:
    thick = max(1, round(wide)) if wide else -1
    cv2.circle(shape, fixed_point(centre).tolist(), max(16, int(radius * 16)), value, thick, cv2.LINE_AA, 4)


def _draw_prosthesis(rng: np.random.Generator, shape: Grey) -> None:
    """Draw a joint: a head, a neck and a tapering stem, sometimes with a cup."""
    centre, (along, across), radius = _spot(rng, shape), _direction(rng), choose_size(rng, 12, 70)
    _disc(shape, centre, radius)
    if rng.random() < 0.5:
        flat = fixed_point(np.array([radius * 1.2, radius * 1.2])).tolist()
        angle = float(np.degrees(np.arctan2(across[1], across[0])))
        cv2.ellipse(
            shape, fixed_point(centre).tolist(), flat, angle, 0, 180, 1.0, max(1, int(radius * 0.2)), cv2.LINE_AA, 4
        )
    neck = centre + along * radius * rng.uniform(1.2, 1.8)
    _line(shape, centre, neck, radius * rng.uniform(0.4, 0.8))
    way = along * np.cos(0.7) + across * np.sin(0.7) * rng.choice([-1, 1])
    side = np.array([-way[1], way[0]])
    long, wide = radius * rng.uniform(3, 7), radius * rng.uniform(0.35, 0.6)
    _fill(shape, np.array([neck + side * wide, neck - side * wide, neck + way * long - side * 0.3 * wide]))
    _fill(shape, np.array([neck + side * wide, neck + way * long - side * 0.3 * wide, neck + way * long]))


def _draw_shield(rng: np.random.Generator, shape: Grey) -> None:
    """Draw a gonad shield or another large sheet of lead, white with crisp borders."""
    centre, (along, across), size = _spot(rng, shape), _direction(rng), choose_size(rng, 30, 150)
    angles = np.linspace(0, 2 * np.pi, 60)
    power = rng.uniform(0.35, 1.0)
    x = np.sign(np.cos(angles)) * np.abs(np.cos(angles)) ** power
    y = np.sign(np.sin(angles)) * np.abs(np.sin(angles)) ** power * rng.uniform(0.5, 1.3)
    y = y * (1 + rng.uniform(-0.4, 0.4) * x)
    _fill(shape, centre + size * (x[:, None] * along + y[:, None] * across))


def _draw_rods(rng: np.random.Generator, shape: Grey) -> None:
    """Draw rods with screws and connectors in pairs, as along a spine."""
    centre, (along, across), wide = _spot(rng, shape), _direction(rng), choose_size(rng, 4, 14)
    count, step, gap = int(rng.integers(2, 9)), wide * rng.uniform(3, 7), wide * rng.uniform(3, 9)
    bend = rng.normal(0, 0.004)
    for side in (-1, 1):
        steps = step * np.arange(count)[:, None]
        spots = list(centre + along * steps + across * (side * gap / 2 + bend * steps**2 / 10))
        for start, end in itertools.pairwise(spots):
            _line(shape, start, end, wide * rng.uniform(0.6, 0.8))
        for spot in spots:
            if rng.random() < 0.85:
                _disc(shape, spot, wide * rng.uniform(0.6, 1.0))
                _line(shape, spot, spot - across * side * gap * rng.uniform(0.2, 0.9), wide * 0.5)
    if rng.random() < 0.5:
        middle = centre + along * step * rng.uniform(0, count - 1)
        _line(shape, middle - across * gap / 2, middle + across * gap / 2, wide * 0.6)


def _draw_cage(rng: np.random.Generator, shape: Grey) -> None:
    """Draw a cage, a ladder or rows of short bars, as between vertebrae or on a strap."""
    centre, (along, across), wide = _spot(rng, shape), _direction(rng), choose_size(rng, 8, 50)
    step, thick = wide * rng.uniform(0.3, 0.9), max(1.0, wide * rng.uniform(0.06, 0.25))
    count, framed = int(rng.integers(2, 8)), rng.random() < 0.5
    for n in range(count):
        spot = centre + along * step * n
        _line(shape, spot - across * wide / 2, spot + across * wide / 2, thick)
    if framed:
        for side in (-1, 1):
            start = centre + across * side * wide / 2
            _line(shape, start, start + along * step * (count - 1), thick)


def _draw_teeth(rng: np.random.Generator, shape: Grey) -> None:
    """Draw a row of teeth on an arch, some with fillings, crowns or root canals, sometimes with braces and a wire."""
    centre, (along, across), wide = _spot(rng, shape), _direction(rng), choose_size(rng, 10, 44)
    bend, braces = rng.uniform(-0.004, 0.004), rng.random() < 0.35
    steps = (np.arange(int(rng.integers(3, 11))) - 4) * wide * 1.08
    spots = [centre + along * s + across * bend * s * s for s in steps]
    for spot in spots:
        _draw_tooth(rng, shape, spot, (along * wide, across * wide))
        if braces:
            _fill(shape, _box(spot, along * wide * 0.22, across * wide * 0.2))
    for start, end in itertools.pairwise(spots) if braces else ():
        _line(shape, start, end, max(1.0, wide * 0.07))


def _draw_tooth(rng: np.random.Generator, shape: Grey, spot: Points, axes: Direction) -> None:
    (along, across), high = axes, rng.uniform(1.6, 2.6)
    wide = float(np.linalg.norm(along))
    tapers = ((-0.45, -0.5), (0.45, -0.5), (0.27, 0.5), (-0.27, 0.5))
    body = np.array([spot + a * along + b * high * across for a, b in tapers])
    _fill(shape, body, float(rng.uniform(0.08, 0.3)))
    crown, kind = spot - across * high * 0.35, rng.random()
    if kind < 0.25:  # a filling
        blob = crown + rng.normal(0, 0.22 * wide, (int(rng.integers(4, 9)), 2))
        _fill(shape, cv2.convexHull(blob.astype(np.float32))[:, 0].astype(np.float64))
    elif kind < 0.4:  # a crown
        _fill(shape, _box(crown, along * 0.46, across * 0.45))
    elif kind < 0.5:  # a filled root
        _line(shape, crown, spot + across * high * 0.45, max(1.0, 0.1 * wide))


def _draw_electrode(rng: np.random.Generator, shape: Grey) -> None:
    """Draw the clip of an electrode: a crescent or a loop, a snap, and its wire."""
    centre, (along, across), size = _spot(rng, shape), _direction(rng), choose_size(rng, 6, 34)
    angle = float(np.degrees(np.arctan2(along[1], along[0])))
    axes = fixed_point(np.array([size, size * rng.uniform(0.5, 1.0)])).tolist()
    sweep = int(rng.choice([200, 270, 360]))
    value = float(rng.uniform(0.3, 1.0))
    thick = max(1, round(size * rng.uniform(0.12, 0.4)))
    cv2.ellipse(shape, fixed_point(centre).tolist(), axes, angle, 0, sweep, value, thick, cv2.LINE_AA, 4)
    if rng.random() < 0.7:
        snap = centre + along * size * rng.uniform(0, 0.6)
        _disc(shape, snap, size * rng.uniform(0.15, 0.4), 1.0, float(rng.choice([0, size * 0.1])))
    if rng.random() < 0.8:
        t = np.linspace(0, 1, 24)[:, None]
        end = centre + along * size * rng.uniform(4, 20) + across * size * rng.normal(0, 6)
        middle = centre + along * size * rng.uniform(2, 8)
        curve = (1 - t) ** 2 * centre + 2 * t * (1 - t) * middle + t**2 * end
        cv2.polylines(shape, [fixed_point(curve)], False, value * 0.6, max(1, round(size * 0.1)), cv2.LINE_AA, 4)
    for n in range(int(rng.choice([0, 0, 2, 4]))):
        _disc(shape, centre + along * size * 0.3 * n + across * size * 0.4, size * 0.12, 0.1)


def _draw_device(rng: np.random.Generator, shape: Grey) -> None:
    """Draw a pacemaker or a port: a rounded case with parts in it, and a lead."""
    centre, (along, across), size = _spot(rng, shape), _direction(rng), choose_size(rng, 16, 80)
    axes = fixed_point(np.array([size, size * rng.uniform(0.7, 1.0)])).tolist()
    angle = float(np.degrees(np.arctan2(along[1], along[0])))
    cv2.ellipse(
        shape, fixed_point(centre).tolist(), axes, angle, 0, 360, float(rng.uniform(0.3, 0.8)), -1, cv2.LINE_AA, 4
    )
    for _ in range(int(rng.integers(2, 7))):
        spot = centre + rng.uniform(-0.5, 0.5, 2) * size
        half = size * rng.uniform(0.06, 0.3, 2)
        _fill(shape, _box(spot, along * half[0], across * half[1]), float(rng.uniform(0.5, 1.0)))
    _line(shape, centre + along * size, centre + along * size * 3 + across * size, max(1.0, size * 0.06))


def _draw_nail(rng: np.random.Generator, shape: Grey) -> None:
    """Draw an intramedullary nail or a long wire with locking screws."""
    centre, (along, across), wide = _spot(rng, shape), _direction(rng), choose_size(rng, 3, 22)
    long = wide * rng.uniform(8, 30)
    _line(shape, centre - along * long / 2, centre + along * long / 2, wide)
    for share in rng.uniform(-0.48, 0.48, int(rng.integers(0, 5))):
        spot = centre + along * long * share
        tilt = across + along * rng.normal(0, 0.4)
        _line(shape, spot - tilt * wide * rng.uniform(1, 3), spot + tilt * wide * rng.uniform(1, 3), wide * 0.5)


def _draw_bars(rng: np.random.Generator, film: Grey) -> None:
    """Draw a bar, such as one that hides a name, or the frame of a screen around the film."""
    if rng.random() < 0.5:
        (x, y), (w, h) = _spot(rng, film).astype(int), (int(choose_size(rng, 10, 160)), int(choose_size(rng, 8, 60)))
        film[max(0, y) : y + h, max(0, x) : x + w] = float(rng.choice([0.0, 0.0, 0.0, 1.0, 0.5]))
        return
    turned = np.rot90(film, int(rng.integers(4)))
    reach, grey = int(choose_size(rng, 4, film.shape[0] * 0.3)), float(rng.choice([0.0, 1.0, rng.uniform(0.1, 0.9)]))
    turned[:reach] = grey
    if rng.random() < 0.5:
        turned[reach : reach + int(rng.integers(1, 5))] = 1.0 - round(grey)


KINDS = (
    _draw_prosthesis,
    _draw_shield,
    _draw_rods,
    _draw_cage,
    _draw_teeth,
    _draw_teeth,
    _draw_electrode,
    _draw_electrode,
    _draw_device,
    _draw_nail,
    _draw_bars,
)
