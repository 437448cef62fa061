"""Draw markers that lay in the X-ray beam: lead letters with and without plates, metal tags, circled letters."""

import cv2
import numpy as np

from preprocess.markernet.laying import (
    Grey,
    Points,
    absorb,
    lay_ink,
    lead_ink,
    patch_corners,
    patch_matrix,
    typed_ink,
)
from preprocess.markernet.lettering import Ink, Line, choose_text, draw_line
from preprocess.markernet.marker_parts import (
    Area,
    FilmPose,
    SyntheticMarker,
    choose_height,
    choose_laid_pose,
    choose_text_height,
    choose_typed_pose,
)


def draw_lead_letters(rng: np.random.Generator, centre: Points, pose: FilmPose) -> SyntheticMarker:
    """Draw lead letters, mostly on a plastic plate or strips of tape."""
    text = choose_text(rng)
    height = choose_text_height(rng, text, pose) * 1.2 + 4 * pose.marker_scale
    line = draw_line(rng, text, height)
    if rng.random() < 0.3:
        line = _scatter_letters(rng, text, height)
    angle, mirrored = choose_laid_pose(rng, pose)
    matrix = patch_matrix(line.ink.shape, height, angle, mirrored, centre)
    areas = [Area(patch_corners(line.ink.shape, matrix), "lead", text)]
    panes = _choose_panes(rng, line.ink.shape, matrix) if rng.random() < 0.65 else []
    if panes:
        areas.insert(0, Area(_enclosing_quad(panes), "plate"))
    density, soft_px = choose_lead_density(rng), height * rng.uniform(0.01, 0.05)
    white, rim_density, pane_density = rng.uniform(0.85, 1.0), rng.uniform(0.0, 0.2), rng.uniform(0.02, 0.15)
    draw_letters = lead_ink(line.ink, matrix, density, soft_px, white)

    def draw(film: Grey) -> None:
        for pane in panes:
            _lay_pane(film, pane, pane_density, rim_density)
        draw_letters(film)

    return SyntheticMarker(tuple(areas), draw)


def choose_lead_density(rng: np.random.Generator) -> float:
    """Choose a random density of lead letters; one in six is faint, like the mark of a cassette."""
    return float(rng.uniform(1.2, 6.0) if rng.random() > 0.16 else np.exp(rng.uniform(np.log(0.04), np.log(0.6))))


def _scatter_letters(rng: np.random.Generator, text: str, height_px: float) -> Line:
    """Draw single lead letters that were placed by hand, each slightly rotated and shifted."""
    letters = [draw_line(rng, letter, height_px).ink for letter in text if letter != " "] or [np.ones((8, 8), np.uint8)]
    tallest = max(ink.shape[0] for ink in letters)
    canvas = np.zeros((2 * tallest, sum(ink.shape[1] + tallest // 3 for ink in letters) + tallest), np.uint8)
    x = tallest // 2
    for ink in letters:
        size = tallest * rng.uniform(0.7, 1.1)
        spot = np.array([x + ink.shape[1] * size / ink.shape[0] / 2, tallest + rng.normal(0, 0.08 * tallest)])
        matrix = patch_matrix(ink.shape, size, float(rng.normal(0, 8)), False, spot)
        canvas = np.maximum(canvas, np.round(lay_ink(ink, matrix, canvas.shape) * 255).astype(np.uint8))
        x += int(ink.shape[1] * size / ink.shape[0] + tallest * rng.uniform(0.05, 0.3))
    rows, columns = np.flatnonzero(canvas.max(1) > 64), np.flatnonzero(canvas.max(0) > 64)
    return Line(canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], text)


def _choose_panes(rng: np.random.Generator, shape: tuple[int, ...], matrix: Points) -> list[Points]:
    panes = []
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        outer = patch_corners(shape, matrix, shape[0] * rng.uniform(0.1, 0.8))
        centre = outer.mean(0)
        tilt, stretch = np.radians(rng.normal(0, 4)), np.exp(rng.normal(0, 0.12))
        turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]) * stretch
        panes.append((outer - centre) @ turn.T + centre)
    return panes


def _enclosing_quad(panes: list[Points]) -> Points:
    if len(panes) == 1:
        return panes[0]
    return np.asarray(cv2.boxPoints(cv2.minAreaRect(np.concatenate(panes).astype(np.float32))), np.float64)


def _lay_pane(film: Grey, quad: Points, density: float, rim: float) -> None:
    """Draw a plastic plate on a film in place: a faint area with a denser rim."""
    pane, points = np.zeros(film.shape, np.uint8), np.round(quad * 16).astype(np.int32)
    cv2.fillConvexPoly(pane, points, 100, cv2.LINE_AA, 4)
    if rim:
        cv2.polylines(pane, [points], True, int(100 + 155 * min(1, 4 * rim)), 1, cv2.LINE_AA, 4)
    absorb(film, pane.astype(np.float32) * np.float32(density / 100), 1.0)


def draw_metal_tag(rng: np.random.Generator, centre: Points, pose: FilmPose) -> SyntheticMarker:
    """Draw a round or square metal tag with letters cut out of it."""
    text = choose_text(rng)[:5].strip() or "R"
    height = choose_height(rng, 14, 90, pose)
    line = draw_line(rng, text, height)
    pad = int(line.ink.shape[0] * rng.uniform(0.2, 0.7))
    ink = np.pad(line.ink, pad)
    plate = np.full_like(ink, 255)
    if rng.random() < 0.35:
        plate = np.zeros((max(ink.shape) + 2 * pad,) * 2, np.uint8)
        ink = _centred(ink, plate.shape)
        cv2.circle(plate, (plate.shape[1] // 2,) * 2, plate.shape[0] // 2 - 1, 255, -1, cv2.LINE_AA)
    angle, mirrored = choose_laid_pose(rng, pose)
    matrix = patch_matrix(ink.shape, height * ink.shape[0] / line.ink.shape[0], angle, mirrored, centre)
    density, soft_px = rng.uniform(1.0, 5.0), height * rng.uniform(0.01, 0.04)
    metal = np.asarray(cv2.subtract(plate, ink), np.uint8)
    return SyntheticMarker(
        (Area(patch_corners(ink.shape, matrix), "lead", text),), lead_ink(metal, matrix, density, soft_px)
    )


def _centred(ink: Ink, shape: tuple[int, ...]) -> Ink:
    canvas = np.zeros(shape, np.uint8)
    y, x = (shape[0] - ink.shape[0]) // 2, (shape[1] - ink.shape[1]) // 2
    canvas[y : y + ink.shape[0], x : x + ink.shape[1]] = ink
    return canvas


def draw_circled_letter(rng: np.random.Generator, centre: Points, pose: FilmPose) -> SyntheticMarker:
    """Draw a letter in a ring or frame, typed or of lead, sometimes with the beads that show the patient position."""
    text = str(rng.choice(list("LLRRABX123")))
    height = choose_height(rng, 10, 80, pose)
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
    is_lead = rng.random() < 0.5
    angle, mirrored = choose_laid_pose(rng, pose) if is_lead else choose_typed_pose(rng, pose)
    matrix = patch_matrix(ink.shape, height * side / line.ink.shape[0], angle, mirrored, centre)
    density, soft_px = rng.uniform(1.2, 6.0), height * rng.uniform(0.01, 0.05)
    style = "lead" if is_lead else "burned"
    draw = lead_ink(ink, matrix, density, soft_px) if is_lead else typed_ink(rng, [(ink, matrix)])
    return SyntheticMarker((Area(patch_corners(ink.shape, matrix), style, text),), draw)
