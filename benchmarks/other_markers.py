"""Make films with markers of kinds from other hospitals, drawn by other code than the training markers.

    pip install pydicom-data                     # has a chest and a leg film
    python benchmarks/other_markers.py ../shared/data/fracatlas_hand /tmp/other
    python benchmarks/markers.py ../shared --originals 0 --copies 0 --marked 0 --unmarked 0 \\
      --more /tmp/other/chest.json --more /tmp/other/leg.json --more /tmp/other/hands.json

Each film has one marker of eight kinds at a random place, upright or rotated; lead markers are sometimes mirrored.
Films have 224, 512, 1024 and 2048 px. A film is skipped if a part of its marker is not visible. The films are parts of
a chest and a leg film at two exposures, and FracAtlas films without markers that were not used in training
(fracatlas_unmarked.txt). The truth files are for SHARED/bench/score_markers.py; the style of a marker is its kind.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.data import get_testdata_file

from preprocess.images import encode_jpeg, read_image, to_grey8
from preprocess.markers import Marker, as_quad
from preprocess.mask import marker_mask

Grey = NDArray[np.uint8]
Ink = NDArray[np.float32]
Rng = np.random.Generator

SIDES_PX = (224, 512, 1024, 2048)
FILMS_EACH = 16  # films per kind, size and background
MIN_CONTRAST = 1 / 8  # of the grey range
MAX_HIDDEN_FRACTION = 0.05  # of a marker's pixels may have less contrast
FACES = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSerif", "STIXGeneralBol")
CAPTIONS = (
    *("PORTABLE", "ERECT", "AP SUPINE", "14:32", "SEMI-UPRIGHT", "Post OP", "12/03/2018", "ID 4471 F 63Y", "Rt. wrist"),
    *("LINKS", "DROITE", "Izquierda", "ЛЕВАЯ", "ПРАВО", "ΔΕΞΙΑ", "Sağ el"),
)
MARKS = ("radiology.org", "Case courtesy of Dr K", "SAMPLE", "COPYRIGHT 2016")


def main() -> None:
    hands, out = Path(sys.argv[1]), Path(sys.argv[2])
    unmarked = Path(__file__).with_name("fracatlas_unmarked.txt").read_text().split()[::9]
    backgrounds = {
        "chest": crop_parts(to_grey8(read_image(get_testdata_file("RG1_UNCR.dcm")))),
        "leg": crop_parts(to_grey8(read_image(get_testdata_file("RG3_UNCR.dcm")))[:1320]),
        "hands": [to_grey8(read_image(hands / path)) for path in unmarked],
    }
    for name, films in backgrounds.items():
        rows = [row for kind in KINDS for side in SIDES_PX for row in make(out, name, films, kind, side)]
        (out / f"{name}.json").write_text(json.dumps(rows))


def crop_parts(film: Grey) -> list[Grey]:
    h, w = film.shape
    darker = np.asarray(np.round(255 * (film / 255) ** 1.6), np.uint8)
    cut = (film[: 2 * h // 3], film[h // 6 :], film[:, w // 10 : 9 * w // 10])
    return [film, *cut, darker, darker[: h // 2, w // 20 :]]


def make(out: Path, name: str, films: list[Grey], kind: str, side_px: int) -> Iterator[dict[str, object]]:
    """Write films with markers of one kind and size; yield the truth of each."""
    for number in range(FILMS_EACH):
        rng = np.random.default_rng((sum(map(ord, name + kind)), side_px, number))
        ground = films[number % len(films)][:, :: int(rng.choice([1, -1]))]
        scale = side_px / max(ground.shape)
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        film = np.asarray(cv2.resize(np.ascontiguousarray(ground), None, fx=scale, fy=scale, interpolation=method))
        height = float(np.exp(rng.uniform(np.log(max(8, 0.018 * side_px)), np.log(0.09 * side_px))))
        text, ink = KINDS[kind](rng, height)
        placed = place_marker(rng, film.astype(np.float32) / 255, ink, kind)
        if placed is None:
            continue
        path = f"{name}/{kind}-{side_px}-{number}.jpg"
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        marked, quad = placed
        (out / path).write_bytes(encode_jpeg(np.round(255 * marked).astype(np.uint8), int(rng.integers(70, 97))))
        box = {"quad": quad.tolist(), "style": kind, "text": text}
        yield {"path": path, "width": film.shape[1], "height": film.shape[0], "boxes": [box]}


def place_marker(rng: Rng, film: Ink, ink: Ink, kind: str) -> tuple[Ink, NDArray[np.float64]] | None:
    """Draw a marker at a random place; return the film and the marker's corners, or None if it is not visible."""
    (h, w), angle = ink.shape, float(rng.choice([0, 0, 0, 90, rng.uniform(-30, 30)]))
    corners = np.array([(0, 0), (w, 0), (w, h), (0, h)], np.float64)
    if kind in LEAD and rng.random() < 0.3:
        ink, corners = np.ascontiguousarray(ink[:, ::-1]), corners[[1, 0, 3, 2]]
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), angle, 1)
    corners = corners @ matrix[:, :2].T + matrix[:, 2]
    room = np.array(film.shape[::-1]) - np.ptp(corners, axis=0) - 4
    if room.min() <= 0:
        return None
    shift = 2 + rng.uniform(0, 1, 2) * room - corners.min(axis=0)
    matrix[:, 2] += shift
    quad = corners + shift
    over = np.asarray(cv2.warpAffine(ink, matrix, film.shape[::-1]), np.float32)
    if kind in LEAD:
        over = np.asarray(cv2.GaussianBlur(over, (0, 0), max(0.6, h / 80)), np.float32)
    inked = over > 0.5
    box = marker_mask(film.shape, [Marker(as_quad(quad))], grow_fraction=0, grow_px=0)
    strength = 1.0 if kind not in (*LEAD, "watermark") else float(rng.uniform(0.3, 0.5) if kind == "watermark" else 0.9)
    ground = film * (1 - np.float32(0.95) * box) if kind == "label" else film
    marked = np.asarray(ground + (np.float32(0.97) - ground) * over * strength, np.float32)
    visible = kind == "label" or np.quantile(np.abs(marked - film)[inked], MAX_HIDDEN_FRACTION) >= MIN_CONTRAST
    return (marked, quad) if inked.any() and visible else None


def typeset(rng: Rng, text: str, height: float) -> Ink:
    file = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{FACES[int(rng.integers(len(FACES)))]}.ttf")
    font = ImageFont.truetype(str(file), max(6, int(1.35 * height)))
    x0, y0, x1, y1 = (int(side) for side in font.getbbox(text))
    picture = Image.new("L", (x1 - x0, y1 - y0))
    ImageDraw.Draw(picture).text((-x0, -y0), text, font=font, fill=255)
    return np.asarray(picture, np.float32) / 255


def centred(ink: Ink, shape: tuple[int, int]) -> Ink:
    canvas = np.zeros(shape, np.float32)
    y, x = (shape[0] - ink.shape[0]) // 2, (shape[1] - ink.shape[1]) // 2
    canvas[y : y + ink.shape[0], x : x + ink.shape[1]] = ink
    return canvas


def letter(rng: Rng, height: float) -> tuple[str, Ink]:
    text = str(rng.choice(["L", "R"]))
    return text, typeset(rng, text, height)


def caption(rng: Rng, height: float) -> tuple[str, Ink]:
    text = str(rng.choice(CAPTIONS))
    return text, typeset(rng, text, height)


def watermark(rng: Rng, height: float) -> tuple[str, Ink]:
    text = str(rng.choice(MARKS))
    return text, typeset(rng, text, height)


def label(rng: Rng, height: float) -> tuple[str, Ink]:
    text = str(rng.choice(["L", "R", "R-PA", "LAT", "AP L"]))
    return text, np.pad(typeset(rng, text, height), max(2, int(0.35 * height)))


def circled(rng: Rng, height: float) -> tuple[str, Ink]:
    text, ink = letter(rng, height)
    side = int(1.7 * max(ink.shape))
    ring = centred(ink, (side, side))
    cv2.circle(ring, (side // 2, side // 2), side // 2 - max(2, side // 20), 1, max(1, side // 18), cv2.LINE_AA)
    return text, ring


def tag(rng: Rng, height: float) -> tuple[str, Ink]:
    """Draw a metal plate with the letter cut out."""
    text, ink = letter(rng, height)
    return text, 1 - np.pad(ink, max(2, int(0.4 * height)))


def initials(rng: Rng, height: float) -> tuple[str, Ink]:
    """Draw a letter with the small initials of the radiographer below."""
    text, ink = letter(rng, height)
    initials_text = str(rng.choice(["ABC", "JK", "MR", "ST12", "KW"]))
    below = typeset(rng, initials_text, 0.45 * height)
    wide, gap = max(ink.shape[1], below.shape[1]), int(0.2 * height)
    rows = [centred(part, (part.shape[0], wide)) for part in (ink, below)]
    return f"{text} {initials_text}", np.concatenate([rows[0], np.zeros((gap, wide), np.float32), rows[1]])


def logo(rng: Rng, height: float) -> tuple[str, Ink]:
    """Draw crossed ellipses, a star, or a disc with a sign cut out."""
    side = int(2 * height)
    canvas, middle = np.zeros((side, side), np.float32), (side // 2, side // 2)
    kind = int(rng.integers(3))
    if kind == 0:
        for turn in (0, 60, 120):
            axes = (side // 2 - 2, max(2, side // 6))
            cv2.ellipse(canvas, middle, axes, turn, 0, 360, 1, max(1, side // 25), cv2.LINE_AA)
    elif kind == 1:
        angles = np.pi * np.arange(10) / 5
        reach = np.where(np.arange(10) % 2, 0.2, 0.48)[:, None] * side
        star = side / 2 + reach * np.column_stack([np.sin(angles), -np.cos(angles)])
        cv2.fillPoly(canvas, [star.astype(np.int32)], 1, cv2.LINE_AA)
    else:
        cv2.circle(canvas, middle, side // 2 - 1, 1, -1, cv2.LINE_AA)
        canvas *= 1 - centred(typeset(rng, str(rng.choice(["+", "H"])), height), canvas.shape)
    return "", canvas


KINDS: dict[str, Callable[[Rng, float], tuple[str, Ink]]] = {
    "letter": letter,
    "caption": caption,
    "circled": circled,
    "tag": tag,
    "initials": initials,
    "label": label,
    "symbol": logo,
    "watermark": watermark,
}
LEAD = ("circled", "tag", "initials")


if __name__ == "__main__":
    main()
