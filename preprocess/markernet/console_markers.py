"""Draw markers that were added digitally: burned-in text, captions, label boxes, icons and watermarks."""

import cv2
import numpy as np

from preprocess.markernet.icons import draw_icon
from preprocess.markernet.laying import Grey, Points, lay_ink, patch_corners, patch_matrix, typed_ink
from preprocess.markernet.lettering import Ink, choose_text, draw_line
from preprocess.markernet.marker_parts import (
    SMALLEST_PX,
    Area,
    FilmPose,
    SyntheticMarker,
    choose_height,
    choose_text_height,
    choose_typed_pose,
)
from preprocess.markers import as_quad, is_mirrored


def draw_burned_text(rng: np.random.Generator, centre: Points, pose: FilmPose) -> SyntheticMarker:
    """Draw one line of text, typed at the console."""
    text = choose_text(rng)
    height = choose_text_height(rng, text, pose)
    line = draw_line(rng, text, height)
    angle, mirrored = choose_typed_pose(rng, pose)
    matrix = patch_matrix(line.ink.shape, height, angle, mirrored, centre)
    return SyntheticMarker(
        (Area(patch_corners(line.ink.shape, matrix), "burned", text),), typed_ink(rng, [(line.ink, matrix)])
    )


def draw_caption(rng: np.random.Generator, centre: Points, pose: FilmPose) -> SyntheticMarker:
    """Draw a caption: several lines of small text, sometimes below one large letter."""
    angle, mirrored = choose_typed_pose(rng, pose)
    height = choose_height(rng, 6, 22, pose)
    placed: list[tuple[Ink, Points]] = []
    areas: list[Area] = []
    along, down = patch_matrix((1, 1), 1.0, angle, mirrored, np.zeros(2))[:, :2].T
    position, left_aligned = np.asarray(centre, float), rng.random() < 0.5
    for number in range(int(rng.integers(2, 6))):
        text = choose_text(rng)
        line_height = height * (rng.uniform(1.5, 4) if number == 0 and rng.random() < 0.4 else 1.0)
        line = draw_line(rng, text, line_height)
        width = line.ink.shape[1] * line_height / line.ink.shape[0]
        matrix = patch_matrix(
            line.ink.shape, line_height, angle, mirrored, position + along * (width / 2 if left_aligned else 0)
        )
        placed.append((line.ink, matrix))
        areas.append(Area(patch_corners(line.ink.shape, matrix), "burned", text))
        position = position + down * (0.75 * line_height + height * rng.uniform(0.7, 1.1))
    return SyntheticMarker(tuple(areas), typed_ink(rng, placed))


def draw_label_box(rng: np.random.Generator, centre: Points, pose: FilmPose) -> SyntheticMarker:
    """Draw text in a filled box."""
    text = choose_text(rng)
    height = choose_height(rng, 8, 60, pose)
    line = draw_line(rng, text, height)
    pad = int(line.ink.shape[0] * rng.uniform(0.12, 0.7))
    ink = np.pad(line.ink, ((pad, pad), (int(pad * rng.uniform(0.6, 2.0)),) * 2))
    angle, mirrored = choose_typed_pose(rng, pose)
    matrix = patch_matrix(ink.shape, height * ink.shape[0] / line.ink.shape[0], angle, mirrored, centre)
    background, letters = _choose_box_greys(rng)
    opacity = float(rng.choice([1.0, 1.0, rng.uniform(0.6, 0.95)]))
    frame = letters if rng.random() < 0.2 else background

    def draw(film: Grey) -> None:
        box = lay_ink(np.full_like(ink, 255), matrix, film.shape) * opacity
        film[:] = film * (1 - box) + background * box
        if frame != background:
            outline = np.round(patch_corners(ink.shape, matrix) * 16).astype(np.int32)
            cv2.polylines(film, [outline], True, frame, 1, cv2.LINE_AA, 4)
        over = lay_ink(ink, matrix, film.shape)
        film[:] = film * (1 - over) + letters * over

    return SyntheticMarker((Area(patch_corners(ink.shape, matrix), "label", text),), draw)


def draw_label_with_letter(rng: np.random.Generator, centre: Points, pose: FilmPose) -> SyntheticMarker:
    """Draw a filled box with the code of a radiographer, and the side letter (L or R) below or above it."""
    box = draw_label_box(rng, centre, pose)
    quad = box.areas[0].quad
    right, up = quad[1] - quad[0], quad[0] - quad[3]
    mirrored = is_mirrored(as_quad(quad))
    reading = -right if mirrored else right
    angle = float(np.degrees(np.arctan2(reading[1], reading[0])))
    box_height = float(np.linalg.norm(up))
    height = max(SMALLEST_PX, box_height * rng.uniform(0.7, 2.0))
    distance = (box_height / 2 + height * rng.uniform(0.55, 1.0)) * (-1 if rng.random() < 0.8 else 1)
    text = str(rng.choice(list("LR")))
    line = draw_line(rng, text, height)
    spot = quad.mean(0) + distance * up / box_height + right * rng.uniform(-0.4, 0.4)
    matrix = patch_matrix(line.ink.shape, height, angle, mirrored, spot)
    letter = typed_ink(rng, [(line.ink, matrix)], plain=True)

    def draw(film: Grey) -> None:
        box.draw(film)
        letter(film)

    return SyntheticMarker((*box.areas, Area(patch_corners(line.ink.shape, matrix), "burned", text)), draw)


def _choose_box_greys(rng: np.random.Generator) -> tuple[float, float]:
    """Choose the greys of background and letters: white on grey, white on black, black on white, or two others."""
    pairs = ((0.5, 1.0), (rng.uniform(0.3, 0.65), 1.0), (0.0, 1.0), (1.0, 0.0), (rng.uniform(0.7, 1.0), 0.1))
    return pairs[int(rng.integers(len(pairs)))]


def draw_icon_marker(rng: np.random.Generator, centre: Points, pose: FilmPose) -> SyntheticMarker:
    """Draw an icon, arrow or logo, sometimes on a black or grey background, sometimes with a word below it."""
    line = draw_icon(rng)
    height = choose_height(rng, 9, 90, pose)
    angle, mirrored = choose_typed_pose(rng, pose)
    matrix = patch_matrix(line.ink.shape, height, angle, mirrored, centre)
    areas = [Area(patch_corners(line.ink.shape, matrix), "symbol")]
    inks = [(line.ink, matrix)]
    if rng.random() < 0.2:
        word = draw_line(rng, choose_text(rng), height * 0.4)
        down = matrix[:, 1] * line.ink.shape[0]
        below = patch_matrix(word.ink.shape, height * rng.uniform(0.2, 0.5), angle, mirrored, centre + down * 0.85)
        inks.append((word.ink, below))
        areas.append(Area(patch_corners(word.ink.shape, below), "burned", word.text))
    background = None
    if rng.random() < 0.35:
        background = patch_corners(line.ink.shape, matrix, line.ink.shape[0] * rng.uniform(0.05, 0.5))
    background_grey = float(rng.choice([0.0, 0.0, 0.05, 0.5]))
    draw_ink = typed_ink(rng, inks, plain=background is not None, black_fraction=0.25)
    if background is not None and background_grey == 0.5:
        areas[0] = Area(background, "symbol")

    def draw(film: Grey) -> None:
        if background is not None:
            cv2.fillConvexPoly(film, np.round(background * 16).astype(np.int32), background_grey, cv2.LINE_AA, 4)
        draw_ink(film)

    return SyntheticMarker(tuple(areas), draw)


def draw_watermark(rng: np.random.Generator, centre: Points, pose: FilmPose) -> SyntheticMarker:
    """Draw a large, transparent text or logo across the anatomy, once or as a repeated pattern."""
    line = draw_icon(rng) if rng.random() < 0.2 else draw_line(rng, choose_text(rng), 64)
    height = choose_height(rng, 16, 100, pose)
    angle = pose.angle_deg + float(rng.choice([0.0, rng.uniform(-60, 60)]))
    matrix = patch_matrix(line.ink.shape, height, angle, pose.mirrored, centre)
    opacity, grey = rng.uniform(0.15, 0.55), float(rng.choice([1.0, 1.0, 0.0, 0.6]))
    across, down = matrix[:, 0] * line.ink.shape[1], matrix[:, 1] * line.ink.shape[0]
    steps = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)] if rng.random() < 0.3 else [(0, 0)]
    spacing = rng.uniform(1.2, 2.0), rng.uniform(2.0, 6.0)
    inks = [
        (line.ink, np.column_stack([matrix[:, :2], matrix[:, 2] + i * spacing[0] * across + j * spacing[1] * down]))
        for i, j in steps
    ]

    def draw(film: Grey) -> None:
        over = np.minimum(sum(lay_ink(ink, matrix, film.shape) for ink, matrix in inks), 1.0) * opacity
        film[:] = film * (1 - over) + grey * over

    style = "burned" if line.text else "symbol"
    return SyntheticMarker(
        tuple(Area(patch_corners(ink.shape, matrix), style, line.text) for ink, matrix in inks), draw
    )
