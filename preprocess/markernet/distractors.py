"""Draw distractors, bright objects that are not markers: borders, wires, rings, screws, zips, beads, clips, tape."""

import cv2
import numpy as np

from preprocess.markernet.laying import Grey, Points, absorb, choose_size, fixed_point, soften


def draw_distractor(rng: np.random.Generator, film: Grey) -> None:
    """Draw one distractor on an (H, W) film, in place."""
    shape = np.zeros(film.shape, np.float32)
    KINDS[int(rng.integers(len(KINDS)))](rng, shape)
    soft = soften(shape, float(rng.choice([0.0, rng.uniform(0.4, 2.0)])))
    density = rng.uniform(0.3, 6.0)
    if rng.random() < 0.25:
        film[:] = film * (1 - soft) + float(rng.uniform(0.5, 1.0)) * soft
    else:
        absorb(film, density * soft, float(rng.uniform(0.85, 1.0)))


def _draw_point(rng: np.random.Generator, shape: Grey) -> Points:
    return rng.uniform(-0.05, 1.05, 2) * shape.shape[::-1]


def _draw_direction(rng: np.random.Generator) -> Points:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


def _draw_stroke(shape: Grey, points: Points, thick_px: float, value: float = 1.0, closed: bool = False) -> None:
    cv2.polylines(shape, [fixed_point(points)], closed, value, max(1, round(thick_px)), cv2.LINE_AA, 4)


def _draw_line(rng: np.random.Generator, shape: Grey) -> None:
    start, along = _draw_point(rng, shape), _draw_direction(rng) * choose_size(rng, 20, 500)
    _draw_stroke(shape, np.array([start, start + along]), choose_size(rng, 1, 12))


def _draw_border(rng: np.random.Generator, shape: Grey) -> None:
    """Draw a bright strip along a side, as outside the collimated field or on an uncovered part of the plate."""
    reach = int(choose_size(rng, 2, 60))
    turned = np.rot90(shape, int(rng.integers(4)))
    if rng.random() < 0.5:
        turned[:reach] = 1.0
    else:
        start = int(rng.integers(0, shape.shape[0] - reach - 1))
        turned[start : start + max(1, reach // 8)] = 1.0


def _draw_wedge(rng: np.random.Generator, shape: Grey) -> None:
    corner = np.array(shape.shape[::-1]) * rng.integers(0, 2, 2)
    reach = np.where(corner > 0, -1, 1) * [choose_size(rng, 10, 200), choose_size(rng, 10, 200)]
    cv2.fillPoly(shape, [fixed_point(corner + np.array([(0, 0), (reach[0], 0), (0, reach[1])]))], 1.0, cv2.LINE_AA, 4)


def _draw_ring(rng: np.random.Generator, shape: Grey) -> None:
    """Draw one or several rings or bangles, seen at an angle."""
    centre, wide, angle = _draw_point(rng, shape), choose_size(rng, 8, 120), float(rng.uniform(0, 180))
    flat, thick = rng.uniform(0.1, 1.0), choose_size(rng, 1, 9)
    for number in range(int(rng.choice([1, 1, 2, 3]))):
        spot = fixed_point(centre + number * np.array([2, 1.5]) * thick)
        axes = fixed_point(np.array([wide, wide * flat]))
        cv2.ellipse(shape, spot.tolist(), axes.tolist(), angle, 0, 360, 1.0, max(1, round(thick)), cv2.LINE_AA, 4)


def _draw_screw(rng: np.random.Generator, shape: Grey, head: Points, along: Points, wide: float, length: float) -> None:
    across = np.array([-along[1], along[0]])
    turns = max(4, int(1.6 * length / max(wide, 2)))
    steps = np.linspace(0, length, 2 * turns)
    edge = np.where(np.arange(2 * turns) % 2, 0.5, 0.3) * wide
    sides = [
        head + s * along + side * e * across
        for side in (1, -1)
        for s, e in zip(steps[::side], edge[::side], strict=True)
    ]
    cv2.fillPoly(shape, [fixed_point(np.array(sides))], 1.0, cv2.LINE_AA, 4)
    cap = np.array([head - 0.2 * wide * along + s * wide * across * 0.6 for s in (-1, 1)])
    _draw_stroke(shape, cap, wide * 0.4)


def _draw_screws(rng: np.random.Generator, shape: Grey) -> None:
    start, along, wide = _draw_point(rng, shape), _draw_direction(rng), choose_size(rng, 3, 14)
    for number in range(int(rng.integers(1, 6))):
        spot = start + np.array([-along[1], along[0]]) * number * wide * rng.uniform(1.6, 4)
        _draw_screw(rng, shape, spot, along, wide, wide * rng.uniform(4, 12))


def _draw_plate(rng: np.random.Generator, shape: Grey) -> None:
    """Draw a bone plate with its holes, some with screws."""
    start, along, wide = _draw_point(rng, shape), _draw_direction(rng), choose_size(rng, 5, 26)
    count, gap = int(rng.integers(3, 9)), wide * rng.uniform(1.2, 2.0)
    _draw_stroke(shape, np.array([start, start + along * gap * count]), wide, rng.uniform(0.6, 1.0))
    across = np.array([-along[1], along[0]])
    for number in range(count):
        hole = start + along * gap * (number + 0.5)
        cv2.circle(shape, fixed_point(hole).tolist(), int(wide * 16 * 0.28), 0.15, -1, cv2.LINE_AA, 4)
        if rng.random() < 0.4:
            _draw_screw(rng, shape, hole, across, wide * 0.5, wide * rng.uniform(1, 4))


def _draw_zip(rng: np.random.Generator, shape: Grey) -> None:
    start, along, tooth = _draw_point(rng, shape), _draw_direction(rng), choose_size(rng, 2, 7)
    across = np.array([-along[1], along[0]])
    for number in range(int(rng.integers(8, 50))):
        spot = start + along * number * tooth * 1.5 + across * (number % 2 - 0.5) * tooth
        _draw_stroke(shape, np.array([spot - across * tooth * 0.7, spot + across * tooth * 0.7]), tooth * 0.7)


def _draw_chain(rng: np.random.Generator, shape: Grey) -> None:
    """Draw the beads of a necklace along a curve."""
    spot, along, bead = _draw_point(rng, shape), _draw_direction(rng), choose_size(rng, 1.5, 8)
    bend, ring = rng.normal(0, 0.12), rng.random() < 0.3
    turn = np.array([[np.cos(bend), -np.sin(bend)], [np.sin(bend), np.cos(bend)]])
    for _ in range(int(rng.integers(3, 40))):
        cv2.circle(
            shape,
            fixed_point(spot).tolist(),
            int(bead * 16),
            1.0,
            max(1, int(bead / 3)) if ring else -1,
            cv2.LINE_AA,
            4,
        )
        along = turn @ along
        spot = spot + along * bead * 2.4


def _draw_clip(rng: np.random.Generator, shape: Grey) -> None:
    """Draw a buckle, a safety pin, the clip of a wristband or a staple."""
    centre, along, long = _draw_point(rng, shape), _draw_direction(rng), choose_size(rng, 6, 50)
    across = np.array([-along[1], along[0]]) * rng.uniform(0.2, 0.9)
    frame = np.array([centre + long * (a * along + b * across) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
    thick = max(1.0, long * rng.uniform(0.05, 0.25))
    if rng.random() < 0.3:
        cv2.fillPoly(shape, [fixed_point(frame)], 1.0, cv2.LINE_AA, 4)
    else:
        _draw_stroke(shape, frame, thick, closed=rng.random() < 0.8)
    if rng.random() < 0.5:
        _draw_stroke(shape, np.array([centre - long * along, centre + long * along * rng.uniform(0, 1.6)]), thick)


def _draw_disc(rng: np.random.Generator, shape: Grey) -> None:
    """Draw a button, an electrode, a coin or a single bead; buttons have holes."""
    centre, radius = fixed_point(_draw_point(rng, shape)), choose_size(rng, 2, 30)
    cv2.circle(shape, centre.tolist(), int(radius * 16), 1.0, -1, cv2.LINE_AA, 4)
    if rng.random() < 0.4:
        for a in range(4):
            hole = centre + fixed_point(radius * 0.35 * np.array([np.cos(a * np.pi / 2), np.sin(a * np.pi / 2)]))
            cv2.circle(shape, hole.tolist(), int(radius * 16 * 0.14), 0.1, -1, cv2.LINE_AA, 4)
    elif rng.random() < 0.3:
        cv2.circle(shape, centre.tolist(), int(radius * 16 * rng.uniform(0.3, 0.8)), 0.2, -1, cv2.LINE_AA, 4)


def _draw_blob(rng: np.random.Generator, shape: Grey) -> None:
    """Draw a row of small bones with dense ends and brighter rims."""
    spot, along, size = _draw_point(rng, shape), _draw_direction(rng), choose_size(rng, 4, 30)
    angle = float(np.degrees(np.arctan2(along[1], along[0])))
    for _ in range(int(rng.integers(1, 6))):
        axes = fixed_point(np.array([size, size * rng.uniform(0.4, 0.9)])).tolist()
        cv2.ellipse(shape, fixed_point(spot).tolist(), axes, angle, 0, 360, rng.uniform(0.3, 0.7), -1, cv2.LINE_AA, 4)
        cv2.ellipse(shape, fixed_point(spot).tolist(), axes, angle, 0, 360, 1.0, 1, cv2.LINE_AA, 4)
        spot = spot + along * size * rng.uniform(1.9, 2.6) + rng.normal(0, 1, 2)


def _draw_scratch(rng: np.random.Generator, shape: Grey) -> None:
    steps = rng.normal(0, choose_size(rng, 2, 30), (int(rng.integers(2, 12)), 2))
    _draw_stroke(shape, _draw_point(rng, shape) + np.cumsum(steps, axis=0), 1)


def _draw_wire(rng: np.random.Generator, shape: Grey) -> None:
    """Draw an electrode lead or a tube: one long curve, or two side by side."""
    ends = [_draw_point(rng, shape) for _ in range(3)]
    t = np.linspace(0, 1, 40)[:, None]
    curve = (1 - t) ** 2 * ends[0] + 2 * t * (1 - t) * ends[1] + t**2 * ends[2]
    thick = choose_size(rng, 1, 5)
    _draw_stroke(shape, curve, thick)
    if rng.random() < 0.5:
        _draw_stroke(shape, curve + _draw_direction(rng) * thick * 3, thick)


def _draw_cast(rng: np.random.Generator, shape: Grey) -> None:
    """Draw the edge of a cast or splint: a broad, uneven band."""
    points = np.linspace(_draw_point(rng, shape), _draw_point(rng, shape), 12) + rng.normal(0, 4, (12, 2))
    _draw_stroke(shape, points, choose_size(rng, 6, 40), rng.uniform(0.2, 0.7))
    if rng.random() < 0.5:
        _draw_stroke(shape, points + rng.normal(0, 1.5, (12, 2)), choose_size(rng, 1, 4))


def _draw_staples(rng: np.random.Generator, shape: Grey) -> None:
    """Draw a row of skin staples, each at its own angle: short strokes or flat loops."""
    spot, along, long = _draw_point(rng, shape), _draw_direction(rng), choose_size(rng, 4, 24)
    angle, bend = float(np.degrees(np.arctan2(along[1], along[0]))) + 90, rng.normal(0, 0.06)
    turn = np.array([[np.cos(bend), -np.sin(bend)], [np.sin(bend), np.cos(bend)]])
    flat, gap, thick = rng.uniform(0.0, 0.9), long * rng.uniform(0.7, 2.0), max(1, round(long * 0.12))
    for _ in range(int(rng.integers(3, 16))):
        axes = fixed_point(np.array([long, max(1.0, long * flat * rng.uniform(0.5, 1.0))]) / 2).tolist()
        tilt = angle + float(rng.normal(0, 12))
        cv2.ellipse(shape, fixed_point(spot).tolist(), axes, tilt, 0, 360, 1.0, thick, cv2.LINE_AA, 4)
        along = turn @ along
        spot = spot + along * gap + rng.normal(0, 0.08 * long, 2)


def _draw_spring(rng: np.random.Generator, shape: Grey) -> None:
    """Draw a coil, sometimes on the body of a connector."""
    start, along, wide = _draw_point(rng, shape), _draw_direction(rng), choose_size(rng, 5, 50)
    across, turns = np.array([-along[1], along[0]]), int(rng.integers(3, 10))
    t = np.linspace(0, 2 * np.pi * turns, 24 * turns)[:, None]
    pitch = wide * rng.uniform(0.15, 0.5)
    coil = start + along * (pitch * t / (2 * np.pi) + 0.2 * wide * np.sin(t)) + across * wide / 2 * np.cos(t)
    _draw_stroke(shape, coil, wide * rng.uniform(0.05, 0.14))
    if rng.random() < 0.5:
        _draw_stroke(
            shape, np.array([start, start - along * wide * rng.uniform(0.3, 1.5)]), wide * rng.uniform(0.8, 1.3)
        )


def _draw_tube(rng: np.random.Generator, shape: Grey) -> None:
    """Draw a tube or the handle of a tool: bright walls and an open or round end."""
    start, along, wide = _draw_point(rng, shape), _draw_direction(rng), choose_size(rng, 6, 60)
    across, end = np.array([-along[1], along[0]]) * wide / 2, start + along * wide * rng.uniform(2, 12)
    _draw_stroke(shape, np.array([start, end]), wide, rng.uniform(0.1, 0.5))
    for side in (-1, 1):
        _draw_stroke(shape, np.array([start, end]) + side * across, wide * rng.uniform(0.05, 0.2))
    axes = fixed_point(np.array([wide / 2, wide / 2 * rng.uniform(0.4, 1.0)])).tolist()
    angle = float(np.degrees(np.arctan2(across[1], across[0])))
    thick = -1 if rng.random() < 0.2 else max(1, round(wide * rng.uniform(0.08, 0.25)))
    cv2.ellipse(shape, fixed_point(start).tolist(), axes, angle, 0, 360, 1.0, thick, cv2.LINE_AA, 4)


def _draw_tape(rng: np.random.Generator, shape: Grey) -> None:
    """Draw empty tape or plastic sheets: faint areas with denser rims, like the plates under lead letters."""
    centre, along, long = _draw_point(rng, shape), _draw_direction(rng), choose_size(rng, 15, 160)
    for _ in range(int(rng.integers(1, 4))):
        across = np.array([-along[1], along[0]]) * rng.uniform(0.15, 0.8)
        points = np.array([centre + long * (a * along + b * across) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
        pane = np.zeros_like(shape)
        cv2.fillConvexPoly(pane, fixed_point(points), float(rng.uniform(0.02, 0.12)), cv2.LINE_AA, 4)
        if rng.random() < 0.6:
            _draw_stroke(pane, points, 1, float(rng.uniform(0.05, 0.25)), closed=True)
        shape[:] = np.minimum(shape + pane, 1.0)
        centre = centre + rng.normal(0, 0.25 * long, 2)


def _draw_buckle(rng: np.random.Generator, shape: Grey) -> None:
    """Draw the slider of a strap or a snap: one or two rounded blocks, with or without holes."""
    centre, along, long = _draw_point(rng, shape), _draw_direction(rng), choose_size(rng, 5, 60)
    across, wide = np.array([-along[1], along[0]]), long * rng.uniform(0.25, 0.7)
    for number in range(int(rng.choice([1, 1, 2]))):
        middle = centre + across * number * wide * 1.2 + along * number * long * rng.uniform(0, 0.8)
        _draw_stroke(shape, np.array([middle - along * long / 2, middle + along * long / 2]), wide)
        for offset in rng.uniform(-0.4, 0.4, int(rng.integers(0, 4))):
            hole = fixed_point(middle + along * long * offset).tolist()
            cv2.circle(shape, hole, int(wide * 16 * rng.uniform(0.1, 0.3)), 0.15, -1, cv2.LINE_AA, 4)


KINDS = (
    _draw_line,
    _draw_border,
    _draw_wedge,
    _draw_ring,
    _draw_screws,
    _draw_plate,
    _draw_zip,
    _draw_chain,
    _draw_clip,
    _draw_disc,
    _draw_blob,
    _draw_scratch,
    _draw_wire,
    _draw_cast,
    _draw_staples,
    _draw_spring,
    _draw_tube,
    _draw_tape,
    _draw_buckle,
)
