"""Draw icons as ink: arrows, patient figures, logos, barcodes, signs and pictograms."""

from functools import lru_cache

import cv2
import numpy as np

from preprocess.markernet.lettering import PICTOGRAMS, Ink, Line, list_fonts, trim, typeset


def draw_icon(rng: np.random.Generator) -> Line:
    """Draw an arrow, a patient figure, a logo, a barcode, a sign or a pictogram."""
    kinds = (
        _draw_arrow,
        _draw_figure,
        _draw_figure,
        _draw_logo,
        _draw_barcode,
        _draw_sign,
        _draw_pictogram,
        _draw_pictogram,
        _draw_pictogram,
    )
    ink = kinds[int(rng.integers(len(kinds)))](rng)
    if rng.random() < 0.3:  # as in a pixel font
        cells = int(rng.integers(9, 20))
        small = cv2.resize(
            ink, (cells, max(4, round(cells * ink.shape[0] / ink.shape[1]))), interpolation=cv2.INTER_AREA
        )
        ink = np.asarray(cv2.resize((small > 110).astype(np.uint8) * 255, ink.shape[::-1], interpolation=0), np.uint8)
    return Line(trim(ink), "")


def _draw_pictogram(rng: np.random.Generator) -> Ink:
    """Draw a pictogram of the icon font if it is installed, else a logo."""
    files = list_fonts((PICTOGRAMS,))
    if not files:
        return _draw_logo(rng)
    for _ in range(8):
        sign = typeset(chr(int(rng.integers(0xF000, 0xF2E0))), files[0], 96)
        if not np.array_equal(sign, _missing_glyph(files[0])):
            return trim(sign)
    return _draw_logo(rng)


@lru_cache
def _missing_glyph(font_file: str) -> Ink:
    """Return what a typeface draws for a character that it does not have."""
    return typeset(chr(0xFFFF), font_file, 96)


def _canvas(width: int, height: int = 96) -> Ink:
    return np.zeros((height, width), np.uint8)


def _draw_arrow(rng: np.random.Generator) -> Ink:
    ink = _canvas(160)
    thick, head = int(rng.integers(5, 26)), int(rng.integers(22, 45))
    cv2.line(ink, (20, 48), (120, 48), 255, thick)
    tip = np.array([(150, 48), (150 - 1.3 * head, 48 - head), (150 - 1.3 * head, 48 + head)]).astype(np.int32)
    cv2.fillConvexPoly(ink, tip, 255)
    if rng.random() < 0.3:
        cv2.fillConvexPoly(ink, np.array([160, 0]) + np.array([-1, 1]) * tip, 255)
    if rng.random() < 0.2:
        cv2.line(ink, (80, 8), (80, 88), 255, thick)
    return ink


def _draw_figure(rng: np.random.Generator) -> Ink:
    """Draw a head next to a trunk, seen from above or from the front: a sign of the patient position."""
    ink = _canvas(190)
    radius = int(rng.integers(16, 36))
    x = int(rng.integers(60, 100))
    trunk = str(rng.choice(["half", "box", "round", "wedge"]))
    top, bottom = int(rng.integers(4, 24)), int(rng.integers(72, 92))
    if trunk == "half":
        cv2.rectangle(ink, (8, top), (x - 24, bottom), 255, -1)
        cv2.ellipse(ink, (x - 24, (top + bottom) // 2), (24, (bottom - top) // 2), 0, -90, 90, 255, -1)
    elif trunk == "box":
        cv2.rectangle(ink, (8, top), (x, bottom), 255, -1)
    elif trunk == "round":
        cv2.ellipse(ink, (x // 2, 48), (x // 2 - 4, (bottom - top) // 2), 0, 0, 360, 255, -1)
    else:
        cv2.fillConvexPoly(ink, np.array([(8, top), (8, bottom), (x, 60), (x, 36)]), 255)
    cv2.circle(ink, (x + radius + int(rng.integers(2, 14)), 48), radius, 255, -1)
    if rng.random() < 0.35:  # the lower part is hollow
        hollow = cv2.erode(ink, np.ones((9, 9), np.uint8))
        row = int(rng.integers(10, 80))
        ink[row:] -= hollow[row:]
    return np.asarray(np.rot90(ink, int(rng.integers(4))))


def _draw_logo(rng: np.random.Generator) -> Ink:
    """Draw a few simple shapes over each other, sometimes with a frame."""
    ink = _canvas(int(rng.integers(80, 220)))
    height, width = ink.shape
    for number in range(int(rng.integers(2, 6))):
        value = 255 if number == 0 or rng.random() < 0.6 else 0
        centre = (int(rng.uniform(0.2, 0.8) * width), int(rng.uniform(0.25, 0.75) * height))
        size = (int(rng.integers(8, 46)), int(rng.integers(8, 40)))
        shape = int(rng.integers(4))
        filled = -1 if rng.random() < 0.6 else int(rng.integers(3, 10))
        if shape == 0:
            cv2.ellipse(
                ink, centre, size, float(rng.uniform(0, 180)), 0, float(rng.choice([180, 360, 360])), value, filled
            )
        elif shape == 1:
            cv2.rectangle(ink, centre, (centre[0] + size[0], centre[1] + size[1]), value, filled)
        elif shape == 2:
            corners = np.array(centre) + rng.uniform(-44, 44, (int(rng.integers(3, 6)), 2))
            cv2.fillPoly(ink, [corners.astype(np.int32)], value)
        else:
            cv2.line(ink, centre, (centre[0] + size[0], centre[1] - size[1]), value, int(rng.integers(3, 12)))
    if rng.random() < 0.3:
        cv2.rectangle(ink, (2, 2), (width - 3, height - 3), 255, int(rng.integers(2, 8)))
    return ink


def _draw_barcode(rng: np.random.Generator) -> Ink:
    if rng.random() < 0.5:
        bars = rng.random(int(rng.integers(25, 70))) < 0.5
        return np.asarray(np.kron(np.tile(bars, (14, 1)), np.ones((4, 3))) * 255, np.uint8)
    cells = int(rng.integers(10, 26))
    return np.asarray(np.kron(rng.random((cells, cells)) < 0.5, np.ones((4, 4))) * 255, np.uint8)


def _draw_sign(rng: np.random.Generator) -> Ink:
    ink = _canvas(96)
    thick = int(rng.integers(5, 18))
    kind = int(rng.integers(4))
    if kind == 0:  # cross
        cv2.line(ink, (10, 48), (86, 48), 255, thick)
        cv2.line(ink, (48, 10), (48, 86), 255, thick)
    elif kind == 1:  # triangle
        corners = np.array([(48, 8), (8, 84), (88, 84)])
        cv2.polylines(ink, [corners], True, 255, thick) if rng.random() < 0.5 else cv2.fillPoly(ink, [corners], 255)
    elif kind == 2:  # circled dot
        cv2.circle(ink, (48, 48), 38, 255, thick // 2 + 2)
        cv2.circle(ink, (48, 48), int(rng.integers(5, 16)), 255, -1)
    else:  # hourglass or bow tie
        cv2.fillPoly(ink, [np.array([(8, 8), (88, 8), (8, 88), (88, 88)])], 255)
    return ink
