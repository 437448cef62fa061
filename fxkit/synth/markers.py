"""Draw markers on synthetic films: burned-in letters and codes, filled label boxes, lead letters on plates."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fxkit.synth.tubes import Array
from preprocess.markernet.laying import patch_corners, patch_matrix
from preprocess.markers import Marker, as_quad

DIGITAL = ("burned", "label")  # typed at the console

LEAD = ("lead",)  # letters next to the limb

GLYPH_PX = 96  # height at which text is drawn before it is scaled onto the film

TRIES = 24  # candidate positions of a marker

FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono-Bold.ttf")


@dataclass(frozen=True)
class PlacedMarker:
    """A marker and its position on the film.

    Args:
        marker: quad, text and style.
        patch: (h, w) ink from 0 to 255.
        matrix: (2, 3) affine matrix from patch to film, px.
        plate: (4, 2) corners of the plate on the film; None without a plate.
    """

    marker: Marker
    patch: NDArray[np.uint8]
    matrix: Array
    plate: Array | None = None


def choose_style(rng: np.random.Generator, fractured: bool, correlation: float) -> str:
    """Choose the marker style of a film at random: "burned", "label" or "lead".

    With probability `correlation` the class determines the style: lead for fractured films, burned or label for the
    others. Otherwise a fair coin decides. So P(lead | fractured) = (1 + correlation) / 2 and
    P(lead | not fractured) = (1 - correlation) / 2.
    """
    by_class, coin, digital = rng.random(3)
    lead = fractured if by_class < correlation else coin < 0.5
    return LEAD[0] if lead else DIGITAL[int(digital < 0.45)]


def choose_markers(
    rng: np.random.Generator, style: str, side: str, flesh: Array, field: Array, wedge: Array
) -> list[PlacedMarker]:
    """Choose the markers of one film and their positions, away from the limb if there is room.

    Args:
        flesh: (H, W) float32, above 0 on the limb.
        field: (H, W) float32, 1 within the collimated field; lead letters lie inside it.
        wedge: (H, W) float32, 1 on the over-exposed strip.
    """
    long_side = max(flesh.shape)
    avoid = (flesh > 0.05) + 3 * wedge + (3 * (field < 0.9) if style == "lead" else 0)
    code = _choose_code(rng, side)
    if style == "lead":
        text = str(rng.choice([side, code, code]))
        height = long_side * rng.uniform(0.04, 0.08) * (1.4 if len(text) == 1 else 1.0)
        return [_choose_lead(rng, text, height, avoid)]
    if style == "label":
        return _choose_label(rng, code, side, long_side * rng.uniform(0.04, 0.06), avoid)
    text = str(rng.choice([side, code]))
    height = long_side * (rng.uniform(0.06, 0.11) if text == side else rng.uniform(0.035, 0.06))
    return [_choose_burned(rng, text, height, avoid)]


def _choose_code(rng: np.random.Generator, side: str) -> str:
    operator = str(rng.choice(["", "A", "B"]))
    return f"{side}{operator}{int(rng.integers(1, 99)):02d}"


@cache
def _load_font(name: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", name)), GLYPH_PX)


def text_patch(text: str, font: str) -> NDArray[np.uint8]:
    """Return a text as (h, w) uint8 ink without empty borders."""
    box = _load_font(font).getbbox(text)
    picture = Image.new("L", (int(box[2]) + 8, int(box[3]) + 8))
    ImageDraw.Draw(picture).text((2, 0), text, fill=255, font=_load_font(font))
    ink = np.asarray(picture)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return np.ascontiguousarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _find_position(rng: np.random.Generator, quads: list[Array], avoid: Array, inset: float) -> Array:
    """Return the shift that moves a group of quads to a free position, mostly near the left or right border."""
    points, size = np.concatenate(quads), np.array(avoid.shape[::-1])
    low, high = points.min(0), points.max(0)
    room = np.maximum(size - (high - low) - 2 * inset, 0)
    spots = rng.random((TRIES, 2))
    side = spots[:, 0].round()
    near = np.where(rng.random(TRIES) < 0.8, 0.15, 1.0)
    spots[:, 0] = side + (spots[:, 0] - side) * near
    spots = spots * room + inset
    cost = [_mean_in_box(avoid, spot, spot + high - low) for spot in spots]
    return np.asarray(spots[int(np.argmin(cost))] - low)


def _mean_in_box(values: Array, low: Array, high: Array) -> float:
    x0, y0 = low.astype(int)
    x1, y1 = np.ceil(high).astype(int)
    return float(np.mean(values[y0:y1:2, x0:x1:2]))


def _move(matrix: Array, shift: Array) -> Array:
    return np.column_stack([matrix[:, :2], matrix[:, 2] + shift])


def _choose_burned(rng: np.random.Generator, text: str, height: float, avoid: Array) -> PlacedMarker:
    patch = text_patch(text, FONTS[int(rng.integers(2))])
    angle = float(rng.choice([0, 0, 0, 0, 0, 0, 90, 180, 270]))
    matrix = patch_matrix(patch.shape, height, angle, mirrored=False)
    matrix = _move(matrix, _find_position(rng, [patch_corners(patch.shape, matrix)], avoid, 3.0))
    return _make_marker(patch, matrix, text, "burned")


def _choose_lead(rng: np.random.Generator, text: str, height: float, avoid: Array) -> PlacedMarker:
    patch = text_patch(text, FONTS[1 + int(rng.integers(2))])
    angle = float(rng.choice([0, 90, 270, rng.uniform(0, 360)], p=[0.35, 0.2, 0.2, 0.25]) + rng.normal(0, 6))
    matrix = patch_matrix(patch.shape, height, angle, mirrored=bool(rng.random() < 0.4))
    margin = GLYPH_PX * rng.uniform(0.15, 0.6) if rng.random() < 0.7 else 0.0
    outer = patch_corners(patch.shape, matrix, margin)
    shift = _find_position(rng, [outer], avoid, 4.0)
    placed = _make_marker(patch, _move(matrix, shift), text, "lead")
    return replace(placed, plate=outer + shift) if margin else placed


def _choose_label(rng: np.random.Generator, code: str, side: str, height: float, avoid: Array) -> list[PlacedMarker]:
    """Draw a filled box with a code, often with the side letter (L or R) burned in below it."""
    text = code if len(code) == 3 else code[1:]
    box = _choose_box_patch(rng, text)
    matrix = patch_matrix(box.shape, height, 0.0, mirrored=False)
    letter = text_patch(side, FONTS[0])
    below = patch_matrix(letter.shape, height * rng.uniform(1.2, 1.9), 0.0, mirrored=False)
    below = _move(below, np.array([0.0, height * 1.75]))
    box_only = rng.random() < 0.3
    quads = [patch_corners(box.shape, matrix), patch_corners(letter.shape, below)]
    shift = _find_position(rng, quads[:1] if box_only else quads, avoid, 1.0)
    markers = [
        _make_marker(box, _move(matrix, shift), text, "label"),
        _make_marker(letter, _move(below, shift), side, "burned"),
    ]
    return markers[:1] if box_only else markers


def _choose_box_patch(rng: np.random.Generator, text: str) -> NDArray[np.uint8]:
    """Return a text in a filled box as grey values: white on grey, white on black, or black on white."""
    ink = np.pad(text_patch(text, FONTS[0]) / 255.0, int(GLYPH_PX * 0.28))
    background, letters = ((0.5, 1.0), (0.5, 1.0), (0.08, 0.95), (0.97, 0.03))[int(rng.integers(4))]
    return np.asarray(np.round(255 * (background + (letters - background) * ink)), np.uint8)


def _make_marker(patch: NDArray[np.uint8], matrix: Array, text: str, style: str) -> PlacedMarker:
    quad = as_quad(patch_corners(patch.shape, matrix))
    return PlacedMarker(Marker(quad=quad, text=text, style=style), patch, matrix)


def lead_absorption(markers: list[PlacedMarker], shape: tuple[int, int]) -> Array:
    """Return the (H, W) float32 absorption of lead letters and their plates, to add before the exposure."""
    total = np.zeros(shape, np.float32)
    for placed in markers:
        if placed.marker.style != "lead":
            continue
        total += 6.0 * _lay(placed, placed.patch.astype(np.float32) / 255, shape)
        if placed.plate is not None:
            total += _lay_plate(placed.plate, shape)
    return total


def _lay_plate(quad: Array, shape: tuple[int, int]) -> Array:
    """Return the absorption of the plastic plate: a faint area with a denser rim."""
    pane, points = np.zeros(shape, np.uint8), np.round(quad * 16).astype(np.int32)
    cv2.fillConvexPoly(pane, points, 60, cv2.LINE_AA, 4)
    cv2.polylines(pane, [points], True, 130, 1, cv2.LINE_AA, 4)
    return np.asarray(pane * np.float32(0.1 / 60))


def _lay(placed: PlacedMarker, patch: Array, shape: tuple[int, int]) -> Array:
    """Return the patch drawn at the position of the marker, as (H, W) float32; 0 elsewhere."""
    # warpAffine measures from pixel centres, quads from pixel corners
    matrix = placed.matrix.copy()
    matrix[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
    scale = float(np.sqrt(abs(np.linalg.det(placed.matrix[:, :2]))))
    smooth = cv2.GaussianBlur(patch, (0, 0), 0.35 / scale, borderType=cv2.BORDER_CONSTANT) if scale < 1 else patch
    return np.asarray(cv2.warpAffine(smooth, matrix, shape[::-1], flags=cv2.INTER_LINEAR), np.float32)


def burn(image: Array, markers: list[PlacedMarker]) -> Array:
    """Return the (H, W) float32 film from 0 to 1 with burned-in text and label boxes added."""
    for placed in markers:
        ink = placed.patch.astype(np.float32) / 255
        if placed.marker.style == "burned":
            image = np.maximum(image, _lay(placed, ink, image.shape))
        elif placed.marker.style == "label":
            cover = _lay(placed, np.ones_like(ink), image.shape)
            image = image * (1 - cover) + _lay(placed, ink, image.shape)
    return image
