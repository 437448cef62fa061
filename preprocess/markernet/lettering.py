"""Draw made-up markers' ink: lines of text in many fonts, and icons."""

import importlib.util
import string
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Ink = NDArray[np.uint8]  # (h, w), 0 none to 255 full


# packages of openly licensed typefaces; those that are not installed are left out
FONT_PACKAGES = (
    "font_amatic_sc",
    "font_caladea",
    "font_fredoka_one",
    "font_hanken_grotesk",
    "font_intuitive",
    "font_manrope",
    "font_roboto",
    "font_source_sans_pro",
    "font_source_serif_pro",
)

PICTOGRAMS = "font_font_awesome"

NOT_LETTERS = (
    "STIXSiz",
    "STIXNonUni",
    "cmex",
    "cmmi",
    "cmsy",
    "DejaVuSansDisplay",
    "DejaVuSerifDisplay",
    "LastResort",
)  # fonts of bare symbols

STROKED = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
)

HEIGHTS_PX = (16, 32, 64, 128)  # at which letters are drawn, before they are laid on a film


WORDS = (
    *("LEFT", "RIGHT", "AP", "PA", "LAT", "OBL", "ERECT", "SUPINE", "PRONE", "PORTABLE", "STANDING", "WB", "XTABLE"),
    *("MOBILE", "DECUB", "INSP", "EXP", "POST", "PRE", "SEATED", "upright", "weight", "bearing", "Uncooperative"),
    *("Wrist", "Hand", "Elbow", "Forearm", "Humerus", "Shoulder", "Chest", "Foot", "Ankle", "Knee", "Hip", "Pelvis"),
    *("Skull", "Spine", "Finger", "Thumb", "Clavicle", "Cast", "Splint", "Trauma", "Emergency", "Hospital", "Clinic"),
    *("Radiology", "X-RAY", "Copyright", "Ltd", "www.com", "Dr", "Room", "Ward", "kV", "mAs", "cm", "SID", "EI", "DI"),
    *("Acc", "ID", "DOB", "M", "F", "Series", "Image", "Study", "Zoom", "Unconfirmed", "Sample", "Demo", "Archive"),
)


@dataclass(frozen=True)
class Line:
    """One line of text or one icon as ink, upright; `text` is empty for icons."""

    ink: Ink
    text: str


def draw_text(rng: np.random.Generator) -> str:
    """Draw what a marker says: mostly a side's letter, with or without an operator's code."""
    kind = rng.random()
    side = str(rng.choice(list("LLRR")))
    if kind < 0.25:
        return side
    if kind < 0.5:
        return side + _letters(rng, 0, 2) + _digits(rng, 1, 3)
    if kind < 0.6:
        return _letters(rng, 1, 4) + _digits(rng, 0, 3)
    if kind < 0.7:
        return _letters(rng, 1, 1) if rng.random() < 0.5 else _digits(rng, 1, 4)
    if kind < 0.9:
        return " ".join(_word(rng) for _ in range(int(rng.integers(1, 4))))
    return _number(rng)


def _letters(rng: np.random.Generator, low: int, high: int) -> str:
    return "".join(rng.choice(list(string.ascii_uppercase), int(rng.integers(low, high + 1))))


def _digits(rng: np.random.Generator, low: int, high: int) -> str:
    return "".join(rng.choice(list(string.digits), int(rng.integers(low, high + 1))))


def _word(rng: np.random.Generator) -> str:
    word = str(rng.choice(WORDS))
    return (word, word.upper(), word.lower(), _digits(rng, 1, 4))[int(rng.choice(4, p=[0.5, 0.25, 0.1, 0.15]))]


def _number(rng: np.random.Generator) -> str:
    joint = str(rng.choice([".", "/", "-", ":", " "]))
    return joint.join(_digits(rng, 1, 4) for _ in range(int(rng.integers(2, 4))))


def missing_fonts() -> tuple[str, ...]:
    """Return the packages of typefaces that are not installed; `pip install fxkit[fonts]` brings them."""
    return tuple(name for name in (*FONT_PACKAGES, PICTOGRAMS) if not _fonts_of((name,)))


@lru_cache
def font_files() -> tuple[str, ...]:
    """Return the typefaces at hand: those that matplotlib brings, and those of FONT_PACKAGES."""
    own = map(str, Path(matplotlib.get_data_path(), "fonts", "ttf").glob("*.ttf"))
    return tuple(
        file for file in (*sorted(own), *_fonts_of(FONT_PACKAGES)) if not Path(file).name.startswith(NOT_LETTERS)
    )


@lru_cache
def _fonts_of(packages: tuple[str, ...]) -> tuple[str, ...]:
    specs = (importlib.util.find_spec(name) for name in packages)
    folders = (Path(spec.origin).parent for spec in specs if spec and spec.origin)
    return tuple(sorted(str(file) for folder in folders for file in folder.rglob("*.[ot]tf")))


@lru_cache(maxsize=512)
def _font(file: str, height_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, round(1.35 * height_px))


def draw_line(rng: np.random.Generator, text: str, height_px: float) -> Line:
    """Draw a line of text, about as high as it will stand on the film, in a typeface and weight drawn by chance."""
    height = next((h for h in HEIGHTS_PX if h >= height_px), HEIGHTS_PX[-1])
    if rng.random() < 0.15:
        ink = _stroked(rng, text, height)
    else:
        files = font_files()
        ink = typeset(text, files[int(rng.integers(len(files)))], height)
    ink = _stretch(rng, _weigh(rng, trim(ink)))
    return Line(ink, text)


def typeset(text: str, font_file: str, height_px: int) -> Ink:
    """Return text in a typeface as (h, w) uint8 ink, its capitals about height_px high."""
    font = _font(font_file, height_px)
    x0, y0, x1, y1 = font.getbbox(text)
    picture = Image.new("L", (int(x1 - x0) + 8, int(y1 - y0) + 8))
    ImageDraw.Draw(picture).text((4 - x0, 4 - y0), text, fill=255, font=font)
    return np.asarray(picture)


def _stroked(rng: np.random.Generator, text: str, height_px: int) -> Ink:
    """Plotter letters, as consoles and old digitisers draw them."""
    face = STROKED[int(rng.integers(len(STROKED)))]
    scale = height_px / cv2.getTextSize("H", face, 1, 1)[0][1]
    thick = max(1, round(height_px * rng.uniform(0.05, 0.22)))
    (width, height), below = cv2.getTextSize(text, face, scale, thick)
    canvas = np.zeros((height + below + 4 * thick + 8, width + 4 * thick + 8), np.uint8)
    cv2.putText(canvas, text, (2 * thick + 4, height + 2 * thick + 4), face, scale, 255, thick, cv2.LINE_AA)
    return canvas


def _weigh(rng: np.random.Generator, ink: Ink) -> Ink:
    """Make letters bolder at times, as hand-cut lead is; spaced ones lie further apart."""
    if rng.random() < 0.25:
        size = max(2, round(ink.shape[0] * rng.uniform(0.03, 0.12)))
        ink = np.asarray(cv2.dilate(np.pad(ink, size), np.ones((size, size), np.uint8)), np.uint8)
    return ink


def _stretch(rng: np.random.Generator, ink: Ink) -> Ink:
    if rng.random() < 0.3:
        width = max(2, round(ink.shape[1] * rng.uniform(0.65, 1.6)))
        ink = np.asarray(cv2.resize(ink, (width, ink.shape[0]), interpolation=cv2.INTER_AREA), np.uint8)
    return ink


def trim(ink: Ink) -> Ink:
    """Return the ink without its empty borders; where there is hardly any (a point, a space), a block of it."""
    rows, columns = np.flatnonzero(ink.max(1) > 64), np.flatnonzero(ink.max(0) > 64)
    if min(len(rows), len(columns)) < 3:
        return np.full((12, 12), 255, np.uint8)
    return np.ascontiguousarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def draw_icon(rng: np.random.Generator) -> Line:
    """Draw an arrow, a figure, a logo, a code of squares or a sign."""
    kinds = (_arrow, _figure, _figure, _logo, _code, _sign, _pictogram, _pictogram, _pictogram)
    ink = kinds[int(rng.integers(len(kinds)))](rng)
    if rng.random() < 0.3:  # as a pixel font shows it
        cells = int(rng.integers(9, 20))
        small = cv2.resize(
            ink, (cells, max(4, round(cells * ink.shape[0] / ink.shape[1]))), interpolation=cv2.INTER_AREA
        )
        ink = np.asarray(cv2.resize((small > 110).astype(np.uint8) * 255, ink.shape[::-1], interpolation=0), np.uint8)
    return Line(trim(ink), "")


def _pictogram(rng: np.random.Generator) -> Ink:
    """A sign of the icon font, where it is installed."""
    files = _fonts_of((PICTOGRAMS,))
    if not files:
        return _logo(rng)
    for _ in range(8):
        sign = typeset(chr(int(rng.integers(0xF000, 0xF2E0))), files[0], 96)
        if not np.array_equal(sign, _lacking(files[0])):
            return trim(sign)
    return _logo(rng)


@lru_cache
def _lacking(font_file: str) -> Ink:
    """What a typeface draws in the place of a sign that it lacks."""
    return typeset(chr(0xFFFF), font_file, 96)


def _canvas(width: int, height: int = 96) -> Ink:
    return np.zeros((height, width), np.uint8)


def _arrow(rng: np.random.Generator) -> Ink:
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


def _figure(rng: np.random.Generator) -> Ink:
    """A head beside a trunk, seen from above or before: the signs for how a patient lies."""
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
    if rng.random() < 0.35:  # half of it hollow
        hollow = cv2.erode(ink, np.ones((9, 9), np.uint8))
        row = int(rng.integers(10, 80))
        ink[row:] -= hollow[row:]
    return np.asarray(np.rot90(ink, int(rng.integers(4))))


def _logo(rng: np.random.Generator) -> Ink:
    """Some plain shapes on top of one another, one in ten with a frame around."""
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


def _code(rng: np.random.Generator) -> Ink:
    if rng.random() < 0.5:
        bars = rng.random(int(rng.integers(25, 70))) < 0.5
        return np.asarray(np.kron(np.tile(bars, (14, 1)), np.ones((4, 3))) * 255, np.uint8)
    cells = int(rng.integers(10, 26))
    return np.asarray(np.kron(rng.random((cells, cells)) < 0.5, np.ones((4, 4))) * 255, np.uint8)


def _sign(rng: np.random.Generator) -> Ink:
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
    else:  # sand-glass or bow tie
        cv2.fillPoly(ink, [np.array([(8, 8), (88, 8), (8, 88), (88, 88)])], 255)
    return ink
