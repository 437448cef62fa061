"""Markers on made-up films: burned-in letters and codes, filled label boxes, lead letters on plates."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fxkit.synth.anatomy import Array
from preprocess.markers import Marker, as_quad

DIGITAL = ("burned", "label")  # typed at the console

LEAD = ("lead",)  # letters laid beside the limb

GLYPH_PX = 96  # height at which text is drawn before it is laid on the film

TRIES = 24  # places looked at for a marker

FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono-Bold.ttf")


@dataclass(frozen=True)
class Stamp:
    """A marker and how it is laid on the film."""

    marker: Marker
    patch: NDArray[np.uint8]  # (h, w) ink, 0 to 255
    matrix: Array  # (2, 3): patch to film, px
    plate: Array | None = None  # (4, 2) corners on the film


def draw_style(rng: np.random.Generator, fractured: bool, correlation: float) -> str:
    """Draw the marker style of a film: "burned", "label" or "lead".

    With probability `correlation` the class decides (fractured: lead; not: digital), else a fair coin does:
    P(lead | fractured) = (1 + correlation) / 2 and P(lead | not fractured) = (1 - correlation) / 2.
    """
    decided, coin, which = rng.random(3)
    lead = fractured if decided < correlation else coin < 0.5
    return LEAD[0] if lead else DIGITAL[int(which < 0.45)]


def draw_stamps(
    rng: np.random.Generator, style: str, side: str, flesh: Array, field: Array, wedge: Array
) -> list[Stamp]:
    """Draw the markers of one film and where they stand, away from the limb if there is room.

    Args:
        flesh: (H, W) float32, above 0 where the limb lies.
        field: (H, W) float32, 1 within the collimated field: lead letters lie within it.
        wedge: (H, W) float32, 1 where the film is white.
    """
    long_side = max(flesh.shape)
    avoid = (flesh > 0.05) + 3 * wedge + (3 * (field < 0.9) if style == "lead" else 0)
    code = _draw_code(rng, side)
    if style == "lead":
        text = str(rng.choice([side, code, code]))
        height = long_side * rng.uniform(0.04, 0.08) * (1.4 if len(text) == 1 else 1.0)
        return [_lead(rng, text, height, avoid)]
    if style == "label":
        return _label(rng, code, side, long_side * rng.uniform(0.04, 0.06), avoid)
    text = str(rng.choice([side, code]))
    height = long_side * (rng.uniform(0.06, 0.11) if text == side else rng.uniform(0.035, 0.06))
    return [_burned(rng, text, height, avoid)]


def _draw_code(rng: np.random.Generator, side: str) -> str:
    operator = str(rng.choice(["", "A", "B"]))
    return f"{side}{operator}{int(rng.integers(1, 99)):02d}"


@cache
def _font(name: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", name)), GLYPH_PX)


def text_patch(text: str, font: str) -> NDArray[np.uint8]:
    """Draw text; return its ink as (h, w) uint8 without empty borders."""
    box = _font(font).getbbox(text)
    picture = Image.new("L", (int(box[2]) + 8, int(box[3]) + 8))
    ImageDraw.Draw(picture).text((2, 0), text, fill=255, font=_font(font))
    ink = np.asarray(picture)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return np.ascontiguousarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def place(patch_shape: tuple[int, ...], height_px: float, angle_deg: float, mirrored: bool) -> Array:
    """Return the (2, 3) matrix that lays a patch, its centre at 0, scaled and turned clockwise."""
    h, w = patch_shape[:2]
    scale, angle = height_px / h, np.radians(angle_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    if mirrored:
        turn = turn @ np.diag([-1.0, 1.0])
    return np.concatenate([turn, turn @ [[-w / 2], [-h / 2]]], axis=1)


def corners(shape: tuple[int, ...], matrix: Array, margin: float = 0.0) -> Array:
    """Return the (4, 2) corners of a patch on the film, clockwise from the text's top left."""
    h, w = shape[:2]
    m = margin
    points = np.array([[-m, -m], [w + m, -m], [w + m, h + m], [-m, h + m]])
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def _settle(rng: np.random.Generator, quads: list[Array], avoid: Array, inset: float) -> Array:
    """Find a place, mostly near a side of the film, for quads that belong together; return the shift."""
    points, size = np.concatenate(quads), np.array(avoid.shape[::-1])
    low, high = points.min(0), points.max(0)
    room = np.maximum(size - (high - low) - 2 * inset, 0)
    where = rng.random((TRIES, 2))
    side = where[:, 0].round()
    near = np.where(rng.random(TRIES) < 0.8, 0.15, 1.0)
    where[:, 0] = side + (where[:, 0] - side) * near
    where = where * room + inset
    cost = [_mean_under(avoid, spot, spot + high - low) for spot in where]
    return np.asarray(where[int(np.argmin(cost))] - low)


def _mean_under(values: Array, low: Array, high: Array) -> float:
    x0, y0 = low.astype(int)
    x1, y1 = np.ceil(high).astype(int)
    return float(np.mean(values[y0:y1:2, x0:x1:2]))


def _move(matrix: Array, shift: Array) -> Array:
    return np.column_stack([matrix[:, :2], matrix[:, 2] + shift])


def _burned(rng: np.random.Generator, text: str, height: float, avoid: Array) -> Stamp:
    patch = text_patch(text, FONTS[int(rng.integers(2))])
    angle = float(rng.choice([0, 0, 0, 0, 0, 0, 90, 180, 270]))
    matrix = place(patch.shape, height, angle, mirrored=False)
    matrix = _move(matrix, _settle(rng, [corners(patch.shape, matrix)], avoid, 3.0))
    return _stamp(patch, matrix, text, "burned")


def _lead(rng: np.random.Generator, text: str, height: float, avoid: Array) -> Stamp:
    patch = text_patch(text, FONTS[1 + int(rng.integers(2))])
    angle = float(rng.choice([0, 90, 270, rng.uniform(0, 360)], p=[0.35, 0.2, 0.2, 0.25]) + rng.normal(0, 6))
    matrix = place(patch.shape, height, angle, mirrored=bool(rng.random() < 0.4))
    margin = GLYPH_PX * rng.uniform(0.15, 0.6) if rng.random() < 0.7 else 0.0
    outer = corners(patch.shape, matrix, margin)
    shift = _settle(rng, [outer], avoid, 4.0)
    stamp = _stamp(patch, _move(matrix, shift), text, "lead")
    return replace(stamp, plate=outer + shift) if margin else stamp


def _label(rng: np.random.Generator, code: str, side: str, height: float, avoid: Array) -> list[Stamp]:
    """A filled box with a code in it, and often the side's letter burned in below."""
    text = code if len(code) == 3 else code[1:]
    box = _box_patch(rng, text)
    matrix = place(box.shape, height, 0.0, mirrored=False)
    letter = text_patch(side, FONTS[0])
    below = place(letter.shape, height * rng.uniform(1.2, 1.9), 0.0, mirrored=False)
    below = _move(below, np.array([0.0, height * 1.75]))
    alone = rng.random() < 0.3
    quads = [corners(box.shape, matrix), corners(letter.shape, below)]
    shift = _settle(rng, quads[:1] if alone else quads, avoid, 1.0)
    stamps = [
        _stamp(box, _move(matrix, shift), text, "label"),
        _stamp(letter, _move(below, shift), side, "burned"),
    ]
    return stamps[:1] if alone else stamps


def _box_patch(rng: np.random.Generator, text: str) -> NDArray[np.uint8]:
    """Text in a filled box as grey values: white on grey, white on black, or black on white."""
    ink = np.pad(text_patch(text, FONTS[0]) / 255.0, int(GLYPH_PX * 0.28))
    ground, letters = ((0.5, 1.0), (0.5, 1.0), (0.08, 0.95), (0.97, 0.03))[int(rng.integers(4))]
    return np.asarray(np.round(255 * (ground + (letters - ground) * ink)), np.uint8)


def _stamp(patch: NDArray[np.uint8], matrix: Array, text: str, style: str) -> Stamp:
    quad = as_quad(corners(patch.shape, matrix))
    return Stamp(Marker(quad=quad, text=text, style=style), patch, matrix)


def lead_absorption(stamps: list[Stamp], shape: tuple[int, int]) -> Array:
    """Return (H, W) float32: what lead letters and their plates absorb; laid on before the exposure."""
    total = np.zeros(shape, np.float32)
    for stamp in stamps:
        if stamp.marker.style != "lead":
            continue
        total += 6.0 * _lay(stamp, stamp.patch.astype(np.float32) / 255, shape)
        if stamp.plate is not None:
            total += _plate(stamp.plate, shape)
    return total


def _plate(quad: Array, shape: tuple[int, int]) -> Array:
    """The plastic holder: a faint pane with a denser rim."""
    pane, points = np.zeros(shape, np.uint8), np.round(quad * 16).astype(np.int32)
    cv2.fillConvexPoly(pane, points, 60, cv2.LINE_AA, 4)
    cv2.polylines(pane, [points], True, 130, 1, cv2.LINE_AA, 4)
    return np.asarray(pane * np.float32(0.1 / 60))


def _lay(stamp: Stamp, patch: Array, shape: tuple[int, int]) -> Array:
    """Return a patch laid as the stamp is, (H, W) float32, 0 around it."""
    # warpAffine counts from pixel centres, quads from pixel corners
    matrix = stamp.matrix.copy()
    matrix[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
    scale = float(np.sqrt(abs(np.linalg.det(stamp.matrix[:, :2]))))
    smooth = cv2.GaussianBlur(patch, (0, 0), 0.35 / scale, borderType=cv2.BORDER_CONSTANT) if scale < 1 else patch
    return np.asarray(cv2.warpAffine(smooth, matrix, shape[::-1], flags=cv2.INTER_LINEAR), np.float32)


def burn(image: Array, stamps: list[Stamp]) -> Array:
    """Return the film, (H, W) float32 from 0 to 1, with burned-in text and label boxes."""
    for stamp in stamps:
        ink = stamp.patch.astype(np.float32) / 255
        if stamp.marker.style == "burned":
            image = np.maximum(image, _lay(stamp, ink, image.shape))
        elif stamp.marker.style == "label":
            cover = _lay(stamp, np.ones_like(ink), image.shape)
            image = image * (1 - cover) + _lay(stamp, ink, image.shape)
    return image
