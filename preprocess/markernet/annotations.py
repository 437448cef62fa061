"""Draw what people draw on films to point at something: arrows, circles, boxes, rulers, crosses and measured lines.

Only the lines are marker; what they enclose or point at is anatomy.
"""

from collections.abc import Callable

import cv2
import numpy as np

from preprocess.markernet.laying import Grey, Points, choose_size, visible_grey
from preprocess.markernet.lettering import draw_line
from preprocess.markernet.marker_parts import Area, FilmPose, SyntheticMarker, choose_height

Strokes = list[Points]  # (4, 2) corners of each stroke

MIN_STROKE_PX = 2.0  # width of a stroke in the ground truth

LABELS = ("Neck", "Fracture", "fx", "Shaft", "Nodule", "Opacity", "Lesion", "Angle", "A", "B", "Class")

ROUND_STEPS = 28  # strokes of a circle


def draw_annotation(rng: np.random.Generator, centre: Points, pose: FilmPose) -> SyntheticMarker:
    """Draw one to three annotations of the same kind and the same grey."""
    kinds = list(KINDS)
    make = kinds[int(rng.choice(len(kinds), p=list(KINDS.values())))]
    wide = choose_size(rng, 1, 7) if rng.random() < 0.3 else float(rng.uniform(1.0, 3.0))
    wide = max(1.0, wide * pose.marker_scale**0.5)
    parts = [make(rng, centre + rng.normal(0, 60, 2) * (number > 0), pose, wide) for number in range(_count(rng))]
    hollow = rng.random() < 0.2
    grey, edge = _choose_grey(rng), rng.random() < 0.15
    opacity = float(rng.choice([1.0, 1.0, rng.uniform(0.4, 0.9)]))

    def draw(film: Grey) -> None:
        for strokes in parts:
            over = _lay_strokes(strokes, film.shape, hollow and len(strokes) == 2)
            level = visible_grey(film, over, grey)
            if edge:
                rim = np.asarray(cv2.dilate(over, np.ones((3, 3), np.uint8)), np.float32)
                film[:] = film * (1 - rim) + (0.0 if level > 0.5 else 1.0) * rim
            film[:] = film * (1 - over * opacity) + level * over * opacity

    return SyntheticMarker(tuple(_as_area(strokes) for strokes in parts), draw)


def _count(rng: np.random.Generator) -> int:
    return int(rng.choice([1, 1, 1, 1, 2, 3]))


def _choose_grey(rng: np.random.Generator) -> float:
    """Choose white, black, or the grey of a coloured line."""
    return float(rng.choice([1.0, rng.uniform(0.85, 1.0), 0.0, rng.uniform(0.3, 0.8)], p=[0.4, 0.2, 0.15, 0.25]))


def _as_area(strokes: Strokes) -> Area:
    corners = cv2.boxPoints(cv2.minAreaRect(np.concatenate(strokes).astype(np.float32)))
    return Area(np.asarray(corners, np.float64), "annotation", strokes=tuple(map(_at_least_visible, strokes)))


def _at_least_visible(stroke: Points) -> Points:
    """Return the corners of a stroke that is at least MIN_STROKE_PX wide, to be seen in the ground truth."""
    (centre, (width, height), angle) = cv2.minAreaRect(stroke.astype(np.float32))
    size = (max(width, MIN_STROKE_PX), max(height, MIN_STROKE_PX))
    return np.asarray(cv2.boxPoints((centre, size, angle)), np.float64) if size != (width, height) else stroke


def _lay_strokes(strokes: Strokes, shape: tuple[int, ...], hollow: bool) -> Grey:
    """Draw the strokes, or with `hollow` only their common outline: (H, W) float32 from 0 to 1."""
    canvas = np.zeros(shape, np.uint8)
    for stroke in strokes:
        points = np.round((np.clip(stroke, -2000, 4000) - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(canvas, [points], 255, cv2.LINE_AA, 4)
    if hollow:
        inner = cv2.erode(canvas, np.ones((3, 3), np.uint8))
        canvas = np.asarray(cv2.subtract(canvas, inner), np.uint8)
    return np.asarray(canvas / np.float32(255), np.float32)


def _stroke(start: Points, end: Points, wide: float) -> Points:
    along = (end - start) / max(float(np.linalg.norm(end - start)), 1e-6)
    across = np.array([-along[1], along[0]]) * wide / 2
    return np.array([start - across, end - across, end + across, start + across])


def _turn(rng: np.random.Generator, pose: FilmPose, free: float = 0.5) -> Points:
    """Return a (2, 2) rotation: by any angle with the probability `free`, else that of the film plus quarter turns."""
    angle = np.radians(rng.uniform(0, 360) if rng.random() < free else pose.angle_deg + 90 * rng.integers(4))
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _arrow(rng: np.random.Generator, centre: Points, pose: FilmPose, wide: float) -> Strokes:
    """Return an arrow as shaft and head; some are heads alone, some have an open head."""
    long = choose_height(rng, 14, 130, pose)
    along = _turn(rng, pose, 0.7)[:, 0]
    across, tip = np.array([-along[1], along[0]]), centre + along * long / 2
    wide = float(rng.choice([wide, rng.uniform(0.08, 0.3) * long]))
    head = max(3 * wide, long * rng.uniform(0.12, 0.5))
    spread = head * rng.uniform(0.3, 0.7)
    if rng.random() < 0.2:  # a head without a shaft
        notch = tip - along * head * rng.uniform(0.4, 1.0)
        return [np.array([tip, tip - along * head + across * spread, notch, tip - along * head - across * spread])]
    shaft = _stroke(centre - along * long / 2, tip - along * head * 0.8, wide)
    if rng.random() < 0.3:  # an open head
        wings = [_stroke(tip, tip - along * head + side * across * spread, wide) for side in (-1, 1)]
        return [_stroke(centre - along * long / 2, tip, wide), *wings]
    base = tip - along * head
    return [shaft, np.array([tip, base + across * spread, base, base - across * spread])]


def _ellipse(rng: np.random.Generator, centre: Points, pose: FilmPose, wide: float) -> Strokes:
    size = choose_height(rng, 14, 150, pose) / 2 * np.array([1.0, rng.uniform(0.4, 1.0)])
    turn = _turn(rng, pose)
    angles = np.linspace(0, 2 * np.pi, ROUND_STEPS + 1)
    points = np.column_stack([np.cos(angles), np.sin(angles)]) * size @ turn.T + centre
    step = 2 if rng.random() < 0.12 else 1  # dashed
    return [_stroke(points[i], points[i + 1], wide) for i in range(0, ROUND_STEPS, step)]


def _box(rng: np.random.Generator, centre: Points, pose: FilmPose, wide: float) -> Strokes:
    size = choose_height(rng, 16, 260, pose) / 2 * np.array([1.0, rng.uniform(0.3, 1.0)])
    turn = _turn(rng, pose, 0.1)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * size @ turn.T + centre
    return [_stroke(corners[i], corners[(i + 1) % 4], wide) for i in range(4)]


def _ruler(rng: np.random.Generator, centre: Points, pose: FilmPose, wide: float) -> Strokes:
    """Return a scale: ticks at even steps, mostly along a line."""
    turn = _turn(rng, pose, 0.1)
    along, across = turn[:, 0], turn[:, 1]
    long, tick = choose_height(rng, 50, 420, pose), choose_height(rng, 4, 22, pose)
    count = int(rng.integers(3, 26))
    start = centre - along * long / 2
    every = int(rng.choice([1, 5, 10]))
    strokes = [] if rng.random() < 0.2 else [_stroke(start, start + along * long, wide)]
    for number in range(count):
        spot = start + along * long * number / (count - 1)
        length = tick * (1.8 if every > 1 and number % every == 0 else 1.0)
        strokes.append(_stroke(spot, spot + across * length, max(1.0, wide * 0.8)))
    return strokes


def _measured_line(rng: np.random.Generator, centre: Points, pose: FilmPose, wide: float) -> Strokes:
    """Return a line between two points, with small crosses or bars at its ends, or two lines at an angle."""
    long = choose_height(rng, 30, 300, pose)
    turn = _turn(rng, pose, 0.9)
    along, across = turn[:, 0], turn[:, 1]
    ends = [centre - along * long / 2, centre + along * long / 2]
    strokes = [_stroke(ends[0], ends[1], wide)]
    bar = choose_height(rng, 4, 12, pose)
    if rng.random() < 0.6:
        strokes += [_stroke(end - across * bar, end + across * bar, wide) for end in ends]
    elif rng.random() < 0.5:
        other = _turn(rng, pose, 1.0)[:, 0]
        strokes.append(_stroke(ends[0], ends[0] + other * long * rng.uniform(0.4, 1.0), wide))
    return strokes


def _cross(rng: np.random.Generator, centre: Points, pose: FilmPose, wide: float) -> Strokes:
    """Return a small cross, plus sign or asterisk."""
    size = choose_height(rng, 8, 40, pose) / 2
    count = int(rng.choice([2, 2, 3]))
    start = rng.uniform(0, np.pi)
    wide = max(wide, float(rng.choice([1.0, 0.25])) * size * 0.5)
    angles = start + np.arange(count) * np.pi / count
    ways = np.column_stack([np.cos(angles), np.sin(angles)]) * size
    return [_stroke(centre - way, centre + way, wide) for way in ways]


def draw_labelled_annotation(rng: np.random.Generator, centre: Points, pose: FilmPose) -> SyntheticMarker:
    """Draw a box, a circle or a measured line with a short text beside it, as software and people do."""
    wide = float(rng.uniform(1.0, 3.0))
    make = (_box, _box, _ellipse, _measured_line)[int(rng.integers(4))]
    strokes = make(rng, centre, pose, wide)
    grey, filled = _choose_grey(rng), rng.random() < 0.2
    text = _label_of(rng)
    height = choose_height(rng, 7, 20, pose)
    line = draw_line(rng, text, height)
    corners = np.concatenate(strokes)
    width = line.ink.shape[1] * height / line.ink.shape[0]
    left, top = corners.min(0)
    spot = (left, top - height * rng.uniform(0.15, 0.6) - height)
    quad = np.array(spot) + np.array([(0, 0), (width, 0), (width, height), (0, height)])

    def draw(film: Grey) -> None:
        over = _lay_strokes(strokes, film.shape, False)
        level = visible_grey(film, over, grey)
        film[:] = film * (1 - over) + level * over
        _lay_upright(film, line.ink, quad, level, filled)

    return SyntheticMarker((_as_area(strokes), Area(quad, "label" if filled else "burned", text)), draw)


def _lay_upright(film: Grey, ink: np.ndarray, quad: Points, level: float, filled: bool) -> None:
    x, y = np.round(quad[0]).astype(int)
    w, h = np.maximum(1, np.round(quad[2] - quad[0]).astype(int))
    small = cv2.resize(ink, (int(w), int(h)), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    top, left = max(0, -y), max(0, -x)
    part = film[max(0, y) : max(0, y + h), max(0, x) : max(0, x + w)]
    over = small[top : top + part.shape[0], left : left + part.shape[1]]
    if part.size and filled:
        part[:] = level
        part[:] = part * (1 - over) + (0.0 if level > 0.5 else 1.0) * over
    elif part.size:
        part[:] = part * (1 - over) + level * over


def _label_of(rng: np.random.Generator) -> str:
    number = f"{rng.uniform(0, 1):.2f}" if rng.random() < 0.5 else f"{rng.uniform(1, 200):.1f} mm"
    word = str(rng.choice(LABELS))
    return (f"{word}: {number}", word, number)[int(rng.choice(3, p=[0.5, 0.2, 0.3]))]


Make = Callable[[np.random.Generator, Points, FilmPose, float], Strokes]

KINDS: dict[Make, float] = {  # probability of each kind
    _arrow: 0.36,
    _ellipse: 0.18,
    _box: 0.16,
    _ruler: 0.14,
    _measured_line: 0.08,
    _cross: 0.08,
}
