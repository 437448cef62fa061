"""Make copies of films that are hard to recognise: each has three of eight changes and a meaningless file name.

    python benchmarks/hard_copies.py ../shared/data/fracatlas_hand /tmp/hard --copies 8

Changes: rotation by any angle (with black corners, or cropped without), flip, crop to 50-100 % of the area, aspect
0.7-1.4, gamma 0.5-2, inversion, blur, and a marker erased or added. Each copy is stored as JPEG, one in three at
quality 30, and half of them are reduced to 224 or 320 px. `truth.csv` lists the film of each file.
"""

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import joblib
import numpy as np
from numpy.typing import NDArray

from preprocess.errors import ImageError
from preprocess.images import encode_jpeg, read_image, to_grey8
from preprocess.listing import image_paths
from preprocess.markernet.marker_parts import FilmPose
from preprocess.markernet.synthetic_markers import draw_marker

Grey = NDArray[np.uint8]
Rng = np.random.Generator
LARGEST_PX = 1024


def turned(rng: Rng, film: Grey) -> Grey:
    """Rotate by any angle; the canvas grows, keeps its size, or shrinks until it has no black corners."""
    angle, (h, w) = float(rng.uniform(0, 360)), film.shape
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), angle, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    canvas = rng.integers(3)
    if canvas == 0:
        size = (round(w * cos + h * sin), round(w * sin + h * cos))
    elif canvas == 1:
        size = (w, h)
    else:  # the largest upright rectangle with the film's aspect inside the rotated film
        scale = min(w / (w * cos + h * sin), h / (w * sin + h * cos))
        size = (max(32, round(w * scale)), max(32, round(h * scale)))
    matrix[:, 2] += (np.array(size) - (w, h)) / 2
    return np.asarray(cv2.warpAffine(film, matrix, size, flags=cv2.INTER_LINEAR), np.uint8)


def flipped(rng: Rng, film: Grey) -> Grey:
    return np.ascontiguousarray(film[:, ::-1])


def cropped(rng: Rng, film: Grey) -> Grey:
    share, (h, w) = float(rng.uniform(0.5, 1.0)), film.shape
    tall = float(np.clip(np.sqrt(share) * np.exp(rng.uniform(-0.2, 0.2)), share, 1.0))
    ch, cw = round(h * tall), round(w * share / tall)
    y, x = int(rng.integers(h - ch + 1)), int(rng.integers(w - cw + 1))
    return film[y : y + ch, x : x + cw]


def stretched(rng: Rng, film: Grey) -> Grey:
    aspect = float(np.exp(rng.uniform(np.log(0.7), np.log(1.4))))
    return np.asarray(cv2.resize(film, None, fx=aspect, fy=1, interpolation=cv2.INTER_AREA), np.uint8)


def exposed(rng: Rng, film: Grey) -> Grey:
    gamma = float(np.exp(rng.uniform(np.log(0.5), np.log(2))))
    return np.asarray(np.round(255 * (film / 255) ** gamma), np.uint8)


def inverted(rng: Rng, film: Grey) -> Grey:
    return 255 - film


def blurred(rng: Rng, film: Grey) -> Grey:
    sigma = float(rng.uniform(0.5, 1.5)) * max(film.shape) / 512
    return np.asarray(cv2.GaussianBlur(film, (0, 0), sigma), np.uint8)


def remarked(rng: Rng, film: Grey) -> Grey:
    """Paint over a corner, and draw a marker in half of the cases."""
    (h, w), canvas = film.shape, film.astype(np.float32) / 255
    y, x = (np.array((h, w)) * rng.choice([0.12, 0.88], 2)).astype(int)
    dy, dx = h // 10, w // 10
    patch = canvas[max(0, y - dy) : y + dy, max(0, x - dx) : x + dx]
    patch[:] = float(np.median(patch))
    if rng.random() < 0.5:
        draw_marker(rng, np.array([w, h]) * rng.uniform(0.15, 0.85, 2), FilmPose()).draw(canvas)
    return np.asarray(np.round(np.clip(canvas, 0, 1) * 255), np.uint8)


CHANGES: tuple[Callable[[Rng, Grey], Grey], ...] = (
    turned, flipped, cropped, stretched, exposed, inverted, blurred, remarked,
)  # fmt: skip


def make_copy(rng: Rng, film: Grey) -> tuple[bytes, str]:
    """Return a copy as JPEG, and the names of its changes."""
    changes = [CHANGES[index] for index in rng.permutation(len(CHANGES))[:3]]
    for change in changes:
        film = change(rng, film)
    side = int(rng.choice([224, 320, max(film.shape), max(film.shape)]))
    scale = min(1.0, side / max(film.shape))
    film = np.asarray(cv2.resize(film, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    quality = 30 if rng.random() < 1 / 3 else int(rng.integers(60, 96))
    return encode_jpeg(film, quality), " ".join([change.__name__ for change in changes] + [f"q{quality}", f"{side}px"])


def make(root: Path, path: str, number: int, copies: int, out: Path, seed: int) -> list[tuple[str, ...]]:
    """Write a film and its copies; return rows of path, label, film and changes."""
    try:
        film = to_grey8(read_image(root / path))
    except ImageError:
        return []
    scale = min(1.0, LARGEST_PX / max(film.shape))
    film = np.asarray(cv2.resize(film, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    rng = np.random.default_rng((seed, number))
    files = [(encode_jpeg(film, 90), "original"), *(make_copy(rng, film) for _ in range(copies))]
    rows = []
    for data, done in files:
        label = path.partition("/")[0]
        name = f"{label}/{rng.integers(16**12):012x}.jpg"
        (out / name).write_bytes(data)
        rows.append((name, label, path, done))
    return rows


def main() -> None:
    root, out, copies = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[4]) if len(sys.argv) > 4 else 8
    paths = image_paths(root)
    for label in {path.partition("/")[0] for path in paths}:
        (out / label).mkdir(parents=True, exist_ok=True)
    made = joblib.Parallel(2)(
        joblib.delayed(make)(root, path, number, copies, out, 0) for number, path in enumerate(paths)
    )
    with (out / "truth.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "film", "done"))
        writer.writerows(row for rows in made for row in rows)


if __name__ == "__main__":
    main()
