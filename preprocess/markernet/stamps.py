"""Lay made-up markers on a film: burned in, in label boxes, of lead, as tags, icons and watermarks."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from preprocess.markernet.lettering import Ink, Line, draw_icon, draw_line, draw_text
from preprocess.markers import as_quad, is_mirrored

Grey = NDArray[np.float32]  # (H, W) film, 0 black to 1 white

Points = NDArray[np.float64]  # (N, 2) x, y in film pixels


SMALLEST_PX = 6.0  # of markers' letters: smaller ones are only spots


@dataclass(frozen=True)
class Area:
    """What the network shall say of a part of the film.

    Args:
        quad: (4, 2) corners in film pixels; for text in reading order.
        style: one of preprocess.markers.STYLES.
        text: what stands there; empty for icons and plates.
    """

    quad: Points
    style: str
    text: str = ""


@dataclass(frozen=True)
class Stamp:
    """A marker that can be laid on a film: the areas that it takes up, and how to draw it on the film in place."""

    areas: tuple[Area, ...]
    draw: Callable[[Grey], None]


@dataclass(frozen=True)
class Stand:
    """How the film as a whole lies in the picture; burned-in text stands as the film does.

    Args:
        size: of its markers, as a multiple of their size on a film of 1,000 px.
    """

    angle_deg: float = 0.0
    mirrored: bool = False
    size: float = 1.0


def draw_stamp(rng: np.random.Generator, centre: Points, stand: Stand) -> Stamp:
    """Draw one marker of any kind around a centre (x, y)."""
    kinds = (burned, block, label_box, label_with_letter, lead, tag, circled, icon, watermark)
    chances = (0.18, 0.07, 0.12, 0.17, 0.23, 0.04, 0.04, 0.12, 0.03)
    return kinds[int(rng.choice(len(kinds), p=chances))](rng, centre, stand)


def matrix_to(shape: tuple[int, ...], height_px: float, angle_deg: float, mirrored: bool, centre: Points) -> Points:
    """Return the (2, 3) matrix that lays a patch around a centre, scaled, mirrored, then turned clockwise."""
    h, w = shape[:2]
    angle, scale = np.radians(angle_deg), height_px / h
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = turn @ np.diag([-1.0 if mirrored else 1.0, 1.0])
    return np.column_stack([turn, np.asarray(centre) - turn @ [w / 2, h / 2]])


def corners(shape: tuple[int, ...], matrix: Points, margin: float = 0.0) -> Points:
    """Return the (4, 2) corners of a patch on the film, from its own top left, `margin` patch pixels further out."""
    h, w = shape[:2]
    m = margin
    outline = np.array([(-m, -m), (w + m, -m), (w + m, h + m), (-m, h + m)])
    return np.asarray(outline @ matrix[:, :2].T + matrix[:, 2])


def lay(ink: Ink, matrix: Points, shape: tuple[int, ...]) -> Grey:
    """Return ink as it lies on a film of this shape, 0 to 1."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < 0.7:
        ink = np.asarray(cv2.GaussianBlur(np.pad(ink, 2), (0, 0), 0.4 / scale), np.uint8)
        matrix = np.column_stack([matrix[:, :2], matrix[:, 2] - matrix[:, :2] @ [2, 2]])
    shifted = np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ [0.5, 0.5] - 0.5])
    laid = cv2.warpAffine(ink, shifted, shape[1::-1], flags=cv2.INTER_LINEAR)
    return np.asarray(laid / np.float32(255), np.float32)


def burned(rng: np.random.Generator, centre: Points, stand: Stand) -> Stamp:
    """One line of text, typed at the console."""
    text = draw_text(rng)
    height = _height(rng, text, stand)
    line = draw_line(rng, text, height)
    angle, mirrored = _as_typed(rng, stand)
    matrix = matrix_to(line.ink.shape, height, angle, mirrored, centre)
    return Stamp((Area(corners(line.ink.shape, matrix), "burned", text),), _typed(rng, [(line.ink, matrix)]))


def block(rng: np.random.Generator, centre: Points, stand: Stand) -> Stamp:
    """A caption: lines of small print, one under the other, at times below one large letter."""
    angle, mirrored = _as_typed(rng, stand)
    height = _between(rng, 6, 22, stand)
    placed: list[tuple[Ink, Points]] = []
    areas: list[Area] = []
    along, down = matrix_to((1, 1), 1.0, angle, mirrored, np.zeros(2))[:, :2].T
    place, left = np.asarray(centre, float), rng.random() < 0.5
    for number in range(int(rng.integers(2, 6))):
        text = draw_text(rng)
        here = height * (rng.uniform(1.5, 4) if number == 0 and rng.random() < 0.4 else 1.0)
        line = draw_line(rng, text, here)
        width = line.ink.shape[1] * here / line.ink.shape[0]
        matrix = matrix_to(line.ink.shape, here, angle, mirrored, place + along * (width / 2 if left else 0))
        placed.append((line.ink, matrix))
        areas.append(Area(corners(line.ink.shape, matrix), "burned", text))
        place = place + down * (0.75 * here + height * rng.uniform(0.7, 1.1))
    return Stamp(tuple(areas), _typed(rng, placed))


def label_box(rng: np.random.Generator, centre: Points, stand: Stand) -> Stamp:
    """Text in a filled box."""
    text = draw_text(rng)
    height = _between(rng, 8, 60, stand)
    line = draw_line(rng, text, height)
    pad = int(line.ink.shape[0] * rng.uniform(0.12, 0.7))
    ink = np.pad(line.ink, ((pad, pad), (int(pad * rng.uniform(0.6, 2.0)),) * 2))
    angle, mirrored = _as_typed(rng, stand)
    matrix = matrix_to(ink.shape, height * ink.shape[0] / line.ink.shape[0], angle, mirrored, centre)
    ground, letters = _box_greys(rng)
    cover = float(rng.choice([1.0, 1.0, rng.uniform(0.6, 0.95)]))
    frame = letters if rng.random() < 0.2 else ground

    def draw(film: Grey) -> None:
        box = lay(np.full_like(ink, 255), matrix, film.shape) * cover
        film[:] = film * (1 - box) + ground * box
        if frame != ground:
            outline = np.round(corners(ink.shape, matrix) * 16).astype(np.int32)
            cv2.polylines(film, [outline], True, frame, 1, cv2.LINE_AA, 4)
        over = lay(ink, matrix, film.shape)
        film[:] = film * (1 - over) + letters * over

    return Stamp((Area(corners(ink.shape, matrix), "label", text),), draw)


def label_with_letter(rng: np.random.Generator, centre: Points, stand: Stand) -> Stamp:
    """A filled box with an operator's code, and the side's letter below or above it."""
    box = label_box(rng, centre, stand)
    quad = box.areas[0].quad
    right, up = quad[1] - quad[0], quad[0] - quad[3]
    mirrored = is_mirrored(as_quad(quad))
    along = -right if mirrored else right
    angle = float(np.degrees(np.arctan2(along[1], along[0])))
    tall = float(np.linalg.norm(up))
    height = max(SMALLEST_PX, tall * rng.uniform(0.7, 2.0))
    away = (tall / 2 + height * rng.uniform(0.55, 1.0)) * (-1 if rng.random() < 0.8 else 1)
    text = str(rng.choice(list("LR")))
    line = draw_line(rng, text, height)
    spot = quad.mean(0) + away * up / tall + right * rng.uniform(-0.4, 0.4)
    matrix = matrix_to(line.ink.shape, height, angle, mirrored, spot)
    letter = _typed(rng, [(line.ink, matrix)], plain=True)

    def draw(film: Grey) -> None:
        box.draw(film)
        letter(film)

    return Stamp((*box.areas, Area(corners(line.ink.shape, matrix), "burned", text)), draw)


def _box_greys(rng: np.random.Generator) -> tuple[float, float]:
    """White on grey, white on black, black on white, or any two greys that differ."""
    pairs = ((0.5, 1.0), (rng.uniform(0.3, 0.65), 1.0), (0.0, 1.0), (1.0, 0.0), (rng.uniform(0.7, 1.0), 0.1))
    return pairs[int(rng.integers(len(pairs)))]


def lead(rng: np.random.Generator, centre: Points, stand: Stand) -> Stamp:
    """Lead letters, mostly on a plastic plate or strips of tape."""
    text = draw_text(rng)
    height = _height(rng, text, stand) * 1.2 + 4 * stand.size
    line = draw_line(rng, text, height)
    if rng.random() < 0.3:
        line = _scattered(rng, text, height)
    angle, mirrored = _as_laid(rng, stand)
    matrix = matrix_to(line.ink.shape, height, angle, mirrored, centre)
    areas = [Area(corners(line.ink.shape, matrix), "lead", text)]
    panes = _panes(rng, line.ink.shape, matrix) if rng.random() < 0.65 else []
    if panes:
        areas.insert(0, Area(_around(panes), "plate"))
    density, soft = _density(rng), height * rng.uniform(0.01, 0.05)
    ends, dense_rim, dense_pane = rng.uniform(0.85, 1.0), rng.uniform(0.0, 0.2), rng.uniform(0.02, 0.15)

    letters = _leaden(line.ink, matrix, density, soft, ends)

    def draw(film: Grey) -> None:
        for pane in panes:
            _lay_pane(film, pane, dense_pane, dense_rim)
        letters(film)

    return Stamp(tuple(areas), draw)


def _density(rng: np.random.Generator) -> float:
    """Letters of lead; one in six is a faint mark, such as a cassette's own."""
    return float(rng.uniform(1.2, 6.0) if rng.random() > 0.16 else np.exp(rng.uniform(np.log(0.04), np.log(0.6))))


def _leaden(ink: Ink, matrix: Points, density: float, soft_px: float, ends: float = 1.0) -> Callable[[Grey], None]:
    """Ink that takes away light, with soft edges; `ends` is its white."""

    def draw(film: Grey) -> None:
        absorb(film, density * soften(lay(ink, matrix, film.shape), soft_px), ends)

    return draw


def _scattered(rng: np.random.Generator, text: str, height_px: float) -> Line:
    """Single lead letters laid by hand: each a little askew."""
    letters = [draw_line(rng, letter, height_px).ink for letter in text if letter != " "] or [np.ones((8, 8), np.uint8)]
    tall = max(ink.shape[0] for ink in letters)
    canvas = np.zeros((2 * tall, sum(ink.shape[1] + tall // 3 for ink in letters) + tall), np.uint8)
    x = tall // 2
    for ink in letters:
        size = tall * rng.uniform(0.7, 1.1)
        spot = np.array([x + ink.shape[1] * size / ink.shape[0] / 2, tall + rng.normal(0, 0.08 * tall)])
        matrix = matrix_to(ink.shape, size, float(rng.normal(0, 8)), False, spot)
        canvas = np.maximum(canvas, np.round(lay(ink, matrix, canvas.shape) * 255).astype(np.uint8))
        x += int(ink.shape[1] * size / ink.shape[0] + tall * rng.uniform(0.05, 0.3))
    rows, columns = np.flatnonzero(canvas.max(1) > 64), np.flatnonzero(canvas.max(0) > 64)
    return Line(canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], text)


def _panes(rng: np.random.Generator, shape: tuple[int, ...], matrix: Points) -> list[Points]:
    panes = []
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        outer = corners(shape, matrix, shape[0] * rng.uniform(0.1, 0.8))
        centre = outer.mean(0)
        tilt, stretch = np.radians(rng.normal(0, 4)), np.exp(rng.normal(0, 0.12))
        turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]) * stretch
        panes.append((outer - centre) @ turn.T + centre)
    return panes


def _around(panes: list[Points]) -> Points:
    if len(panes) == 1:
        return panes[0]
    return np.asarray(cv2.boxPoints(cv2.minAreaRect(np.concatenate(panes).astype(np.float32))), np.float64)


def _lay_pane(film: Grey, quad: Points, density: float, rim: float) -> None:
    """The plastic: a faint pane with a denser rim."""
    pane, points = np.zeros(film.shape, np.uint8), np.round(quad * 16).astype(np.int32)
    cv2.fillConvexPoly(pane, points, 100, cv2.LINE_AA, 4)
    if rim:
        cv2.polylines(pane, [points], True, int(100 + 155 * min(1, 4 * rim)), 1, cv2.LINE_AA, 4)
    absorb(film, pane.astype(np.float32) * np.float32(density / 100), 1.0)


def tag(rng: np.random.Generator, centre: Points, stand: Stand) -> Stamp:
    """A metal tag with letters cut out of it, round or square."""
    text = draw_text(rng)[:5].strip() or "R"
    height = _between(rng, 14, 90, stand)
    line = draw_line(rng, text, height)
    pad = int(line.ink.shape[0] * rng.uniform(0.2, 0.7))
    ink = np.pad(line.ink, pad)
    plate = np.full_like(ink, 255)
    if rng.random() < 0.35:
        plate = np.zeros((max(ink.shape) + 2 * pad,) * 2, np.uint8)
        ink = _centred(ink, plate.shape)
        cv2.circle(plate, (plate.shape[1] // 2,) * 2, plate.shape[0] // 2 - 1, 255, -1, cv2.LINE_AA)
    angle, mirrored = _as_laid(rng, stand)
    matrix = matrix_to(ink.shape, height * ink.shape[0] / line.ink.shape[0], angle, mirrored, centre)
    density, soft = rng.uniform(1.0, 5.0), height * rng.uniform(0.01, 0.04)
    metal = np.asarray(cv2.subtract(plate, ink), np.uint8)
    return Stamp((Area(corners(ink.shape, matrix), "lead", text),), _leaden(metal, matrix, density, soft))


def _centred(ink: Ink, shape: tuple[int, ...]) -> Ink:
    canvas = np.zeros(shape, np.uint8)
    y, x = (shape[0] - ink.shape[0]) // 2, (shape[1] - ink.shape[1]) // 2
    canvas[y : y + ink.shape[0], x : x + ink.shape[1]] = ink
    return canvas


def circled(rng: np.random.Generator, centre: Points, stand: Stand) -> Stamp:
    """A letter in a ring or a frame, typed or of lead, at times with the beads that show how the patient stood."""
    text = str(rng.choice(list("LLRRABX123")))
    height = _between(rng, 10, 80, stand)
    line = draw_line(rng, text, height)
    side = int(max(line.ink.shape) * rng.uniform(1.35, 2.2))
    ink = _centred(line.ink, (side, side))
    thick = max(1, int(side * rng.uniform(0.03, 0.1)))
    if rng.random() < 0.75:
        cv2.circle(ink, (side // 2, side // 2), side // 2 - thick, 255, thick, cv2.LINE_AA)
    else:
        cv2.rectangle(ink, (thick, thick), (side - thick, side - thick), 255, thick)
    if rng.random() < 0.3:
        for number in range(3):
            spot = (int(side * (0.38 + 0.12 * number)), int(side * 0.9) - 2 * thick)
            cv2.circle(ink, spot, max(1, side // 28), 255, -1, cv2.LINE_AA)
    of_lead = rng.random() < 0.5
    angle, mirrored = _as_laid(rng, stand) if of_lead else _as_typed(rng, stand)
    matrix = matrix_to(ink.shape, height * side / line.ink.shape[0], angle, mirrored, centre)
    density, soft = rng.uniform(1.2, 6.0), height * rng.uniform(0.01, 0.05)
    style = "lead" if of_lead else "burned"
    shown = _leaden(ink, matrix, density, soft) if of_lead else _typed(rng, [(ink, matrix)])
    return Stamp((Area(corners(ink.shape, matrix), style, text),), shown)


def icon(rng: np.random.Generator, centre: Points, stand: Stand) -> Stamp:
    """An icon, arrow or logo, at times on a field of black or grey, at times with a word under it."""
    line = draw_icon(rng)
    height = _between(rng, 9, 90, stand)
    angle, mirrored = _as_typed(rng, stand)
    matrix = matrix_to(line.ink.shape, height, angle, mirrored, centre)
    areas = [Area(corners(line.ink.shape, matrix), "symbol")]
    inks = [(line.ink, matrix)]
    if rng.random() < 0.2:
        word = draw_line(rng, draw_text(rng), height * 0.4)
        down = matrix[:, 1] * line.ink.shape[0]
        below = matrix_to(word.ink.shape, height * rng.uniform(0.2, 0.5), angle, mirrored, centre + down * 0.85)
        inks.append((word.ink, below))
        areas.append(Area(corners(word.ink.shape, below), "burned", word.text))
    field = corners(line.ink.shape, matrix, line.ink.shape[0] * rng.uniform(0.05, 0.5)) if rng.random() < 0.35 else None
    ground = float(rng.choice([0.0, 0.0, 0.05, 0.5]))
    typed = _typed(rng, inks, plain=field is not None, black=0.25)
    if field is not None and ground == 0.5:
        areas[0] = Area(field, "symbol")

    def draw(film: Grey) -> None:
        if field is not None:
            cv2.fillConvexPoly(film, np.round(field * 16).astype(np.int32), ground, cv2.LINE_AA, 4)
        typed(film)

    return Stamp(tuple(areas), draw)


def watermark(rng: np.random.Generator, centre: Points, stand: Stand) -> Stamp:
    """Large, half transparent text or logo across the anatomy."""
    line = draw_icon(rng) if rng.random() < 0.2 else draw_line(rng, draw_text(rng), 64)
    height = _between(rng, 16, 100, stand)
    angle = stand.angle_deg + float(rng.choice([0.0, rng.uniform(-60, 60)]))
    matrix = matrix_to(line.ink.shape, height, angle, stand.mirrored, centre)
    strength, grey = rng.uniform(0.15, 0.55), float(rng.choice([1.0, 1.0, 0.0, 0.6]))
    across, down = matrix[:, 0] * line.ink.shape[1], matrix[:, 1] * line.ink.shape[0]
    steps = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)] if rng.random() < 0.3 else [(0, 0)]
    apart = rng.uniform(1.2, 2.0), rng.uniform(2.0, 6.0)
    inks = [
        (line.ink, np.column_stack([matrix[:, :2], matrix[:, 2] + i * apart[0] * across + j * apart[1] * down]))
        for i, j in steps
    ]

    def draw(film: Grey) -> None:
        over = np.minimum(sum(lay(ink, there, film.shape) for ink, there in inks), 1.0) * strength
        film[:] = film * (1 - over) + grey * over

    style = "burned" if line.text else "symbol"
    return Stamp(tuple(Area(corners(ink.shape, there), style, line.text) for ink, there in inks), draw)


def _height(rng: np.random.Generator, text: str, stand: Stand) -> float:
    """Letters for a side are large, small print is long."""
    low, high = ((9, 150), (8, 80), (6, 34))[min(2, max(0, len(text) - 1) // 4 + (len(text) > 1))]
    return _between(rng, low, high, stand)


def _between(rng: np.random.Generator, low: float, high: float, stand: Stand) -> float:
    """Draw a height in pixels of a film of about 1,000 px; return it in pixels of this one, SMALLEST_PX or more."""
    return max(SMALLEST_PX, stand.size * float(np.exp(rng.uniform(np.log(low), np.log(high)))))


def _as_typed(rng: np.random.Generator, stand: Stand) -> tuple[float, bool]:
    turn = float(rng.choice([0, 0, 0, 0, 0, 0, 0, 90, 180, 270])) if rng.random() < 0.9 else rng.uniform(0, 360)
    return stand.angle_deg + turn, stand.mirrored != (rng.random() < 0.06)


def _as_laid(rng: np.random.Generator, stand: Stand) -> tuple[float, bool]:
    turn = rng.uniform(0, 360) if rng.random() < 0.3 else float(rng.choice([0, 0, 90, 180, 270]) + rng.normal(0, 9))
    return stand.angle_deg + turn, stand.mirrored != (rng.random() < 0.4)


def _typed(
    rng: np.random.Generator, inks: list[tuple[Ink, Points]], plain: bool = False, black: float = 0.05
) -> Callable[[Grey], None]:
    """Ink of one grey that stands out from what lies under it; at times with an outline or a shadow.

    Args:
        plain: without an outline.
        black: share of such ink.
    """
    greys = [0.0, 1.0, rng.uniform(0.9, 1.0), rng.uniform(0.55, 0.9)]
    grey = float(rng.choice(greys, p=[black, *((1 - black) * np.array([0.55, 0.3, 0.15]))]))
    outline = not plain and rng.random() < 0.2
    opacity = 1.0 if rng.random() < 0.8 else rng.uniform(0.7, 1.0)

    def draw(film: Grey) -> None:
        over = np.minimum(sum(lay(ink, matrix, film.shape) for ink, matrix in inks), 1.0)
        shown = _standing_out(film, over, grey)
        if outline:
            edge = np.asarray(cv2.dilate(over, np.ones((3, 3), np.uint8)), np.float32)
            film[:] = film * (1 - edge) + (0.0 if shown > 0.5 else 1.0) * edge
        film[:] = film * (1 - over * opacity) + shown * over * opacity

    return draw


def _standing_out(film: Grey, over: Grey, grey: float) -> float:
    """A film's own grey would hide the ink: then it is white on dark film and black on bright."""
    total = float(over.sum())
    below = float((film * over).sum()) / total if total > 0 else 0.0
    if abs(grey - below) > 0.15:
        return grey
    return 1.0 if below < 0.7 else 0.0


def soften(ink: Grey, sigma_px: float) -> Grey:
    """Return (H, W) ink with blurred edges."""
    return ink if sigma_px < 0.3 else np.asarray(cv2.GaussianBlur(ink, (0, 0), sigma_px), np.float32)


def absorb(film: Grey, density: Grey, ends: float) -> None:
    """Let what lies on the film take away light, down to `ends`, the film's white."""
    film[:] = np.maximum(film, ends - np.maximum(ends - film, 0) * np.exp(-density))
