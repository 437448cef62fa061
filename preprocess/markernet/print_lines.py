"""Draw what consoles, archives and journals print on films: long lines, blocks of data, stickers, dotted letters."""

import string

import cv2
import numpy as np

from preprocess.markernet.laying import Grey, Points, lay_ink, patch_corners, patch_matrix, typed_ink
from preprocess.markernet.lettering import WORDS, Ink, choose_text, draw_line, trim
from preprocess.markernet.marker_parts import Area, FilmPose, SyntheticMarker, choose_height, choose_typed_pose

DATA_NAMES = ("kV", "mAs", "WW", "WC", "W", "L", "DI", "EI", "EXI", "SID", "Zoom", "Acc", "ID", "Age", "Se", "Im", "H")


def draw_border_line(rng: np.random.Generator, centre: Points, pose: FilmPose) -> SyntheticMarker:
    """Draw one or two long lines of small print, mostly along the rows of the film."""
    height = choose_height(rng, 6, 17, pose)
    along_top = rng.random() < 0.75
    tilt = float(rng.normal(0, 1.5)) if rng.random() < 0.6 else 0.0
    angle = pose.angle_deg + tilt + (0.0 if along_top else float(rng.choice([90.0, -90.0])))
    matrix_at = patch_matrix((1, 1), 1.0, angle, pose.mirrored, np.zeros(2))[:, :2]
    down = matrix_at[:, 1]
    inks: list[tuple[Ink, Points]] = []
    areas: list[Area] = []
    for number in range(int(rng.choice([1, 1, 2]))):
        text = "  ".join(choose_long_text(rng) for _ in range(int(rng.choice([1, 1, 2, 3]))))
        line = draw_line(rng, text, height)
        spot = centre + number * down * height * rng.uniform(1.1, 1.6)
        matrix = patch_matrix(line.ink.shape, height, angle, pose.mirrored, spot)
        inks.append((line.ink, matrix))
        areas.append(Area(patch_corners(line.ink.shape, matrix), "burned", text))
    return SyntheticMarker(tuple(areas), typed_ink(rng, inks))


def choose_long_text(rng: np.random.Generator) -> str:
    """Choose a long line of print: an identifier, an address of a page, words, or settings of an exposure."""
    kind = int(rng.integers(4))
    if kind == 0:
        return "-".join(_letters(rng, string.hexdigits[:16], n) for n in (8, 4, 4, 4, 12)[: int(rng.integers(3, 6))])
    if kind == 1:
        words = [_letters(rng, string.ascii_lowercase, int(rng.integers(3, 10))) for _ in range(4)]
        return f"https://{words[0]}.{words[1]}.org/{words[2]}/{words[3]}{int(rng.integers(10_000))}"
    if kind == 2:
        return " ".join(str(rng.choice(WORDS)) for _ in range(int(rng.integers(4, 12))))
    return "  ".join(choose_setting(rng) for _ in range(int(rng.integers(2, 7))))


def _letters(rng: np.random.Generator, letters: str, count: int) -> str:
    return "".join(rng.choice(list(letters), count))


def choose_setting(rng: np.random.Generator) -> str:
    """Choose one line of an exposure's data, such as "kV: 65.2"."""
    number = f"{rng.uniform(0, 150):.1f}" if rng.random() < 0.5 else str(int(rng.integers(1, 5000)))
    kind = rng.random()
    if kind < 0.6:
        return f"{rng.choice(DATA_NAMES)}{rng.choice([':', ': ', ' ', '='])}{number}"
    if kind < 0.8:
        parts = f"{int(rng.integers(1, 29)):02d}", f"{int(rng.integers(1, 13)):02d}", f"20{int(rng.integers(10, 26))}"
        return str(rng.choice(["/", ".", "-"])).join(parts)
    return f"{int(rng.integers(0, 24)):02d}:{int(rng.integers(0, 60)):02d}:{int(rng.integers(0, 60)):02d}"


def draw_data_block(rng: np.random.Generator, centre: Points, pose: FilmPose) -> SyntheticMarker:
    """Draw three to twelve lines of data, aligned left or right, sometimes in two columns or on a plate."""
    height = choose_height(rng, 6, 20, pose)
    angle, mirrored = choose_typed_pose(rng, pose)
    along, down = patch_matrix((1, 1), 1.0, angle, mirrored, np.zeros(2))[:, :2].T
    step, aligned = height * rng.uniform(1.05, 1.7), float(rng.choice([0.5, -0.5]))
    columns = 2 if rng.random() < 0.2 else 1
    inks: list[tuple[Ink, Points]] = []
    areas: list[Area] = []
    for row in range(int(rng.integers(3, 13))):
        for column in range(columns):
            if areas and rng.random() < 0.1:
                continue
            text = choose_setting(rng) if rng.random() < 0.7 else choose_text(rng)
            line = draw_line(rng, text, height)
            width = line.ink.shape[1] * height / line.ink.shape[0]
            spot = centre + down * row * step + along * (aligned * width + column * height * 9)
            matrix = patch_matrix(line.ink.shape, height, angle, mirrored, spot)
            inks.append((line.ink, matrix))
            areas.append(Area(patch_corners(line.ink.shape, matrix), "burned", text))
    draw_ink = typed_ink(rng, inks)
    if rng.random() > 0.25:
        return SyntheticMarker(tuple(areas), draw_ink)
    outline = _enclosing([area.quad for area in areas], along, down, height / 2)
    grey = float(rng.choice([0.0, 0.0, 1.0, 0.5]))

    def draw(film: Grey) -> None:
        cv2.fillConvexPoly(film, np.round(outline * 16).astype(np.int32), grey, cv2.LINE_AA, 4)
        draw_ink(film)

    return SyntheticMarker((Area(outline, "label", areas[0].text),), draw)


def _enclosing(quads: list[Points], along: Points, down: Points, margin: float) -> Points:
    """Return the rectangle around quads. Its sides run along two unit vectors, and its corners in reading order."""
    corners = np.concatenate(quads)
    x, y = corners @ along, corners @ down
    sides = (x.min() - margin, x.max() + margin), (y.min() - margin, y.max() + margin)
    ways = ((0, 0), (1, 0), (1, 1), (0, 1))
    return np.array([sides[0][i] * along + sides[1][j] * down for i, j in ways])


def draw_sticker(rng: np.random.Generator, centre: Points, pose: FilmPose) -> SyntheticMarker:
    """Draw a paper sticker: a bright plate with one to five dark lines, slightly turned, with a soft shadow."""
    height = choose_height(rng, 8, 34, pose)
    angle = pose.angle_deg + float(rng.normal(0, 8))
    along, down = patch_matrix((1, 1), 1.0, angle, pose.mirrored, np.zeros(2))[:, :2].T
    lines = [draw_line(rng, choose_text(rng), height) for _ in range(int(rng.integers(1, 6)))]
    matrices = [
        patch_matrix(line.ink.shape, height, angle, pose.mirrored, centre + down * height * 1.4 * number)
        for number, line in enumerate(lines)
    ]
    quads = [patch_corners(line.ink.shape, matrix) for line, matrix in zip(lines, matrices, strict=True)]
    outline = _enclosing(quads, along, down, height * rng.uniform(0.3, 1.0))
    paper, ink = float(rng.uniform(0.7, 1.0)), float(rng.uniform(0.0, 0.3))

    def draw(film: Grey) -> None:
        cv2.fillConvexPoly(film, np.round(outline * 16).astype(np.int32), paper, cv2.LINE_AA, 4)
        for line, matrix in zip(lines, matrices, strict=True):
            over = lay_ink(line.ink, matrix, film.shape)
            film[:] = film * (1 - over) + ink * over

    return SyntheticMarker((Area(outline, "label", lines[0].text),), draw)


def draw_dotted_text(rng: np.random.Generator, centre: Points, pose: FilmPose) -> SyntheticMarker:
    """Draw a text whose letters consist of dots, as of needle printers or punched tape."""
    text = choose_text(rng)[:12].strip() or "R"
    height = choose_height(rng, 10, 60, pose)
    line = draw_line(rng, text, 32)
    rows = int(rng.integers(7, 12))
    columns = max(3, round(rows * line.ink.shape[1] / line.ink.shape[0]))
    small = cv2.resize(line.ink, (columns, rows), interpolation=cv2.INTER_AREA) > 100
    cell = 10
    ink = np.zeros((rows * cell, columns * cell), np.uint8)
    for y, x in np.argwhere(small):
        cv2.circle(ink, (int(x * cell + cell // 2), int(y * cell + cell // 2)), int(rng.integers(3, 5)), 255, -1)
    ink = trim(ink)
    angle, mirrored = choose_typed_pose(rng, pose)
    matrix = patch_matrix(ink.shape, height, angle, mirrored, centre)
    return SyntheticMarker((Area(patch_corners(ink.shape, matrix), "burned", text),), typed_ink(rng, [(ink, matrix)]))
