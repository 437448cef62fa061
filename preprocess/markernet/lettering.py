"""Draw the text of synthetic markers as ink: short texts in many typefaces and weights."""

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

Ink = NDArray[np.uint8]  # (h, w), from 0 (no ink) to 255 (full ink)

# packages of openly licensed typefaces; missing packages are skipped
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

SYMBOL_FONTS = (
    "STIXSiz",
    "STIXNonUni",
    "cmex",
    "cmmi",
    "cmsy",
    "DejaVuSansDisplay",
    "DejaVuSerifDisplay",
    "LastResort",
)  # fonts whose file names start like this contain symbols, not letters

PLOTTER_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
)

HEIGHTS_PX = (16, 32, 64, 128)  # letter heights before the ink is scaled onto a film

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
    """One upright line of text or one icon.

    Args:
        ink: (h, w) ink without empty borders.
        text: the text; empty for an icon.
    """

    ink: Ink
    text: str


def choose_text(rng: np.random.Generator) -> str:
    """Choose a random text of a marker: often a side letter (L or R), with or without the code of a radiographer."""
    kind = rng.random()
    side = str(rng.choice(list("LLRR")))
    if kind < 0.25:
        return side
    if kind < 0.5:
        return side + _choose_letters(rng, 0, 2) + _choose_digits(rng, 1, 3)
    if kind < 0.6:
        return _choose_letters(rng, 1, 4) + _choose_digits(rng, 0, 3)
    if kind < 0.7:
        return _choose_letters(rng, 1, 1) if rng.random() < 0.5 else _choose_digits(rng, 1, 4)
    if kind < 0.9:
        return " ".join(_choose_word(rng) for _ in range(int(rng.integers(1, 4))))
    return _choose_number(rng)


def _choose_letters(rng: np.random.Generator, low: int, high: int) -> str:
    return "".join(rng.choice(list(string.ascii_uppercase), int(rng.integers(low, high + 1))))


def _choose_digits(rng: np.random.Generator, low: int, high: int) -> str:
    return "".join(rng.choice(list(string.digits), int(rng.integers(low, high + 1))))


def _choose_word(rng: np.random.Generator) -> str:
    word = str(rng.choice(WORDS))
    return (word, word.upper(), word.lower(), _choose_digits(rng, 1, 4))[int(rng.choice(4, p=[0.5, 0.25, 0.1, 0.15]))]


def _choose_number(rng: np.random.Generator) -> str:
    joint = str(rng.choice([".", "/", "-", ":", " "]))
    return joint.join(_choose_digits(rng, 1, 4) for _ in range(int(rng.integers(2, 4))))


def missing_fonts() -> tuple[str, ...]:
    """Return the typeface packages that are not installed; `pip install fxkit[fonts]` installs them."""
    return tuple(name for name in (*FONT_PACKAGES, PICTOGRAMS) if not list_fonts((name,)))


@lru_cache
def list_typefaces() -> tuple[str, ...]:
    """Return the available typefaces: those of matplotlib and those of FONT_PACKAGES."""
    bundled = map(str, Path(matplotlib.get_data_path(), "fonts", "ttf").glob("*.ttf"))
    return tuple(
        file for file in (*sorted(bundled), *list_fonts(FONT_PACKAGES)) if not Path(file).name.startswith(SYMBOL_FONTS)
    )


@lru_cache
def list_fonts(packages: tuple[str, ...]) -> tuple[str, ...]:
    specs = (importlib.util.find_spec(name) for name in packages)
    folders = (Path(spec.origin).parent for spec in specs if spec and spec.origin)
    return tuple(sorted(str(file) for folder in folders for file in folder.rglob("*.[ot]tf")))


@lru_cache(maxsize=512)
def _load_font(file: str, height_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, round(1.35 * height_px))


def draw_line(rng: np.random.Generator, text: str, height_px: float) -> Line:
    """Draw a line of text, about as high as it will be on the film, in a random typeface and weight."""
    height = next((h for h in HEIGHTS_PX if h >= height_px), HEIGHTS_PX[-1])
    if rng.random() < 0.15:
        ink = _plot_text(rng, text, height)
    else:
        files = list_typefaces()
        ink = typeset(text, files[int(rng.integers(len(files)))], height)
    ink = _stretch(rng, _embolden(rng, trim(ink)))
    return Line(ink, text)


def typeset(text: str, font_file: str, height_px: int) -> Ink:
    """Return a text as (h, w) uint8 ink with capitals of about height_px."""
    font = _load_font(font_file, height_px)
    x0, y0, x1, y1 = font.getbbox(text)
    picture = Image.new("L", (int(x1 - x0) + 8, int(y1 - y0) + 8))
    ImageDraw.Draw(picture).text((4 - x0, 4 - y0), text, fill=255, font=font)
    return np.asarray(picture)


def _plot_text(rng: np.random.Generator, text: str, height_px: int) -> Ink:
    """Draw plotter letters, as consoles and old digitisers do."""
    face = PLOTTER_FONTS[int(rng.integers(len(PLOTTER_FONTS)))]
    scale = height_px / cv2.getTextSize("H", face, 1, 1)[0][1]
    thick = max(1, round(height_px * rng.uniform(0.05, 0.22)))
    (width, height), below = cv2.getTextSize(text, face, scale, thick)
    canvas = np.zeros((height + below + 4 * thick + 8, width + 4 * thick + 8), np.uint8)
    cv2.putText(canvas, text, (2 * thick + 4, height + 2 * thick + 4), face, scale, 255, thick, cv2.LINE_AA)
    return canvas


def _embolden(rng: np.random.Generator, ink: Ink) -> Ink:
    """Make a quarter of the texts bolder, like letters cut from lead by hand."""
    if rng.random() < 0.25:
        size = max(2, round(ink.shape[0] * rng.uniform(0.03, 0.12)))
        ink = np.asarray(cv2.dilate(np.pad(ink, size), np.ones((size, size), np.uint8)), np.uint8)
    return ink


def _stretch(rng: np.random.Generator, ink: Ink) -> Ink:
    if rng.random() < 0.3:
        width = max(2, round(ink.shape[1] * rng.uniform(0.65, 1.6)))
        method = cv2.INTER_AREA if width < ink.shape[1] else cv2.INTER_LINEAR
        ink = np.asarray(cv2.resize(ink, (width, ink.shape[0]), interpolation=method), np.uint8)
    return ink


def trim(ink: Ink) -> Ink:
    """Return the ink without empty borders; if there is almost no ink (a dot, a space), return a solid block."""
    rows, columns = np.flatnonzero(ink.max(1) > 64), np.flatnonzero(ink.max(0) > 64)
    if min(len(rows), len(columns)) < 3:
        return np.full((12, 12), 255, np.uint8)
    return np.ascontiguousarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
